"""The plot of a large catalogue: counted in the database, finer where one zooms in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ipywidgets import Box, Dropdown

from nablaviz.data.aggregates import Density, Range, density
from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.views.catalogue_figures import density_figure
from nablaviz.views.columns import NUMERIC, SHOWN
from nablaviz.views.language import say
from nablaviz.views.selection import clicked
from nablaviz.views.selection_plot import RING, SelectionPlot

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

CELLS = (120, 90)
"""Cells along x and y."""

FEW = 2000
"""So many conformers in sight are drawn one by one."""

POINTS = 400
"""So many are drawn as points over the cells."""

X_FIRST = ("gap", "n_atoms")
Y_FIRST = ("formation_energy", RELATIVE, "energy")
"""What is drawn at first, if the source holds it."""


class DensityView(SelectionPlot):
    """Conformers counted in cells; click one to select a conformer, zoom in for finer cells and points.

    Parameters
    ----------
    catalog
        What is counted.
    summary
        Its :meth:`~nablaviz.data.catalog.Catalog.summary`.
    varying
        Numeric columns with more than one value.
    height
        Of the plot, in pixels.
    """

    def __init__(
        self, catalog: Catalog, summary: pd.DataFrame, varying: Sequence[str], height: int = 400
    ) -> None:
        super().__init__(height, zooms=True)
        self._catalog, self._summary = catalog, summary
        self._filters: dict[str, Any] = {}
        self._passing = len(catalog)
        self._zoom: tuple[Range, Range] | None = None
        self._found: Density | None = None
        numbers = [c for c in NUMERIC if c in varying]
        if not numbers:
            raise ValueError("no column of numbers has more than one value: there is nothing to plot")
        axes = [(SHOWN[c].label, c) for c in numbers]
        x, y = (next((c for c in first if c in numbers), numbers[0]) for first in (X_FIRST, Y_FIRST))
        means = [(say("catalogue.mean_of", column=label), c) for label, c in axes]
        self.x = Dropdown(options=axes, value=x, description="x")
        self.y = Dropdown(options=axes, value=y, description="y")
        self.color = Dropdown(
            options=[(say("catalogue.number"), ""), *means], value="", description=say("catalogue.colour")
        )
        self.plot.on_zoom(self._zoomed)
        for control in (self.x, self.y):
            control.observe(lambda _: self._zoomed(None), "value")
        self.color.observe(lambda _: self._draw(), "value")
        for control in (self.x, self.y, self.color):
            control.add_class("nablaviz-control")
        bar = Box([self.y, self.x, self.color])
        bar.add_class("nablaviz-bar")
        self.children = [bar, self.plot, self.notice]

    @property
    def ranges(self) -> tuple[Range, Range]:
        """What the plot shows of x and y."""
        whole = self._whole(self.x.value), self._whole(self.y.value)
        return self._zoom or whole

    def show(self, filters: dict[str, Any], passing: int) -> None:
        """Count the conformers that pass the filters, so many as there are."""
        self._filters, self._passing = filters, passing
        self._draw()

    def _recolour(self) -> None:
        if self._found is not None:
            self.plot.show(self.figure(self._found), self._marks())

    def figure(self, found: Density) -> go.Figure:
        """What is drawn of the counts."""
        cells = found.total > FEW
        points = found.sample(POINTS if cells else found.count.size)
        if cells:
            note = say("catalogue.counted", n=found.total, points=len(points))
        else:
            note = say("catalogue.drawn", n=found.total)
        mean = self.color.value or None
        return density_figure(
            found,
            self.x.value,
            self.y.value,
            points=points,
            mean=mean,
            cells=cells,
            note=note,
            dark=self._dark,
        )

    def _draw(self) -> None:
        with self.notice.guard():
            found = self._count(CELLS)
            if 0 < found.total <= FEW:  # so few that each can have a cell of its own
                found = self._count((1200, 900))
            self._found = found
            self.plot.show(self.figure(found), self._marks())
            outside = self._passing - found.total
            if outside and self._zoom is None:
                self.notice.say(say("catalogue.outside", n=outside), "info")

    def _count(self, cells: tuple[int, int]) -> Density:
        whole_numbers = [SHOWN[c].decimals is None for c in (self.x.value, self.y.value)]
        spans = [high - low for low, high in self.ranges]
        nx, ny = (
            max(1, min(n, round(span))) if whole else n
            for n, span, whole in zip(cells, spans, whole_numbers, strict=True)
        )
        mean = self.color.value or None
        return density(
            self._catalog, self.x.value, self.y.value, *self.ranges, (nx, ny), mean=mean, **self._filters
        )

    def _whole(self, column: str) -> Range:
        low, high = float(self._summary["min"][column]), float(self._summary["max"][column])
        margin = 0.5 if SHOWN[column].decimals is None else 0.0  # whole numbers lie amid their cells
        return low - margin, high + margin

    def _marks(self) -> list[dict[str, Any]]:
        if not self._selection:
            return []
        line = self._catalog.table([self._selection[-1]]).iloc[0]
        at = [float(line[c]) for c in (self.x.value, self.y.value)]
        if not np.isfinite(at).all():
            return []
        return [
            {
                "type": "scatter",
                "mode": "markers",
                "x": at[:1],
                "y": at[1:],
                "marker": RING,
                "hoverinfo": "skip",
            }
        ]

    def _click(self, number: int, toggle: bool) -> None:
        """A cell, or a point, which has the number of its cell after those of all cells."""
        with self.notice.guard():
            if self._found is None or not 0 <= number < 2 * self._found.count.size:
                return
            row = int(self._found.row.ravel()[number % self._found.count.size])
            if row >= 0:
                self._on_select(clicked(self._selection, row, toggle=toggle))

    def _zoomed(self, ranges: tuple[Range, Range] | None) -> None:
        """The part to show; ``None`` for the whole."""
        if ranges is not None:
            low_high = [tuple(sorted(map(float, ends))) for ends in ranges]
            if not all(low < high for low, high in low_high):
                return
            ranges = (low_high[0], low_high[1])  # type: ignore[assignment]
        self._zoom = ranges
        self._draw()
