"""The scatter plot of a panel: any two columns, linked with a selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ipywidgets import HTML, Box, Dropdown, VBox

from nablaviz.data.catalog import Catalog, sample_rows
from nablaviz.data.conditions import RELATIVE
from nablaviz.views.columns import NUMERIC, SHOWN, TEXT
from nablaviz.views.figures import MAX_CATEGORIES, hover_texts, ink, scatter
from nablaviz.views.notice import Notice
from nablaviz.views.selection import clicked, inside_polygon

if TYPE_CHECKING:
    import plotly.graph_objects as go

DRAWN = 4000
"""At most so many points are drawn; a uniform sample of more."""

MARKED = 1000
"""At most so many selected points are marked."""

X_FIRST = ("gap", "mean_force", "n_atoms")
Y_FIRST = (RELATIVE, "formation_energy", "energy")
"""What is drawn at first, if the source holds it."""

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "doubleClick": "reset",
    "modeBarButtonsToRemove": ["autoScale2d", "zoomIn2d", "zoomOut2d"],
}


class ScatterView(VBox):
    """Click a point to select its conformer, drag a box or a lasso to select all inside.

    A box or lasso selects every conformer inside, also those that the sample does not draw.

    Parameters
    ----------
    catalog
        What the rows are of.
    columns
        Names of the columns that hold something.
    height
        Of the plot, in pixels.
    """

    def __init__(self, catalog: Catalog, columns: Sequence[str], height: int = 400) -> None:
        import plotly.graph_objects as go

        self._catalog = catalog
        self._rows = np.empty(0, dtype=np.int64)
        self._selection: list[int] = []
        self._dark = False
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        categories = [c for c in columns if c in TEXT and len(catalog.distinct(c)) <= MAX_CATEGORIES]
        numbers = [c for c in columns if c in NUMERIC]
        axes = [(SHOWN[c].title, c) for c in (*numbers, *categories)]
        x = next((c for c in ("gap", "mean_force", "n_atoms") if c in numbers), axes[0][1])
        y = next(
            (c for c in ("relative_energy_kcal", "formation_energy", "energy") if c in numbers), axes[-1][1]
        )
        self.x = Dropdown(options=axes, value=x, description="x")
        self.y = Dropdown(options=axes, value=y, description="y")
        first = "split" if "split" in categories else ""
        self.color = Dropdown(options=[("one colour", ""), *axes], value=first, description="colour")
        self.notice = Notice()
        self.legend = HTML()
        self.figure: go.FigureWidget = go.FigureWidget(layout={"height": height})
        self.figure._config = self.figure._config | CONFIG
        for control in (self.x, self.y, self.color):
            control.add_class("nablaviz-axis")
            control.observe(lambda _: self._draw(), "value")
        bar = Box([self.y, self.x, self.color])
        bar.add_class("nablaviz-bar")
        super().__init__([bar, self.legend, self.figure, self.notice])
        self.add_class("nablaviz-scatter")

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    def show(self, rows: np.ndarray) -> None:
        """Draw these rows, or a uniform sample of them."""
        self._rows = rows
        self._draw()

    def select(self, selection: Sequence[int]) -> None:
        """Mark the selected rows, the active one (the last) with a ring."""
        self._selection = list(selection)
        with self.notice.guard():
            self._mark()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._draw()

    def _draw(self) -> None:
        with self.notice.guard():
            drawn = sample_rows(self._rows, DRAWN)
            table = self._catalog.table(drawn)
            if len(drawn) < len(self._rows):
                table.attrs["sampled"] = f"a sample of {len(drawn):,} of {len(self._rows):,} conformers"
            figure = scatter(
                table, self.x.value, self.y.value, color=self.color.value or None, dark=self._dark
            )
            for trace in figure.data:  # the overlay says what is selected
                trace.update(unselected={"marker": {"opacity": 0.75}}, selected={"marker": {"opacity": 0.75}})
            self.legend.value = chips(figure)
            figure.update_layout(showlegend=False, margin_t=10)
            figure.add_traces(_overlay(self._dark))
            with self.figure.batch_update():
                self.figure.data = []
                self.figure.update_layout(
                    figure.layout.to_plotly_json() | {"annotations": figure.layout.annotations}
                )
                self.figure.layout.selections = ()
                self.figure.add_traces(figure.data)
            self._listen()
            self._mark()

    def _listen(self) -> None:
        points = self.figure.data[:-2]
        for trace in points:
            trace.on_click(self._click)
        if points:  # each trace would tell of the same box
            points[0].on_selection(self._box)

    def _mark(self) -> None:
        if not self.figure.data:
            return
        chosen_rows = np.asarray(self._selection, dtype=np.int64)
        marked = self._catalog.table(chosen_rows[np.isin(chosen_rows, self._rows)][-MARKED:])
        last = marked[marked.index == self._selection[-1]] if self._selection else marked
        x, y = self.x.value, self.y.value
        *_, chosen, active = self.figure.data
        with self.figure.batch_update():
            for trace, part in ((chosen, marked), (active, last)):
                seen = scatter(part, x, y).data[0]
                trace.update(x=seen.x, y=seen.y, text=hover_texts(part.loc[seen.customdata], (x, y)))

    def _click(self, trace: Any, points: Any, state: Any) -> None:
        if points.point_inds:
            row = int(trace.customdata[points.point_inds[0]])
            self._on_select(clicked(self._selection, row, toggle=state.ctrl or state.shift or state.meta))

    def _box(self, trace: Any, points: Any, selector: Any) -> None:
        with self.notice.guard():
            self.figure.layout.selections = ()
            if selector is not None:
                self._on_select(self._inside(selector, points))

    def _inside(self, selector: Any, points: Any) -> list[int]:
        if self.x.value in TEXT or self.y.value in TEXT:
            traces = self.figure.data[:-2]
            return [
                int(row) for t in traces for row in np.asarray(t.customdata)[list(t.selectedpoints or ())]
            ]
        x = self._catalog.values(self.x.value, self._rows).astype(float)
        y = self._catalog.values(self.y.value, self._rows).astype(float)
        if selector.type == "box":
            (x0, x1), (y0, y1) = sorted(selector.xrange), sorted(selector.yrange)
            inside = (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
        else:
            inside = inside_polygon(x, y, np.column_stack([selector.xs, selector.ys]))
        return self._rows[inside].tolist()


def chips(figure: go.Figure) -> str:
    """The legend of a figure as HTML, which wraps in a narrow panel; trace names are escaped already."""
    named = [t for t in figure.data if t.showlegend]
    parts = [f'<span><i style="background:{t.marker.color}"></i>{t.name}</span>' for t in named]
    return f'<div class="nablaviz-legend">{"".join(parts)}</div>'


def _overlay(dark: bool) -> list[dict[str, Any]]:
    """Traces for the selected points and for the active one."""
    text = ink(dark)[0]
    shared = {"type": "scatter", "mode": "markers", "x": [], "y": [], "showlegend": False}
    shared |= {"hovertemplate": "%{text}<extra></extra>"}
    chosen = {"size": 9, "color": "rgba(0,0,0,0)", "line": {"width": 1.5, "color": text}}
    active = {"size": 15, "color": "rgba(0,0,0,0)", "line": {"width": 2.5, "color": "#d55e00"}}
    return [shared | {"name": n, "marker": m} for n, m in (("selected", chosen), ("active", active))]
