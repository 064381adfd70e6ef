"""Pictures that a browser takes when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pictures:
    """Those that have been asked for; the next answer is for all who wait."""

    def __init__(self) -> None:
        self._awaited: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[bytes]]] = []

    async def wait(self, ask: Callable[[], None], timeout: float) -> bytes:
        """Ask, and give the answer.

        Raises
        ------
        TimeoutError
            If there is none within ``timeout`` seconds.
        """
        loop = asyncio.get_running_loop()
        picture: asyncio.Future[bytes] = loop.create_future()
        self._awaited.append((loop, picture))
        ask()
        try:
            return await asyncio.wait_for(picture, timeout)
        except TimeoutError:
            raise TimeoutError(
                f"no picture within {timeout} s: the viewer must be displayed in an open page, and the "
                "kernel must answer widgets while a cell waits (ipykernel 7 or later)"
            ) from None

    def answer(self, picture: bytes) -> None:
        """Give it to all who wait."""
        awaited, self._awaited = self._awaited, []
        for loop, future in awaited:  # answers may come in another thread than the cell's
            loop.call_soon_threadsafe(_settle, future, picture)


def _settle(future: asyncio.Future[bytes], value: bytes) -> None:
    if not future.done():
        future.set_result(value)
