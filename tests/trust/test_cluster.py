"""Labels, errors and a study by the address of a scheduler over TCP, whose workers are killed in mid-run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from distributed import Client

from nablaviz.data.store import Store
from nablaviz.studies import engine, results
from nablaviz.studies.study import Contender, Study, create

WORKERS = 2
MODULES = {"scheduler": "distributed.cli.dask_scheduler", "worker": "distributed.cli.dask_worker"}


class Cluster:
    """A scheduler and workers as a user starts them, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, dict[str, subprocess.Popen[bytes]]()
        here = folder / "scheduler.json"
        listening = ("--host", "tcp://127.0.0.1:0", "--dashboard-address", "127.0.0.1:0")
        self._start("scheduler", "--scheduler-file", str(here), *listening)
        for number in range(WORKERS):
            options = ("--scheduler-file", str(here), "--nthreads", "1", "--no-dashboard")
            self._start(f"worker {number}", *options, "--local-directory", str(folder / f"space-{number}"))
        until(here.exists)
        self.address: str = json.loads(here.read_text())["address"]

    def _start(self, name: str, *options: str) -> None:
        command = [sys.executable, "-m", MODULES[name.split()[0]], *options]
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

    def kill_at_work(self) -> None:
        """Kill a worker that is at work just now, as soon as there is one."""
        with Client(self.address) as client:
            client.wait_for_workers(WORKERS)
            processes = client.run(os.getpid)
            working = until(lambda: [worker for worker, tasks in client.processing().items() if tasks])
            os.kill(processes[working[0]], signal.SIGKILL)

    def close(self) -> None:
        everything = [psutil.Process(process.pid) for process in self.processes.values()]
        everything += [child for process in everything for child in process.children(recursive=True)]
        for process in everything:
            process.kill()
        for started in self.processes.values():
            started.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    yield started
    started.close()


def until(true: Callable[[], Any], seconds: float = 120) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)
    return found


def command(*arguments: object) -> subprocess.Popen[str]:
    called = [sys.executable, "-m", "nablaviz", *map(str, arguments)]
    return subprocess.Popen(called, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(run: subprocess.Popen[str]) -> str:
    stdout, stderr = run.communicate(timeout=300)
    assert run.returncode == 0, stderr
    return stdout


def test_labels_are_all_there_though_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """What it did is done again; nothing is missing, and nothing comes twice."""
    smiles = ["O", "N", "C", "F", "OO", "C#N", "Cl", "CO", "C=O", "CC", "NN", "CF"]
    (tmp_path / "small.smi").write_text("\n".join(smiles))
    out = tmp_path / "labels"
    run = command("label", tmp_path / "small.smi", "-o", out, "--address", cluster.address, "--json")
    until(lambda: list(out.glob(".pending/*.parquet")))
    cluster.kill_at_work()
    said = json.loads(output(run))
    assert (said["done"], said["failed"]) == (len(smiles), 0)
    table = Store(out).table
    assert sorted(table["moses_id"]) == list(range(len(smiles)))
    assert table["error"].isna().all()


def test_errors_are_those_of_one_process(cluster: Cluster, tmp_path: Path) -> None:
    asked = ("evaluate", "hamiltonian-fast", "sample", "--split", "test_structures", "--json")
    here, there = (
        (*asked, "--cache", tmp_path / f"{name}-cache", "--rows", tmp_path / f"{name}.csv")
        for name in ("here", "there")
    )
    run = command(*there, "--address", cluster.address)
    cluster.kill_at_work()
    tables = [pd.DataFrame(json.loads(output(each))) for each in (command(*here), run)]
    close = {"rtol": 1e-4, "atol": 1e-7}
    pd.testing.assert_frame_equal(*tables, **close)
    rows = [pd.read_csv(tmp_path / name) for name in ("here.csv", "there.csv")]
    assert len(rows[0]) == 110
    pd.testing.assert_frame_equal(*rows, **close)


def test_a_study_ends_though_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    """And though one is gone for good: the other does its runs."""
    small = {"channels": "8", "layers": "1", "checkpoint_every": "10", "validate_every": "50"}
    contenders = Contender("linear", "composition"), Contender("network", "schnet", small)
    study = Study("sample", contenders, (30, 40), (0,), ("larger_molecules",), 200, device="cpu")
    folder = tmp_path / "study"
    create(folder, study)
    engine.start(folder, address=cluster.address)
    steps = lambda: results.progress(folder).set_index("run")["step"]  # noqa: E731
    until(lambda: steps().max() > 10)
    cluster.kill_at_work()
    nanny = psutil.Process(cluster.processes["worker 0"].pid)
    for process in (nanny, *nanny.children(recursive=True)):
        process.kill()
    until(lambda: not engine.is_running(folder), 300)
    assert engine.fault(folder) == ""
    assert set(results.progress(folder)["state"]) == {"finished"}
    assert results.results(folder)["value"].notna().all()


def test_labels_stop_with_the_scheduler_and_go_on_with_another(cluster: Cluster, tmp_path: Path) -> None:
    """That the scheduler has vanished is an error of the run, not of the molecules."""
    smiles = ["O", "N", "C", "CCO", "CCN", "CC=O"]
    (tmp_path / "small.smi").write_text("\n".join(smiles))
    out = tmp_path / "labels"
    asked = ("label", tmp_path / "small.smi", "-o", out, "--json")
    run = command(*asked, "--address", cluster.address)
    until(lambda: list(out.glob(".pending/*.parquet")))
    cluster.processes["scheduler"].send_signal(signal.SIGKILL)
    _, stderr = run.communicate(timeout=120)
    assert run.returncode == 1
    assert stderr.splitlines()[-1] == f"nablaviz label: the Dask scheduler at {cluster.address} has vanished"
    said = json.loads(output(command(*asked, "--workers", 2)))
    assert said["before"] + said["done"] == len(smiles)
    assert said["failed"] == 0
    assert Store(out).table["error"].isna().all()
