"""The torsion panel's pictures: molecule and orbital, curves, numbers, levels; ``draw`` shows a frame."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, VBox

from nablaviz.models.second import Found
from nablaviz.models.torsion import TorsionPath
from nablaviz.models.torsion_check import Check
from nablaviz.views.levels import Levels, level_data
from nablaviz.views.reliability import reliability_html
from nablaviz.views.surface import Surface
from nablaviz.views.torsion_chart import TorsionChart
from nablaviz.views.torsion_curves import charts
from nablaviz.views.torsion_facts import facts_html
from nablaviz.views.torsion_frame import ISOVALUES, Frame
from nablaviz.views.viewer import Viewer

if TYPE_CHECKING:
    import pandas as pd

OPACITY = 0.75
LEVELS = 330
"""Height of the level diagram, pixels."""


class TorsionStage(VBox):
    """Molecule and curves beside each other, numbers below; the levels are put elsewhere by who makes it.

    Parameters
    ----------
    height
        Of the view and of the curves, in pixels.
    choose
        Called with atoms that were clicked, two or four.
    level
        Called with the index, at the geometry that is shown, of an orbital chosen in the level diagram.
    """

    def __init__(
        self, height: int, choose: Callable[[Sequence[int]], object], level: Callable[[int], object]
    ) -> None:
        self._choose, self._level, self._quiet = choose, level, False
        self._marked: list[int] = []
        self._lowest: pd.Series | None = None
        self.frame: Frame | None = None
        "What is shown."
        self.viewer = Viewer(height=f"{height}px", isovalue_range=ISOVALUES)
        self.chart = TorsionChart(height=height)
        self.levels = Levels(height=LEVELS)
        self.facts, self.head = HTML(), HTML()
        self.facts.add_class("nablaviz-numbers")
        self.head.add_class("nablaviz-torsion-head")
        pictures = Box([VBox([self.viewer]), VBox([self.chart])])
        pictures.add_class("nablaviz-torsion-stage")
        super().__init__([self.head, pictures, self.facts])
        self.viewer.observe(self._picked, "picked")
        self.levels.observe(self._selected, "selected")

    def draw(self, frame: Frame, checks: Mapping[float, Check]) -> None:
        """Show a picture of the path, and the numbers that belong to it.

        Parameters
        ----------
        checks
            By angle.
        """
        self.frame = frame
        self.chart.shown = frame.wish.angle
        self.draw_view(frame)
        self._write()
        if frame.careful:
            self._draw_levels(checks)

    def draw_view(self, frame: Frame) -> None:
        """Show a picture of the path in the view alone."""
        atoms = list(frame.wish.path.rotor.atoms)
        with self.viewer.hold_sync():
            self.viewer.show(frame.point.molecule, colors=frame.colors, legend=frame.legend)
            self.viewer.draw_surfaces([Surface(frame.field, opacity=OPACITY)], isovalue_range=ISOVALUES)
            if self._marked != atoms:
                self._mark(atoms)

    def plot(
        self,
        path: TorsionPath,
        checks: Mapping[float, Check],
        table: pd.DataFrame,
        quantity: str,
        orbital: int,
        follow: bool,
    ) -> None:
        """Draw the curves: see :func:`nablaviz.views.torsion_curves.charts`."""
        self.chart.charts = charts(table, path.known, checks, quantity, orbital, follow, path.grid)
        self._lowest = table[["energy", "band_energy"]].min() if len(table) else None
        self._write()

    def _write(self) -> None:
        """The numbers of the geometry that is shown, and the badge."""
        if self.frame is None:
            return
        solution = self.frame.point.solution
        if self._lowest is not None:
            start = self.frame.wish.path.start.solution.orbitals.label(self.frame.wish.orbital)
            self.facts.value = facts_html(self.frame.line, self._lowest, start)
        molecule = solution.molecule
        badge = reliability_html(Found(None, closeness=self.frame.point.closeness))
        names = (molecule.smiles or molecule.formula, f"{molecule.formula}, {solution.name}")
        title, method = map(html.escape, names)
        self.head.value = f"<b>{title}</b> <span>{method}</span>{badge}"

    def _draw_levels(self, checks: Mapping[float, Check]) -> None:
        """The level diagram of the geometry that is shown, beside DFT's where that is known."""
        assert self.frame is not None
        ours, index = self.frame.point.solution, self.frame.index
        found = checks.get(self.frame.point.angle)
        self._quiet = True
        if found is None:
            self.levels.show(level_data(ours.orbitals, names=(ours.name, "")), index)
        else:
            pair = found.comparison
            data = level_data(pair.reference.orbitals, pair.other.orbitals, pair.matching, pair.names)
            self.levels.show(data, found.pair(index))
        self._quiet = False

    def _mark(self, atoms: list[int]) -> None:
        self._quiet, self._marked = True, atoms
        self.viewer.picked = atoms
        self._quiet = False

    def _picked(self, change: Any) -> None:
        """Two or four atoms clicked choose a bond; a click on one that was marked begins anew."""
        atoms = change["new"]
        if self._quiet or atoms == self._marked:
            return
        if change["old"] == self._marked and len(atoms) == 3:
            self._quiet = True
            self.viewer.picked = [atom for atom in self._marked if atom not in atoms]
            self._quiet = False
        elif len(atoms) in (2, 4):
            self._choose(atoms)

    def _selected(self, change: Any) -> None:
        if not self._quiet and change["new"] is not None:
            pair = self.levels.levels["pairs"][change["new"]]
            self._level(int(pair[1] if len(pair) > 1 else pair[0]))
