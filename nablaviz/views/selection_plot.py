"""What plots of conformers share, whether they draw points or count: a selection, and the page's colours."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets import VBox

from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot

RING = {"size": 15, "line": {"width": 2.5, "color": "#d55e00"}, "color": "rgba(0,0,0,0)"}
"""The marker of the active conformer."""


class SelectionPlot(VBox):
    """A plot on which conformers are selected and marked."""

    def __init__(self, height: int, **options: Any) -> None:
        self._selection: list[int] = []
        self._dark = False
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        self.notice = Notice()
        self.plot = Plot(height=height, **options)
        self.plot.on_click(self._click)
        super().__init__()
        self.add_class("nablaviz-scatter")

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    def select(self, selection: Sequence[int]) -> None:
        """Mark the selected rows; the last is the active one, which gets a ring."""
        self._selection = list(selection)
        with self.notice.guard():
            self.plot.mark(self._marks())

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._recolour()

    @abstractmethod
    def _marks(self) -> list[dict[str, Any]]:
        """Traces for what is selected."""

    @abstractmethod
    def _click(self, number: int, toggle: bool) -> None:
        """A point has been clicked."""

    @abstractmethod
    def _recolour(self) -> None:
        """Draw again in other colours."""
