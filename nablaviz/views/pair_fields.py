"""What three linked 3D views draw of two Hamiltonians: a field of each, and their difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.chem.grid import (
    DENSITY_UNIT,
    ORBITAL_UNIT,
    POTENTIAL_UNIT,
    Box,
    Field,
    density_values,
    fit_box,
    orbital_values,
    potential_values,
)
from nablaviz.molecule import Molecule

LEVEL = 0.008
"""bohr^(-3/2). Orbitals can be drawn down to this isovalue."""

POINTS = 48
"""Along the longest side of a box, a quarter of an ångström apart: vertices are interpolated by cubics."""

MARGIN = 3.0
"""Å. The box of a density reaches so far beyond the atoms: there it is below 1e-3 e/bohr³."""

POTENTIAL_SPACING = 0.5
"""Å. A potential is smooth outside the atoms, and costs a second per thousand points."""

DIFFERENCE_COLORS = "#cc79a7", "#009e73"
"""Of a difference, positive and negative: from the palette of the phases, but not these."""

VISIBLE = 0.003
"""A difference is magnified until this part of the box is within its surface."""


@dataclass(frozen=True, eq=False)
class PairFields:
    """A field of the reference, of the other, and the other's less the reference's, on one box."""

    reference: Field
    other: Field | None = None
    difference: Field | None = None
    painted: tuple[Field, Field | None, Field | None] | None = None
    "What colours the surface of each, if anything does."


def orbital_fields(shown: Comparison | Solution, number: int, points: int = POINTS) -> PairFields:
    """A matched pair of orbitals, or one orbital where there is one Hamiltonian.

    Parameters
    ----------
    number
        Of the pair in ``matching``, or of the orbital.
    points
        Along the longest side of the box.
    """
    if isinstance(shown, Solution):
        coefficients = shown.orbitals.coefficients[:, [number]]
    else:
        level = shown.matching.pairs[number, 0]
        ours = shown.reference.orbitals.coefficients[:, level]
        coefficients = np.stack([ours, shown.matching.coefficients[:, number]], axis=1)
    box = fit_box(shown.molecule, coefficients, level=LEVEL, points=points)
    return _fields(box, orbital_values(shown.molecule, coefficients, box), ORBITAL_UNIT)


def density_fields(shown: Comparison | Solution, points: int = POINTS) -> PairFields:
    """The electron density of each."""
    box = molecule_box(shown.molecule, points)
    values = [density_values(shown.molecule, density, box) for density in _densities(shown)]
    return _fields(box, np.array(values), DENSITY_UNIT)


def potential_fields(
    shown: Comparison | Solution, progress: Callable[[float], object] | None = None, points: int = POINTS
) -> PairFields:
    """The electron density of each, painted with the electrostatic potential.

    The third is the reference's density, painted with the difference of the potentials.

    Parameters
    ----------
    progress
        Called with the part that is done, 0 to 1; may raise to stop.
    """
    densities = density_fields(shown, points)
    box = densities.reference.box
    side = float((box.spacing * (np.array(box.shape) - 1)).max())
    coarse = molecule_box(shown.molecule, round(side / POTENTIAL_SPACING) + 1)
    matrices = _densities(shown)

    def part(done: int) -> Callable[[float], object] | None:
        return progress and (lambda share: progress((done + share) / len(matrices)))

    values = [
        potential_values(shown.molecule, matrix, coarse, progress=part(k))
        for k, matrix in enumerate(matrices)
    ]
    potentials = _fields(coarse, np.array(values), POTENTIAL_UNIT)
    third = None if densities.other is None else densities.reference
    painted = (potentials.reference, potentials.other, potentials.difference)
    return PairFields(densities.reference, densities.other, third, painted)


def molecule_box(molecule: Molecule, points: int = POINTS) -> Box:
    """A box with cubic voxels around all atoms."""
    low, high = molecule.positions.min(axis=0) - MARGIN, molecule.positions.max(axis=0) + MARGIN
    spacing = float((high - low).max() / (points - 1))
    shape = np.ceil((high - low) / spacing - 1e-6).astype(int) + 1
    nx, ny, nz = shape.tolist()
    return Box((low + high - spacing * (shape - 1)) / 2, np.full(3, spacing), (nx, ny, nz))


def magnified(difference: Field, isovalue: float) -> tuple[Field, int]:
    """A difference times the least power of ten with which something of it is seen, and that power."""
    size = np.abs(difference.values)
    seen = float(np.partition(size, -(count := max(1, round(VISIBLE * size.size))), axis=None)[-count])
    factor = 1
    while 0 < seen * factor < isovalue and factor < 10**6:
        factor *= 10
    return Field(difference.box, difference.values * np.float32(factor), difference.unit), factor


def _densities(shown: Comparison | Solution) -> list[np.ndarray]:
    sides = [shown] if isinstance(shown, Solution) else [shown.reference, shown.other]
    return [side.orbitals.density_matrix for side in sides]


def _fields(box: Box, values: np.ndarray, unit: str) -> PairFields:
    ours, *others = (Field(box, each, unit) for each in values)
    if not others:
        return PairFields(ours)
    return PairFields(ours, others[0], Field(box, values[1] - values[0], unit))
