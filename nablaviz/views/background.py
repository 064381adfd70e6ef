"""Work that takes long, in a thread, its result brought back to where the widgets live."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from typing import Any, Protocol


class Tell(Protocol):
    """Says what is being done, and what part of it is done, 0 to 1, where that is known.

    Raises
    ------
    CancelledError
        Once the work is no longer wanted.
    """

    def __call__(self, text: str, part: float | None = None) -> None: ...


class Background:
    """One piece of work at a time; a new one takes the place of the one before.

    With an event loop, as in a notebook's kernel, the work runs in a thread and what comes of it is called
    in the loop. Without one, as in a script, the work is done at once.

    Parameters
    ----------
    say
        Called with what the work tells.
    over
        Called when there is nothing more to tell.
    """

    def __init__(self, say: Tell, over: Callable[[], None]) -> None:
        self._say, self._over = say, over
        self._turn = threading.Lock()  # work that cannot be stopped is let finish before the next begins
        self._wanted: Future[Any] | None = None
        self._done: Callable[[Future[Any]], None] = lambda future: None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
            self._context = contextvars.copy_context()  # says which cell messages and output belong to
        except RuntimeError:
            self._loop = None

    def start(self, work: Callable[[Tell], Any], done: Callable[[Future[Any]], None]) -> None:
        """Do some work, then call ``done`` with what came of it, unless it was stopped or replaced."""
        self.stop()
        future: Future[Any] = Future()
        self._wanted, self._done = future, done
        if self._loop is None:
            self._work(future, work)
            self._finish(future)
        else:
            threading.Thread(target=self._work, args=(future, work), daemon=True).start()

    def stop(self) -> bool:
        """Give up what is being done; whether there was anything."""
        future, self._wanted = self._wanted, None
        if future is not None:
            self._over()
        return future is not None

    def wait(self, timeout: float | None = None) -> None:
        """Wait for what is being done, at most so many seconds, and call its ``done`` if it is over."""
        future = self._wanted
        if future is not None and wait([future], timeout).done:
            self._finish(future)

    def _work(self, future: Future[Any], work: Callable[[Tell], Any]) -> None:
        def tell(text: str, part: float | None = None) -> None:
            if self._wanted is not future:
                raise CancelledError
            self._call(lambda: self._say(text, part) if self._wanted is future else None)

        with self._turn:
            if self._wanted is not future:
                return
            try:
                future.set_result(work(tell))
            except BaseException as fault:  # it is raised again where the result is asked for
                future.set_exception(fault)
        if self._loop is not None:
            self._call(lambda: self._finish(future))

    def _finish(self, future: Future[Any]) -> None:
        if self._wanted is not future:
            return
        self._wanted = None
        self._over()
        self._done(future)

    def _call(self, act: Callable[[], Any]) -> None:
        if self._loop is None:
            act()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, context=self._context.copy())
