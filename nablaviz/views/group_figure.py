"""Mean errors of groups of conformers, as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.studies.averages import interval
from nablaviz.views.error_figures import MARKED, SELECTED, Drawing, axes, ring
from nablaviz.views.figures import PALETTE, PALETTE_DARK, layout, plot_text
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    import pandas as pd

CATEGORIES = 24
"""At most so many groups are drawn, those with the largest errors."""


def groups_drawing(
    errors: Mapping[str, pd.Series],
    members: pd.DataFrame,
    molecule: pd.Series,
    title: str,
    unit: str,
    *,
    dark: bool = False,
) -> Drawing:
    """The mean error of each of some groups, with its 95 % interval over molecules.

    Parameters
    ----------
    errors
        Of each model, in ``unit``.
    members
        Boolean, a column per group, named for it.
    molecule
        What each conformer is of. All with the same index.
    """
    import pandas as pd
    import plotly.graph_objects as go

    figure = go.Figure(layout=layout(dark))
    colors, several = (PALETTE_DARK if dark else PALETTE), len(errors) > 1
    means = pd.DataFrame(
        {name: [values[members[g]].mean() for g in members] for name, values in errors.items()}
    )
    means.index = members.columns
    order = means.mean(axis=1).dropna().sort_values(ascending=False).index
    left_out, order = len(order) - CATEGORIES, list(order[:CATEGORIES])
    notes = [say("errors.largest", n=CATEGORIES, more=left_out)] if left_out > 0 else []
    for place, (name, values) in enumerate(errors.items()):
        lines = []
        for group in order:
            own = values[members[group]].dropna().groupby(molecule)
            lines.append((*interval(own.sum().to_numpy(), own.count().to_numpy(), 0.95, 500, 0), own))
        value, low, high = (np.array([line[k] for line in lines], dtype=float) for k in range(3))
        texts = [
            f"<b>{plot_text(term(group))}</b><br>"
            + say(
                "errors.group", mean=f"{mean:.3g}", unit=unit, molecules=own.ngroups, n=int(own.count().sum())
            )
            + (f"<br>{plot_text(name)}" if several else "")
            for group, (mean, *_, own) in zip(order, lines, strict=True)
        ]
        shift = 0.14 * (2 * place - 1) if several else 0.0
        figure.add_scatter(
            x=value, y=np.arange(len(order)) + shift, mode="markers", name=plot_text(name, 30),
            showlegend=several, customdata=np.arange(len(order), dtype=np.int32), text=texts,
            hovertemplate="%{text}<extra></extra>", unselected={"marker": {"opacity": 1}},
            marker={"size": 9, "color": colors[place]},
            error_x={"type": "data", "symmetric": False, "array": np.nan_to_num(high - value),
                     "arrayminus": np.nan_to_num(value - low), "thickness": 1.5, "width": 3},
        )  # fmt: skip
    axes(figure, (title, ""), notes)
    names = [plot_text(term(group), 24) for group in order]
    figure.update_yaxes(tickvals=list(range(len(order))), ticktext=names, range=[len(order) - 0.4, -0.6])
    figure.update_xaxes(rangemode="tozero")

    def rows_of(numbers: Sequence[int]) -> list[int]:
        return members.index[members[[order[n] for n in numbers]].any(axis=1)].tolist()

    def marks(rows: Sequence[int]) -> list[dict[str, Any]]:
        chosen = members.loc[members.index.isin(list(rows)[-MARKED:]), order]
        mean = pd.concat(list(errors.values()), axis=1).mean(axis=1)
        found = [(mean[row], int(k)) for row, line in chosen.iterrows() for k in np.flatnonzero(line)]
        points = pd.DataFrame(found, columns=["x", "y"], index=[place for _, place in found], dtype=float)
        trace = ring(points, 7, 1.5, SELECTED)
        return [trace | {"marker": trace["marker"] | {"symbol": "line-ns"}}]

    return Drawing(
        figure, lambda number: rows_of([number]), lambda region: rows_of(sorted(set(region.rows))), marks
    )
