"""A plotly figure in the notebook that tells what is clicked and what is inside a box or lasso.

Plotly's own ``FigureWidget`` takes its figure in single edits, and loses those that come before the
browser has read its five megabytes of script. Here whole figures are sent, and the script once per page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets
from ipywidgets import Widget, widget_serialization

from nablaviz.views.library import library
from nablaviz.views.selection import inside_polygon
from nablaviz.views.words import Words

if TYPE_CHECKING:
    import plotly.graph_objects as go

STATIC = Path(__file__).parent / "static"

Ends = tuple[float, float]
"""What an axis shows."""


@dataclass(frozen=True, eq=False)
class Region:
    """A box or a lasso on a plot, in the units of its axes."""

    shape: str
    "``box`` or ``lasso``."
    x: np.ndarray
    "Two ends of the box in any order, or the corners of the lasso."
    y: np.ndarray
    rows: list[int]
    "What is drawn inside, by ``customdata``."

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Which of some points are inside, shape (n,); NaN is outside."""
        if self.shape == "lasso":
            return inside_polygon(x, y, np.column_stack([self.x, self.y]))
        inside = (self.x.min() <= x) & (x <= self.x.max())
        return inside & (self.y.min() <= y) & (y <= self.y.max())


def _plotly() -> bytes:
    import plotly.offline

    return plotly.offline.get_plotlyjs().encode()


class Plot(anywidget.AnyWidget):
    """Shows a figure; its traces have the rows that their points stand for in ``customdata``."""

    _esm = STATIC / "plot.js"

    library = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    """The shared copy of plotly.js."""

    figure = traitlets.Unicode('{"data": [], "layout": {}}').tag(sync=True)
    """The figure in plotly's JSON."""

    marks = traitlets.Unicode("[]").tag(sync=True)
    """Traces drawn over it, or ``{"shape": …}``, as JSON: they change more often than the figure."""

    height = traitlets.Int(400).tag(sync=True)
    """In pixels; the width is that of the panel."""

    words = Words("plot")
    """Its texts."""

    zooms = traitlets.Bool(False).tag(sync=True)
    """Whether what is zoomed to is told, and drawn anew from here; boxes and lassos are not drawn then."""

    tick = traitlets.Int(0).tag(sync=True)
    """Counts what was sent; the browser writes what it has drawn last into ``data-drawn``."""

    def __init__(self, **traits: Any) -> None:
        self._on_click: Callable[[int, bool], None] = lambda row, toggle: None
        self._on_region: Callable[[Region], None] = lambda region: None
        self._on_zoom: Callable[[Any], None] = lambda ranges: None
        super().__init__(library=library("plotly", _plotly), **traits)
        self.on_msg(self._receive)

    def show(self, figure: go.Figure, marks: Sequence[dict[str, Any]] | None = None) -> None:
        """Replace the figure, and what is marked on it."""
        with self.hold_sync():
            self.tick += 1
            self.figure = figure.to_json()
            if marks is not None:
                self.marks = json.dumps(marks)

    def mark(self, marks: Sequence[dict[str, Any]]) -> None:
        """Replace what is marked."""
        with self.hold_sync():
            self.tick += 1
            self.marks = json.dumps(marks)

    def on_click(self, callback: Callable[[int, bool], None]) -> None:
        """Call ``callback(row, toggle)``; ``toggle`` with Ctrl, Shift or Cmd held."""
        self._on_click = callback

    def on_region(self, callback: Callable[[Region], None]) -> None:
        """Call ``callback(region)`` when a box or a lasso is drawn."""
        self._on_region = callback

    def on_zoom(self, callback: Callable[[tuple[Ends, Ends] | None], None]) -> None:
        """Call ``callback((x, y))`` with the ends of both axes, or with None for the whole."""
        self._on_zoom = callback

    def _receive(self, _: Any, content: dict[str, Any], __: list[memoryview]) -> None:
        if content.get("kind") == "click":
            self._on_click(int(content["row"]), bool(content["toggle"]))
        elif content.get("kind") == "region":
            # on an axis of categories the ends are places in their order
            x, y = (np.asarray(content[axis], dtype=float) for axis in "xy")
            self._on_region(Region(content["shape"], x, y, [int(row) for row in content["rows"]]))
        elif content.get("kind") == "zoom":
            ends = content.get("ranges")
            if ends is not None:
                (left, right), (low, high) = ends
                ends = (float(left), float(right)), (float(low), float(high))
            self._on_zoom(ends)
