"""Tables to plotly figures: pure functions, used by the panels and in notebooks alike.

Strings of the table are escaped: plotly reads some HTML in hover texts and tick labels.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.views.columns import NUMERIC, SHOWN, TEXT, is_missing, write
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f", "#a89a00")
"""Categories, after Okabe and Ito (https://jfly.uni-koeln.de/color), safe for the colour-blind."""

PALETTE_DARK = ("#4aa8dd", "#f0b030", "#20c997", "#e39ac2", "#a6dcff", "#f07c33", "#a8a8a8", "#d6c93a")
"""The same hues, light enough for a dark page."""

SCALE = "Viridis"
"""Numbers: even in lightness, safe for the colour-blind."""

MAX_CATEGORIES = 40
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
HOVER = ("moses_id", "conformation_id", "formula", "split")


def scatter(
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    color: str | None = None,
    categories: Sequence[str] = (),
    dark: bool = False,
) -> go.Figure:
    """One point per conformer.

    Every trace has the table's index in ``customdata``, so that a click leads back to the conformer.
    Points that lack a value are left out, and the figure says how many, as it does when the table is a
    sample.

    Parameters
    ----------
    table
        Columns as in :class:`~nablaviz.data.catalog.Catalog`.
    x, y
        Names of columns; text becomes a categorical axis.
    color
        A column: numbers become a colour scale, text a colour per value.
    categories
        Values of ``color`` in the order in which they take colours, so that figures of parts of a table
        agree; by default those in the table, sorted.
    dark
        Whether the page behind is dark.

    Raises
    ------
    ValueError
        If a column is unknown, or text has more values than an axis or a legend can hold.
    """
    import plotly.graph_objects as go

    for axis, name in (("x", x), ("y", y), ("color", color)):
        if name is not None:
            _check(table, name, axis)
    there = table[[c for c in (x, y, color) if c]].notna().all(axis=1)
    drawn = table[there]
    figure = go.Figure(layout=layout(dark))
    note = _note(table, int((~there).sum()), (x, y, color))
    figure.update_layout(xaxis=_axis(x, note), yaxis=_axis(y), hovermode="closest", dragmode="select")
    colors = PALETTE_DARK if dark else PALETTE
    marker: dict[str, Any] = {"size": _marker_size(len(drawn)), "opacity": 0.75, "line": {"width": 0}}
    for place, name, part in _groups(drawn, color, categories):
        own = dict(marker, color=colors[place % len(colors)])
        if color in NUMERIC:
            bar = {"title": {"text": SHOWN[color].title, "side": "right"}, "thickness": 10, "outlinewidth": 0}
            own = dict(marker, color=part[color].astype(float), colorscale=SCALE, colorbar=bar)
        figure.add_trace(
            go.Scatter(
                x=_coordinates(part, x),
                y=_coordinates(part, y),
                mode="markers",
                name=plot_text(name),
                showlegend=color in TEXT,
                customdata=part.index.to_numpy(dtype=np.int32),
                text=hover_texts(part, (x, y, color) if color else (x, y)),
                hovertemplate="%{text}<extra></extra>",
                marker=own,
            )
        )
    return figure


def histogram(
    table: pd.DataFrame, column: str, *, by: str | None = None, bins: int = 40, dark: bool = False
) -> go.Figure:
    """How often the values of a numeric column occur, counted here and not in the browser.

    Parameters
    ----------
    table
        Columns as in :class:`~nablaviz.data.catalog.Catalog`.
    column
        A numeric column.
    by
        A text column: one colour per value, stacked.
    bins
        Number of equal intervals.
    dark
        Whether the page behind is dark.

    Raises
    ------
    ValueError
        If a column is unknown or of the wrong kind.
    """
    import plotly.graph_objects as go

    _check(table, column, "column", NUMERIC)
    if by is not None:
        _check(table, by, "by", TEXT)
    there = table[[c for c in (column, by) if c]].notna().all(axis=1)
    values = table[column][there].astype(float)
    edges = bin_edges(values.to_numpy(), bins)
    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    note = _note(table, int((~there).sum()), (column, by))
    figure.update_layout(
        xaxis=_axis(column, note), yaxis_title_text=say("figures.conformers"), barmode="stack", bargap=0.03
    )
    hover = say("figures.count", n="%{y}")
    for place, name, part in _groups(table[there], by):
        counts = np.histogram(part[column].astype(float), edges)[0]
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts,
                width=np.diff(edges),
                name=plot_text(name),
                showlegend=by is not None,
                marker={"color": colors[place % len(colors)], "line": {"width": 0}},
                hovertemplate=f"{hover}<extra>{plot_text(name) if by else ''}</extra>",
            )
        )
    return figure


def bin_edges(values: Sequence[float] | np.ndarray, bins: int) -> np.ndarray:
    """Edges of ``bins`` equal intervals over the finite values, shape (bins + 1,)."""
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1)


def layout(dark: bool) -> dict[str, Any]:
    """Plotly layout that sits on the page of a light or dark JupyterLab."""
    text, faint, line = ink(dark)
    axis = {
        "gridcolor": line, "zeroline": False, "linecolor": line, "ticks": "outside", "tickcolor": line,
        "ticklen": 4, "title": {"standoff": 8}, "automargin": True, "exponentformat": "power",
    }  # fmt: skip
    return {
        "template": {"layout": {"xaxis": axis, "yaxis": axis, "colorway": PALETTE_DARK if dark else PALETTE}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": text},
        "hoverlabel": {
            "bgcolor": "#2b2b2b" if dark else "#ffffff", "bordercolor": faint,
            "font": {"family": FONT, "size": 12, "color": text}, "align": "left",
        },
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "xanchor": "left"},
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)", "color": faint, "activecolor": text, "remove": "sendChartToCloud",
        },
        "margin": {"l": 56, "r": 12, "t": 30, "b": 44},
        "autosize": True,
    }  # fmt: skip


def ink(dark: bool) -> tuple[str, str, str]:
    """Colours of text, of faint text and of grid lines."""
    return ("#e2e2e2", "#a6a6a6", "#3d3d3d") if dark else ("#212121", "#666666", "#e3e3e3")


def plot_text(value: Any, longest: int = 60) -> str:
    """A string from a table as plotly may show it: nothing in it is read as HTML or as LaTeX."""
    text = "–" if is_missing(value) else str(value)
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return html.escape(" ".join(text.split()), quote=False).replace("$", "&#36;")


def hover_texts(table: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    """For each line the SMILES, what identifies it, and the values of some columns."""
    first = [f"<b>{plot_text(s)}</b>" for s in table["smiles"]]
    names = [c for c in dict.fromkeys((*HOVER, *columns)) if c != "smiles" and table[c].notna().any()]
    written = [
        [
            say(
                "figures.value",
                name=SHOWN[c].label,
                value=f"{plot_text(write(c, v))} {SHOWN[c].unit}".rstrip(),
            )
            for v in table[c]
        ]
        for c in names
    ]
    return ["<br>".join(parts) for parts in zip(first, *written, strict=True)]


def _check(table: pd.DataFrame, name: str, role: str, allowed: list[str] | None = None) -> None:
    allowed = allowed or [*NUMERIC, *TEXT]
    if name not in allowed or name not in table:
        there = ", ".join(c for c in allowed if c in table)
        raise ValueError(f"{role} cannot be {name!r}; it can be {there}")
    if name in TEXT and table[name].nunique() > MAX_CATEGORIES:
        found = table[name].nunique()
        raise ValueError(say("figures.too_many", column=SHOWN[name].label, n=found, most=MAX_CATEGORIES))


def _axis(name: str, note: str = "") -> dict[str, Any]:
    title = SHOWN[name].title + (f"<br><span style='font-size:11px'>{note}</span>" if note else "")
    return {"title": {"text": title}, "type": "category" if name in TEXT else "linear"}


def _coordinates(table: pd.DataFrame, name: str) -> Any:
    if name in TEXT:
        return [plot_text(v, 24) for v in table[name]]
    return table[name].to_numpy(dtype=float)


def _groups(
    table: pd.DataFrame, by: str | None, categories: Sequence[str] = ()
) -> list[tuple[int, str, pd.DataFrame]]:
    """Place of the colour, name and lines of each group."""
    if by not in TEXT:
        return [(0, "conformers", table)]
    names = list(dict.fromkeys([*categories, *sorted(table[by].unique())]))
    parts = ((place, name, table[table[by] == name]) for place, name in enumerate(names))
    return [(place, name, part) for place, name, part in parts if len(part)]


def _marker_size(n: int) -> float:
    return float(np.clip(11 - 2 * np.log10(max(n, 1)), 4, 9))


def _note(table: pd.DataFrame, missing: int, columns: tuple[str | None, ...]) -> str:
    """What the figure does not show, in words."""
    parts = [f"{table.attrs['sampled']}"] if table.attrs.get("sampled") else []
    if missing:
        lacking = [SHOWN[c].label for c in columns if c and table[c].isna().any()]
        parts.append(say("figures.missing", n=missing, columns=say("common.or").join(lacking)))
    return " · ".join(parts)
