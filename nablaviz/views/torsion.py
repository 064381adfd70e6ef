"""The torsion panel: a bond is turned, and a model's orbitals follow while one looks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import Box, VBox

from nablaviz.chem.torsion import Rotor, advice, rotor, rotors, set_dihedral
from nablaviz.models.library import load_model
from nablaviz.models.torsion import STEP, TorsionPath
from nablaviz.models.torsion_check import Check, path_table
from nablaviz.models.torsion_subject import subject
from nablaviz.molecule import Conformer, Molecule
from nablaviz.views.language import say
from nablaviz.views.latest import Latest
from nablaviz.views.notice import Notice, announced
from nablaviz.views.panel import Panel
from nablaviz.views.torsion_checks import HERE, TorsionChecks
from nablaviz.views.torsion_controls import TorsionControls
from nablaviz.views.torsion_export import export
from nablaviz.views.torsion_facts import checks_html
from nablaviz.views.torsion_frame import Frame, Wish, frame
from nablaviz.views.torsion_save import TorsionSave
from nablaviz.views.torsion_stage import TorsionStage
from nablaviz.views.torsion_traits import Angle, Orbital

if TYPE_CHECKING:
    import pandas as pd

EVERY = 0.3
"""Seconds between two drawings of the curves while the path is computed."""

ARROW = 5.0
"""Degrees by which an arrow key in the 3D view turns the bond."""


def torsion(
    molecule: Molecule | Conformer | str, model: Any = "hamiltonian-fast", **options: Any
) -> TorsionPanel:
    """Turn a bond and watch a model's orbitals follow: see :class:`TorsionPanel`.

    Examples
    --------
    >>> panel = nablaviz.torsion("C=CC=O")
    >>> panel
    >>> panel.check(60)
    >>> await panel.finished()
    >>> panel.table
    """
    with announced(say("torsion.preparing")):
        return TorsionPanel(molecule, model, **options)


class TorsionPanel(Panel):
    """A molecule in 3D with an orbital, curves along a torsion, levels, and DFT at points of the path.

    The dihedral is changed by dragging in the curves or with the slider below them, with keys, or by playing;
    the Hamiltonian is predicted and solved anew each time. Another bond is chosen by clicking its two atoms
    in the view, or from the list.

    Parameters
    ----------
    molecule
        A geometry, a conformer, or a SMILES string.
    model
        Predicts Hamiltonians: a name or path for :func:`nablaviz.load_model`, or anything with ``predict``.
    energy
        Predicts energies, likewise; ``None`` takes those of ``model``, where it has them.
    bond
        The two atoms of the bond to be turned, or the four of its torsion; by default the one between the
        largest sides.
    step
        Degrees between the points of the path, of which the curves are drawn.
    height
        Of the view and the curves, in pixels.

    Raises
    ------
    ValueError
        If the molecule or the bond cannot be taken; the message says what to do instead.
    """

    angle = Angle(0.0)
    """The dihedral, degrees, −180 to 180. It can be set, and observed."""

    orbital = Orbital("HOMO")
    """What is drawn, by its name at the geometry at which the path began."""

    def __init__(
        self,
        molecule: Molecule | Conformer | str,
        model: Any = "hamiltonian-fast",
        *,
        energy: Any = "energy",
        bond: Sequence[int] | None = None,
        step: float = STEP,
        height: int = 430,
    ) -> None:
        self.model, self.energy = (
            load_model(each) if isinstance(each, str | Path) else each for each in (model, energy)
        )
        self.molecule = subject(molecule, self.model)
        "The geometry that was given."
        if not (found := rotors(self.molecule)):
            raise ValueError(say("torsion.no_rotor", molecule=self.molecule, advice=advice(self.molecule)))
        chosen = found[0] if bond is None else rotor(self.molecule, bond)
        self._grid = step
        self.path = TorsionPath(self.molecule, chosen, self.model, self.energy, step=step)
        "Predictions for the bond that is turned."
        self.checks: dict[float, Check] = {}
        "What was computed with DFT, by angle."
        self._quiet = self._failed = False
        self._plotted = 0.0
        self.controls = TorsionControls(found)
        self.notice = Notice()
        self.stage = TorsionStage(height, self._click, self._select)
        self.dft = TorsionChecks(self.check, self._checked, self._draw)
        self.saving = TorsionSave(self.save)
        self.latest = Latest(self._make, self._show, lambda: self.path.extend(), self._extended)
        lower = Box([VBox([self.stage.levels]), self.dft])
        lower.add_class("nablaviz-torsion-lower")
        super().__init__(
            "compare training torsion", [self.controls, self.notice, self.stage, lower, self.saving]
        )
        self.observe(lambda _: self._ask(), ["angle", "orbital"])
        self.observe(lambda _: self._offer(), "orbital")
        self._begin()
        controls = self.controls
        controls.bond.observe(lambda change: self._turn(change["new"]), "value")
        controls.observe_looks(lambda label: self.set_trait("orbital", label), self._ask, self._draw)
        self.stage.chart.observe(
            lambda change: self._quiet or self.set_trait("angle", change["new"]), "angle"
        )
        self.stage.viewer.on_step(lambda by: self.set_trait("angle", round(self.angle) + ARROW * by))

    # --- what is chosen -----------------------------------------------------------------------

    @property
    def geometry(self) -> Molecule:
        """What is shown."""
        return set_dihedral(self.path.molecule, self.path.rotor, self.angle)

    @property
    def frame(self) -> Frame | None:
        """The picture that is shown."""
        return self.stage.frame

    @property
    def table(self) -> pd.DataFrame:
        """The path so far: see :func:`nablaviz.models.torsion_check.path_table`."""
        points = {point.angle: point for point in self.path.known}
        points |= {angle: found.point for angle, found in self.checks.items()}
        ordered = [points[angle] for angle in sorted(points)]
        return path_table(ordered, self.checks, self._index, self.controls.follow.value)

    def choose(self, bond: Sequence[int]) -> None:
        """Turn another bond, beginning at the geometry that is shown.

        Parameters
        ----------
        bond
            Its two atoms, or the four of a torsion.

        Raises
        ------
        ValueError
            If it cannot be turned.
        """
        geometry = self.geometry
        chosen = rotor(geometry, bond)
        if chosen.atoms == self.path.rotor.atoms:
            return
        self.path = TorsionPath(geometry, chosen, self.model, self.energy, step=self._grid)
        self._begin()

    def check(self, step: int = HERE) -> None:
        """Compute points of the path with DFT, in the background; by default the geometry that is shown.

        Parameters
        ----------
        step
            Degrees between the points, or 0 for the geometry that is shown.

        Raises
        ------
        ValueError
            If DFT is at work, or there is no such step.
        """
        self.dft.start(self.path, step, self.angle, self.checks)

    async def save(self, kind: str, path: str | Path, *args: Any, **options: Any) -> None:
        """Write a ``page`` that plays without a kernel, a ``gif``, of what a browser shows, or the ``csv``.

        As :func:`nablaviz.views.torsion_export.export`: ``await panel.save("gif", "torsion.gif")``.
        """
        try:
            await export(kind, path, self.stage, self._wish, self.checks, self.table, *args, **options)
        finally:
            self._ask()

    async def finished(self) -> None:
        """Wait until all that was asked for is computed and shown."""
        while self.latest.busy or self.dft.running:
            await asyncio.sleep(0.05)

    @property
    def _index(self) -> int:
        return self.path.start.solution.orbitals.index(self.orbital)

    def _begin(self) -> None:
        """Show a new path from its first geometry."""
        self.dft.stop()
        self.checks = {}
        chosen = self.path.rotor
        self._quiet = True
        self.angle = self.path.start.angle
        self._quiet = False
        self._offer()
        self.saving.propose(f"{self.molecule.formula}-{self.orbital}".replace("−", "-"))
        self.notice.clear()
        if chosen.order == 2:
            self.notice.say(say("torsion.double", bond=chosen.name), "info")
        self._ask()
        self.latest.resume()

    def _offer(self) -> None:
        """Show in the controls, and in the curves, what is drawn."""
        self.controls.show(self.path.rotor, self.path.start.solution.orbitals, self.orbital)
        self._draw()

    def _click(self, atoms: Sequence[int]) -> None:
        with self.notice.guard():
            self.choose(atoms)

    def _turn(self, chosen: Rotor) -> None:
        """A bond was chosen from the list."""
        if chosen.atoms != self.path.rotor.atoms:
            self._click(chosen.atoms)
            self.controls.bond.value = self.path.rotor

    def _select(self, index: int) -> None:
        """An orbital was chosen in the level diagram."""
        if self.frame is not None:
            first = self.controls.first(self.frame.point, index)
            self.orbital = self.path.start.solution.orbitals.label(first)

    # --- what is shown ------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._quiet:
            return
        self._quiet = True
        self.stage.chart.angle = self.angle
        self._quiet = False
        self.latest.ask(self._wish)

    @property
    def _wish(self) -> Wish:
        follow, charges = self.controls.follow.value, self.controls.atoms.value == "charge"
        return Wish(self.path, self.angle, self._index, follow, charges)

    def _make(self, wish: Wish, careful: bool) -> Frame:
        return frame(wish, self.checks, careful)

    def _show(self, found: Future[Frame]) -> None:
        if self._failed or found.exception() is not None:
            self._failed = found.exception() is not None
            with self.notice.guard():
                found.result()
        if not self._failed and found.result().wish.path is self.path:
            self.stage.draw(found.result(), self.checks)

    def _checked(self, found: Check) -> None:
        """Another geometry was computed with DFT."""
        self.checks[found.point.angle] = found
        self._draw()
        if self.frame is not None and self.frame.point.angle == found.point.angle:
            self._ask()

    def _extended(self) -> None:
        """Another point of the path is known."""
        if time.monotonic() - self._plotted > EVERY or not self.latest.busy:
            self._draw()

    def _draw(self) -> None:
        """The curves and the table of what was checked."""
        if self._quiet:
            return
        self._plotted = time.monotonic()
        table, controls = self.table, self.controls
        follow = controls.follow.value
        self.stage.plot(self.path, self.checks, table, controls.curve.value, self._index, follow)
        self.dft.table.value = checks_html(table, self.orbital)
