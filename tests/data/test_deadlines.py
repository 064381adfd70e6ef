"""What takes too long is interrupted, and nothing else."""

from __future__ import annotations

import os
import threading
from multiprocessing import get_context

import pytest

from nablaviz.data.deadlines import Deadlines, deadlines


def test_what_takes_too_long_is_interrupted_once() -> None:
    watched, slow, slower, quick = Deadlines(), threading.Event(), threading.Event(), threading.Event()
    before = threading.active_count()
    with watched.within(0.2, slower.set), watched.within(0.05, slow.set):
        assert slow.wait(10)
        assert not slower.is_set()
        assert slower.wait(10)
        with watched.within(60, quick.set):
            pass
    with watched.within(0, quick.set):
        assert quick.wait(10)
    assert threading.active_count() == before + 1


def test_what_has_ended_is_not_interrupted() -> None:
    watched, late, sign = Deadlines(), threading.Event(), threading.Event()
    with pytest.raises(KeyError), watched.within(0.05, late.set):
        raise KeyError
    with watched.within(0.2, sign.set):
        assert sign.wait(10)
    assert not late.is_set()


def interrupted(answer: object) -> None:
    sign = threading.Event()
    with deadlines.within(0.05, sign.set):
        answer.put(sign.wait(10))  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_in_a_forked_process() -> None:
    with deadlines.within(60, lambda: None):
        context = get_context("fork")
        answer = context.Queue()
        process = context.Process(target=interrupted, args=(answer,))
        process.start()
        assert answer.get(timeout=20) is True
        process.join()
