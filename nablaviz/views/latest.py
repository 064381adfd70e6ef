"""Follows a wish that changes quickly: the newest is fulfilled, those in between are dropped, not queued."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

REST = 0.18
"""Seconds without a new wish after which the last one is fulfilled carefully."""

IDLE = 5.0
"""Seconds after which the thread ends; the next wish begins another."""


class Latest:
    """One thread that does the newest of what is asked for, and other work while nothing is asked.

    With an event loop, as in a notebook's kernel, the work runs in a thread and what comes of it is shown in
    the loop. Without one, as in a script, everything is done at once and carefully.

    Parameters
    ----------
    work
        Called with a wish and whether to do it carefully: false while wishes come quickly, true at rest.
    show
        Called with what came of it, unless a newer result was shown.
    spare
        Does a part of other work, and says whether there is more.
    told
        Called after each part of that.
    """

    def __init__(
        self,
        work: Callable[[Any, bool], Any],
        show: Callable[[Future[Any]], object],
        spare: Callable[[], bool] = lambda: False,
        told: Callable[[], object] = lambda: None,
    ) -> None:
        self._work, self._show, self._spare, self._told = work, show, spare, told
        self._change = threading.Condition()
        self._wish: Any = None
        self._asked = self._begun = self._rested = 0  # numbers of wishes
        self._more = False
        self._thread: threading.Thread | None = None
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
            self._context = contextvars.copy_context()  # says which cell messages and output belong to
        except RuntimeError:
            self._loop = None

    @property
    def busy(self) -> bool:
        """Whether a wish is not yet fulfilled carefully, or other work is left."""
        return self._more or self._rested < self._asked

    def ask(self, wish: Any) -> None:
        """Take a wish in the place of the one before."""
        with self._change:
            self._wish, self._asked = wish, self._asked + 1
            self._wake()
        if self._loop is None:
            self._rested = self._begun = self._asked
            self._show(self._result(wish, True))

    def resume(self) -> None:
        """There is other work again."""
        with self._change:
            self._more = True
            self._wake()
        if self._loop is None:
            while self._other():
                self._told()
            self._told()

    def _wake(self) -> None:
        if self._loop is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._change.notify()

    def _run(self) -> None:
        while (task := self._next()) is not None:
            task()

    def _next(self) -> Callable[[], None] | None:
        """What is to be done now; ``None`` ends the thread."""
        with self._change:
            if self._begun < self._asked:
                return self._quickly
            if self._rested < self._asked:
                if self._change.wait_for(lambda: self._begun < self._asked, REST):
                    return self._quickly
                return self._carefully
            if self._more:
                return self._beside
            if self._change.wait_for(lambda: self._more or self._begun < self._asked, IDLE):
                return lambda: None
            self._thread = None
            return None

    def _quickly(self) -> None:
        with self._change:
            number, wish = self._asked, self._wish
            self._begun = number
        self._call(self._show, self._result(wish, False))

    def _carefully(self) -> None:
        with self._change:
            number, wish = self._begun, self._wish
            if number < self._asked:
                return
        found = self._result(wish, True)
        with self._change:
            if number < self._asked:  # somebody has gone on meanwhile
                return
            self._rested = number
        self._call(self._show, found)

    def _beside(self) -> None:
        self._other()
        self._call(self._told)

    def _other(self) -> bool:
        self._more = self._spare()
        return self._more

    def _result(self, wish: Any, careful: bool) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(self._work(wish, careful))
        except Exception as fault:  # it is raised again where the result is asked for
            future.set_exception(fault)
        return future

    def _call(self, act: Callable[..., object], *values: Any) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(act, *values, context=self._context.copy())
