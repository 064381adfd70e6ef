"""The work of one run, without Dask."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pandas as pd
import pytest
import torch

from nablaviz.models import checkpoint
from nablaviz.models.energy.schnet import SchNet
from nablaviz.studies import control, energy_meter, execution, results
from nablaviz.studies.control import PAUSE, STOP, Owner
from nablaviz.studies.energy_meter import Meter
from nablaviz.studies.execution import ERRORS, Work, execute
from nablaviz.studies.state import State, read_state, write_state
from nablaviz.studies.study import Contender, Study, create, read, runs

SETTINGS = {"channels": "8", "layers": "1", "checkpoint_every": "5", "validate_every": "5", "warmup": "5"}
STUDY = Study(
    "sample", (Contender("SchNet", "schnet", SETTINGS),), (30,), (0,), ("larger_molecules",), 12, device="cpu"
)


def begin(folder, study=STUDY):
    """A study that this process runs."""
    torch.set_num_threads(1)
    create(folder, study)
    control.write_owner(folder, Owner.of(os.getpid()))
    return folder


def go(folder, owner=None):
    """Do its only run."""
    (run,) = runs(folder)
    session = (owner or control.owner(folder)).session
    return execute(folder, run, read(folder), session, folder / "cache")


def values(folder):
    return results.results(folder).drop(columns="seconds")


@pytest.fixture(scope="module")
def peaceful(tmp_path_factory):
    folder = begin(tmp_path_factory.mktemp("peaceful"))
    assert go(folder).state == "finished"
    return folder


def at_step(monkeypatch, step, act):
    """Do something once, in a step of the training."""
    whole, calls = SchNet.loss, []

    def loss(self, batch):
        calls.append(torch.is_grad_enabled())
        if sum(calls) == step and calls[-1]:
            act()
        return whole(self, batch)

    monkeypatch.setattr(SchNet, "loss", loss)


def test_what_a_run_leaves(peaceful):
    (run,) = runs(peaceful)
    found = read_state(run.folder)
    assert (found.state, found.fraction, found.step, found.device) == ("finished", 1.0, 12, "cpu")
    assert found.samples_seen > 12
    assert found.seconds > 0
    assert found.joules is None
    assert results.progress(peaceful)["state"].tolist() == ["finished"]
    table = results.results(peaceful)
    assert list(table.columns) == list(results.COLUMNS)
    assert set(table.split) == {"train", "larger_molecules"}
    assert {"energy_mae", "force_mae"} <= set(table.metric)
    assert table.energy_joules.isna().all()
    errors = results.conformer_errors(peaceful, run.name)
    assert errors.groupby("split").size().to_dict() == {"train": 30, "larger_molecules": 18}
    mean = table[(table.split == "train") & (table.metric == "force_mae")].value.item()
    assert mean == pytest.approx(errors[errors.split == "train"].force_mae.mean())
    history = results.losses(peaceful, run.name)
    assert history[history.split == "train"].step.tolist() == list(range(1, 13))


def test_what_has_finished_is_not_done_again(peaceful, monkeypatch):
    monkeypatch.setattr(execution.Work, "train", lambda self: pytest.fail("trained again"))
    monkeypatch.setattr(execution, "measure", lambda *args, **more: pytest.fail("measured again"))
    before = values(peaceful)
    assert go(peaceful).state == "finished"
    assert values(peaceful).equals(before)


def test_one_more_split_is_measured_alone(peaceful, tmp_path, monkeypatch):
    folder = begin(tmp_path)
    assert go(folder).state == "finished"
    (run,) = runs(folder)
    create_more = replace(STUDY, splits=("larger_molecules", "test_conformations"))
    control.write_owner(folder, replace(control.owner(folder), over=True))
    begin(folder, create_more)
    assert not read_state(run.folder).finished(create_more.splits)
    assert results.progress(folder)["state"].tolist() == ["waiting"]
    monkeypatch.setattr(execution.Work, "train", lambda self: pytest.fail("trained again"))
    go(folder)
    table = values(folder)
    assert set(table.split) == {"train", "larger_molecules", "test_conformations"}
    old = table[table.split != "test_conformations"].reset_index(drop=True)
    pd.testing.assert_frame_equal(old, values(peaceful))


def test_stopped_and_gone_on_with(peaceful, tmp_path, monkeypatch):
    folder = begin(tmp_path)
    with monkeypatch.context() as patched:
        at_step(patched, 7, lambda: control.ask(folder, STOP))
        assert go(folder).state == "stopped"
    assert read_state(runs(folder)[0].folder).state == "stopped"
    assert checkpoint.load(runs(folder)[0].folder / "checkpoint.safetensors")[1]["state"]["step"] == 7
    assert results.results(folder).empty
    control.ask(folder, None)
    assert go(folder).state == "finished"
    pd.testing.assert_frame_equal(values(folder), values(peaceful), rtol=0, atol=1e-9)


def test_paused_it_waits_with_its_state_saved(peaceful, tmp_path, monkeypatch):
    folder = begin(tmp_path)
    (run,) = runs(folder)
    seen = []

    def sleep(seconds):
        seen.append((read_state(run.folder).state, (run.folder / "checkpoint.safetensors").exists()))
        if len(seen) == 3:
            control.ask(folder, None)

    at_step(monkeypatch, 7, lambda: control.ask(folder, PAUSE))
    monkeypatch.setattr(execution.time, "sleep", sleep)
    assert go(folder).state == "finished"
    assert seen == [("paused", True)] * 3
    pd.testing.assert_frame_equal(values(folder), values(peaceful), rtol=0, atol=1e-9)


def test_a_worker_that_was_left_behind_makes_room(tmp_path):
    folder = begin(tmp_path)
    before = replace(control.owner(folder), started=1.0)
    assert go(folder, before).state == "stopped"


def test_nan_is_stated(tmp_path, monkeypatch):
    folder = begin(tmp_path)

    def break_weights(self, batch):
        loss, metrics = whole(self, batch)
        return loss * torch.nan, metrics

    whole = SchNet.loss
    monkeypatch.setattr(SchNet, "loss", break_weights)
    found = go(folder)
    assert found.state == "failed"
    assert found.message.startswith("TrainingError: step 1: loss nan, gradient nan at learning rate")
    assert results.progress(folder)["message"].tolist() == [found.message]


def raising(fault):
    def act():
        raise fault

    return act


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (
            torch.cuda.OutOfMemoryError("CUDA out of memory"),
            "MemoryError: step 7: the memory of cpu does not",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "OSError: [Errno 28] No space left on device"),
    ],
)
def test_what_fails_says_why_and_goes_on_from_its_checkpoint(peaceful, tmp_path, monkeypatch, fault, says):
    folder = begin(tmp_path)
    with monkeypatch.context() as patched:
        at_step(patched, 7, raising(fault))
        found = go(folder)
    assert found.state == "failed"
    assert found.message.startswith(says)
    assert go(folder).state == "finished"
    pd.testing.assert_frame_equal(values(folder), values(peaceful), rtol=0, atol=1e-9)


def test_a_full_disk_has_room_for_the_state(tmp_path, monkeypatch):
    write_state(tmp_path, State("running", "training", fraction=0.123456789))

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    write_state(tmp_path, State("failed", "full"))
    assert read_state(tmp_path) == State("failed", "full")


def test_damaged_errors_are_a_failure_of_that_run(peaceful, tmp_path):
    folder = begin(tmp_path)
    run_folder = runs(folder)[0].folder
    run_folder.mkdir(parents=True)
    (run_folder / ERRORS).write_text("not Parquet")
    assert go(folder).state == "failed"


def test_energy_of_the_gpu(monkeypatch):
    times, watts = iter([0.0, 10.0, 20.0, 25.0]), iter([100.0, 200.0, float("nan")])
    monkeypatch.setattr(energy_meter.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(energy_meter, "_watts", lambda: next(watts))
    meter = Meter(500.0)
    assert [meter.read() for _ in range(3)] == [1500.0, 3500.0, None]


def test_baselines_are_kept_for_the_other_runs(tmp_path):
    ridge = Contender("ridge", "hamiltonian-ridge", {"baseline": "sap"})
    folder = begin(tmp_path, replace(STUDY, contenders=(ridge,), splits=("test_conformations",)))
    (run,) = runs(folder)
    work = Work(folder, run, read(folder), control.owner(folder).session, folder / "cache")
    model, _ = run.configure(STUDY)
    few = work.source.dataset.select(work.rows.training[:3])
    work._fill(model, [few])
    assert len(list((folder / "cache").rglob("*.safetensors"))) == 3
