"""Learning curves as figures: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.studies.learning_curves import COSTS, FALLING, SPLITS, Curve
from nablaviz.studies.published import SOURCE
from nablaviz.studies.subsets import TRAIN
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def title(metric: str, unit: str) -> str:
    """A measure as a person reads it, such as ``"Energy MAE (kcal/mol)"``."""
    text = term(metric).replace("_", " ")
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
    names = [term(SPLITS.get(split, split)) for split in splits]
    figure = make_subplots(cols=len(splits), shared_yaxes=True, subplot_titles=names, horizontal_spacing=0.02)
    figure.update_layout(layout(dark))
    colors = PALETTE_DARK if dark else PALETTE
    models = list(dict.fromkeys(curve.model for curve in curves))
    studies = list(dict.fromkeys(curve.study for curve in curves))
    values = np.concatenate([curve.runs["value"] for curve in curves])
    looks = [
        (colors[models.index(curve.model) % len(colors)], studies.index(curve.study) > 0) for curve in curves
    ]
    runs = [_runs(curve, places, x, *look) for curve, look in zip(curves, looks, strict=True)]
    for column, split in enumerate(splits, 1):
        if published is not None and x == "molecules":
            figure.add_traces(_published(published, split, dark), cols=column, rows=1)
        for curve, (color, _), drawn in zip(curves, looks, runs, strict=True):
            if curve.split not in (split, TRAIN):
                continue
            if fitted and curve.fit is not None and x == "size" and curve.split != TRAIN:
                figure.add_traces(_fit(curve, color), cols=column, rows=1)
            figure.add_traces(drawn, cols=column, rows=1)
        if target and (values > 0).all():
            figure.add_hline(
                target, line={"color": ink(dark)[1], "width": 1, "dash": "dash"}, row=1, col=column
            )
    _name_once(figure)
    _axes(figure, curves, values, x)
    return figure


def _axes(figure: go.Figure, curves: Sequence[Curve], values: np.ndarray, x: str) -> None:
    name, unit = map(term, COSTS[x])
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
    name = plot_text(say("curves.training_error", name=curve.name) if training else curve.name)
    common = {"type": "scatter", "legendgroup": name, "name": name, "hovertemplate": "%{text}<extra></extra>"}
    cost = [term(part) for part in COSTS[x]]
    where = [f"{value:,.4g} {cost[1]}".rstrip() for value in runs[x]]
    split = term(SPLITS.get(curve.split, curve.split))
    texts = [
        say(
            "curves.run",
            name=name,
            split=split,
            n=run.size,
            seed=run.seed,
            value=f"{run.value:.4g} {curve.unit}{_interval(run.low, run.high)}",
            cost=cost[0].lower(),
            place=place,
        )
        + f"<br><i>{say('curves.click')}</i>"
        for run, place in zip(runs.itertuples(), where, strict=True)
    ]
    rows = [places[curve.study, run] for run in runs["run"]]
    several = runs["size"].duplicated(keep=False).to_numpy()
    alone = {runs["size"].iloc[i]: (texts[i], rows[i]) for i in np.flatnonzero(~several)}
    means = [
        alone.get(p.size)  # the mean over one seed is that run
        or (
            say(
                "curves.mean",
                name=name,
                n=p.size,
                value=f"{p.value:.4g} {curve.unit}",
                seeds=p.seeds,
                low=f"{p.lowest:.4g}",
                high=f"{p.highest:.4g}",
            ),
            None,
        )
        for p in points.itertuples()
    ]
    return [
        common | {
            "mode": "lines+markers", "x": points[x], "y": points["value"],
            "line": {"color": color, "width": 1.4 if training else 2.2, "dash": dash},
            "marker": {"color": color, "size": 8, "symbol": symbol}, "opacity": 0.8 if training else 1,
            "text": [text for text, _ in means], "customdata": [row for _, row in means],
        },
        common | {
            "mode": "markers", "x": runs[x][several], "y": runs["value"][several], "showlegend": False,
            "marker": {"color": color, "size": 6, "symbol": symbol, "opacity": 0.55},
            "text": list(compress(texts, several)), "customdata": list(compress(rows, several)),
        },
    ]  # fmt: skip


def _interval(low: float, high: float) -> str:
    return say("curves.interval", low=f"{low:.4g}", high=f"{high:.4g}") if np.isfinite(low) else ""


def _fit(curve: Curve, color: str) -> list[dict[str, Any]]:
    law = curve.fit
    assert law is not None
    sizes = np.geomspace(law.sizes[0], law.sizes[-1] ** 2 / law.sizes[0], 40)  # as far as it may lead
    common = {"type": "scatter", "legendgroup": plot_text(curve.name), "showlegend": False, "x": sizes}
    line = {
        "mode": "lines", "y": law(sizes), "line": {"color": color, "width": 1.2, "dash": "longdash"},
        "hovertemplate": say("curves.fit_at", name=plot_text(curve.name), n="%{x:,.3~s}", value="%{y:.3~g}")
        + f" {plot_text(curve.unit)}<extra></extra>",
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
            say(
                "curves.published_at",
                name=plot_text(model),
                value=f"{row.value:.4g} {plot_text(row.unit)}",
                n=row.train_molecules,
                split=row.train_split,
            )
            + ("" if row.converged else f"<br>{say('curves.not_converged')}")
            for row in rows.itertuples()
        ]
        traces.append({
            "type": "scatter", "mode": "lines+markers+text", "x": rows["train_molecules"], "y": rows["value"],
            "name": say("curves.published_on", source=SOURCE), "legendgroup": "published",
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
