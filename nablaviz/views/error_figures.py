"""Errors as figures, each with what a click or a box on it selects and how a selection is marked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.catalog import sample_rows
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.energy_units import handy_unit
from nablaviz.views.figures import PALETTE, PALETTE_DARK, bin_edges, ink, layout, plot_text
from nablaviz.views.language import say
from nablaviz.views.plot import Region

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DRAWN = 4000
"""At most so many points are drawn of each series; a uniform sample of more."""

MARKED = 1000
"""At most so many selected points are marked."""

BINS = 50
SELECTED = "#d55e00"
KCAL, HARTREE = "kcal/mol", "Eh"


@dataclass(frozen=True)
class Scale:
    """A unit, and how many of it are one of ours."""

    factor: float
    unit: str

    def title(self, label: str) -> str:
        """Label with unit."""
        return f"{label} ({self.unit})" if self.unit else label


def scale(unit: str, wanted: str, largest: float) -> Scale:
    """The unit in which values of ``unit`` are shown.

    Parameters
    ----------
    unit
        What they are in.
    wanted
        ``KCAL`` or ``HARTREE``; of no concern to what is no energy or force.
    largest
        Of the values, which says whether Eh, mEh or µEh is handy.
    """
    if not unit.startswith("Eh"):
        return Scale(1.0, unit)
    if wanted == KCAL:
        return Scale(HARTREE2KCAL, unit.replace("Eh/Å", "kcal/(mol Å)").replace("Eh", KCAL))
    factor, name = handy_unit(largest)
    return Scale(factor, unit.replace("Eh", name))


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure and what it stands for."""

    figure: go.Figure
    clicked: Callable[[int], list[int]]
    "The rows that a point's ``customdata`` stands for."
    inside: Callable[[Region], list[int]]
    "The rows in a box or lasso, those that are not drawn too."
    marks: Callable[[Sequence[int]], list[dict[str, Any]]]
    "Traces or shapes that mark selected rows, the last of them active."


def points_drawing(
    series: Mapping[str, pd.DataFrame],
    titles: tuple[str, str],
    hover: Callable[[pd.DataFrame], list[str]],
    *,
    diagonal: bool = False,
    trend: bool = False,
    dark: bool = False,
) -> Drawing:
    """A point per conformer, in one colour for each series.

    Parameters
    ----------
    series
        Columns ``x`` and ``y``, indexed by row; points without one of them are left out, and counted.
    titles
        Of the axes.
    hover
        Of some lines of a series the text of each.
    diagonal
        Draw the line x = y, and axes of the same range.
    trend
        Draw each series' mean of y over parts of x that hold as many points.
    """
    import pandas as pd
    import plotly.graph_objects as go

    whole = {name: points[["x", "y"]].notna().all(axis=1) for name, points in series.items()}
    missing = sum(int((~there).sum()) for there in whole.values())
    series = {name: points[whole[name]].astype(float) for name, points in series.items()}
    figure = go.Figure(layout=layout(dark))
    colors = PALETTE_DARK if dark else PALETTE
    notes = [say("errors.no_value", n=missing)] if missing else []
    total = sum(len(points) for points in series.values())
    size = float(np.clip(10 - 2 * np.log10(max(total, 1)), 3.5, 8))
    for place, (name, points) in enumerate(series.items()):
        drawn = points.loc[sample_rows(points.index.to_numpy(), DRAWN)]
        if len(drawn) < len(points):
            notes.append(say("errors.drawn", n=DRAWN, total=len(points)))
        figure.add_scatter(
            x=drawn.x, y=drawn.y, mode="markers", name=plot_text(name, 30), showlegend=len(series) > 1,
            customdata=drawn.index.to_numpy(dtype=np.int32), text=hover(drawn),
            hovertemplate="%{text}<extra></extra>", unselected={"marker": {"opacity": 0.6}},
            marker={"size": size, "opacity": 0.6, "color": colors[place % len(colors)], "line": {"width": 0}},
        )  # fmt: skip
    together = pd.concat(list(series.values()))
    if diagonal and len(together):
        ends = [float(together.min(axis=None)), float(together.max(axis=None))]
        figure.add_scatter(
            x=ends, y=ends, mode="lines", hoverinfo="skip", showlegend=False,
            line={"width": 1, "dash": "dot", "color": ink(dark)[1]},
        )  # fmt: skip
    for place, (name, points) in enumerate(series.items()):
        if not trend or points.x.nunique() < 2:
            continue
        parts = pd.qcut(points.x, min(10, points.x.nunique()), duplicates="drop")
        means = points.groupby(parts, observed=True).mean()
        said = say("errors.mean") if len(series) == 1 else f"{plot_text(name, 30)}, {say('errors.mean')}"
        figure.add_scatter(
            x=means.x, y=means.y, mode="lines", name=said, showlegend=False,
            line={"width": 2, "color": ink(dark)[0] if len(series) == 1 else colors[place % len(colors)]},
            hovertemplate=f"{said} %{{y:.3g}}<extra></extra>",
        )  # fmt: skip
    axes(figure, titles, notes)
    if trend:
        figure.update_yaxes(rangemode="tozero")

    def marks(rows: Sequence[int]) -> list[dict[str, Any]]:
        chosen = together[together.index.isin(list(rows)[-MARKED:])]
        active = chosen[chosen.index == rows[-1]] if len(rows) else chosen
        look = ((chosen, size + 4, 1.5, ink(dark)[0]), (active, size + 8, 2.5, SELECTED))
        return [ring(points, width, line, color) for points, width, line, color in look]

    def inside(region: Region) -> list[int]:
        within = region.contains(together.x.to_numpy(), together.y.to_numpy())
        return sorted(set(together.index[within].tolist()))

    return Drawing(figure, lambda row: [row], inside, marks)


def residual_drawing(
    residuals: Mapping[str, pd.Series], title: str, unit: str, *, dark: bool = False
) -> Drawing:
    """How often errors of a size occur, and which part of them is smaller.

    Parameters
    ----------
    residuals
        Of each model, indexed by row, in ``unit``.
    """
    import pandas as pd
    import plotly.graph_objects as go

    residuals = {name: values.dropna().astype(float) for name, values in residuals.items()}
    together = pd.concat(list(residuals.values()))
    edges = bin_edges(together.to_numpy(), BINS)
    colors, several = (PALETTE_DARK if dark else PALETTE), len(residuals) > 1
    figure = go.Figure(layout=layout(dark))

    def bars(values: pd.Series) -> dict[str, list[Any]]:
        middles = (edges[:-1] + edges[1:]) / 2
        counts = np.histogram(values, edges)[0].tolist()
        return {"x": middles.tolist(), "y": counts, "customdata": list(range(BINS))}

    for place, (name, values) in enumerate(residuals.items()):
        said, color = plot_text(name, 30), colors[place]
        extra = f"<extra>{said if several else ''}</extra>"
        figure.add_bar(
            **bars(values), width=np.diff(edges), name=said, showlegend=several,
            opacity=0.6 if several else 0.85,
            marker={"color": color, "line": {"width": 0}}, unselected={"marker": {"opacity": 0.6}},
            hovertemplate=say("errors.bar", n="%{y}", x="%{x:.3g}", unit=unit) + extra,
        )  # fmt: skip
        ordered = np.sort(values)
        shown = (
            np.unique(np.linspace(0, len(ordered) - 1, 200).astype(int))
            if len(ordered)
            else ordered.astype(int)
        )
        figure.add_scatter(
            x=ordered[shown], y=100 * (shown + 1) / max(1, len(ordered)), yaxis="y2",
            mode="lines", line={"width": 2, "color": color, "dash": "solid" if several else "dot"},
            showlegend=False, customdata=np.searchsorted(edges[1:-1], ordered[shown], side="right"),
            hovertemplate=say("errors.below", y="%{y:.0f}", x="%{x:.3g}", unit=unit) + extra,
        )  # fmt: skip
    axes(figure, (title, say("errors.count_axis")), [])
    right = {
        "title": {"text": say("errors.below_axis")},
        "overlaying": "y",
        "side": "right",
        "range": [0, 102],
        "tickmode": "linear",
    }
    figure.update_layout(
        barmode="overlay", bargap=0, yaxis2=right | {"dtick": 20, "showgrid": False}, margin_r=50
    )

    def marks(rows: Sequence[int]) -> list[dict[str, Any]]:
        chosen = together[together.index.isin(list(rows))]
        active = chosen[chosen.index == rows[-1]] if len(rows) else chosen
        line = {"color": SELECTED, "width": 2}
        lines = [
            {"shape": {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper", "line": line}}
            for x in active.tolist()
        ]
        if len(rows) < 2:
            return lines
        look = {"type": "bar", "width": np.diff(edges).tolist(), "hoverinfo": "skip", "showlegend": False}
        return [*lines, bars(chosen) | look | {"marker": {"color": SELECTED, "line": {"width": 0}}}]

    def between(low: float, high: float) -> list[int]:
        return sorted(set(together.index[(together >= low) & (together <= high)].tolist()))

    return Drawing(
        figure,
        lambda number: between(edges[number], edges[number + 1]),
        lambda region: between(float(region.x.min()), float(region.x.max())),
        marks,
    )


def axes(figure: go.Figure, titles: tuple[str, str], notes: Sequence[str]) -> None:
    """Titles of the axes, with what is not drawn."""
    note = f"<br><span style='font-size:11px'>{' · '.join(notes)}</span>" if notes else ""
    figure.update_layout(
        xaxis_title_text=titles[0] + note, yaxis_title_text=titles[1], hovermode="closest", dragmode="select",
        margin_t=26, uirevision=" ".join(titles),
    )  # fmt: skip


def ring(points: pd.DataFrame, size: float, width: float, color: str) -> dict[str, Any]:
    """A trace of empty circles at the points ``x`` and ``y``, their index in ``customdata``."""
    line = {"width": width, "color": color}
    return {
        "type": "scatter", "mode": "markers", "x": points.x.tolist(), "y": points.y.tolist(),
        "customdata": points.index.tolist(),
        "hoverinfo": "skip", "showlegend": False,
        "marker": {"size": size, "color": "rgba(0,0,0,0)", "line": line},
    }  # fmt: skip
