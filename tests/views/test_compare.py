"""The comparison panel without a browser: all that may be compared, what is wrong said in place, exports."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import traitlets

import nablaviz
from nablaviz.chem.comparison import compare as compare_solutions
from nablaviz.chem.comparison import solution
from nablaviz.chem.grid import ORBITAL_UNIT
from nablaviz.data.cube import read_cube
from nablaviz.data.memory import Memory
from nablaviz.models.interface import Prediction
from nablaviz.molecule import Conformer, Molecule

ROWS = (39, 44, 4)
"""CH3F, methanol, vinyl bromide."""


@pytest.fixture(scope="module")
def dataset() -> Memory:
    return Memory([nablaviz.sample()[row] for row in ROWS])


@pytest.fixture(scope="module")
def shifted(dataset: Memory) -> list[np.ndarray]:
    """Hamiltonians that differ a little, smoothly, and by a constant."""
    rng = np.random.default_rng(3)
    changed = []
    for conformer in dataset:
        root = np.linalg.cholesky(conformer.overlap)
        noise = rng.normal(scale=2e-3, size=root.shape)
        changed.append(conformer.hamiltonian + 0.1 * conformer.overlap + root @ (noise + noise.T) @ root.T)
    return changed


@pytest.fixture
def panel(dataset, shifted):
    return nablaviz.compare(dataset, shifted)


def test_what_it_shows_is_what_the_functions_give(panel, dataset, shifted):
    first = dataset[0]
    ours = solution(first.molecule, first.hamiltonian, "DFT", energy=first.energy)
    expected = compare_solutions(ours, solution(first.molecule, shifted[0], "array"))
    pd.testing.assert_frame_equal(panel.table, expected.levels)
    pd.testing.assert_frame_equal(panel.comparison.errors, expected.errors)
    assert panel.orbital == ours.orbitals.homo
    assert panel.levels.selected == panel.orbital
    assert [len(view.drawn) for view in panel.views.viewers] == [1, 1, 1]
    reference, other, difference = (view.drawn[0].field for view in panel.views.viewers)
    assert reference.unit == ORBITAL_UNIT
    assert reference.box is other.box is difference.box
    assert not np.allclose(reference.values, other.values)


def test_the_difference_is_magnified_until_it_is_seen(panel):
    reference, other, difference = (view.drawn[0].field for view in panel.views.viewers)
    plain = other.values - reference.values
    factor = np.abs(difference.values).max() / np.abs(plain).max()
    assert factor == pytest.approx(10 ** round(np.log10(factor)))
    assert factor > 1
    np.testing.assert_allclose(difference.values, plain * round(factor), rtol=1e-5)
    assert f"×{round(factor):,}" in panel.views.titles.value
    assert (np.abs(difference.values) > panel.isovalue).mean() >= 0.003


def test_orbitals_by_index_label_and_step(panel):
    orbitals = panel.reference.orbitals
    for value, label in (("HOMO-1", "HOMO−1"), ("LUMO", "LUMO"), (0, orbitals.label(0))):
        panel.orbital = value
        assert orbitals.label(panel.orbital) == label
        assert f"{label}," in panel.views.titles.value
        assert panel.levels.selected == panel.orbital
    panel.step(-1)
    assert panel.orbital == 0
    for wrong in ("HOMO+1", "middle", len(orbitals), -1, 2.5):
        with pytest.raises(traitlets.TraitError):
            panel.orbital = wrong
    assert panel.orbital == 0


def test_a_level_that_is_clicked_is_drawn(panel):
    panel.levels.selected = panel.orbital + 1
    assert "LUMO," in panel.views.titles.value
    panel.views.viewers[2]._steppers(1)  # arrow down
    assert "HOMO," in panel.views.titles.value
    assert panel.levels.selected == panel.orbital == panel.reference.orbitals.homo


def test_a_click_costs_one_message_for_each_view(panel, monkeypatch):
    sent = []
    for view in panel.views.viewers:
        monkeypatch.setattr(view, "send_state", lambda key=None, view=view: sent.append((view, key)))
    panel.levels.selected = panel.orbital - 1
    assert [view for view, _ in sent] == panel.views.viewers
    assert all(set(key) <= {"surfaces", "isovalue_range", "tick"} for _, key in sent)


def test_a_block_marks_atoms_and_atoms_a_block(panel):
    size = len(panel.comparison.difference)
    panel.details.matrix._click(3 * size + 14 + 2)  # the row of a function of C, the column of one of F
    assert [view.picked for view in panel.views.viewers] == [[0, 1]] * 3
    outlined = panel.details.matrix.plot.marks
    panel.views.viewers[1].picked = [0]
    assert [view.picked for view in panel.views.viewers] == [[0]] * 3
    assert panel.details.matrix.plot.marks not in (outlined, "[]")
    panel.views.viewers[1].picked = []
    assert panel.details.matrix.plot.marks == "[]"


def test_rows_are_kept_and_the_orbital_stays(panel):
    panel.orbital = "LUMO+1"
    first = panel.comparison
    panel.row = 2
    assert panel.comparison is not first
    assert panel.reference.orbitals.label(panel.orbital) == "LUMO+1"
    assert panel.choice.row == 2
    panel.choice.before.click()
    assert panel.row == 1
    panel.row = 0
    assert panel.comparison is first
    with pytest.raises(traitlets.TraitError, match="no row 9: rows are 0 to 2"):
        panel.row = 9
    assert panel.row == panel.choice.row == 0


@pytest.mark.parametrize(
    ("text", "row"), [("2", 2), ("10000039/0", None), ("CO", 1), ("OC", 1), ("CH3F", 0), ("c2h3br", 2)]
)
def test_search(panel, dataset, text, row):
    if row is None:
        row = 1
        text = f"{dataset[1].moses_id}/{dataset[1].conformation_id}"
    panel.choice.search.value = text
    assert panel.row == row


def test_search_in_vain(panel):
    panel.choice.search.value = "nothing"
    assert "no conformer 'nothing': give a row from 0 to 2" in panel.choice.notice.text
    assert panel.row == 0


def test_fields_isovalues_and_looks(panel):
    panel.isovalue = 0.02
    assert [view.isovalue for view in panel.views.viewers] == [0.02] * 3
    with pytest.raises(traitlets.TraitError):
        panel.isovalue = -0.1
    panel.views.enclosed.value = 0.8
    enclosed = panel.isovalue
    assert enclosed != 0.02
    panel.orbital = "HOMO-2"
    assert panel.isovalue != enclosed
    panel.views.viewers[0].isovalue = 0.05  # as by its slider
    assert panel.isovalue == 0.05
    assert panel.views.enclosed.value == 0
    panel.views.field.value = "density"
    values = panel.views.viewers[0].drawn[0].field.values
    assert values.min() >= 0
    assert panel.isovalue != 0.05
    panel.views.field.value = "potential"
    assert [view.drawn[0].painted is not None for view in panel.views.viewers] == [True] * 3
    panel.views.field.value = "orbital"
    assert panel.isovalue == 0.05
    panel.views.style_of.value, panel.views.opacity.value = "mesh", 0.5
    assert [(view.drawn[0].style, view.drawn[0].opacity) for view in panel.views.viewers] == [
        ("mesh", 0.5)
    ] * 3
    panel.views.paint.value = "charge"
    assert all(view.legend and view.scene["colors"] for view in panel.views.viewers)
    assert panel.views.viewers[0].legend != panel.views.viewers[2].legend
    assert [len(view.drawn) for view in panel.views.viewers] == [1, 1, 1]


@pytest.mark.parametrize("tab", ["matrix", "blocks", "states", "atoms", "properties"])
def test_details_are_drawn_without_fault(panel, tab):
    panel.details.tab.value = tab
    assert panel.details.notice.text == panel.details.matrix.notice.text == ""
    part = panel.details._parts[tab]
    assert part.layout.display is None
    written = {"atoms": ["0.0", "C–F"], "properties": ["total energy", "mean |ΔH|"]}
    for text in written.get(tab, []):
        assert text in part.value


class Failing:
    def __init__(self, fault):
        self.fault = fault

    def predict(self, molecule):
        if len(molecule) == 5:
            raise self.fault
        return Prediction(molecule, hamiltonian=np.eye(len(nablaviz.Conformer(molecule).overlap)))


def changed(matrix, change):
    matrix = matrix.copy()
    change(matrix)
    return matrix


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda h: h[:-1, :-1], "must have shape"),
        (lambda h: h[0], "must have shape"),
        (lambda h: h + 0j, "must be real"),
        (lambda h: changed(h, lambda m: m.__setitem__((3, 4), np.nan)), "finite"),
        (lambda h: changed(h, lambda m: m.__setitem__((3, 4), 1.0)), "symmetric"),
        (lambda h: "nonsense", "shape"),
    ],
)
def test_a_bad_second_hamiltonian_is_said_in_place(dataset, shifted, spoil, said):
    panel = nablaviz.compare(dataset, [spoil(shifted[0]), *shifted[1:]])
    text = panel.source.notice.text
    assert text.startswith(f"conformer {dataset[0].moses_id}/0")
    assert said in text
    with pytest.raises(ValueError, match=said):
        panel.table  # noqa: B018
    assert "DFT" in panel.views.titles.value  # alone
    assert [len(view.drawn) for view in panel.views.viewers] == [1, 0, 0]
    panel.row = 1
    assert panel.source.notice.text == ""
    assert len(panel.table)


@pytest.mark.parametrize("fault", [ValueError("too large"), RuntimeError("no memory"), KeyError("x")])
def test_a_model_that_raises_is_said_in_place(dataset, fault):
    panel = nablaviz.compare(dataset, Failing(fault))
    text = panel.source.notice.text
    assert text.startswith(f"conformer {dataset[0].moses_id}/0, Failing: ")
    assert str(fault) in text
    panel.row = 1
    assert panel.source.notice.text == ""
    assert panel.comparison.names == ("DFT", "Failing")


def test_a_bad_first_hamiltonian_is_said_in_place(dataset):
    first = dataset[0]
    twice = first.molecule.positions.copy()
    twice[4] = twice[3]
    odd = Molecule([6, 1, 1, 1], [[0, 0, 0], [0, 0, 1.1], [0, 1, 0], [1, 0, 0]])
    wrong = [
        (replace(first, hamiltonian=None), "has no Hamiltonian: compute it with nablaviz.label"),
        (replace(first, hamiltonian=first.hamiltonian * np.nan), "finite"),
        (Conformer(odd, hamiltonian=np.eye(29)), "odd number of electrons"),
        (Conformer(Molecule(first.molecule.numbers, twice), hamiltonian=first.hamiltonian), "singular"),
    ]
    panel = nablaviz.compare([*(conformer for conformer, _ in wrong), first], "core")
    for row, (_, said) in enumerate(wrong):
        panel.row = row
        assert said in panel.source.notice.text, row
        assert len(panel.views.viewers[0].drawn) == 0
        with pytest.raises(ValueError, match=said):
            panel.comparison  # noqa: B018
    panel.row = len(wrong)
    assert panel.source.notice.text == ""
    assert len(panel.table)


def test_one_conformer_alone_and_nothing_to_compare_with(dataset):
    panel = nablaviz.compare(dataset[1], None)
    assert "HOMO," in panel.views.titles.value
    assert [len(view.drawn) for view in panel.views.viewers] == [1, 0, 0]
    with pytest.raises(ValueError, match="no second Hamiltonian"):
        panel.comparison  # noqa: B018
    for tab in ("matrix", "states", "properties"):
        panel.details.tab.value = tab
        assert panel.details.notice.text == ""
    panel.details.tab.value = "blocks"
    assert "only one Hamiltonian" in panel.details.notice.text
    with pytest.raises(ValueError, match="no conformer to compare"):
        nablaviz.compare([])


def test_exports(panel, dataset, tmp_path):
    panel.to_cube(tmp_path / "a.cube", "other")
    cube = read_cube(tmp_path / "a.cube")
    assert np.array_equal(cube.molecule.numbers, dataset[0].molecule.numbers)
    voxel = np.prod(cube.fields[0].box.spacing / 0.529177)
    assert (cube.fields[0].values ** 2).sum() * voxel == pytest.approx(1, abs=0.02)
    panel.to_molden(tmp_path / "a.molden", "other")
    assert "[MO]" in (tmp_path / "a.molden").read_text()
    panel.to_csv(tmp_path / "a.csv")
    written = pd.read_csv(tmp_path / "a.csv", index_col="pair")
    pd.testing.assert_frame_equal(written, panel.table)
    text = panel.to_html(tmp_path / "a.html")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == text
    assert len(text) < 1_000_000
    for write, name in ((panel.to_cube, "a.cube"), (panel.to_html, "a.html"), (panel.to_csv, "a.csv")):
        with pytest.raises(FileExistsError, match=name):
            write(tmp_path / name)
    panel.to_cube(tmp_path / "a.cube", overwrite=True)
    with pytest.raises(ValueError, match="'density'"):
        panel.to_cube(tmp_path / "b.cube", "density")
    with pytest.raises(ValueError, match="'difference'"):
        panel.to_molden(tmp_path / "b.molden", "difference")
    with pytest.raises(FileNotFoundError, match="no folder"):
        panel.to_csv(tmp_path / "no" / "b.csv")


def test_the_export_menu_replaces_no_file(panel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    menu = panel.export
    menu.kind.value = "csv"
    assert menu.file.value == f"{panel.dataset[0].moses_id}-0-orbitals.csv"
    menu.button.click()
    assert "Saved" in menu.notice.text
    assert len(pd.read_csv(menu.file.value)) == len(panel.table)
    menu.button.click()
    assert "exists already" in menu.notice.text
    for kind in ("cube difference", "molden reference", "page"):
        menu.kind.value = kind
        menu.button.click()
        assert "Saved" in menu.notice.text


def test_hostile_names_are_escaped(dataset, shifted):
    class Hostile:
        def predict(self, molecule):
            return Prediction(molecule, hamiltonian=shifted[0])

    Hostile.__name__ = "<script>alert(1)</script>"
    first = dataset[0]
    bad = replace(first, molecule=Molecule(first.molecule.numbers, first.molecule.positions, "<b onload=x>"))
    panel = nablaviz.compare(bad, Hostile())
    texts = [panel.views.titles.value, panel.choice.facts.value, panel.to_html()]
    for tab in ("atoms", "properties"):
        panel.details.tab.value = tab
        texts.append(panel.details._parts[tab].value)
    for text in texts:
        assert "<script>alert" not in text
        assert "<b onload" not in text
    assert "<script>alert" not in panel.details.matrix.plot.figure


class Slow:
    def predict(self, molecule):
        time.sleep(0.4)
        return Prediction(molecule, hamiltonian=nablaviz.Conformer(molecule).core_hamiltonian)


def test_what_takes_long_does_not_block_the_loop(dataset):
    async def work():
        panel = nablaviz.compare(dataset, Slow())
        assert "array" not in panel.views.titles.value
        assert [len(view.drawn) for view in panel.views.viewers] == [1, 0, 0]  # DFT alone, meanwhile
        await asyncio.sleep(0)
        assert "Slow" in panel.source.progress.text.value
        panel.row = 1  # what was computed for row 0 is no longer wanted
        while panel.source.progress.layout.display is None:
            await asyncio.sleep(0.02)
        assert panel.comparison.molecule is dataset[1].molecule
        panel.row = 2
        assert panel.comparison.molecule is dataset[2].molecule  # it waits
        return panel

    panel = asyncio.run(work())
    assert [len(view.drawn) for view in panel.views.viewers] == [1, 1, 1]


def test_a_functional_can_be_stopped_and_started_again(dataset):
    async def work():
        panel = nablaviz.compare(dataset, "PBE", row=2)
        progress = panel.source.progress
        for _ in range(2000):
            if "iteration" in progress.text.value:
                break
            await asyncio.sleep(0.01)
        assert 0 < progress.bar.value <= 1
        progress.button.click()
        assert "PBE was stopped" in progress.text.value
        await asyncio.sleep(0.1)
        assert "PBE was stopped" in progress.text.value
        panel.row = 0
        assert panel.comparison.names == ("DFT", "PBE")
        assert progress.layout.display == "none"

    asyncio.run(work())
