"""What a model makes of a molecule along a torsion: one point of the path, and the path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.comparison import Solution, solution
from nablaviz.chem.following import Followed, begin, follow
from nablaviz.chem.torsion import Rotor, dihedral, set_dihedral, turn, wrapped
from nablaviz.models.trust import Closeness
from nablaviz.molecule import Molecule

if TYPE_CHECKING:
    from nablaviz.chem.grid import Field

STEP = 10.0
"""Degrees between the points of a path: small enough for each orbital to be known again at the next."""

EQUAL = 1e-6
"""Degrees; angles that differ by less are the same."""

LEVEL = 0.008
"""bohr^(-3/2). Orbitals can be drawn down to this isovalue."""

COARSE, FINE = 26, 48
"""Points along the longest side of an orbital's box: while the bond is turned, and at rest."""


@dataclass(frozen=True, eq=False)
class Point:
    """What models say of one geometry on the path."""

    angle: float
    "The torsion, degrees, −180 to 180."
    followed: Followed
    "Orbitals from the predicted Hamiltonian, known by those of the geometry the path began at."
    energy: float | None = None
    "Total energy by the energy model, Eh."
    closeness: Closeness | None = None
    "To the training data of the Hamiltonian's model, where they are known."

    @property
    def solution(self) -> Solution:
        """What follows from the predicted Hamiltonian."""
        return self.followed.solution

    @property
    def molecule(self) -> Molecule:
        """The geometry."""
        return self.solution.molecule

    def index(self, orbital: int, follow: bool = True) -> int:
        """Where an orbital of the path's first geometry is among those here, or the one with its number."""
        return int(self.followed.order[orbital]) if follow else orbital


class TorsionPath:
    """Predictions for a molecule whose bond is turned; those on a grid of angles are kept.

    Each point's orbitals are continued from the nearest point that is kept, so what is found at an angle
    does not depend on how one came there, once all are kept.

    Parameters
    ----------
    molecule
        The geometry that the path begins at.
    rotor
        The bond.
    model
        Predicts Hamiltonians.
    energy
        Predicts energies; ``None`` takes those of ``model`` where it has them.
    step
        Of the grid, degrees.

    Raises
    ------
    ValueError
        If the model predicts no Hamiltonian, or not of this molecule; or the step does not divide 180.
    """

    def __init__(
        self, molecule: Molecule, rotor: Rotor, model: Any, energy: Any = None, *, step: float = STEP
    ) -> None:
        self.molecule, self.rotor, self._model, self._energy = molecule, rotor, model, energy
        if not (0 < step <= 90 and (180 / step).is_integer()):
            raise ValueError(f"the step of a path divides 180 degrees, as 5, 10, 15 or 30 do; not {step}")
        self.grid: tuple[float, ...] = tuple(np.arange(-180.0, 180.0, step).tolist())
        "Angles of the path, degrees."
        self.start = self._last = self._predict(dihedral(molecule, rotor))
        self.points: dict[float, Point] = {}
        "By angle of the grid, those that are known."

    def at(self, angle: float) -> Point:
        """What the models say at an angle, degrees."""
        angle = wrapped(angle)
        for known in (*self.points.values(), self.start, self._last):
            if _apart(known.angle, angle) < EQUAL:
                return known
        self._last = self._predict(angle)
        return self._last

    def missing(self) -> Iterator[float]:
        """Angles of the grid that are not known, those beside known ones first."""
        by_distance = sorted(self.grid, key=lambda angle: (_apart(angle, self.start.angle), angle))
        return iter([angle for angle in by_distance if angle not in self.points])

    def extend(self) -> bool:
        """Compute one more point of the grid; whether any is left."""
        angle = next(self.missing(), None)
        if angle is not None:
            self.points[angle] = self.at(angle)
        return next(self.missing(), None) is not None

    def complete(self) -> None:
        """Compute all points of the grid."""
        while self.extend():
            pass

    @property
    def known(self) -> list[Point]:
        """The points of the grid that are known, ascending."""
        return [self.points[angle] for angle in sorted(self.points)]

    def _predict(self, angle: float) -> Point:
        geometry = set_dihedral(self.molecule, self.rotor, angle)
        predicted = self._model.predict(geometry)
        hamiltonian = getattr(predicted, "hamiltonian", None)
        if hamiltonian is None:
            raise ValueError(
                f"model {name_of(self._model)!r} predicts no Hamiltonian, so there is no orbital to follow: "
                "take one that does, such as 'hamiltonian-fast', and give this one as energy="
            )
        by_energy = predicted if self._energy is None else self._energy.predict(geometry)
        energy = getattr(by_energy, "energy", None)
        domain = getattr(self._model, "domain", None)
        close = domain.closeness(geometry) if domain is not None else None
        found = solution(geometry, hamiltonian, name_of(self._model), energy=energy)
        return Point(angle, self._continued(angle, found), energy, close)

    def _continued(self, angle: float, found: Solution) -> Followed:
        if not hasattr(self, "start"):
            return begin(found)
        known = min((*self.points.values(), self.start), key=lambda point: _apart(point.angle, angle))
        turned = turn(known.molecule, self.rotor, angle - known.angle)
        return follow(known.followed, found, turned, self.rotor.moving)


def orbital_field(point: Point, index: int, points: int = FINE) -> Field:
    """An orbital of a point on a box that fits it, with the phase that was followed.

    Parameters
    ----------
    index
        Of the orbital at this point: see :meth:`Point.index`.
    points
        Along the longest side.
    """
    from nablaviz.chem.grid import ORBITAL_UNIT, Field, fit_box, orbital_values

    coefficients = point.followed.coefficients[:, [index]]
    box = fit_box(point.molecule, coefficients, level=LEVEL, points=points)
    return Field(box, orbital_values(point.molecule, coefficients, box)[0], ORBITAL_UNIT)


def name_of(model: Any) -> str:
    """The name on a model's card, or that of its class."""
    return str(getattr(getattr(model, "card", None), "name", None) or type(model).__name__)


def _apart(a: float, b: float) -> float:
    """How far two angles are from each other on the circle, degrees."""
    return abs(wrapped(a - b))
