from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from nablaviz.data.dataset import conform
from nablaviz.views.columns import SHOWN, write
from nablaviz.views.figures import PALETTE, bin_edges, histogram, plot_text, scatter

HOSTILE = "<a href='javascript:alert(1)'>$x$</a><img src=x onerror=alert(1)>"


@pytest.fixture
def table() -> pd.DataFrame:
    n = 12
    lines = pd.DataFrame(
        {
            "moses_id": np.arange(n) // 4,
            "conformation_id": np.arange(n) % 4,
            "smiles": [HOSTILE, *["CCO"] * (n - 1)],
            "formula": "C2H6O",
            "n_atoms": 9,
            "split": ["train", "test", HOSTILE] * 4,
            "gap": np.linspace(0.1, 0.5, n),
            "energy": [np.nan, *np.linspace(-10, -9, n - 1)],
        }
    )
    table = conform(lines).assign(relative_energy_kcal=np.arange(n, dtype=float))
    return table.set_axis(pd.Index(range(100, 100 + n), name="row"))


def text_of(figure: object) -> str:
    return json.dumps(figure.to_plotly_json(), default=list)  # type: ignore[attr-defined]


def test_scatter_points_lead_back_to_rows(table: pd.DataFrame) -> None:
    figure = scatter(table, "gap", "energy")
    (trace,) = figure.data
    assert list(trace.customdata) == list(range(101, 112))
    assert trace.x[0] == table.gap[101]
    assert trace.y[0] == table.energy[101]


def test_axes_carry_units(table: pd.DataFrame) -> None:
    figure = scatter(table, "gap", "relative_energy_kcal")
    assert figure.layout.xaxis.title.text == "Gap (Eh)"
    assert figure.layout.yaxis.title.text == "Relative energy (kcal/mol)"
    assert histogram(table, "gap").layout.xaxis.title.text == "Gap (Eh)"


def test_what_is_not_drawn_is_said(table: pd.DataFrame) -> None:
    assert "1 without Energy not drawn" in scatter(table, "gap", "energy").layout.xaxis.title.text
    assert scatter(table, "gap", "n_atoms").layout.xaxis.title.text == "Gap (Eh)"
    assert "1 without Energy not drawn" in histogram(table, "energy").layout.xaxis.title.text
    table.attrs["sampled"] = "12 of 1,000,000 conformers"
    title = scatter(table, "gap", "energy").layout.xaxis.title.text
    assert "12 of 1,000,000 conformers · 1 without Energy not drawn" in title


def test_colours(table: pd.DataFrame) -> None:
    by_split = scatter(table, "gap", "n_atoms", color="split")
    assert len(by_split.data) == 3
    assert [t.marker.color for t in by_split.data] == list(PALETTE[:3])
    assert sum(len(t.x) for t in by_split.data) == 12
    (by_energy,) = scatter(table, "gap", "n_atoms", color="energy").data
    assert by_energy.marker.colorbar.title.text == "Energy (Eh)"
    assert len(by_energy.marker.color) == 11


def test_colours_stay_when_some_values_are_filtered_away(table: pd.DataFrame) -> None:
    part = table[table.split == "train"]
    (trace,) = scatter(part, "gap", "n_atoms", color="split", categories=["test", "train"]).data
    assert trace.marker.color == PALETTE[1]


def test_dark_and_light_differ_in_text_colour(table: pd.DataFrame) -> None:
    light, dark = scatter(table, "gap", "energy"), scatter(table, "gap", "energy", dark=True)
    assert light.layout.font.color == "#212121"
    assert dark.layout.font.color == "#e2e2e2"
    assert light.layout.paper_bgcolor == dark.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_strings_are_escaped_everywhere(table: pd.DataFrame) -> None:
    for figure in (
        scatter(table, "split", "gap"),
        scatter(table, "gap", "n_atoms", color="split"),
        histogram(table, "gap", by="split"),
    ):
        assert "<img" not in text_of(figure)
        assert "<a " not in text_of(figure)
        assert "$x" not in text_of(figure)
    assert plot_text(HOSTILE, 12) == "&lt;a href='ja…"
    assert plot_text("a\n b") == "a b"


def test_histogram_counts(table: pd.DataFrame) -> None:
    figure = histogram(table, "energy", bins=5)
    (trace,) = figure.data
    assert sum(trace.y) == 11
    stacked = histogram(table, "gap", by="split", bins=5)
    assert [sum(t.y) for t in stacked.data] == [4, 4, 4]


def test_constant_and_empty_columns() -> None:
    assert bin_edges(np.array([3.0, 3.0, np.nan]), 2).tolist() == [2.5, 3.0, 3.5]
    assert bin_edges(np.array([]), 1).tolist() == [0.0, 1.0]
    empty = conform(pd.DataFrame({"smiles": []})).assign(relative_energy_kcal=[])
    assert len(scatter(empty, "gap", "energy").data[0].x) == 0
    assert sum(histogram(empty, "gap").data[0].y) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: scatter(t, "nothing", "gap"), "x cannot be 'nothing'; it can be moses_id, "),
        (lambda t: scatter(t, "gap", "gap", color="row"), "color cannot be 'row'"),
        (lambda t: histogram(t, "split"), "column cannot be 'split'"),
        (lambda t: histogram(t, "gap", by="energy"), "by cannot be 'energy'; it can be smiles"),
    ],
)
def test_wrong_columns_are_named(table: pd.DataFrame, call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(table)  # type: ignore[operator]


def test_too_many_categories(table: pd.DataFrame) -> None:
    many = pd.concat([table] * 5, ignore_index=True)
    many["smiles"] = pd.array([f"C{i}" for i in range(60)], dtype="string")
    with pytest.raises(ValueError, match="SMILES has 60 different values here, more than 40"):
        scatter(many, "smiles", "gap")


def test_values_are_written_with_their_digits() -> None:
    assert write("energy", -1.23456789) == "−1.23457"
    assert write("n_atoms", 9) == "9"
    assert write("gap", np.nan) == write("smiles", None) == "–"
    assert SHOWN["mean_force"].title == "Mean force (Eh/Å)"
