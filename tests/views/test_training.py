"""The training panel without a browser: with no event loop, training is over when `start` returns."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import nablaviz
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.models.library import load_model
from nablaviz.studies.metrics import errors
from nablaviz.views.training import TrainingPanel, watch_training
from nablaviz.views.training_figures import error_figure, loss_figure
from nablaviz.views.training_looks import ORBITALS

SHORT = {"budget": 6, "unit": "steps", "validate_every": 3, "channels": 8, "layers": 1}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Two molecules: six conformers to learn from, two that validate."""
    return nablaviz.sample().select(rows())


def rows() -> list[int]:
    table = nablaviz.sample().table
    small = table[table.smiles.isin(["CCBr", "CC#N"])]
    learnt, validating = (small.index[small.split == split] for split in ("train", "validation"))
    return [*learnt[:2], *learnt[-4:], *validating[:2]]


@pytest.fixture(scope="module")
def trained(dataset: Dataset) -> TrainingPanel:
    panel = watch_training(dataset, training="train", settings=SHORT)
    panel.start()
    return panel


def of(panel: TrainingPanel, orbital: str) -> pd.DataFrame:
    table = panel.table
    return table[(table["row"] == panel.row) & (table["orbital"] == orbital)]


def test_it_begins_with_the_baseline_and_ends_with_the_model(
    trained: TrainingPanel, dataset: Dataset
) -> None:
    assert dataset.table["split"][trained.row] == "validation"
    conformer = dataset[trained.row]
    assert trained.run is not None and trained.run.reason == "budget"
    lines = of(trained, "HOMO")
    assert lines["step"].iloc[0] == 0 and lines["step"].iloc[-1] == 6
    for model, line in ((load_model("sap-fit"), lines.iloc[0]), (trained.run.model, lines.iloc[-1])):
        expected = errors(conformer, model.predict(conformer.molecule))
        assert line["hamiltonian_mae"] == pytest.approx(expected["hamiltonian_mae"], rel=1e-9)
        assert abs(line["gap_error"]) == pytest.approx(expected["gap_mae"], rel=1e-9)
    assert lines["hamiltonian_mae"].iloc[-1] < 0.5 * lines["hamiltonian_mae"].iloc[0]
    assert set(trained.table["orbital"]) == set(ORBITALS)


def test_views_and_numbers_show_what_was_seen_last(trained: TrainingPanel) -> None:
    for orbital in ("LUMO", "HOMO"):
        trained.orbital = orbital
        last = of(trained, orbital).iloc[-1]
        overlap = f"{last['overlap']:.3f}"
        assert f"overlap {overlap}" in trained.views.titles.value
        assert f"<b>{overlap}</b>" in trained.curves.numbers.value
        assert trained.curves.errors.figure == error_figure(of(trained, orbital), orbital).to_json()
    assert all(len(view.drawn) == 1 for view in trained.views.viewers)


def test_another_conformer_is_seen_with_baseline_and_model(trained: TrainingPanel) -> None:
    before = trained.row
    trained.row = 0
    assert of(trained, "HOMO")["step"].tolist() == [0, 6]
    trained.row = before
    assert len(of(trained, "HOMO")) >= 2


def test_the_model_is_that_of_train(trained: TrainingPanel, dataset: Dataset) -> None:
    from nablaviz.models.training import train
    from nablaviz.models.training_set import divide, prepare

    model, settings = trained.controls.plan.build(SHORT)
    parts = divide(dataset, "train")
    run = train(
        model, prepare(model, parts.training, parts.validation, progress=False), settings, progress=False
    )
    drop = ["seconds"]
    pd.testing.assert_frame_equal(run.history.drop(columns=drop), trained.history.drop(columns=drop))
    assert trained.run is not None
    assert trained.run.model.card.split == parts.description


def test_stopped_and_gone_on_with(dataset: Dataset) -> None:
    async def go() -> None:
        live = watch_training(dataset, training="train", settings=SHORT | {"budget": 40})
        live.start()
        with pytest.raises(ValueError, match="under way"):
            live.start()
        while len(live.table["step"].unique()) < 2:
            await asyncio.sleep(0.02)
        live.stop()
        run = await live.finished()
        assert run.reason == "stopped" and run.model.card.steps < 40
        assert not live.controls.resume.disabled
        live.controls.seed.value = 1
        assert live.controls.resume.disabled
        live.controls.seed.value = 0
        live.resume()
        run = await live.finished()
        assert run.reason == "budget" and run.model.card.steps == 40
        steps = live.history.query("split == 'train'")["step"]
        assert steps.tolist() == list(range(1, 41))
        assert live.controls.resume.disabled

    asyncio.run(go())


def test_stopped_before_the_first_step(dataset: Dataset) -> None:
    async def go() -> None:
        panel = watch_training(dataset, training="train", settings=SHORT)
        panel.start()
        panel.stop()
        with pytest.raises(RuntimeError, match="no run was begun"):
            await panel.finished()
        assert "before the first step" in panel.controls.text.value
        assert not panel.controls.start.disabled
        with pytest.raises(ValueError, match="no stopped run"):
            panel.resume()

    asyncio.run(go())


def test_the_folder_keeps_the_run(dataset: Dataset, tmp_path: Path) -> None:
    panel = watch_training(dataset, training="train", settings=SHORT, out=tmp_path)
    panel.start()
    assert panel.run is not None and panel.run.path == tmp_path
    molecule = dataset[0].molecule
    read = load_model(tmp_path / "model.safetensors")
    assert np.array_equal(read.predict(molecule).hamiltonian, panel.run.model.predict(molecule).hamiltonian)
    panel.controls.seed.value = 3
    panel.start()
    assert "belongs to another run: seed is 0 there and 3 here" in panel.notice.text
    assert panel.run is None and not panel.controls.running


def test_a_closed_form_is_watched_too(dataset: Dataset) -> None:
    panel = watch_training(dataset, "hamiltonian-ridge", training="train")
    panel.start()
    assert panel.run is not None and panel.run.reason == "closed form"
    assert of(panel, "HOMO")["hamiltonian_mae"].is_monotonic_decreasing


def test_faults_are_said(dataset: Dataset) -> None:
    panel = watch_training(dataset, training="train")
    panel.controls.seconds.value = -1
    panel.start()
    assert panel.notice.text == "budget must be positive, not -1.0"
    assert not panel.controls.running

    bare = Memory([dataset[0].molecule, dataset[1].molecule])
    panel = watch_training(bare, settings=SHORT)
    assert "has no Hamiltonian" in panel.notice.text
    panel.start()
    assert "no Hamiltonian" in panel.notice.text and panel.run is None


def test_an_element_that_was_not_learnt_leaves_the_baseline() -> None:
    sample = nablaviz.sample()
    (other, *_) = sample.table.index[sample.table.smiles == "CCC=O"]
    panel = watch_training(sample.select([*rows(), other]), training="train", settings=SHORT, row=8)
    panel.start()
    assert panel.run is not None and panel.run.reason == "budget"
    assert "does not know atomic number 8 (O)" in panel.notice.text
    assert of(panel, "HOMO")["step"].tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "painn"}, "one of edge-frame, qhnet, hamiltonian-ridge, not 'painn'"),
        ({"size": "huge"}, "the size of edge-frame is one of small, medium, large, gpu, not 'huge'"),
        ({"training": "train_7"}, "one of train_50, train_100, train_200, train_400, train, not 'train_7'"),
        ({"settings": {"chanels": 8}}, "no setting 'chanels'"),
        ({"settings": {"baseline": "pm3"}}, "no baseline 'pm3'"),
        ({"seconds": 0}, "budget must be positive"),
    ],
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        watch_training(nablaviz.sample(), **options)


def test_nothing_to_train_on() -> None:
    with pytest.raises(ValueError, match="no conformer to train on"):
        watch_training([])


def test_figures_have_units_and_what_they_were_given(trained: TrainingPanel) -> None:
    history, table = trained.history, of(trained, "HOMO")
    loss = loss_figure(history)
    assert [trace.y.tolist() for trace in loss.data] == [
        history.query("split == @split")["loss"].tolist() for split in ("train", "validation")
    ]
    assert loss.layout.xaxis.title.text == "Time of training (s)" and loss.layout.yaxis.type == "log"
    level, gap, matrix, overlap = error_figure(table, "HOMO").data
    for trace, column in ((level, "level_error"), (gap, "gap_error"), (matrix, "hamiltonian_mae")):
        assert np.allclose(trace.y, table[column].abs() * 1e3)
        assert "mEh" in trace.hovertemplate
    assert np.allclose(overlap.y, table["overlap"])
    assert not loss_figure(pd.DataFrame()).data
    assert loss_figure(history, dark=True).layout.font.color != loss.layout.font.color
