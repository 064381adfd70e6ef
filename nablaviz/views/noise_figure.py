"""What noise does to orbital energies, as a figure: a pure function."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.noise import BASES
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from nablaviz.chem.comparison import Comparison, Solution

BELOW, ABOVE = 0.35, 0.3
"""Eh below the HOMO and above the LUMO where the levels end."""

MEASURES = {
    "|Δgap|": ("|Δgap|", "solid", "circle"),
    "mean |Δε|, occupied": ("mean |Δε|", "dot", "square"),
}
"""Errors that are drawn against the size of the noise: short names, dashes and symbols."""

HALF = 0.36
"""Half the width of a level, in columns."""


def noise_figure(
    comparisons: Sequence[Comparison], curves: pd.DataFrame, size: float, *, dark: bool = False
) -> go.Figure:
    """Levels around the gap, exact and with noise; errors of gap and levels against the noise's size.

    Parameters
    ----------
    comparisons
        Of one Hamiltonian with noise in each of `BASES`, in their order.
    curves
        Of the same Hamiltonian, from :func:`nablaviz.chem.noise.response`.
    size
        Of the noise, Eh.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    colors = PALETTE_DARK if dark else PALETTE
    chosen = dict(zip(BASES, (colors[5], colors[0]), strict=True))
    figure = go.Figure(layout=layout(dark))
    exact = comparisons[0].reference
    sides = [exact, *(comparison.other for comparison in comparisons)]
    for column, (side, color) in enumerate(zip(sides, (ink(dark)[0], *chosen.values()), strict=True)):
        figure.add_traces(_levels(side, column, color))
    for basis, comparison in zip(BASES, comparisons, strict=True):
        figure.add_traces(_curves(curves[curves["basis"] == basis], comparison, size, chosen[basis]))
    decades = np.log10(curves["size"].min() * 1e3) - 0.1, np.log10(curves["size"].max() * 1e3) + 0.1
    figure.update_layout(
        xaxis={
            "domain": [0, 0.4], "range": [-0.5, 2.5], "showgrid": False, "tickmode": "array",
            "tickvals": [0, 1, 2], "ticktext": [say("noise.exact"), *map(_column, BASES.values())],
        },
        yaxis={"title": {"text": "ε (Eh)"}, "range": [exact.homo - BELOW, exact.lumo + ABOVE]},
        xaxis2={
            "domain": [0.52, 1], "anchor": "y2", "type": "log", "dtick": 1, "range": decades,
            "title": {"text": say("noise.size_axis")},
        },
        yaxis2={"anchor": "x2", "type": "log", "dtick": 1, "title": {"text": say("noise.error_axis")}},
        legend={
            "orientation": "v", "x": 1, "xanchor": "right", "y": 0.01, "yanchor": "bottom",
            "font": {"size": 11},
        },
        hovermode="closest", uirevision="noise", margin={"t": 30, "b": 56},
    )  # fmt: skip
    return figure


def _column(basis: str) -> str:
    return say("noise.column", basis=term(basis))


def _levels(side: Solution, column: int, color: str) -> list[dict[str, Any]]:
    """Occupied levels as full lines, virtual ones dotted."""
    orbitals = side.orbitals
    traces = []
    for dash, part in (("solid", slice(orbitals.n_occupied)), ("dot", slice(orbitals.n_occupied, None))):
        energies = orbitals.energies[part]
        labels = [orbitals.label(k) for k in range(len(orbitals))][part]
        x = np.tile([column - HALF, column, column + HALF, np.nan], len(energies))
        texts = [f"{label}: {energy:.4f} Eh" for label, energy in zip(labels, energies, strict=True)]
        traces.append({
            "type": "scatter", "mode": "lines", "x": x, "y": np.repeat(energies, 4),
            "line": {"color": color, "width": 1.8, "dash": dash}, "showlegend": False,
            "text": np.repeat(texts, 4), "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
    return traces


def _curves(curves: pd.DataFrame, comparison: Comparison, size: float, color: str) -> list[dict[str, Any]]:
    """Medians over the draws with the middle two thirds of them, and this draw as a star."""
    here = comparison.errors.set_index("measure")["value"]
    basis = BASES[curves["basis"].iloc[0]]
    traces: list[dict[str, Any]] = []
    for measure, (short, dash, symbol) in MEASURES.items():
        low, middle, high = (curves.groupby("size")[measure].quantile(q) * 1e3 for q in (1 / 6, 1 / 2, 5 / 6))
        draw = plot_text(say("noise.this_draw", measure=term(measure)))
        common = {"type": "scatter", "xaxis": "x2", "yaxis": "y2"}
        traces.append(common | {
            "mode": "lines+markers", "x": middle.index * 1e3, "y": middle,
            "name": plot_text(say("noise.curve", measure=term(short), basis=term(basis))),
            "error_y": {
                "type": "data", "array": high - middle, "arrayminus": middle - low, "thickness": 1,
                "width": 2,
            },
            "line": {"color": color, "width": 1.6, "dash": dash},
            "marker": {"color": color, "size": 6, "symbol": symbol},
            "hovertemplate": say("noise.point", x="%{x:.3~g}", y="%{y:.3~g}") + "<extra></extra>",
        })  # fmt: skip
        traces.append(common | {
            "mode": "markers", "x": [size * 1e3], "y": [here[measure] * 1e3], "showlegend": False,
            "marker": {
                "color": color, "size": 14, "symbol": "star", "line": {"color": "#ffffff", "width": 1},
            },
            "hovertemplate": f"{draw}: %{{y:.3~g}} mEh<extra></extra>",
        })  # fmt: skip
    return traces
