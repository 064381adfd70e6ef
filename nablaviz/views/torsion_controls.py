"""What is chosen beside the dihedral: the bond, the orbital, colours of the atoms, the curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from ipywidgets import Box, Checkbox, Dropdown

from nablaviz.chem.orbitals import Orbitals
from nablaviz.chem.torsion import Rotor
from nablaviz.models.torsion import Point
from nablaviz.views.language import say
from nablaviz.views.torsion_curves import QUANTITIES

AROUND = 6
"""So many orbitals on each side of the gap are offered; others are chosen in the level diagram."""


class TorsionControls(Box):
    """A line of controls.

    Parameters
    ----------
    bonds
        Those to choose from.
    """

    def __init__(self, bonds: Sequence[Rotor]) -> None:
        self._quiet = False
        self.bond = Dropdown(
            options=[(bond.name, bond) for bond in bonds],
            description=say("torsion.bond"),
            tooltip=say("torsion.bond_does"),
        )
        self.orbital = Dropdown(options=["HOMO", "LUMO"], value="HOMO", description=say("torsion.orbital"))
        self.follow = Checkbox(
            True, description=say("torsion.follow"), tooltip=say("torsion.follow_does"), indent=False
        )
        self.atoms = Dropdown(
            options=[(say("torsion.element"), "element"), (say("torsion.charge"), "charge")],
            description=say("torsion.atoms"),
        )
        self.curve = Dropdown(
            options=[(say(f"torsion.{quantity}"), quantity) for quantity in QUANTITIES],
            description=say("torsion.curve"),
        )
        controls = (self.bond, self.orbital, self.follow, self.atoms, self.curve)
        for control in controls:
            control.add_class("nablaviz-control")
        super().__init__(controls)
        self.add_class("nablaviz-bar")

    def show(self, bond: Rotor, orbitals: Orbitals, orbital: str) -> None:
        """Take the bond that is turned, the orbitals of the first geometry, and which of them is drawn."""
        if bond not in [each for _, each in self.bond.options]:
            others = [(name, each) for name, each in self.bond.options if name != bond.name]
            self.bond.options = [*others, (bond.name, bond)]
        self.bond.value = bond
        offered = range(max(0, orbitals.lumo - AROUND), min(len(orbitals), orbitals.lumo + AROUND))
        labels = [orbitals.label(index) for index in reversed(offered)]
        self._offer(labels if orbital in labels else [*labels, orbital], orbital)

    def first(self, point: Point, index: int) -> int:
        """Which orbital of the first geometry is one of another point's."""
        if not self.follow.value:
            return index
        return int(np.flatnonzero(point.followed.order == index)[0])

    def observe_looks(
        self, choose: Callable[[str], object], ask: Callable[[], object], draw: Callable[[], object]
    ) -> None:
        """Call ``choose`` with the orbital, ``ask`` when the picture changes, ``draw`` when the curves do."""
        self.orbital.observe(lambda change: None if self._quiet else choose(change["new"]), "value")
        for control, acts in (
            (self.follow, (ask, draw)),
            (self.atoms, (ask,)),
            (self.curve, (draw,)),
        ):
            for act in acts:
                control.observe(lambda _, act=act: act(), "value")

    def _offer(self, labels: Sequence[str], chosen: str) -> None:
        self._quiet = True
        self.orbital.options, self.orbital.value = labels, chosen
        self._quiet = False
