"""Counts of a large catalogue to plotly figures: a density, and bars of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.aggregates import Density
from nablaviz.views.columns import SHOWN, TEXT, write
from nablaviz.views.figures import PALETTE, PALETTE_DARK, SCALE, layout, plot_text
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def density_figure(
    found: Density,
    x: str,
    y: str,
    *,
    points: np.ndarray,
    mean: str | None = None,
    cells: bool = True,
    note: str = "",
    dark: bool = False,
) -> go.Figure:
    """Cells coloured by how many conformers they hold, or by a mean, and some conformers as points.

    Points have the number of cells plus the number of their own cell in ``customdata``; a cell that is
    clicked gives its own number.

    Parameters
    ----------
    found
        What was counted.
    x, y, mean
        The columns.
    points
        Cells whose conformer is drawn, as :meth:`~nablaviz.data.aggregates.Density.sample` gives them.
    cells
        Whether cells are drawn, or points alone.
    note
        Written below the axis.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(dark))
    titles = [SHOWN[name].title for name in (x, y)]
    small = f"<br><span style='font-size:11px'>{note}</span>" if note else ""
    figure.update_layout(
        xaxis={"title": {"text": titles[0] + small}, "range": [float(found.x[0]), float(found.x[-1])]},
        yaxis={"title": {"text": titles[1]}, "range": [float(found.y[0]), float(found.y[-1])]},
        hovermode="closest", dragmode="zoom", showlegend=False, margin_t=10,
    )  # fmt: skip
    if cells:
        figure.add_trace(go.Heatmap(**_cells(found, mean)))
    at = found.at.reshape(-1, 2)[points]
    color: Any = (PALETTE_DARK if dark else PALETTE)[0]
    if not cells and mean and found.mean is not None:
        color = found.mean.ravel()[points]
    figure.add_trace(
        go.Scatter(
            x=at[:, 0], y=at[:, 1], mode="markers", customdata=found.count.size + points,
            hovertemplate=f"{plot_text(titles[0])}: %{{x}}<br>{plot_text(titles[1])}: %{{y}}<extra></extra>",
            marker={
                "size": 3 if cells else 6,
                "color": ("rgba(255,255,255,0.75)" if dark else "rgba(20,20,20,0.55)") if cells else color,
                "line": {"width": 0}, "opacity": 0.8, "colorscale": SCALE,
                "showscale": not cells and mean is not None and found.mean is not None,
                "colorbar": _bar(SHOWN[mean].title if mean else ""),
            },
        )
    )  # fmt: skip
    return figure


def _bar(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0} | more


def _cells(found: Density, mean: str | None) -> dict[str, Any]:
    """The heat map: counts on a logarithmic scale, or means."""
    centres = [(edges[1:] + edges[:-1]) / 2 for edges in (found.x, found.y)]
    held = found.count > 0
    if mean and found.mean is not None:
        values, bar = np.where(held, found.mean, np.nan), _bar(SHOWN[mean].title)
        hover = "%{customdata}<br>" + f"{plot_text(SHOWN[mean].label)}: %{{z:.4g}}<extra></extra>"
    else:
        values = np.where(held, np.log10(np.maximum(found.count, 1)), np.nan)
        decades = list(range(int(np.log10(max(found.count.max(), 1))) + 1))
        bar = _bar(say("catalogue.conformers"), tickvals=decades, ticktext=[f"{10**k:,}" for k in decades])
        hover = "%{customdata}<extra></extra>"
    counts = [[say("catalogue.cell", n=n) if n else "" for n in line] for line in found.count.tolist()]
    z = [[None if value != value else value for value in line] for line in values.tolist()]
    return {
        "x": centres[0], "y": centres[1], "z": z, "customdata": counts, "hovertemplate": hover,
        "colorscale": SCALE, "colorbar": bar, "hoverongaps": False,
    }  # fmt: skip


def groups_figure(table: pd.DataFrame, value: str | None, *, dark: bool = False) -> go.Figure:
    """A bar for each group, as long as it has conformers, coloured by the mean of a column.

    Parameters
    ----------
    table
        From :func:`nablaviz.data.aggregates.groups`; the bars have its line numbers in ``customdata``.
    value
        The column of the means.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    by = str(table.index.name)
    figure = go.Figure(layout=layout(dark))
    names = [plot_text(write(by, name), 44) for name in table.index]
    hover = []
    for name, line in zip(table.index, table.itertuples(), strict=True):
        parts = [f"<b>{plot_text(write(by, name), 80)}</b>", say("catalogue.cell", n=line.conformers)]
        if by not in ("moses_id", "smiles"):
            parts.append(say("catalogue.molecules", n=line.molecules))
        if value:
            ends = {end: plot_text(write(value, getattr(line, end))) for end in ("mean", "lowest", "highest")}
            parts.append(say("catalogue.values", column=SHOWN[value].label, unit=SHOWN[value].unit, **ends))
        hover.append("<br>".join(parts))
    marker: dict[str, Any] = {"color": (PALETTE_DARK if dark else PALETTE)[0], "line": {"width": 0}}
    if value and len(table):
        marker |= {
            "color": table["mean"].to_numpy(),
            "colorscale": SCALE,
            "colorbar": _bar(SHOWN[value].title),
        }
    places = np.arange(len(table))
    figure.add_trace(
        go.Bar(
            x=table["conformers"], y=places, orientation="h", customdata=places, text=hover,
            textposition="none", hovertemplate="%{text}<extra></extra>", marker=marker,
        )
    )  # fmt: skip
    size = 10 if by in TEXT else 12
    figure.update_layout(
        xaxis={"title": {"text": say("catalogue.conformers")}, "fixedrange": True},
        yaxis={
            "autorange": "reversed", "tickvals": places, "ticktext": names, "tickfont": {"size": size},
            "showgrid": False, "fixedrange": True,
        },
        bargap=0.25, showlegend=False, margin_t=10, dragmode=False,
    )  # fmt: skip
    return figure
