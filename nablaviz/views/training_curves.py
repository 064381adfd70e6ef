"""Numbers and curves of a training run below its orbitals."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, VBox

from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say, term
from nablaviz.views.plot import Plot
from nablaviz.views.training_figures import error_figure, loss_figure

if TYPE_CHECKING:
    import pandas as pd


class TrainingCurves(VBox):
    """Errors of a conformer in numbers, the loss, and these errors against time; ``show`` draws them.

    Parameters
    ----------
    height
        Of the curves, in pixels.
    """

    def __init__(self, height: int = 300) -> None:
        self.numbers = HTML()
        self.numbers.add_class("nablaviz-numbers")
        self.loss, self.errors = Plot(height=height), Plot(height=height)
        plots = Box([VBox([plot]) for plot in (self.loss, self.errors)])
        plots.add_class("nablaviz-curves")
        super().__init__([self.numbers, plots])

    def show(self, history: pd.DataFrame, table: pd.DataFrame, orbital: str, dark: bool) -> None:
        """Draw a history, and a conformer's part of a table of looks at an orbital."""
        self.loss.show(loss_figure(history, dark=dark))
        self.errors.show(error_figure(table, orbital, dark=dark))
        self.numbers.value = numbers(table, orbital)


def numbers(table: pd.DataFrame, orbital: str) -> str:
    """The last line of a table as `error_figure` takes it beside the first, as HTML."""
    if table.empty:
        return ""
    first, last = table.iloc[0], table.iloc[-1]
    overlap, error = say("training.overlap_of", orbital=orbital), term("mean |ΔH|")
    tiles = [
        (overlap, *(write_number(line["overlap"], 3) for line in (first, last))),
        (f"Δε {orbital}", *(_milli(line["level_error"]) for line in (first, last))),
        (say("training.gap_change"), *(_milli(line["gap_error"]) for line in (first, last))),
        (error, *(f"{write_number(line['hamiltonian_mae'] * 1e6, 0)} µEh" for line in (first, last))),
    ]
    return "".join(
        f"<div><span>{html.escape(name)}</span><b>{html.escape(now)}</b>"
        f"<span>{html.escape(say('training.at_first', value=before))}</span></div>"
        for name, before, now in tiles
    )


def _milli(energy: float) -> str:
    return f"{write_number(energy * 1e3, 1, signed=True)} mEh"
