"""Interrupts what takes too long: one thread for all, as a thread for each query could fail to begin."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Deadlines:
    """What is being done, each with the time by which it is to be over."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew, without a thread: in a forked process there is none."""
        self._change = threading.Condition()
        self._due: dict[object, tuple[float, Callable[[], object]]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def within(self, seconds: float, interrupt: Callable[[], object]) -> Iterator[None]:
        """Call ``interrupt``, in another thread, once what is done inside has taken that long."""
        key = object()
        with self._change:
            if self._thread is None:
                thread = threading.Thread(target=self._watch, name="deadlines", daemon=True)
                thread.start()
                self._thread = thread
            self._due[key] = time.monotonic() + seconds, interrupt
            self._change.notify()
        try:
            yield
        finally:
            with self._change:
                self._due.pop(key, None)

    def _watch(self) -> None:
        with self._change:
            while True:
                now = time.monotonic()
                for key, (due, interrupt) in list(self._due.items()):
                    if due <= now:
                        del self._due[key]
                        interrupt()
                self._change.wait(min((due - now for due, _ in self._due.values()), default=None))


deadlines = Deadlines()
"""Those of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=deadlines.forget)
