"""A few cases of benchmarks/fuzz.py for each reader and entry, and that it notices what it should."""

from __future__ import annotations

import pytest
from fuzzing import targets, worker
from fuzzing.probes import PROBES
from fuzzing.seeds import prepared
from fuzzing.target import case, place
from fuzzing.worker import Worker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    return prepared(tmp_path_factory.mktemp("fuzz") / "seeds")


@pytest.fixture(scope="module")
def folder(seeds, tmp_path_factory):
    return worker.copied(seeds, tmp_path_factory.mktemp("fuzz-copy"))


@pytest.mark.parametrize("target", targets.TARGETS, ids=lambda target: target.name.replace(" ", "-"))
def test_nothing_goes_wrong(target, seeds, folder):
    """A reader gives what such a file can hold, or an error that names it."""
    path = None if target.text else place(target, folder)
    original = None if target.text else worker.undamaged(target, folder)
    kept = path.read_bytes() if path else b""

    @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(number=st.integers(0, 10**9))
    def one(number):
        value, damage = case(target, seeds, 0, number)
        found = worker.read(target, value, path, original if target.sealed and damage else None)
        assert not found.fault, f"{found}: python benchmarks/fuzz.py --target '{target.name}' --case {number}"

    try:
        one()
    finally:
        if path:  # the others read this folder too
            path.write_bytes(kept)


@pytest.mark.parametrize("kind", ["wrong", "raised", "unnamed"])
def test_a_fault_is_told(kind):
    assert worker.read(PROBES[kind], "x", None, None).kind == kind


def test_a_worker_outlives_hangs_crashes_and_greed(seeds, monkeypatch):
    monkeypatch.setattr(worker, "undamaged", lambda *_: set())
    for kind in ("crash", "memory", "hang"):
        if kind == "hang":  # the others come to their end
            monkeypatch.setattr(worker, "TIME", 1.5)
        reader = Worker(PROBES[kind], seeds, 0)
        try:
            assert reader.read(0).kind == kind
        finally:
            reader.close()


def test_a_case_is_the_same_each_time(seeds):
    for target in (targets.TARGETS[0], targets.TARGETS[-1]):
        assert case(target, seeds, 3, 17) == case(target, seeds, 3, 17)
        assert case(target, seeds, 3, 17) != case(target, seeds, 4, 17)


def test_no_target_of_that_name():
    with pytest.raises(ValueError, match="no target 'nope'; there are energy database, "):
        targets.named("nope")
