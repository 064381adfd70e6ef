"""The conformers of a large catalogue by scaffold, formula, split or number of atoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ipywidgets import HTML, Box, Dropdown, VBox

from nablaviz.data.aggregates import groups
from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.views.catalogue_figures import groups_figure
from nablaviz.views.columns import NUMERIC, SHOWN
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot

BY = ("scaffold", "formula", "n_atoms", "split", "moses_id")
"""What can be grouped by, where the source holds it."""

BARS = 20
LEAST = (1, 10, 100, 1000, 10_000)
"""Smallest groups to be shown, conformers."""


class GroupView(VBox):
    """A bar for each group; a click on one keeps that group alone.

    Parameters
    ----------
    catalog
        What is grouped.
    held
        Columns that hold something.
    height
        Of the plot, in pixels.
    """

    def __init__(self, catalog: Catalog, held: Sequence[str], height: int = 420) -> None:
        self._catalog = catalog
        self._filters: dict[str, Any] = {}
        self._names: list[Any] = []
        self._dark = False
        self._on_choose: Callable[[str, Any], None] = lambda column, value: None
        numbers = [(SHOWN[c].label, c) for c in NUMERIC if c in held and c not in BY]
        first = next((c for c in ("gap", RELATIVE, "formation_energy") if c in held), None)
        orders = ("largest", "conformers"), ("lowest", "lowest"), ("highest", "highest")
        self.by = Dropdown(
            options=[(SHOWN[c].label, c) for c in BY if c in held], description=say("catalogue.group_by")
        )
        self.value = Dropdown(options=numbers, value=first, description=say("catalogue.of"))
        self.order = Dropdown(
            options=[(say(f"catalogue.{key}"), order) for key, order in orders],
            description=say("catalogue.order"),
        )
        self.least = Dropdown(options=[(f"{n:,}", n) for n in LEAST], description=say("catalogue.least"))
        self.said, self.notice = HTML(), Notice()
        self.plot = Plot(height=height)
        self.plot.on_click(lambda line, toggle: self._choose(line))
        controls = (self.by, self.value, self.order, self.least)
        for control in controls:
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._draw(), "value")
        bar = Box([*controls, self.said])
        bar.add_class("nablaviz-bar")
        super().__init__([bar, self.plot, self.notice])
        self.add_class("nablaviz-groups")

    def on_choose(self, callback: Callable[[str, Any], None]) -> None:
        """Call ``callback(column, value)`` with the group that is clicked."""
        self._on_choose = callback

    def show(self, filters: dict[str, Any]) -> None:
        """Group the conformers that pass the filters."""
        self._filters = filters
        self._draw()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._draw()

    def _draw(self) -> None:
        with self.notice.guard():
            found = groups(
                self._catalog, self.by.value, self.value.value, order=self.order.value, limit=BARS,
                least=self.least.value, **self._filters,
            )  # fmt: skip
            self._names = found.index.tolist()
            self.said.value = say("catalogue.groups", n=found.attrs["groups"], shown=len(found))
            self.plot.show(groups_figure(found, self.value.value, dark=self._dark))

    def _choose(self, line: int) -> None:
        if 0 <= line < len(self._names):
            self._on_choose(self.by.value, self._names[line])
