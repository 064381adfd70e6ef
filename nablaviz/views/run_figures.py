"""What is known of one run of a study as figures: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nablaviz.studies.learning_curves import SPLITS
from nablaviz.views.curve_figure import title
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

DRAWN = 1500
"""Steps of a loss curve that are drawn."""


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
        "train": (say("curves.batch"), {"color": ink(dark)[1], "width": 1}, "lines", 0.7),
        "validation": (
            say("curves.validation"),
            {"color": colors[5], "width": 2.2},
            "lines+markers",
            1,
        ),
    }
    at = say("curves.at_step", n="%{x:,}", value="%{y:.4~g}")
    for split, (name, line, mode, opacity) in looks.items():
        rows = history[history["split"] == split]
        rows = rows.iloc[:: max(1, len(rows) // DRAWN)]
        figure.add_trace({
            "type": "scatter", "mode": mode if len(rows) > 1 else "markers", "x": rows["step"],
            "y": rows["loss"], "name": name, "line": line, "opacity": opacity, "marker": {"size": 5},
            "hovertemplate": f"{at}<extra>{name}</extra>",
        })  # fmt: skip
    scale = "log" if (history["loss"] > 0).all() else "linear"
    figure.update_layout(
        xaxis_title_text=say("curves.step"),
        yaxis={"title": {"text": say("curves.loss")}, "type": scale},
        uirevision="loss",
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
        f"<b>{plot_text(row.formula)}</b> {plot_text(row.molecule)}, {say('curves.row', n=row.row)}<br>"
        f"{term(SPLITS.get(row.split, row.split))}: {value:.4g} {unit}"
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
