"""The course of a training run as figures: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ERRORS = {
    "level_error": ("|Δε|", "circle"),
    "gap_error": ("|Δgap|", "square"),
    "hamiltonian_mae": ("mean |ΔH|", "diamond"),
}
"""Errors of the conformer that is looked at: their names and symbols."""


def loss_figure(history: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Loss of each step's batch and of the validation set against time.

    Parameters
    ----------
    history
        See :func:`nablaviz.models.history.read_history`; may be empty.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    looks: dict[str, tuple[str, dict[str, Any]]] = {
        "train": (say("training.batch"), {"mode": "lines", "line": {"color": ink(dark)[1], "width": 1}}),
        "validation": (
            say("training.validation"),
            {"mode": "lines+markers", "line": {"color": colors[0], "width": 2}, "marker": {"size": 6}},
        ),
    }
    where = say("training.at_step", step="%{customdata}", time="%{x:.1f} s")
    for split, (name, style) in looks.items():
        part = history[history["split"] == split] if len(history) else history
        hover = f"{where}%{{y:.3f}}<extra>{name}</extra>"
        if len(part):
            shown = {"x": part["seconds"], "y": part["loss"], "customdata": part["step"]}
            figure.add_scatter(**shown, name=name, hovertemplate=hover, **style)
    figure.update_layout(
        xaxis=_time(history["seconds"].max() if len(history) else 0.0),
        yaxis={"type": "log", "title": {"text": say("training.loss_axis")}, "dtick": "D2"}
        | ({} if len(history) else {"range": [-1, 0.5]}),
        uirevision="loss", hovermode="closest", showlegend=True,
    )  # fmt: skip
    return figure


def error_figure(table: pd.DataFrame, orbital: str, *, dark: bool = False) -> go.Figure:
    """Errors of one conformer against time: above energies, below the overlap of an orbital.

    Parameters
    ----------
    table
        ``seconds``, ``step``, ``overlap``, and ``level_error``, ``gap_error``, ``hamiltonian_mae`` (Eh).
    orbital
        Which one it is.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    common = {"x": table["seconds"], "customdata": table["step"], "mode": "lines+markers"}
    where = say("training.at_step", step="%{customdata}", time="%{x:.1f} s")
    for color, (column, (name, symbol)) in zip(colors, ERRORS.items(), strict=False):
        label = plot_text(f"{name} {orbital}" if column == "level_error" else term(name))
        figure.add_scatter(
            **common, y=table[column].abs() * 1e3, name=label,
            line={"color": color, "width": 1.6}, marker={"size": 5, "symbol": symbol},
            hovertemplate=where + "%{y:.3~g} mEh<extra>" + label + "</extra>",
        )  # fmt: skip
    overlap = say("training.overlap_of", orbital=orbital)
    figure.add_scatter(
        **common, y=table["overlap"], yaxis="y2", showlegend=False,
        line={"color": colors[5], "width": 1.6}, marker={"size": 5},
        hovertemplate=where + f"%{{y:.4f}}<extra>{plot_text(overlap)}</extra>",
    )  # fmt: skip
    figure.update_layout(
        xaxis=_time(table["seconds"].max() if len(table) else 0.0) | {"anchor": "y2"},
        yaxis={"domain": [0.42, 1], "type": "log", "dtick": 1, "title": {"text": say("training.error_axis")}},
        yaxis2={"domain": [0, 0.34], "title": {"text": say("training.overlap_axis")}, "range": [0, 1.05]},
        uirevision="errors", hovermode="closest",
    )  # fmt: skip
    return figure


def _time(last: float) -> dict[str, Any]:
    return {
        "title": {"text": say("training.time_axis")},
        "range": [-0.02 * max(last, 10), 1.02 * max(last, 10)],
    }
