"""The error panel without a browser: what is selected in one part is selected in all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import traitlets
from ipywidgets import Widget

import nablaviz
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.models.interface import Prediction
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.error_figures import HARTREE, KCAL, scale
from nablaviz.views.errors import EVERYTHING, SELECTED, WINS, ErrorsPanel, errors

FACTOR = 6.0
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def dataset() -> Memory:
    """Conformers of 90 molecules, a third of them unseen."""
    table = nablaviz.sample().table
    first = table.groupby("moses_id").head(2).index
    chosen = [row for row in first if table.split[row] != "validation"]
    return Memory(nablaviz.sample().select(np.array(chosen[::2] + chosen[1::8])))


def table(dataset: Dataset, seed: int, worse: str = "") -> pd.DataFrame:
    """Errors of 1 to 2 mEh, more for molecules with an element."""
    rng = np.random.default_rng(seed)
    own = dataset.table
    wrong = rng.uniform(1e-3, 2e-3, len(own)) * rng.choice([-1, 1], len(own))
    if worse:
        wrong *= np.where(own.formula.str.contains(worse), FACTOR, 1)
    found = own[["moses_id", "conformation_id", "formula", "energy"]].assign(
        predicted_energy=own.energy + wrong, energy_mae=np.abs(wrong)
    )
    return found.assign(force_cosine=1 - rng.uniform(0, 0.1, len(own)))


@pytest.fixture(scope="module")
def one(dataset: Memory) -> Iterator[ErrorsPanel]:
    yield errors(dataset, table(dataset, 0, "Br"))
    Widget.close_all()


@pytest.fixture
def panel(one: ErrorsPanel) -> ErrorsPanel:
    """One model, all conformers in view, one selected."""
    one.split.value, one.kind.value, one.unit.value, one.worst_of.value = (
        "all",
        "energy_mae",
        KCAL,
        EVERYTHING,
    )
    one.against.choice.value = "n_atoms"
    one.selection = [0]
    return one


@pytest.fixture(scope="module")
def two(dataset: Memory) -> ErrorsPanel:
    return errors(dataset, {"a <b>": table(dataset, 0, "S"), "b": table(dataset, 1)})


def send(widget: Any, **content: Any) -> None:
    widget._handle_custom_msg(content, [])


def marked(plot: Any) -> set[float]:
    """Values of x that are marked."""
    return {x for trace in json.loads(plot.plot.marks) for x in trace.get("x", [])}


def notices(panel: ErrorsPanel) -> list[str]:
    parts = (panel.judging, panel, panel.parity, panel.residuals, panel.against, panel.gallery, panel.export)
    return [part.notice.text for part in parts if part.notice.text]


def test_everything_is_there_at_once(panel: ErrorsPanel, dataset: Memory) -> None:
    assert notices(panel) == []
    assert f"{len(dataset):,} of {len(dataset):,} conformers" in panel.head.value
    mean = panel.table["predictions"].mean() * HARTREE2KCAL
    assert f"{mean:.3g} kcal/mol" in panel.head.value
    assert panel.gallery.shown == panel.table["predictions"].nlargest(10).index.tolist()
    assert panel.model.layout.display == panel.question.layout.display == "none"
    assert panel.orbitals.disabled
    assert "Needs a model" in panel.orbitals.tooltip


def test_the_planted_group_is_found_and_a_click_selects_it(panel: ErrorsPanel, dataset: Memory) -> None:
    found = panel.slices.set_index("group")
    assert found.significant["Br"]
    (line,) = [x for x in panel.sentences.lines.children if x.description.startswith("molecules with Br:")]
    assert f"{found.ratio['Br']:.1f}× the mean error" in line.description
    line.click()
    assert panel.selection == np.flatnonzero(dataset.table.formula.str.contains("Br")).tolist()
    assert "nablaviz-chosen" in line._dom_classes
    view = panel.view
    assert view is not None
    assert marked(panel.against) == set(dataset.table.n_atoms[panel.selection])
    assert len(json.loads(panel.parity.plot.marks)[0]["x"]) == len(panel.selection)
    bars = [trace for trace in json.loads(panel.residuals.plot.marks) if trace.get("type") == "bar"]
    assert sum(bars[0]["y"]) == len(panel.selection)
    assert panel.export.button.description == f"Save {len(panel.selection)} conformers"
    assert "nablaviz-chosen" in panel.gallery.cards[0]._dom_classes
    assert panel.conformer.viewer.active.formula == dataset.table.formula[panel.selection[-1]]
    panel.worst_of.value = SELECTED
    assert set(panel.gallery.shown) <= set(panel.selection)


def test_clicks_and_boxes_in_plots_select(panel: ErrorsPanel) -> None:
    send(panel.parity.plot, kind="click", row=5, toggle=False)
    assert panel.selection == [5]
    send(panel.parity.plot, kind="click", row=9, toggle=True)
    assert panel.selection == [5, 9]
    error = panel.table["predictions"] * HARTREE2KCAL
    send(panel.against.plot, kind="region", shape="box", x=[0, 100], y=[4, 100], rows=[])
    assert panel.selection == error.index[error >= 4].tolist()
    send(panel.residuals.plot, kind="region", shape="box", x=[0, 1000], y=[0, 1], rows=[])
    signed = panel.view.analysis.tables["predictions"]
    assert panel.selection == np.flatnonzero(signed.predicted_energy > signed.energy).tolist()
    panel.against.choice.value = "elements"
    names = json.loads(panel.against.plot.figure)["layout"]["yaxis"]["ticktext"]
    send(panel.against.plot, kind="click", row=names.index("Br"), toggle=False)
    assert panel.selection == [r for r, f in panel.table.formula.items() if "Br" in f]
    assert notices(panel) == []


def test_the_gallery_selects_and_turns(panel: ErrorsPanel) -> None:
    first = panel.gallery.shown
    panel.gallery.cards[3].children[1].click()
    assert panel.selection == [first[3]]
    assert "nablaviz-active" in panel.gallery.cards[3]._dom_classes
    panel.gallery.cards[1].children[0].picked = [0]  # a click on an atom
    assert panel.selection == [first[1]]
    assert panel.gallery.cards[1].children[0].picked == []
    panel.gallery.after.click()
    assert not set(panel.gallery.shown) & set(first)
    assert "11–20 of the worst 50" in panel.gallery.said.value
    send(panel.conformer.viewer, kind="step", by=1)
    assert panel.selection == [first[2]]
    assert panel.gallery.shown == first


def test_splits_kinds_and_units(panel: ErrorsPanel, dataset: Memory) -> None:
    panel.split.value = "unseen"
    assert not dataset.table.split[panel.table.index].isin(["train", "validation"]).any()
    panel.kind.value = "force_cosine"
    assert panel.table["predictions"].between(0, 0.1).all()
    assert notices(panel) == []
    panel.kind.value, panel.unit.value = "energy_mae", HARTREE
    assert "mEh" in panel.head.value
    assert "(mEh)" in json.loads(panel.against.plot.figure)["layout"]["yaxis"]["title"]["text"]


@pytest.mark.parametrize(
    ("unit", "wanted", "largest", "expected"),
    [
        ("Eh", KCAL, 1.0, (HARTREE2KCAL, "kcal/mol")),
        ("Eh/Å", KCAL, 1.0, (HARTREE2KCAL, "kcal/(mol Å)")),
        ("Eh", HARTREE, 2e-3, (1e3, "mEh")),
        ("Eh/Å", HARTREE, 2e-5, (1e6, "µEh/Å")),
        ("D", KCAL, 2.0, (1.0, "D")),
        ("", HARTREE, 2.0, (1.0, "")),
    ],
)
def test_units(unit: str, wanted: str, largest: float, expected: tuple[float, str]) -> None:
    found = scale(unit, wanted, largest)
    assert (found.factor, found.unit) == expected


def test_whatever_a_box_can_hold_stands_for_rows(panel: ErrorsPanel) -> None:
    panel.selection = [3, 7]
    for plot in (panel.parity, panel.residuals, panel.against):
        for _, what in plot.choice.options:
            plot.choice.value = what
            traces = json.loads(plot.plot.figure)["data"] + json.loads(plot.plot.marks)
            for trace in traces:
                if trace.get("type") == "bar" or "markers" in trace.get("mode", ""):
                    assert "customdata" in trace, what


def test_every_dependence_is_drawn_light_and_dark(panel: ErrorsPanel) -> None:
    for dark in (True, False):
        panel.theme.dark = dark
        for _, what in panel.against.choice.options:
            panel.against.choice.value = what
            assert json.loads(panel.against.plot.figure)["data"], what
    assert notices(panel) == []


def test_two_models_side_by_side(two: ErrorsPanel, dataset: Memory) -> None:
    assert notices(two) == []
    assert "a &lt;b&gt;" in two.head.value
    assert "<b>" not in json.loads(two.parity.plot.figure)["data"][0]["name"]
    two.split.value, two.question.value = "all", WINS
    contests = two.contests.set_index("group")
    assert contests.significant["S"]
    (line,) = [x for x in two.sentences.lines.children if x.description.startswith("molecules with S:")]
    assert "b is better" in line.description
    line.click()
    assert two.selection == np.flatnonzero(dataset.table.formula.str.contains("S")).tolist()
    two.parity.choice.value = "duel"
    assert notices(two) == []
    worst = two.gallery.shown
    two.model.value = "b"
    assert two.gallery.shown != worst


def test_one_model_has_no_contest(panel: ErrorsPanel) -> None:
    with pytest.raises(ValueError, match="one model only"):
        _ = panel.contests


def test_the_selection_is_saved(panel: ErrorsPanel, tmp_path: Any) -> None:
    panel.selection = [4, 2]
    panel.export.file.value = str(tmp_path / "list.csv")
    panel.export.button.click()
    assert pd.read_csv(tmp_path / "list.csv").smiles.tolist() == panel.dataset.table.smiles[[4, 2]].tolist()
    panel.export.button.click()
    assert "exists already" in panel.export.notice.text
    panel.export.form.value = "store"
    panel.export.file.value = str(tmp_path / "store")
    panel.export.button.click()
    assert "2 conformers added" in panel.export.notice.text
    assert len(nablaviz.open(tmp_path / "store")) == 2
    panel.export.file.value = " "
    panel.export.button.click()
    assert "needs a name" in panel.export.notice.text
    panel.export.notice.clear()


def test_rows_that_are_not_there_cannot_be_selected(panel: ErrorsPanel) -> None:
    with pytest.raises(traitlets.TraitError, match="cannot be selected"):
        panel.selection = [10_000]


class Breaks:
    """A model that fails."""

    def predict(self, molecules: Any) -> Any:
        raise RuntimeError("out of luck")


class Perfect:
    """A model of the Hamiltonian that looks the answers up."""

    card = type("Card", (), {"name": "perfect", "kind": "hamiltonian"})()

    def __init__(self, conformers: Any) -> None:
        self.known = {c.molecule.positions.tobytes(): c.hamiltonian for c in conformers}

    def predict(self, molecules: Any) -> Any:
        if isinstance(molecules, Molecule):
            return self.predict([molecules])[0]
        return [
            Prediction(m, hamiltonian=self.known[m.positions.tobytes()] + 1e-4 * np.eye(1)) for m in molecules
        ]


def test_a_model_that_fails_is_said(dataset: Memory) -> None:
    panel = errors(dataset[:3], Breaks())
    assert panel.judging.notice.text == "RuntimeError: out of luck"
    with pytest.raises(ValueError, match="out of luck"):
        _ = panel.table


def test_orbitals_of_a_hamiltonian_model_open(dataset: Memory) -> None:
    small = [c for c in dataset if len(c.molecule) < 9][:3]
    panel = errors(small, Perfect(small))
    assert notices(panel) == []
    assert "gap_mae" in panel.view.analysis.kinds
    assert "gap" in panel.view.analysis.values
    panel.selection = [1]
    assert not panel.orbitals.disabled
    panel.orbitals.click()
    (comparison,) = panel.comparison.children
    assert comparison.row == 1
    panel.selection = [2]
    assert comparison.row == 2


def test_hostile_strings_are_escaped() -> None:
    water = np.array([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]])
    bad = [
        Conformer(
            Molecule([8, 1, 1], water * (1 + i / 50), HOSTILE),
            *(i, 0, -76 - i / 10),
            split=HOSTILE,
            scaffold=HOSTILE,
        )
        for i in range(3)
    ]
    panel = errors(bad, {HOSTILE: table(Memory(bad), 0)})
    shown = panel.head.value + panel.numbers.value + panel.parity.legend.value + panel.conformer.facts.value
    assert "<script" not in shown
    assert "<img" not in shown
    for plot in (panel.parity, panel.residuals, panel.against):
        assert "<script" not in plot.plot.figure
        assert "<img" not in plot.plot.figure


def test_each_model_has_a_mean_of_its_own() -> None:
    import pandas as pd

    from nablaviz.views.error_figures import points_drawing

    size = np.arange(40.0)
    series = {name: pd.DataFrame({"x": size, "y": size * k}) for name, k in (("a", 1.0), ("b", 100.0))}
    lines = [
        trace for trace in points_drawing(series, ("x", "y"), list, trend=True).figure.data
        if trace.mode == "lines"
    ]  # fmt: skip
    assert [line.name.split(",")[0] for line in lines] == ["a", "b"]
    for line, k in zip(lines, (1.0, 100.0), strict=True):
        np.testing.assert_allclose(np.array(line.y), k * np.array(line.x))
