"""The lower part of the comparison panel: matrices, errors, density of states, tables; one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Box, Checkbox, Dropdown, FloatLogSlider, ToggleButtons, VBox

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.views.atom_tables import atoms_html, bonds_html
from nablaviz.views.block_figures import BY, block_figure, pair_of
from nablaviz.views.language import choices, say
from nablaviz.views.matrix_view import MatrixView
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot
from nablaviz.views.property_table import error_table, property_table
from nablaviz.views.states_figure import states_figure

TABS = ("matrix", "blocks", "states", "atoms", "properties")


class Details(VBox):
    """Draws a part when it is looked at, and not before.

    Parameters
    ----------
    height
        In pixels.
    """

    def __init__(self, height: int = 420) -> None:
        self._shown: Comparison | Solution | None = None
        self._stale: set[str] = set()
        self._dark = False
        self._on_pair: Callable[[tuple[int, int]], None] = lambda pair: None
        self.tab = ToggleButtons(options=choices("details.", TABS))
        self.tab.add_class("nablaviz-tabs")
        self.matrix = MatrixView(height - 95)
        self.by = Dropdown(options=choices("blocks.by_", BY), description=say("blocks.by"))
        self.blocks = Plot(height=height - 75)
        self.width = FloatLogSlider(
            0.01, base=10, min=-3, max=-1, step=0.05, description=say("states.width"), readout_format=".3f"
        )
        self.by_element = Checkbox(description=say("states.by_element"), indent=False)
        self.states = Plot(height=height - 75)
        self.atoms, self.properties = HTML(), HTML()
        for tables in (self.atoms, self.properties):
            tables.add_class("nablaviz-tables")
        self.notice = Notice()
        bar = Box([self.width, self.by_element])
        bar.add_class("nablaviz-bar")
        for control in (self.by, self.width, self.by_element):
            control.add_class("nablaviz-control")
        self._parts: dict[str, Any] = {
            "matrix": self.matrix, "blocks": VBox([self.by, self.blocks]),
            "states": VBox([bar, self.states]), "atoms": self.atoms, "properties": self.properties,
        }  # fmt: skip
        pages = Box(list(self._parts.values()))
        pages.add_class("nablaviz-pages")
        super().__init__([self.tab, self.notice, pages])
        self.add_class("nablaviz-details")
        self.tab.observe(lambda _: self._draw(), "value")
        self.by.observe(lambda _: self._again("blocks"), "value")
        for control in (self.width, self.by_element):
            control.observe(lambda _: self._again("states"), "value")
        self.matrix.on_pair(lambda pair: self._on_pair(pair))
        self.blocks.on_click(lambda row, toggle: self._point(row))
        self._reveal()

    def on_pair(self, callback: Callable[[tuple[int, int]], None]) -> None:
        """Call ``callback((i, j))`` with the atoms of a block or of a point that is clicked."""
        self._on_pair = callback

    def show(self, shown: Comparison | Solution | None) -> None:
        """Take what is known of a conformer."""
        self._shown = shown
        self._stale = set(TABS)
        self._draw()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._stale |= {"matrix", "blocks", "states"}
            self._draw()

    def _again(self, part: str) -> None:
        self._stale.add(part)
        self._draw()

    def _reveal(self) -> None:
        for name, part in self._parts.items():
            part.layout.display = None if name == self.tab.value and self._shown is not None else "none"

    def _draw(self) -> None:
        self._reveal()
        name = self.tab.value
        if self._shown is None or name not in self._stale:
            return
        with self.notice.guard():
            draw: dict[str, Callable[[Any], None]] = {
                "matrix": lambda shown: self.matrix.show(shown, self._dark),
                "blocks": self._draw_blocks,
                "states": self._draw_states,
                "atoms": self._write_atoms,
                "properties": self._write_properties,
            }
            draw[name](self._shown)
            self._stale.discard(name)

    def _draw_blocks(self, shown: Comparison | Solution) -> None:
        self.blocks.show(block_figure(_both(shown).blocks, self.by.value, dark=self._dark))

    def _draw_states(self, shown: Comparison | Solution) -> None:
        sides = [shown] if isinstance(shown, Solution) else [shown.reference, shown.other]
        figure = states_figure(sides, self.width.value, by_element=self.by_element.value, dark=self._dark)
        self.states.show(figure)

    def _write_atoms(self, shown: Comparison | Solution) -> None:
        comparison = _both(shown)
        self.atoms.value = atoms_html(comparison) + bonds_html(comparison)

    def _write_properties(self, shown: Comparison | Solution) -> None:
        if isinstance(shown, Solution):
            self.properties.value = property_table(shown.properties, [shown.name])
        else:
            self.properties.value = property_table(shown.properties, shown.names) + error_table(shown.errors)

    def _point(self, row: int) -> None:
        """A pair of atoms was clicked among the errors by distance."""
        if self._shown is not None and self.by.value == "distance":
            self._on_pair(pair_of(row, len(self._shown.molecule)))


def _both(shown: Comparison | Solution) -> Comparison:
    if isinstance(shown, Solution):
        raise ValueError(say("details.only_one"))
    return shown
