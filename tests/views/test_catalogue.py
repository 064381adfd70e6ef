from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz.data.aggregates import density, groups
from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import CatalogError
from nablaviz.data.convert import convert
from nablaviz.data.summary_store import SummaryStore
from nablaviz.views import browse
from nablaviz.views.catalogue import CataloguePanel
from nablaviz.views.density_view import FEW

ROWS = 3000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, make_summary: ModuleType) -> SummaryStore:
    folder = tmp_path_factory.mktemp("catalogue")
    make_summary.write(folder / "summary.csv", ROWS)
    convert(folder / "summary.csv", folder / "catalogue", progress=False)
    found = nablaviz.open(folder / "catalogue")
    assert isinstance(found, SummaryStore)
    return found


@pytest.fixture(scope="module")
def table(store: SummaryStore) -> pd.DataFrame:
    return store.table


@pytest.fixture
def panel(store: SummaryStore) -> CataloguePanel:
    found = nablaviz.browse(store)
    assert isinstance(found, CataloguePanel)
    return found


def trace(panel: CataloguePanel, kind: str) -> dict[str, Any] | None:
    traces = json.loads(panel.plot.plot.figure)["data"]
    return next((t for t in traces if t["type"] == kind), None)


def test_density_is_numpys(store: SummaryStore, table: pd.DataFrame) -> None:
    catalog = Catalog(store)
    ranges = (0.3, 0.45), (-9.0, -4.0)
    found = density(
        catalog, "gap", "formation_energy", *ranges, (30, 20), mean="dipole", where="n_atoms > 25"
    )
    part = table[(table.n_atoms > 25).to_numpy(dtype=bool)]
    expected, *_ = np.histogram2d(part.formation_energy, part.gap, bins=(20, 30), range=ranges[::-1])
    assert found.count.tolist() == expected.tolist() and found.total > 500
    sums, *_ = np.histogram2d(
        part.formation_energy, part.gap, bins=(20, 30), range=ranges[::-1], weights=part.dipole
    )
    held = found.count > 0
    assert found.mean is not None
    np.testing.assert_allclose(found.mean[held], sums[held] / expected[held])
    rows = found.row[held]  # a conformer of each cell, and where it is
    np.testing.assert_array_equal(found.at[held], table.loc[rows, ["gap", "formation_energy"]])
    cells = np.stack(
        [np.floor((table.gap[rows] - 0.3) / 0.005), np.floor((table.formation_energy[rows] + 9) / 0.25)]
    )
    assert (cells[0] + 30 * cells[1]).tolist() == np.flatnonzero(held).tolist()
    assert (found.row[~held] == -1).all()
    assert len(found.sample(50)) == 50 and set(found.sample(50)) <= set(np.flatnonzero(held))
    for wrong in ({"x_range": (1, 1)}, {"x": "smiles"}, {"y": "nope"}):
        arguments = {"x": "gap", "y": "energy", "x_range": (0, 1), "y_range": (-1, 0)} | wrong
        with pytest.raises(CatalogError):
            density(catalog, **arguments)


def test_groups_are_those_of_pandas(store: SummaryStore, table: pd.DataFrame) -> None:
    catalog = Catalog(store)
    found = groups(catalog, "scaffold", "gap", order="lowest", limit=10, least=5, where="n_atoms < 45")
    part = table[(table.n_atoms < 45).to_numpy(dtype=bool)].groupby("scaffold")
    expected = part.gap.agg(["size", "mean", "min", "max"])
    expected = expected[expected["size"] >= 5].sort_values("mean")
    assert found.attrs["groups"] == len(expected) > 10
    assert found.index.tolist() == expected.index[:10].tolist()
    np.testing.assert_allclose(found[["conformers", "mean", "lowest", "highest"]], expected[:10])
    assert found.molecules.tolist() == part.moses_id.nunique()[found.index].tolist()
    largest = groups(catalog, "scaffold", limit=3)
    assert largest.conformers.tolist() == table.scaffold.value_counts()[:3].tolist()
    for wrong in ({"by": "nope"}, {"order": "lowest"}, {"value": "smiles"}, {"where": "gap >"}):
        with pytest.raises(CatalogError):
            groups(catalog, **({"by": "scaffold"} | wrong))


def test_no_geometries_are_said_and_molecules_drawn(panel: CataloguePanel) -> None:
    assert "holds no geometries: molecules are drawn in 2D" in panel.conformer.why.text
    panel.selection = [1234]
    first = panel.conformer.depiction.svg
    assert first.startswith("<svg") and panel.table.smiles[1234] in panel.conformer.facts.value
    panel.selection = [7]
    assert panel.conformer.depiction.svg != first
    assert not panel.conformer.notice.text


def test_filters_reach_every_part(panel: CataloguePanel, table: pd.DataFrame) -> None:
    assert trace(panel, "heatmap") is not None
    panel.filters.where.value = "n_atoms < 34 AND xc_energy > -20"
    part = table.query("n_atoms < 34 and xc_energy > -20")
    assert FEW > len(part) > 100
    assert panel.head.value.count(f"{len(part):,} of {ROWS:,} conformers") == 1
    points = trace(panel, "scatter")
    assert trace(panel, "heatmap") is None and points is not None
    rows = panel.plot._found.row.ravel()[_numbers(points) % panel.plot._found.count.size]
    assert set(rows) <= set(part.index) and len(rows) > 0.9 * len(part)
    assert panel.list.total == len(part)
    bars = json.loads(panel.groups.plot.figure)["data"][0]
    assert _decoded(bars["x"])[0] == part.scaffold.value_counts().iloc[0]
    panel.filters.clear()
    assert panel.list.total == ROWS


def _decoded(values: Any) -> list[float]:
    """Plotly writes arrays as base64."""
    if not isinstance(values, dict):
        return list(values)
    import base64

    return np.frombuffer(base64.b64decode(values["bdata"]), values["dtype"]).tolist()


def _numbers(points: dict[str, Any]) -> np.ndarray:
    return np.array(_decoded(points["customdata"]), dtype=np.int64)


def test_zoom_counts_anew(panel: CataloguePanel, table: pd.DataFrame) -> None:
    panel.plot.plot._receive(None, {"kind": "zoom", "ranges": [[0.36, 0.40], [-5.5, -6.5]]}, [])
    inside = table.gap.between(0.36, 0.40) & table.formation_energy.between(-6.5, -5.5)
    assert panel.plot._found.total == inside.sum()
    layout = json.loads(panel.plot.plot.figure)["layout"]
    assert layout["xaxis"]["range"] == [0.36, 0.40] and layout["yaxis"]["range"] == [-6.5, -5.5]
    panel.plot.plot._receive(None, {"kind": "zoom", "ranges": None}, [])
    assert panel.plot._found.total == ROWS
    panel.plot.x.value = "n_atoms"  # whole numbers lie amid cells
    assert panel.plot._found.total == ROWS
    assert (np.diff(panel.plot._found.x) == 1).all() and panel.plot._found.x[0] % 1 == 0.5


def test_clicks_select_and_keep(panel: CataloguePanel, table: pd.DataFrame) -> None:
    found = panel.plot._found
    cell = int(found.count.argmax())
    panel.plot.plot._receive(None, {"kind": "click", "row": cell, "toggle": False}, [])
    (row,) = panel.selection
    assert found.row.ravel()[cell] == row
    assert len(json.loads(panel.plot.plot.marks)) == 1
    panel.groups.plot._receive(None, {"kind": "click", "row": 0, "toggle": False}, [])
    scaffold = table.scaffold.value_counts().index[0]
    assert panel.filters.scaffold.value == scaffold
    assert panel.list.total == (table.scaffold == scaffold).sum()
    panel.filters.clear()
    panel.groups.by.value = "formula"
    panel.groups.plot._receive(None, {"kind": "click", "row": 1, "toggle": False}, [])
    assert panel.filters.where.value == f"formula = '{panel.groups._names[0]}'"
    assert panel.list.total == (table.formula == panel.groups._names[0]).sum()


def test_sorting_and_pages_read_rows_lazily(panel: CataloguePanel, table: pd.DataFrame) -> None:
    panel._sort("gap", True)
    panel.list._receive(None, {"kind": "page", "to": 0}, [])  # it turned to the page of the selected row
    assert panel.list.rows == table.gap.nlargest(12).index.tolist()
    panel._sort("", False)
    panel.list._receive(None, {"kind": "page", "to": 100}, [])
    assert panel.list.rows == list(range(1200, 1212))


def test_a_mistake_is_said_in_its_place(panel: CataloguePanel) -> None:
    panel.filters.where.value = "foo > 1"
    assert "no column 'foo'" in panel.filters.notice.text


def test_a_large_summary_is_to_be_converted(store: SummaryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    file = nablaviz.open(store.path.parent / "summary.csv")
    monkeypatch.setattr(browse, "LARGEST_SUMMARY", 1000)
    with pytest.raises(ValueError, match="nablaviz convert .* FOLDER makes a catalogue of it"):
        nablaviz.browse(file)
