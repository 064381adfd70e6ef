from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import traitlets
from ipywidgets import Widget

from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.memory import Memory
from nablaviz.molecule import Conformer, Molecule
from nablaviz.views.browse import BrowserPanel, browse
from nablaviz.views.columns import SHOWN

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SMILES = ["CCO", "c1ccccc1", "CC(=O)N", "C1CC1Cl"]


def make(smiles: str, row: int, rng: np.random.Generator, **labels: Any) -> Conformer:
    from rdkit import Chem
    from rdkit.Chem import AllChem

    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=row + 1)
    numbers = [atom.GetAtomicNum() for atom in mol.GetAtoms()]
    molecule = Molecule(numbers, mol.GetConformer().GetPositions(), smiles)
    return Conformer(
        molecule,
        **{
            "moses_id": row // 5,
            "conformation_id": row % 5,
            "energy": -100 - row / 1000,
            "formation_energy": -2 - row / 1000,
            "forces": rng.normal(0, 0.03, (len(numbers), 3)),
            "dipole": rng.normal(size=3),
            "split": ("train", "test")[row // 10],
            **labels,
        },
    )


@pytest.fixture(scope="module")
def conformers() -> list[Conformer]:
    """Five conformers of each of four molecules."""
    rng = np.random.default_rng(0)
    return [make(SMILES[row // 5], row, rng) for row in range(20)]


@pytest.fixture
def panel(conformers: list[Conformer]) -> Iterator[BrowserPanel]:
    yield browse(conformers)
    Widget.close_all()


def notices(panel: BrowserPanel) -> dict[str, str]:
    """What the panel says went wrong, by the part that says it."""
    parts = {
        "status": panel.status,
        "filters": panel.filters.notice,
        "plot": panel.plot.notice,
        "conformer": panel.conformer.notice,
        "drawing": panel.conformer.depiction_notice,
    }
    return {name: notice.text for name, notice in parts.items() if notice.text}


def send(widget: Any, **content: Any) -> None:
    """A message as the browser sends it."""
    widget._handle_custom_msg(content, [])


def marked(panel: BrowserPanel) -> tuple[list[int], list[int]]:
    """Which rows the plot marks as selected and as active."""
    selected, active = json.loads(panel.plot.plot.marks)
    return selected["customdata"], active["customdata"]


def drawn(panel: BrowserPanel) -> int:
    """How many points the plot was sent."""
    return sum(len(trace["text"]) for trace in json.loads(panel.plot.plot.figure)["data"])


def test_everything_shows_the_first_conformer_at_once(panel: BrowserPanel) -> None:
    assert notices(panel) == {}
    assert panel.selection == [0]
    assert panel.list.selected == [0]
    assert panel.list.total == 20
    assert len(panel.list.cells) == 12
    assert panel.conformer.viewer.active.smiles == "CCO"
    assert panel.conformer.depiction.svg.startswith("<svg")
    assert marked(panel) == ([0], [0])
    assert drawn(panel) == 20
    assert "20 conformers" in panel.head.value


def test_a_selection_from_python_reaches_every_view(panel: BrowserPanel) -> None:
    panel.selection = [3, 16]
    assert panel.list.page == 1
    assert (panel.list.selected, panel.list.active, panel.list.n_selected) == ([16], 16, 2)
    assert marked(panel) == ([3, 16], [16])
    assert panel.conformer.viewer.active.smiles == "C1CC1Cl"
    assert "C1CC1Cl" in panel.conformer.facts.value
    panel.selection = panel.catalog.query("n_atoms = 12").tail(2)
    assert panel.selection == [8, 9]
    panel.selection = np.array([4])
    assert panel.selection == [4]
    panel.selection = 7
    assert panel.selection == [7]
    panel.selection = []
    assert marked(panel) == ([], [])
    assert notices(panel) == {}


@pytest.mark.parametrize("wrong", [[20], [-1], [0, 99]])
def test_rows_that_are_not_there_cannot_be_selected(panel: BrowserPanel, wrong: list[int]) -> None:
    with pytest.raises(traitlets.TraitError, match="cannot be selected: rows are 0 to 19"):
        panel.selection = wrong
    assert panel.selection == [0]


@pytest.mark.parametrize("wrong", [[1.5], ["1"], [[1, 2]], np.array([True, False]), "all"])
def test_a_selection_is_row_numbers(panel: BrowserPanel, wrong: Any) -> None:
    with pytest.raises(traitlets.TraitError, match="a selection is a list of row numbers"):
        panel.selection = wrong
    assert panel.selection == [0]


def test_clicks_in_the_table(panel: BrowserPanel) -> None:
    send(panel.list, kind="click", row=4, extend=False, toggle=False)
    assert panel.selection == [4]
    send(panel.list, kind="click", row=7, extend=True, toggle=False)
    assert panel.selection == [4, 5, 6, 7]
    send(panel.list, kind="click", row=2, extend=True, toggle=False)
    assert panel.selection == [4, 3, 2]
    send(panel.list, kind="click", row=3, extend=False, toggle=True)
    assert panel.selection == [4, 2]
    assert panel.conformer._active == 2


def test_keys_step_in_the_order_of_the_table(panel: BrowserPanel) -> None:
    panel._sort("energy", False)
    panel.selection = [19]
    send(panel.list, kind="step", by=1, extend=False)
    assert panel.selection == [18]
    panel.conformer.viewer._handle_custom_msg({"kind": "step", "by": 1}, [])
    assert panel.selection == [17]
    send(panel.list, kind="step", by=1, extend=True)
    assert panel.selection == [17, 16]
    send(panel.list, kind="step", by=1000, extend=False)
    assert panel.selection == [0]
    assert panel.list.page == 1


def test_clicks_in_the_plot(panel: BrowserPanel) -> None:
    send(panel.plot.plot, kind="click", row=13, toggle=False)
    assert panel.selection == [13]
    send(panel.plot.plot, kind="click", row=2, toggle=True)
    assert panel.selection == [13, 2]
    assert panel.list.active == 2


def test_box_and_lasso_select_everything_inside(panel: BrowserPanel) -> None:
    panel.plot.x.value, panel.plot.y.value = "n_atoms", "energy"
    send(panel.plot.plot, kind="region", shape="box", x=[9.5, 8.5], y=[-100.0125, -100.0005], rows=[1])
    assert panel.selection == [1, 2, 3, 4, 10, 11, 12]
    lasso = {"x": [11, 13, 12], "y": [-100.0055, -100.0055, -100.02]}
    send(panel.plot.plot, kind="region", shape="lasso", **lasso, rows=[])
    assert panel.selection == [6, 7, 8, 9]
    panel.plot.x.value = "split"  # on an axis of names what is drawn inside counts
    send(panel.plot.plot, kind="region", shape="box", x=[-0.5, 0.5], y=[-101, -99], rows=[3, 4])
    assert panel.selection == [3, 4]
    assert notices(panel) == {}


def test_filters_narrow_table_plot_and_histograms(panel: BrowserPanel) -> None:
    panel.filters.smarts.value = "c1ccccc1"
    assert panel.table.index.tolist() == [5, 6, 7, 8, 9]
    assert panel.list.total == 5
    assert drawn(panel) == 5
    assert sum(panel.filters.ranges["formation_energy"].filtered) == 5
    assert "5 of 20 conformers" in panel.head.value
    panel.filters.ranges["formation_energy"].value = [None, -2.0075]
    assert panel.table.index.tolist() == [8, 9]
    panel.filters.where.value = "conformation_id = 4"
    assert panel.table.index.tolist() == [9]
    panel.filters.split.value = panel.filters._splits.index("test")
    assert panel.list.total == 0
    assert notices(panel) == {}
    panel.filters.clear()
    assert panel.list.total == 20
    panel.filters.scaffold.value = "C1CC1"
    assert panel.table.index.tolist() == [15, 16, 17, 18, 19]
    panel.filters.scaffold.value = "no rings"
    assert panel.list.total == 10


def test_selection_survives_filtering(panel: BrowserPanel) -> None:
    panel.selection = [2, 7]
    panel.filters.smarts.value = "Cl"
    assert panel.selection == [2, 7]
    assert (panel.list.selected, panel.list.n_selected, panel.list.n_hidden) == ([], 2, 2)
    assert marked(panel) == ([], [])
    assert panel.selected.smiles.tolist() == ["CCO", "c1ccccc1"]
    panel.filters.clear()
    assert (panel.list.selected, panel.list.n_hidden) == ([2, 7], 0)
    assert marked(panel) == ([2, 7], [7])


@pytest.mark.parametrize(
    ("box", "text", "message"),
    [
        ("smarts", "c1cc", "not a SMARTS that can be read: 'c1cc'"),
        ("where", "foo > 1", "no column 'foo'"),
        ("where", "n_atoms >", "syntax error"),
        ("scaffold", "zzz", "not a SMILES that can be read"),
        ("where", "(SELECT count(*) FROM read_csv('/etc/passwd')) > 0", "disabled"),
    ],
)
def test_a_wrong_filter_is_explained_in_place(panel: BrowserPanel, box: str, text: str, message: str) -> None:
    getattr(panel.filters, box).value = text
    assert list(notices(panel)) == ["filters"]
    assert message in notices(panel)["filters"]
    assert panel.list.total == 20
    getattr(panel.filters, box).value = ""
    assert notices(panel) == {}
    panel.selection = [11]
    assert panel.conformer.viewer.active.smiles == "CC(=O)N"


def test_sorting_by_a_header_goes_up_down_and_back(panel: BrowserPanel) -> None:
    for expected in ([19, 18], [0, 1], [0, 1]):
        send(panel.list, kind="sort", column="energy")
        assert panel.table.index.tolist()[:2] == expected
    assert (panel.list.sort, panel.list.descending) == ("", False)


def test_pages(panel: BrowserPanel) -> None:
    send(panel.list, kind="page", to=1)
    assert panel.list.rows == list(range(12, 20))
    send(panel.list, kind="page", to=77)
    assert panel.list.page == 1
    assert panel.selection == [0]


def test_superposition_forces_and_colours(panel: BrowserPanel) -> None:
    panel.selection = [7]
    panel.conformer.shown.value = "molecule"
    assert len(panel.conformer.viewer.molecules) == 5
    assert panel.conformer.viewer.scene["opacity"][0] == 1
    panel.conformer.forces.value = True
    assert "forces: 1 Å = " in panel.conformer.viewer.legend
    panel.conformer.color.value = "force"
    assert len(panel.conformer.viewer.scene["colors"]) == 12
    panel.conformer.shown.value = "selection"
    panel.selection = [5, 0, 7]
    assert len(panel.conformer.viewer.molecules) == 2
    assert notices(panel) == {"conformer": "Not shown: 1 of other molecules."}


def test_camera_stays_for_the_same_molecule_only(panel: BrowserPanel) -> None:
    camera = [0.0, 0.0, 0.0, 20.0, 0.0, 0.0, 0.0, 1.0]
    panel.conformer.viewer.camera = camera
    panel.selection = [1]
    assert panel.conformer.viewer.camera == camera
    panel.selection = [6]
    assert panel.conformer.viewer.camera == []


def test_atoms_are_picked_in_the_drawing_and_in_3d(panel: BrowserPanel) -> None:
    panel.selection = [10]  # CC(=O)N
    before = panel.conformer.depiction.svg
    send(panel.conformer.depiction, kind="atom", atom=1)
    send(panel.conformer.depiction, kind="atom", atom=2)
    assert panel.conformer.viewer.picked == [1, 2]
    assert panel.conformer.viewer.measurement.endswith("Å")
    assert panel.conformer.depiction.svg != before
    send(panel.conformer.depiction, kind="atom", atom=2)
    assert panel.conformer.viewer.picked == [1]
    panel.conformer.viewer.picked = []
    assert panel.conformer.depiction.svg == before


def test_themes(panel: BrowserPanel) -> None:
    light = panel.conformer.depiction.svg
    panel.theme.dark = True
    assert panel.conformer.depiction.svg != light
    assert panel.plot.figure.layout.font.color == "#e2e2e2"


class Broken(Memory):
    """Row 1 cannot be read, whatever its table says."""

    def _read(self, row: int) -> Conformer:
        if row == 1:
            raise DataError("broken.db, row 1: 7 bytes are no <b>geometry</b>")
        return super()._read(row)


def test_a_row_that_cannot_be_read(conformers: list[Conformer]) -> None:
    panel = BrowserPanel(Broken(conformers[:6]))
    panel.selection = [1]
    assert notices(panel) == {"conformer": "broken.db, row 1: 7 bytes are no <b>geometry</b>"}
    assert "&lt;b&gt;geometry" in panel.conformer.notice.value
    assert panel.conformer.viewer.layout.visibility == "hidden"  # nothing old is shown as if it were this
    panel.selection = [2]
    assert notices(panel) == {}
    assert panel.conformer.viewer.layout.visibility is None


def test_missing_labels_are_said_or_left_out() -> None:
    rng = np.random.default_rng(1)
    bare = [
        make("CCO", row, rng, forces=None, energy=None, formation_energy=None, dipole=None)
        for row in range(3)
    ]
    panel = browse(bare)
    panel.conformer.forces.value = True
    assert notices(panel) == {"conformer": "This conformer has no forces."}
    assert {"energy", "gap", "dipole"}.isdisjoint(c["name"] for c in panel.list.columns)
    only_geometry = browse([c.molecule for c in bare])
    assert notices(only_geometry) == {}
    assert only_geometry.list.total == 3


def test_labels_carry_units(panel: BrowserPanel) -> None:
    assert {c["name"]: c["unit"] for c in panel.list.columns}["mean_force"] == "Eh/Å"
    assert panel.filters.ranges["relative_energy_kcal"].unit == "kcal/mol"
    assert "kcal/mol" in panel.conformer.facts.value
    assert " Eh<" in panel.conformer.facts.value
    assert panel.plot.figure.layout.yaxis.title.text == SHOWN["relative_energy_kcal"].title


def test_hostile_strings_are_escaped() -> None:
    rng = np.random.default_rng(2)
    rows = [make("CCO", row, rng) for row in range(3)]
    hostile = [
        Conformer(Molecule(c.molecule.numbers, c.molecule.positions, HOSTILE), split=HOSTILE, error=HOSTILE,
                  energy=c.energy, forces=c.forces, dipole=c.dipole, moses_id=1, scaffold=HOSTILE)
        for c in rows
    ]  # fmt: skip
    panel = BrowserPanel(Memory(hostile))
    panel.dataset.path = Path(HOSTILE)
    panel.filters.smarts.value = HOSTILE
    panel.filters.clear()
    panel.plot.x.value = "split"
    markup = [
        panel.head.value,
        panel.conformer.facts.value,
        panel.conformer.depiction.svg,
        panel.plot.legend.value,
    ]
    markup += [panel.filters.notice.value, panel.conformer.depiction_notice.value]
    markup += [panel.plot.plot.figure, panel.plot.plot.marks]
    assert "&lt;script&gt;" in "".join(markup)
    assert "<script" not in "".join(markup)
    assert "<img" not in "".join(markup)
    assert list(notices(panel)) == ["drawing"]  # it is no SMILES


class Wide(Dataset):
    """Many rows, three molecules."""

    def __init__(self, conformers: list[Conformer], n: int) -> None:
        self._few, self._n, self.path = conformers, n, Path("wide")

    def __len__(self) -> int:
        return self._n

    def _read(self, row: int) -> Conformer:
        return self._few[row % len(self._few)]

    def _read_table(self) -> pd.DataFrame:
        rng = np.random.default_rng(0)
        smiles = pd.array([c.molecule.smiles for c in self._few], dtype="string")
        row = np.arange(self._n)
        return pd.DataFrame(
            {
                "moses_id": row // 4,
                "smiles": smiles.take(row % len(self._few)),
                "n_atoms": rng.integers(8, 40, self._n),
                "energy": rng.normal(size=self._n),
                "gap": rng.random(self._n),
            }
        )


def test_large_sets_are_sampled_and_paged(conformers: list[Conformer]) -> None:
    n = 200_000
    panel = BrowserPanel(Wide(conformers, n))
    assert panel.list.pages == -(-n // 12)
    assert drawn(panel) == 4000
    assert "a sample of 4,000 of 200,000 conformers" in panel.plot.figure.layout.xaxis.title.text
    assert not panel.filters.ranges["gap"].live
    send(panel.plot.plot, kind="region", shape="box", x=[0.0, 0.01], y=[-1e9, 1e9], rows=[])
    gap = panel.dataset.table.gap
    assert len(panel.selection) == (gap <= 0.01).sum()  # all of them, not only those drawn
    assert len(marked(panel)[0]) == 1000
    panel.selection = [n - 1]
    assert panel.list.page == panel.list.pages - 1
    assert notices(panel) == {}


@pytest.mark.parametrize("nothing", [[], [1, 2]])
def test_what_cannot_be_browsed_is_refused(nothing: list[Any]) -> None:
    with pytest.raises((ValueError, TypeError), match="nothing to browse|not a Conformer"):
        browse(nothing)


def test_unknown_range_is_named(conformers: list[Conformer]) -> None:
    with pytest.raises(ValueError, match="range of 'smiles'; numeric columns: "):
        browse(conformers, ranges=["smiles"])
