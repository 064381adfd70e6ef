"""Labelling on Dask: kills, failures, a scheduler of the user's."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from nablaviz.chem.dft import Settings, label
from nablaviz.data.inputs import read_input
from nablaviz.data.labelling import connect, label_all, label_or_explain
from nablaviz.data.store import Store
from nablaviz.molecule import Conformer, Molecule

SMALL = ["O", "N", "C", "F", "[H][H]", "OO", "C#N", "Cl"]


@pytest.fixture
def smiles_file(tmp_path):
    path = tmp_path / "small.smi"
    path.write_text("\n".join(SMALL))
    return path


def start(smiles_file, out, *options):
    command = [sys.executable, "-m", "nablaviz", "label", str(smiles_file), "-o", str(out), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_kill_at_random_moments_loses_and_duplicates_nothing(smiles_file, tmp_path):
    out, moments = tmp_path / "store", random.Random(5)
    for _ in range(2):
        run = start(smiles_file, out, "--workers", "2")
        pending = out / ".pending"
        have = len(list(pending.glob("*.parquet"))) if pending.exists() else 0
        deadline = time.monotonic() + 60
        while run.poll() is None and time.monotonic() < deadline:  # wait for something to lose
            if pending.exists() and len(list(pending.glob("*.parquet"))) > have:
                break
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        children = psutil.Process(run.pid).children(recursive=True) if run.poll() is None else []
        finished = {f.name: f.read_bytes() for f in pending.glob("*.parquet")} if pending.exists() else {}
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        assert all((pending / name).read_bytes() == data for name, data in finished.items())
        assert not psutil.wait_procs(children, timeout=30)[1], "worker processes outlive a killed run"
    run = start(smiles_file, out, "--workers", "2", "--json")
    stdout, stderr = run.communicate(timeout=300)
    assert run.returncode == 0, stderr
    summary = json.loads(stdout)
    assert summary["before"] >= 2
    assert summary["before"] + summary["done"] == len(SMALL)
    table = Store(out).table
    assert sorted(table["moses_id"]) == list(range(len(SMALL)))
    assert table["error"].isna().all()
    for row, smiles in enumerate(table["smiles"]):
        again = label(Store(out)[row].molecule)
        assert again.energy == pytest.approx(table["energy"][row], abs=1e-7), smiles
    assert not list(out.glob(".pending/*"))


def test_a_failed_scf_is_recorded_with_its_reason():
    conformer = next(read_input("C=O").conformers(set(), {}))
    result = label_or_explain(conformer, Settings(max_cycle=1))
    assert "SCFError" in result.error
    assert "CH2O" in result.error
    assert result.energy is result.hamiltonian is None
    assert np.array_equal(result.molecule.positions, conformer.molecule.positions)


class Mixed:
    """A water molecule, and a radical that slipped through."""

    def __len__(self):
        return 2

    def conformers(self, skip, failures):
        yield Conformer(Molecule([8, 1, 1], [[0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]]), 0, 0)
        yield Conformer(Molecule([8, 1], [[0, 0, 0], [0, 0, 0.96]]), 1, 0)


def test_the_users_scheduler_and_a_failure_among_the_rows(tmp_path):
    from distributed import LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        connect(cluster.scheduler_address) as client,
    ):
        summary = label_all(Mixed(), tmp_path, client, progress=False)
    assert (summary.done, summary.failed) == (2, 1)
    table = Store(tmp_path).table.set_index("moses_id")
    assert table.loc[0, "energy"] == pytest.approx(-76.33, abs=0.02)
    assert "odd number of electrons" in table.loc[1, "error"]


def test_no_scheduler_at_that_address():
    with pytest.raises(OSError, match="tcp://127.0.0.1:9"), connect("tcp://127.0.0.1:9"):
        pass
