"""A plot of errors in the panel: a choice of what is drawn, linked with the selection."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Box, Dropdown, VBox

from nablaviz.views.error_figures import Drawing
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot, Region
from nablaviz.views.scatter_view import chips
from nablaviz.views.selection import clicked


def offer(control: Dropdown, options: Sequence[tuple[str, str]]) -> None:
    """Replace what can be chosen; the choice stays where it is still there, else it is the first."""
    before, values = control.value, [value for _, value in options]
    if tuple(options) != control.options:
        control.options = tuple(options)
        control.value = before if before in values else next(iter(values), None)


class ErrorPlot(VBox):
    """Click to select, with Ctrl to add; drag a box or lasso to select all inside.

    Parameters
    ----------
    title
        What the choice is called.
    draw
        Gives the drawing of a choice, on a dark page or not.
    height
        Of the plot, in pixels.
    """

    def __init__(self, title: str, draw: Callable[[str, bool], Drawing], height: int) -> None:
        self._draw_choice = draw
        self._drawing: Drawing | None = None
        self._selection: list[int] = []
        self._dark = self._offering = False
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        self.choice = Dropdown(description=title)
        self.choice.add_class("nablaviz-control")
        self.choice.observe(lambda _: self._draw(), "value")
        self.legend = HTML()
        self.plot = Plot(height=height)
        self.plot.on_click(self._click)
        self.plot.on_region(self._region)
        self.notice = Notice()
        bar = Box([self.choice])
        bar.add_class("nablaviz-bar")
        super().__init__([bar, self.legend, self.plot, self.notice])
        self.add_class("nablaviz-error-plot")

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Replace what can be chosen, keep the choice where it is still there, and draw."""
        self._offering = True
        offer(self.choice, options)
        self._offering = False
        self._draw()

    def select(self, rows: Sequence[int]) -> None:
        """Mark the selected rows."""
        self._selection = list(rows)
        if self._drawing is not None:
            with self.notice.guard():
                self.plot.mark(self._drawing.marks(self._selection))

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._draw()

    def _draw(self) -> None:
        if self._offering or self.choice.value is None:
            return
        with self.notice.guard():
            self._drawing = None
            self._drawing = self._draw_choice(self.choice.value, self._dark)
            figure = self._drawing.figure
            self.legend.value = chips(figure)
            figure.update_layout(showlegend=False)
            self.plot.show(figure, self._drawing.marks(self._selection))

    def _click(self, number: int, toggle: bool) -> None:
        if self._drawing is None:
            return
        with self.notice.guard():
            rows = self._drawing.clicked(number)
            if len(rows) == 1:
                rows = clicked(self._selection, rows[0], toggle=toggle)
            elif toggle:
                rows = list(dict.fromkeys([*self._selection, *rows]))
            self._on_select(rows)

    def _region(self, region: Region) -> None:
        if self._drawing is None:
            return
        with self.notice.guard():
            self._on_select(self._drawing.inside(region))
