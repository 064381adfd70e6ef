"""Learning curves and losses as figures: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.studies.learning_curves import COSTS, FALLING, SPLITS, Curve
from nablaviz.studies.published import SOURCE
from nablaviz.studies.subsets import TRAIN
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DRAWN = 1500
"""Steps of a loss curve that are drawn."""

WORDS = {"mae": "MAE", "lowdin": "Löwdin", "homo": "HOMO", "lumo": "LUMO", "scf": "SCF", "kendall": "Kendall"}


def title(metric: str, unit: str) -> str:
    """A measure as a person reads it, such as ``"Energy MAE (kcal/mol)"``."""
    words = [WORDS.get(word, "τ" if word == "tau" else word) for word in metric.split("_")]
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]}{f' ({unit})' if unit else ''}"


def curve_figure(
    curves: Sequence[Curve],
    places: Mapping[tuple[str, str], int],
    *,
    x: str = "size",
    fitted: bool = True,
    target: float | None = None,
    published: pd.DataFrame | None = None,
    dark: bool = False,
) -> go.Figure:
    """Error against what was paid for it, logarithmic both, one plot per test split.

    Training errors are in every plot, dotted, with open symbols. Small points are runs, lines go through
    their means, bands are 90 % intervals of the fits. Each run has its place in ``customdata``.

    Parameters
    ----------
    curves
        Of one measure.
    places
        A number for each study and run.
    x
        One of ``COSTS``; fits are drawn against the size only.
    target
        An error to be reached, in the unit of the measure.
    published
        Published errors of this measure, which are drawn against the number of molecules.
    dark
        Whether the page behind is dark.
    """
    from plotly.subplots import make_subplots

    splits = list(dict.fromkeys(c.split for c in curves if c.split != TRAIN)) or [TRAIN]
    names = [SPLITS.get(split, split) for split in splits]
    figure = make_subplots(cols=len(splits), shared_yaxes=True, subplot_titles=names, horizontal_spacing=0.02)
    figure.update_layout(layout(dark))
    colors = PALETTE_DARK if dark else PALETTE
    models = list(dict.fromkeys(curve.model for curve in curves))
    studies = list(dict.fromkeys(curve.study for curve in curves))
    values = np.concatenate([curve.runs["value"] for curve in curves])
    for column, split in enumerate(splits, 1):
        if published is not None and x == "molecules":
            figure.add_traces(_published(published, split, dark), cols=column, rows=1)
        for curve in curves:
            if curve.split not in (split, TRAIN):
                continue
            color = colors[models.index(curve.model) % len(colors)]
            second = studies.index(curve.study) > 0
            if fitted and curve.fit is not None and x == "size" and curve.split != TRAIN:
                figure.add_traces(_fit(curve, color), cols=column, rows=1)
            figure.add_traces(_runs(curve, places, x, color, second), cols=column, rows=1)
        if target and (values > 0).all():
            figure.add_hline(
                target, line={"color": ink(dark)[1], "width": 1, "dash": "dash"}, row=1, col=column
            )
    _name_once(figure)
    _axes(figure, curves, values, x)
    return figure


def _axes(figure: go.Figure, curves: Sequence[Curve], values: np.ndarray, x: str) -> None:
    name, unit = COSTS[x]
    places = np.concatenate([curve.runs[x] for curve in curves])
    axis: dict[str, Any] = {"title": {"text": f"{name} ({unit})" if unit else name}}
    if (places > 0).all():
        columns = len(figure._grid_ref[0])
        axis |= {"type": "log", "tickangle": 0} | _ticks(places, (1, 3) if columns > 2 else (1, 2, 5))
    figure.update_xaxes(axis)
    if (values > 0).all() and curves[0].metric.endswith(FALLING):
        figure.update_yaxes({"type": "log"} | _ticks(values))
    figure.update_yaxes(title={"text": title(curves[0].metric, curves[0].unit)}, col=1)
    figure.update_annotations(font={"size": 12}, yshift=2)
    figure.update_layout(
        hovermode="closest", dragmode="zoom", uirevision=f"{curves[0].metric} {curves[0].unit} {x}",
        legend={"y": -0.2, "yanchor": "top", "x": 0}, margin={"t": 26, "b": 100},
    )  # fmt: skip


def _ticks(values: np.ndarray, fine: Sequence[int] = (1, 2, 5)) -> dict[str, Any]:
    """``fine`` times powers of ten where the values span little, else powers alone."""
    finite = values[np.isfinite(values) & (values > 0)]
    if not len(finite):
        return {}
    low, high = np.floor(np.log10(finite.min())) - 1, np.ceil(np.log10(finite.max())) + 2
    steps = fine if high - low < 6 else (1,)
    places = [step * 10.0**power for power in np.arange(low, high) for step in steps]
    return {"tickvals": places, "ticktext": [f"{place:,.10g}" for place in places]}


def _runs(
    curve: Curve, places: Mapping[tuple[str, str], int], x: str, color: str, second: bool
) -> list[dict[str, Any]]:
    """Means with a line, and the runs."""
    training = curve.split == TRAIN
    symbol = ("square" if second else "circle") + ("-open" if training else "")
    dash = "dot" if training else "dash" if second else "solid"
    points, runs = curve.points, curve.runs
    name = plot_text(f"{curve.name}, training error" if training else curve.name)
    common = {"type": "scatter", "legendgroup": name}
    cost = COSTS[x]
    where = [f"{value:,.4g} {cost[1]}".rstrip() for value in runs[x]]
    texts = [
        f"<b>{name}</b>, {SPLITS.get(curve.split, curve.split)}<br>{run.size:,} conformers, seed {run.seed}: "
        f"{run.value:.4g} {curve.unit}{_interval(run.low, run.high)}<br>{cost[0].lower()}: {place}"
        for run, place in zip(runs.itertuples(), where, strict=True)
    ]
    means = [
        f"<b>{name}</b><br>{p.size:,} conformers: {p.value:.4g} {curve.unit}, mean of {p.seeds} seeds "
        f"({p.lowest:.4g} to {p.highest:.4g})"
        for p in points.itertuples()
    ]
    return [
        common | {
            "mode": "lines+markers", "x": points[x], "y": points["value"], "name": name,
            "line": {"color": color, "width": 1.4 if training else 2.2, "dash": dash},
            "marker": {"color": color, "size": 8, "symbol": symbol}, "text": means,
            "hovertemplate": "%{text}<extra></extra>", "opacity": 0.8 if training else 1,
        },
        common | {
            "mode": "markers", "x": runs[x], "y": runs["value"], "showlegend": False, "name": name,
            "marker": {"color": color, "size": 6, "symbol": symbol, "opacity": 0.55},
            "customdata": [places[curve.study, run] for run in runs["run"]], "text": texts,
            "hovertemplate": "%{text}<br><i>click for this run</i><extra></extra>",
        },
    ]  # fmt: skip


def _interval(low: float, high: float) -> str:
    return f" (95 %: {low:.4g} to {high:.4g})" if np.isfinite(low) else ""


def _fit(curve: Curve, color: str) -> list[dict[str, Any]]:
    law = curve.fit
    assert law is not None
    sizes = np.geomspace(law.sizes[0], law.sizes[-1] ** 2 / law.sizes[0], 40)  # as far as it may lead
    common = {"type": "scatter", "legendgroup": plot_text(curve.name), "showlegend": False, "x": sizes}
    line = {
        "mode": "lines", "y": law(sizes), "line": {"color": color, "width": 1.2, "dash": "longdash"},
        "hovertemplate": f"{plot_text(curve.name)}, fit: %{{x:,.3~s}} conformers, %{{y:.3~g}} "
        f"{plot_text(curve.unit)}<extra></extra>",
    }  # fmt: skip
    if not law.has_interval:
        return [common | line]
    low, high = law.band(sizes)
    faint = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},0.14)"}
    return [common | faint | {"y": low}, common | faint | fill | {"y": high}, common | line]


def _published(table: pd.DataFrame, split: str, dark: bool) -> list[dict[str, Any]]:
    color = ink(dark)[1]
    traces = []
    for model, group in table[table["split"] == split].groupby("model", sort=False):
        rows = group.sort_values("train_molecules")
        texts = [
            f"<b>{plot_text(model)}</b>, published: {row.value:.4g} {plot_text(row.unit)}<br>trained on "
            f"{row.train_molecules:,} molecules of ∇²DFT ({row.train_split}), tested on its own test set"
            f"{'' if row.converged else '<br>training had not converged'}"
            for row in rows.itertuples()
        ]
        traces.append({
            "type": "scatter", "mode": "lines+markers+text", "x": rows["train_molecules"], "y": rows["value"],
            "name": f"published, trained on {SOURCE}", "legendgroup": "published",
            "line": {"color": color, "width": 1}, "opacity": 0.75, "hovertext": texts,
            "text": [plot_text(model) if i == len(rows) - 1 else "" for i in range(len(rows))],
            "textposition": "top center", "textfont": {"size": 9, "color": color},
            "marker": {"color": color, "size": 6, "symbol": "x-thin-open"},
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    return traces


def _name_once(figure: go.Figure) -> None:
    """Leave each name in the legend once."""
    seen = set()
    for trace in figure.data:
        if trace.showlegend is not False:
            trace.showlegend = trace.legendgroup not in seen
            seen.add(trace.legendgroup)


def loss_figure(history: pd.DataFrame, *, dark: bool = False) -> go.Figure:
    """Losses of a run against its steps.

    Parameters
    ----------
    history
        See :func:`nablaviz.models.history.read_history`.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(dark))
    colors = PALETTE_DARK if dark else PALETTE
    looks = {
        "train": ("training, each batch", {"color": ink(dark)[1], "width": 1}, "lines", 0.7),
        "validation": (
            "validation, averaged weights",
            {"color": colors[5], "width": 2.2},
            "lines+markers",
            1,
        ),
    }
    for split, (name, line, mode, opacity) in looks.items():
        rows = history[history["split"] == split]
        rows = rows.iloc[:: max(1, len(rows) // DRAWN)]
        figure.add_trace({
            "type": "scatter", "mode": mode if len(rows) > 1 else "markers", "x": rows["step"],
            "y": rows["loss"], "name": name, "line": line, "opacity": opacity, "marker": {"size": 5},
            "hovertemplate": "step %{x:,}: %{y:.4~g}<extra>" + name + "</extra>",
        })  # fmt: skip
    scale = "log" if (history["loss"] > 0).all() else "linear"
    figure.update_layout(
        xaxis_title_text="Step", yaxis={"title": {"text": "Loss"}, "type": scale}, uirevision="loss"
    )
    return figure


def worst_figure(
    errors: pd.DataFrame, metric: str, unit: str, factor: float, *, dark: bool = False
) -> go.Figure:
    """The conformers with the largest errors as bars; each has its row of the data in ``customdata``.

    Parameters
    ----------
    errors
        From :func:`nablaviz.studies.results.conformer_errors`, the worst first.
    metric
        A column of it.
    unit, factor
        Of the values shown, and what the column is multiplied by.
    dark
        Whether the page behind is dark.
    """
    import plotly.graph_objects as go

    rows = errors.iloc[::-1]
    names = [plot_text(f"{row.formula} {row.molecule}", 34) for row in rows.itertuples()]
    values = factor * rows[metric]
    texts = [
        f"<b>{plot_text(row.formula)}</b> {plot_text(row.molecule)}, row {row.row}<br>"
        f"{SPLITS.get(row.split, row.split)}: {value:.4g} {unit}"
        for row, value in zip(rows.itertuples(), values, strict=True)
    ]
    figure = go.Figure(layout=layout(dark))
    figure.add_trace({
        "type": "bar", "orientation": "h", "x": values, "y": list(range(len(rows))),
        "customdata": rows["row"], "text": texts, "textposition": "none",
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"color": (PALETTE_DARK if dark else PALETTE)[0]},
    })  # fmt: skip
    figure.update_layout(
        xaxis_title_text=title(metric, unit), bargap=0.25, margin={"l": 200},
        yaxis={"tickvals": list(range(len(rows))), "ticktext": names, "showgrid": False},
    )  # fmt: skip
    return figure
