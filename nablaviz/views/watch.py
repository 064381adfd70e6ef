"""Looks at something now and then, in a thread, and tells when it has changed."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any


class Watch:
    """Calls ``show`` with what ``read`` gives, whenever that is something new.

    With an event loop, as in a notebook's kernel, ``read`` runs in a thread, and ``show`` in the loop.
    Without one, only :meth:`look` does anything.

    Parameters
    ----------
    read
        Gives a value that can be compared; an ``OSError`` or ``ValueError`` is taken for a file that is
        being replaced, and passed over until the next time.
    show
        Called with the value.
    seconds
        Between two looks.
    """

    def __init__(self, read: Callable[[], Any], show: Callable[[Any], None], seconds: float = 1.0) -> None:
        self._read, self._show, self._seconds = read, show, seconds
        self._last: Any = None
        self._over = threading.Event()
        self._wake = threading.Event()
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
            return
        self._context = contextvars.copy_context()
        threading.Thread(target=self._watch, daemon=True).start()

    def look(self) -> None:
        """Look now; without an event loop, wait for what comes of it."""
        if self._loop is None:
            self._tell(self._read())
        else:
            self._wake.set()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._wake.set()

    def _watch(self) -> None:
        assert self._loop is not None
        while not self._over.is_set() and not self._loop.is_closed():
            self._wake.clear()
            try:
                value = self._read()
            except (OSError, ValueError):
                pass
            else:
                self._loop.call_soon_threadsafe(self._tell, value, context=self._context.copy())
            self._wake.wait(self._seconds)

    def _tell(self, value: Any) -> None:
        if value != self._last and not self._over.is_set():
            self._last = value
            self._show(value)
