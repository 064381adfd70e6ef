"""The panel of a study: curves, fits, a run, two studies, export; on a folder of finished runs."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz.studies.averages import summary
from nablaviz.studies.execution import ERRORS, SUMMARY
from nablaviz.studies.state import FAILED, FINISHED, RUNNING, State, write_state
from nablaviz.studies.study import Contender, Study, create, runs
from nablaviz.studies.subsets import TRAIN
from nablaviz.views.learning_curves import LearningCurvesPanel

SPLITS = ("test_conformations", "test_structures")
STUDY = Study(
    "sample",
    (Contender("LR", "composition"), Contender("<b>net</b>", "schnet")),
    sizes=(50, 100, 200, 400),
    seeds=(0, 1),
    splits=SPLITS,
    budget=20,
)


def finish(folder: Path, study: Study = STUDY) -> Path:
    """A study whose runs have ended, with errors of the sample's conformers that fall as N^−½."""
    create(folder, study)
    table = nablaviz.sample().table
    for run in runs(folder):
        random = np.random.default_rng([run.size, run.seed])
        parts = []
        for split in (TRAIN, *study.splits):
            rows = np.flatnonzero(table["split"] == split)[:60]
            hard = random.lognormal(0, 0.2, len(rows)) * (1 + np.arange(len(rows)) % 7)
            scale = 0.01 if run.contender.architecture == "composition" else 0.1 * run.size**-0.5
            parts.append(pd.DataFrame({
                "molecule": table["smiles"][rows].astype(str), "formula": table["formula"][rows].astype(str),
                "energy": table["energy"][rows], "energy_mae": scale * hard, "split": split, "row": rows,
            }).assign(predicted_energy=lambda t: t["energy"] + t["energy_mae"]))  # fmt: skip
        errors = pd.concat(parts, ignore_index=True)
        run.folder.mkdir(parents=True)
        errors.to_parquet(run.folder / ERRORS)
        means = [summary(group).assign(split=name) for name, group in errors.groupby("split", sort=False)]
        pd.concat(means, ignore_index=True).to_parquet(run.folder / SUMMARY)
        history = [
            {"step": k, "epoch": k / 5, "seconds": k, "split": split, "loss": 1 / (k + 1)}
            for k in range(1, 21)
            for split in ("train", "validation")
        ]
        (run.folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
        write_state(
            run.folder,
            State(
                FINISHED,
                "",
                1.0,
                20,
                0.1 * run.size,
                20 * run.size,
                None,
                "cpu",
                True,
                (TRAIN, *study.splits),
            ),
        )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finish(tmp_path_factory.mktemp("studies") / "first")


@pytest.fixture
def panel(folder: Path) -> LearningCurvesPanel:
    return nablaviz.learning_curves(folder)


def points(panel: LearningCurvesPanel) -> list[list[int]]:
    """The runs that the points of each curve stand for."""
    traces = [t["customdata"] for t in json.loads(panel.curves.plot.figure)["data"] if "customdata" in t]
    return [[row for row in of if row is not None] for of in traces if any(row is not None for row in of)]


def test_every_run_is_a_point_that_leads_to_it(panel: LearningCurvesPanel) -> None:
    dots = points(panel)
    assert [len(trace) for trace in dots] == 2 * 2 * 2 * [8]  # models, test and training errors, splits
    first = dots[0][0]
    panel.curves.plot._receive(None, {"kind": "click", "row": first, "toggle": False}, [])
    assert panel.run.run.name == panel.table["run"].unique()[first]
    assert panel.run.layout.display is None
    assert panel.run.run.name in panel.run.facts.value
    losses = json.loads(panel.run.losses.figure)["data"]
    assert [len(trace["x"]) if isinstance(trace["x"], list) else 20 for trace in losses] == [20, 20]


def test_a_mean_over_one_seed_is_the_run(tmp_path: Path) -> None:
    panel = nablaviz.learning_curves(finish(tmp_path / "one", replace(STUDY, seeds=(3,))))
    assert [len(set(trace)) for trace in points(panel)] == 2 * 2 * 2 * [len(STUDY.sizes)]
    lines = [t for t in json.loads(panel.curves.plot.figure)["data"] if t.get("mode") == "lines+markers"]
    assert all("seed 3" in text for trace in lines for text in trace["text"])


def test_the_worst_conformers_are_those_of_the_measure_and_split(panel: LearningCurvesPanel) -> None:
    panel.curves.split.value = "test_conformations"
    panel.open_run("", panel.table["run"].iloc[0])
    bars = json.loads(panel.run.worst.figure)["data"][0]
    table = nablaviz.studies.results.conformer_errors(panel.folder, panel.run.run.name)
    worst = table[table["split"] == "test_conformations"].nlargest(12, "energy_mae")
    assert panel.run._worst()["row"].tolist() == worst["row"].tolist()
    assert len(bars["y"]) == 12 or bars["y"]
    panel.run.inspect(int(worst["row"].iloc[0]))
    assert "predicts no Hamiltonian" in panel.run.notice.text
    assert len(panel.run.conformer.children) == 1
    panel.run.hide()
    assert panel.run.conformer.children == ()


def test_the_fit_is_said_with_its_interval_and_its_target(panel: LearningCurvesPanel) -> None:
    net = next(c for c in panel.curves.curves if c.model == "<b>net</b>" and c.split == "test_structures")
    assert net.fit is not None
    low, high = net.fit.exponent_interval
    assert low < 0.5 < high
    said = panel.curves.words.value
    assert "&lt;b&gt;net&lt;/b&gt;, unseen structures" in said
    assert "<b>net</b>" not in said.replace("<li><b>", "")
    assert "for 1 kcal/mol: " in said
    assert "LR is underfitted" in said
    panel.curves.fitted.value = False
    assert "for 1 kcal/mol" not in panel.curves.words.value


def test_other_axes_measures_and_published_results(panel: LearningCurvesPanel) -> None:
    titles = {value for _, value in panel.curves.x.options}
    assert titles == {"size", "molecules", "seconds", "samples_seen"}  # no GPU told its energy
    panel.curves.x.value = "seconds"
    assert "Training time (s)" in panel.curves.plot.figure
    panel.curves.published.value = True
    assert panel.curves.x.value == "molecules"
    assert "trained on 2,000 molecules of ∇²DFT" in panel.figure.to_json().encode().decode("unicode_escape")
    assert "trained on: here: sample" in panel.curves.plot.figure
    panel.curves.x.value = "size"
    assert "choose that axis" in panel.curves.notice.text


def test_two_studies_side_by_side(panel: LearningCurvesPanel, folder: Path, tmp_path: Path) -> None:
    other = finish(tmp_path / "second", replace(STUDY, contenders=STUDY.contenders[1:], budget=30))
    panel.compare(other)
    assert panel.notice.text == ""
    assert {c.study for c in panel.curves.curves} == {"first", "second"}
    assert {c.name for c in panel.curves.curves} >= {"<b>net</b> (first)", "<b>net</b> (second)"}
    names = [run.name for run in runs(other)]
    panel.open_run("second", names[0])
    assert panel.run.run.folder.parent.parent == other
    panel.to_csv(tmp_path / "both.csv")
    assert set(pd.read_csv(tmp_path / "both.csv")["study"]) == {"first", "second"}
    panel.compare(tmp_path / "nothing")
    assert "there is no study" in panel.notice.text
    panel.compare(None)
    assert {c.study for c in panel.curves.curves} == {""}


def test_export_never_replaces_a_file(panel: LearningCurvesPanel, tmp_path: Path) -> None:
    panel.file.value = str(tmp_path / "out")
    panel.save_table.click()
    assert "Saved" in panel.notice.text
    assert len(pd.read_csv(tmp_path / "out.csv")) == len(panel.table)
    panel.save_table.click()
    assert "exists already" in panel.notice.text
    panel.save_figure.click()
    page = (tmp_path / "out.html").read_text()
    assert "<b>net</b>" not in page.replace("&lt;b&gt;", "")


def test_progress_and_buttons_follow_the_folder(folder: Path, tmp_path: Path) -> None:
    panel = nablaviz.learning_curves(finish(tmp_path / "third", replace(STUDY, sizes=(50, 100))))
    assert panel.status.bar.value == 1
    assert all(button.disabled for button in panel.status.buttons.values())
    first, second, *_ = runs(panel.folder)
    write_state(first.folder, State(FAILED, "MemoryError: <i>no room</i>"))
    write_state(second.folder, State(RUNNING, "training", 0.25, session="gone"))
    panel.watch.look()
    assert "1 failed" in panel.status.text.value
    assert "1 stopped" in panel.status.text.value  # no process is at work: it was killed
    assert "&lt;i&gt;no room&lt;/i&gt;" in panel.status.runs.value
    assert not panel.status.buttons["Resume"].disabled
    assert panel.status.buttons["Pause"].disabled


def test_the_form_makes_the_study_it_shows(tmp_path: Path) -> None:
    panel = nablaviz.learning_curves(STUDY, folder=tmp_path / "new")
    assert asdict(panel.form.study) == asdict(STUDY)
    assert panel.status.layout.display == panel.curves.layout.display == "none"
    panel.form.more.click()
    line = panel.form.lines.children[-1]
    line.name.value, line.settings.value = "wide", "channels=96 layers=2"
    assert panel.form.study.contenders[-1] == Contender("wide", "schnet", {"channels": "96", "layers": "2"})
    line.remove.click()
    assert len(panel.form.study.contenders) == 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda form: setattr(form.sizes, "value", "50, many"), "whole numbers with commas between them"),
        (lambda form: setattr(form.sizes, "value", "50, 9000"), "there are only 500 training conformers"),
        (lambda form: setattr(form.lines.children[1].settings, "value", "chanels=3"), "no setting 'chanels'"),
        (lambda form: setattr(form.lines.children[1].settings, "value", "wide"), "a setting is name=value"),
        (lambda form: setattr(form.data, "value", "sampel"), "sampel"),
        (lambda form: [setattr(box, "value", False) for box in form.splits.values()], "a study needs splits"),
    ],
)  # fmt: skip
def test_a_study_that_cannot_be_run_is_refused_in_place(change, says, tmp_path: Path) -> None:
    panel = nablaviz.learning_curves(STUDY, folder=tmp_path / "new")
    change(panel.form)
    panel.form.start.click()
    assert says in panel.form.notice.text
    assert not (tmp_path / "new" / "study.json").exists()
