"""The scatter plot of a panel: any two columns, linked with a selection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ipywidgets import HTML, Box, Dropdown

from nablaviz.data.catalog import Catalog, sample_rows
from nablaviz.data.conditions import RELATIVE
from nablaviz.views.columns import NUMERIC, SHOWN, TEXT
from nablaviz.views.figures import MAX_CATEGORIES, ink, scatter
from nablaviz.views.language import say
from nablaviz.views.plot import Region
from nablaviz.views.selection import clicked
from nablaviz.views.selection_plot import RING, SelectionPlot

if TYPE_CHECKING:
    import plotly.graph_objects as go

DRAWN = 4000
"""At most so many points are drawn; a uniform sample of more."""

MARKED = 1000
"""At most so many selected points are marked."""

X_FIRST = ("gap", "mean_force", "n_atoms")
Y_FIRST = (RELATIVE, "formation_energy", "energy")
"""What is drawn at first, if the source holds it."""


class ScatterView(SelectionPlot):
    """Click a point to select its conformer, drag a box or a lasso to select all inside.

    A box or lasso selects every conformer inside, also those that the sample does not draw.

    Parameters
    ----------
    catalog
        What the rows are of.
    columns
        Names of the columns that hold something.
    varying
        Those with more than one value, to be drawn first.
    height
        Of the plot, in pixels.
    """

    def __init__(
        self, catalog: Catalog, columns: Sequence[str], varying: Sequence[str], height: int = 400
    ) -> None:
        super().__init__(height)
        self._catalog = catalog
        self._rows = np.empty(0, dtype=np.int64)
        values = {c: catalog.distinct(c, MAX_CATEGORIES + 1).index for c in columns if c in TEXT}
        self._categories = {c: list(v) for c, v in values.items() if len(v) <= MAX_CATEGORIES}
        numbers = [c for c in columns if c in NUMERIC]
        axes = [(SHOWN[c].label, c) for c in (*numbers, *self._categories)]
        x, y = (
            next((c for held in (varying, numbers) for c in wanted if c in held), axes[0][1])
            for wanted in (X_FIRST, Y_FIRST)
        )
        self.x = Dropdown(options=axes, value=x, description="x")
        self.y = Dropdown(options=axes, value=y, description="y")
        first = "split" if "split" in self._categories else ""
        self.color = Dropdown(
            options=[(say("scatter.one_colour"), ""), *axes], value=first, description=say("scatter.colour")
        )
        self.legend = HTML()
        self.plot.on_region(self._region)
        for control in (self.x, self.y, self.color):
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._draw(), "value")
        bar = Box([self.y, self.x, self.color])
        bar.add_class("nablaviz-bar")
        self.children = [bar, self.legend, self.plot, self.notice]

    @property
    def figure(self) -> go.Figure:
        """What is drawn, without what is marked, as a figure of its own."""
        drawn = sample_rows(self._rows, DRAWN)
        table = self._catalog.table(drawn)
        if len(drawn) < len(self._rows):
            table.attrs["sampled"] = say("scatter.sample", n=len(drawn), total=len(self._rows))
        color = self.color.value or None
        categories = self._categories.get(self.color.value, ())
        return scatter(table, self.x.value, self.y.value, color=color, categories=categories, dark=self._dark)

    def show(self, rows: np.ndarray) -> None:
        """Draw these rows, or a uniform sample of them."""
        self._rows = rows
        self._draw()

    def _recolour(self) -> None:
        self._draw()

    def _draw(self) -> None:
        with self.notice.guard():
            figure = self.figure
            self.legend.value = chips(figure)
            figure.update_layout(showlegend=False, margin_t=10)
            figure.update_layout(uirevision=f"{self.x.value} {self.y.value}")  # filtering keeps the zoom
            for trace in figure.data:  # the marks say what is selected
                trace.update(unselected={"marker": {"opacity": 0.75}})
            self.plot.show(figure, self._marks())

    def _marks(self) -> list[dict[str, Any]]:
        """Traces for the selected points that are not filtered away, and for the active one."""
        chosen = np.asarray(self._selection, dtype=np.int64)
        chosen = chosen[np.isin(chosen, self._rows)][-MARKED:]
        active = chosen[chosen == self._selection[-1]] if self._selection else chosen
        look = {
            "selected": (chosen, {"size": 9, "line": {"width": 1.5, "color": ink(self._dark)[0]}}),
            "active": (active, RING),
        }
        traces = []
        for name, (rows, marker) in look.items():
            drawn = scatter(self._catalog.table(rows), self.x.value, self.y.value).data[0]
            points = {key: list(drawn[key]) for key in ("x", "y", "text")}
            points["customdata"] = drawn.customdata.tolist()
            style = {"type": "scatter", "mode": "markers", "name": name, "hovertemplate": drawn.hovertemplate}
            traces.append(points | style | {"marker": marker | {"color": "rgba(0,0,0,0)"}})
        return traces

    def _click(self, row: int, toggle: bool) -> None:
        self._on_select(clicked(self._selection, row, toggle=toggle))

    def _region(self, region: Region) -> None:
        with self.notice.guard():
            self._on_select(self._inside(region))

    def _inside(self, region: Region) -> list[int]:
        if self.x.value in TEXT or self.y.value in TEXT:
            return region.rows
        x, y = (self._catalog.values(c, self._rows).astype(float) for c in (self.x.value, self.y.value))
        return self._rows[region.contains(x, y)].tolist()


def chips(figure: go.Figure) -> str:
    """The legend of a figure as HTML, which wraps in a narrow panel; trace names are escaped already."""
    named = [t for t in figure.data if t.showlegend]
    parts = [f'<span><i style="background:{t.marker.color}"></i>{t.name}</span>' for t in named]
    return f'<div class="nablaviz-legend">{"".join(parts)}</div>'
