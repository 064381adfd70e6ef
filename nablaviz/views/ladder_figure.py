"""Accuracy against cost, and time against size, as figures: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.rung_cost import write_seconds
from nablaviz.chem.scaling import LEAST, Scaling, scaling
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

FAMILIES = {
    "tight binding": (3, "diamond"),
    "mean field": (6, "circle"),
    "functional": (0, "square"),
    "correlated": (5, "triangle-up"),
    "exact": (7, "star"),
    "Monte Carlo": (4, "x"),
    "model": (2, "hexagon"),
}
"""Colour in the palette and symbol of each family."""

BESIDE = ("top center", "bottom center", "middle right", "middle left")
"""Where the names of neighbours of a family are written, so that they overlap less."""

CHEMICAL = 1.0
"""kcal/mol: what is called chemical accuracy."""

LEAST_SHOWN = 1e-3
"""kcal/mol: smaller deviations are drawn here."""


def ladder_figure(differences: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Mean absolute deviation from the reference against wall time, a point per rung.

    Parameters
    ----------
    differences
        As :func:`nablaviz.chem.ladder.differences` gives them.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    points = _points(differences)
    floor = _floor(points["apart"].to_numpy(), points["is_reference"].to_numpy())
    for family, (color, symbol) in FAMILIES.items():
        part = points[points["family"] == family]
        if part.empty:
            continue
        height = part["apart"].where(~part["is_reference"], floor).clip(lower=floor)
        figure.add_trace({
            "type": "scatter", "mode": "markers+text", "x": part["wall"].tolist(), "y": height.tolist(),
            "name": say(f"ladder.{family.replace(' ', '_')}"), "text": [plot_text(t) for t in part["title"]],
            "textposition": [BESIDE[k % len(BESIDE)] for k in range(len(part))],
            "textfont": {"size": 11}, "cliponaxis": False,
            "error_y": {"type": "data", "array": part["error"], "visible": bool(part["error"].any())},
            "marker": {
                "size": 12, "color": colors[color], "symbol": symbol,
                "line": {"width": np.where(part["is_reference"], 2, 0).tolist(), "color": ink(dark)[0]},
            },
            "customdata": _hover(part), "hovertemplate": "%{customdata}<extra></extra>",
        })  # fmt: skip
    top = max(float(points["apart"].max()), CHEMICAL) if len(points) else CHEMICAL
    walls = points["wall"] if len(points) else np.array([0.01, 100.0])
    figure.update_layout(
        xaxis={
            "type": "log", "title": {"text": say("ladder.time_axis")}, "dtick": 1,
            "range": np.log10([min(walls) / 2.5, max(walls) * 2.5]).tolist(),
        },
        yaxis={
            "type": "log", "title": {"text": say("ladder.deviation_axis")}, "dtick": 1,
            "range": [np.log10(floor) - 0.15, np.log10(top) + 0.35],
        },
        shapes=[{
            "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": CHEMICAL, "y1": CHEMICAL,
            "line": {"color": ink(dark)[1], "width": 1, "dash": "dot"},
        }],
        annotations=[{
            "xref": "paper", "x": 1, "y": 0, "yref": "y", "text": say("ladder.chemical"),
            "showarrow": False, "xanchor": "right", "yanchor": "bottom", "font": {"size": 11},
        }],
        hovermode="closest", uirevision="ladder", margin={"t": 34, "b": 56},
    )  # fmt: skip
    return figure


def _points(differences: pd.DataFrame) -> pd.DataFrame:
    """A line per rung: its mean absolute deviation, its error, its time."""
    drawn = differences[differences["reference"].notna()]
    grouped = drawn.assign(apart=drawn["deviation"].abs()).groupby("rung", sort=False)
    points = grouped.agg(
        title=("title", "first"), family=("family", "first"), apart=("apart", "mean"),
        error=("error", "mean"), wall=("wall", "first"), reference=("reference", "first"),
    ).reset_index()  # fmt: skip
    points["is_reference"] = points["rung"] == points["reference"]
    return points


def _floor(apart: np.ndarray, is_reference: np.ndarray) -> float:
    """Where the reference is drawn, on a logarithmic axis: a decade below the best of the others."""
    others = apart[~is_reference.astype(bool)]
    least = max(float(others.min()), LEAST_SHOWN) if len(others) else CHEMICAL
    return float(10 ** np.floor(np.log10(min(least, CHEMICAL) / 2)))


def _hover(points: pd.DataFrame) -> list[str]:
    texts = []
    for point in points.itertuples():
        said = (
            say("ladder.is_reference")
            if point.is_reference
            else say("ladder.apart", value=f"{point.apart:.2f}", error=f"{point.error:.2f}")
            if point.error
            else say("ladder.apart_exactly", value=f"{point.apart:.3g}")
        )
        time = say("ladder.took", time=write_seconds(point.wall))
        texts.append(f"<b>{plot_text(point.title)}</b><br>{said}<br>{time}")
    return texts


def exponents(table: pd.DataFrame, time: str = "processor") -> dict[str, Scaling]:
    """The measured exponent of each rung, by its title, where there are sizes enough.

    Parameters
    ----------
    table
        ``title``, ``functions`` (number of basis functions) and times in s, a line for each molecule.
    time
        The column of the times.
    """
    found = {}
    for title, part in table.dropna(subset=[time]).groupby("title", sort=False):
        if part["functions"].nunique() >= LEAST:
            found[str(title)] = scaling(part["functions"].to_numpy(), part[time].to_numpy())
    return found


def scaling_figure(table: pd.DataFrame, time: str = "processor", *, dark: bool = False) -> go.Figure:
    """Time against the number of basis functions, with the fitted power laws.

    Parameters
    ----------
    table, time
        As in :func:`exponents`.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    fits: Mapping[str, Scaling] = exponents(table, time)
    functions = say("ladder.functions")
    for place, (title, part) in enumerate(table.dropna(subset=[time]).groupby("title", sort=False)):
        name, color = plot_text(title), colors[place % len(colors)]
        fit = fits.get(str(title))
        exponent = "" if fit is None else f": N<sup>{fit.exponent:.1f} ± {fit.error:.1f}</sup>"
        common: dict[str, Any] = {"type": "scatter", "legendgroup": name}
        figure.add_trace(common | {
            "mode": "markers", "x": part["functions"], "y": part[time], "name": f"{name}{exponent}",
            "marker": {"color": color, "size": 8, "symbol": place % 8},
            "text": [plot_text(f) for f in part["formula"]],
            "hovertemplate": f"{name}, %{{text}}<br>%{{x}} {functions}: %{{y:.3~g}} s<extra></extra>",
        })  # fmt: skip
        if fit is not None:
            ends = np.array(fit.sizes)
            figure.add_trace(common | {
                "mode": "lines", "x": ends, "y": fit.time(ends), "showlegend": False, "hoverinfo": "skip",
                "line": {"color": color, "width": 1.5},
            })  # fmt: skip
    figure.update_layout(
        xaxis={"type": "log", "title": {"text": say("ladder.size_axis")}},
        yaxis={"type": "log", "dtick": 1, "title": {"text": say("ladder.processor_axis")}},
        legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top"}, hovermode="closest",
    )  # fmt: skip
    return figure
