"""Studies on Dask: in a process of their own, stopped, killed, gone on with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import dask
import pytest
from dask.utils import parse_timedelta

from nablaviz.studies import control, dispatch, engine, results
from nablaviz.studies.control import Owner
from nablaviz.studies.state import State, read_state, write_state
from nablaviz.studies.study import Contender, Study, create, runs

NETWORK = {"channels": "8", "layers": "1", "checkpoint_every": "10", "validate_every": "50"}
STUDY = Study(
    "sample",
    (
        Contender("linear", "composition"),
        Contender("breaks", "schnet", {**NETWORK, "pairs_per_batch": "5"}),
        Contender("network", "schnet", NETWORK),
    ),
    (30,),
    (0,),
    ("larger_molecules",),
    20,
    device="cpu",
)


def until(true, seconds=300):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)


def states(folder):
    return results.progress(folder).set_index("model")["state"].to_dict()


def test_in_the_background_stopped_and_resumed(tmp_path):
    """One run fails and says why; the others go on; what was stopped goes on; the caller stays free."""
    long = replace(STUDY, budget=1e6)
    create(tmp_path, long)
    threads = threading.active_count()
    engine.start(tmp_path)
    assert engine.is_running(tmp_path)
    assert threading.active_count() <= threads + 1  # which waits for the process's end
    with pytest.raises(ValueError, match=r"process \d+ on .* runs the study"):
        engine.start(tmp_path)
    with pytest.raises(ValueError, match="is being run; stop it before"):
        create(tmp_path, long)
    until(lambda: states(tmp_path) == {"linear": "finished", "breaks": "failed", "network": "running"})
    until(lambda: results.progress(tmp_path)["step"].max() > 0)
    engine.pause(tmp_path)
    until(lambda: states(tmp_path)["network"] == "paused")
    engine.resume(tmp_path)
    until(lambda: states(tmp_path)["network"] == "running")
    engine.stop(tmp_path)
    until(lambda: not engine.is_running(tmp_path))
    assert states(tmp_path) == {"linear": "finished", "breaks": "failed", "network": "stopped"}
    (message,) = engine.failed(tmp_path).values()
    assert message.startswith("ValueError: conformer")
    assert "pairs_per_batch must be at least that, not 5" in message
    assert engine.fault(tmp_path) == ""
    assert set(results.results(tmp_path).model) == {"linear"}


def test_kills_lose_nothing():
    """A few of the kills of the experiment that the documentation reports."""
    script = Path(__file__).parents[2] / "benchmarks" / "study_kills.py"
    command = [sys.executable, script, "--kills", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["kills"] == {"worker": 2, "scheduler": 2, "kernel": 2}
    assert (found["lost"], found["redone"], found["orphaned"]) == (0, 0, 0)
    assert found["largest_difference"] <= 1e-6


def test_what_is_not_running_is_not_stopped(tmp_path):
    create(tmp_path, STUDY)
    for ask in (engine.stop, engine.pause):
        with pytest.raises(ValueError, match="is not being run"):
            ask(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no study"):
        engine.start(tmp_path / "elsewhere")


def test_changed_data_are_refused(tmp_path):
    create(tmp_path, STUDY)
    values = json.loads((tmp_path / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps(values | {"fingerprint": "other"}))
    with pytest.raises(ValueError, match="sample has changed since the study was made"):
        engine.run(tmp_path, progress=False)
    assert not engine.is_running(tmp_path)
    assert "has changed" in engine.fault(tmp_path)


def test_no_scheduler_at_that_address(tmp_path, monkeypatch):
    import distributed

    create(tmp_path, STUDY)
    whole = distributed.Client
    monkeypatch.setattr(distributed, "Client", lambda address, timeout: whole(address, timeout="1s"))
    with pytest.raises(OSError, match="127.0.0.1:1"):
        engine.run(tmp_path, address="tcp://127.0.0.1:1", progress=False)
    assert engine.fault(tmp_path)
    assert set(states(tmp_path).values()) == {"waiting"}


def test_stale_owners_are_told_from_living_ones(tmp_path):
    assert control.alive(tmp_path) is None
    mine = Owner.of(os.getpid())
    control.write_owner(tmp_path, mine)
    assert engine.is_running(tmp_path)
    for stale in (replace(mine, started=mine.started - 1), replace(mine, over=True)):
        control.write_owner(tmp_path, stale)
        assert not engine.is_running(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"]) as process:
        control.write_owner(tmp_path, Owner.of(process.pid))
        assert engine.is_running(tmp_path)
        process.kill()
        until(lambda: not engine.is_running(tmp_path))  # a zombie does not live
    control.write_owner(tmp_path, replace(mine, host="elsewhere"))
    assert engine.is_running(tmp_path)


def test_what_is_seen_of_runs_whose_process_has_gone(tmp_path):
    create(tmp_path, STUDY)
    mine = Owner.of(os.getpid())
    linear, breaks, network = runs(tmp_path)
    write_state(linear.folder, State("running", "training", session="gone"))
    write_state(breaks.folder, State("failed", "nan", session="gone"))
    assert states(tmp_path) == {"linear": "stopped", "breaks": "failed", "network": "waiting"}
    control.write_owner(tmp_path, mine)
    assert states(tmp_path) == {"linear": "waiting", "breaks": "waiting", "network": "waiting"}
    write_state(network.folder, State("paused", "training", session=mine.session))
    assert states(tmp_path)["network"] == "paused"


def test_workers_of_a_machine_that_was_asleep_or_busy_are_kept():
    with dispatch.connected("cpu", None, 1, 1) as client:
        assert client.cluster.scheduler.worker_ttl is None
        assert client.cluster.scheduler.allowed_failures == dispatch.RETRIES
        assert parse_timedelta(dask.config.get("distributed.deploy.lost-worker-timeout")) > 1e6
        assert client.submit(os.getpid).result(timeout=100) != os.getpid()


class Future:
    def __init__(self, status, fault=None):
        self.status, self.fault = status, fault

    def exception(self):
        return self.fault


def test_a_run_whose_workers_vanish_fails_and_one_in_line_does_not(tmp_path):
    from distributed import KilledWorker

    create(tmp_path, STUDY)
    run = runs(tmp_path)[0]
    killed = Future("error", KilledWorker("key", None, 2))
    assert dispatch._outcome(killed, run, "mine") is None
    write_state(run.folder, State("running", "training", fraction=0.5, session="mine"))
    found = dispatch._outcome(killed, run, "mine")
    assert (found.state, found.fraction) == ("failed", 0.5)
    assert read_state(run.folder).message == "its worker vanished again and again: killed, or out of memory"
    assert dispatch._outcome(Future("error", TypeError("odd")), run, "mine").message == "TypeError: odd"
    with pytest.raises(ConnectionError, match="the Dask scheduler has vanished"):
        dispatch._outcome(Future("cancelled"), run, "mine")
