"""Which orbital of one geometry is which of a neighbouring one: orbitals followed along a path.

The atomic orbitals of two geometries are different functions. Their Löwdin-orthogonalised ones are taken
to correspond, those of atoms that turn as a group turned along with it, so that a π orbital of the group
stays one. Then orbitals are matched as those of two Hamiltonians are, degenerate ones as subspaces.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.comparison import Solution
from nablaviz.chem.lowdin import roots
from nablaviz.chem.matching import match
from nablaviz.chem.orbitals import Orbitals


@dataclass(frozen=True, eq=False)
class Followed:
    """The orbitals of one geometry, told by those of the first: m of them, n atomic orbitals."""

    solution: Solution
    order: np.ndarray
    "Index here of each orbital of the first geometry, shape (m,)."
    overlaps: np.ndarray
    "Of each with the one it continues, at the geometry before, 0 to 1, shape (m,); 1 at the first."
    coefficients: np.ndarray
    "Shape (n, m), in ascending order of energy here; signs and degenerate ones as at the first."

    def energies(self) -> np.ndarray:
        """Of the followed orbitals, in the first geometry's order, shape (m,), Eh."""
        return self.solution.orbitals.energies[self.order]


def begin(solution: Solution) -> Followed:
    """The first geometry: orbitals as they are, the largest coefficient of each positive."""
    coefficients = solution.orbitals.coefficients
    largest = np.abs(coefficients).argmax(axis=0)
    signs = np.where(coefficients[largest, np.arange(coefficients.shape[1])] < 0, -1.0, 1.0)
    count = len(solution.orbitals)
    return Followed(solution, np.arange(count), np.ones(count), coefficients * signs)


def follow(before: Followed, now: Solution, turned: np.ndarray, atoms: tuple[int, ...]) -> Followed:
    """The orbitals of a geometry, continued from those of a neighbouring one.

    Parameters
    ----------
    before
        The neighbour.
    now
        The solution to be continued to.
    turned
        Rotation, shape (3, 3), that took ``atoms`` from the neighbour's geometry to this one.
    atoms
        Which atoms it took.

    Raises
    ------
    ValueError
        If the molecules or the numbers of their orbitals differ.
    """
    ours, theirs = before.solution, now
    if not np.array_equal(ours.molecule.numbers, theirs.molecule.numbers):
        raise ValueError(f"{theirs.molecule} has other atoms than {ours.molecule}")
    if len(ours.orbitals) != len(theirs.orbitals):
        raise ValueError(
            f"{theirs.molecule} has {len(theirs.orbitals)} orbitals here and {len(ours.orbitals)} before: "
            "atoms are too close to each other"
        )
    carried = _carry(roots(ours.overlap)[0] @ before.coefficients, ours, turned, atoms)
    root, inverse = roots(theirs.overlap)
    first = replace(ours.orbitals, coefficients=carried)
    second = replace(theirs.orbitals, coefficients=root @ theirs.orbitals.coefficients)
    matching = match(first, second, np.eye(len(root)))
    here = matching.pairs[:, 1]
    coefficients = np.empty_like(carried)
    coefficients[:, here] = inverse @ matching.coefficients
    return Followed(theirs, here[before.order], matching.overlaps[before.order], coefficients)


def _carry(
    coefficients: np.ndarray, solution: Solution, turned: np.ndarray, atoms: tuple[int, ...]
) -> np.ndarray:
    """Coefficients, shape (n, m), with the orbitals on some atoms turned."""
    mol = basis.mole(solution.molecule)
    rotation = mol.ao_rotation_matrix(turned.T)  # PySCF wants the axes that are turned, not the turning
    moved = np.isin(basis.layout(solution.molecule.numbers).ao_atom, atoms)
    out = coefficients.copy()
    out[moved] = rotation[np.ix_(moved, moved)] @ coefficients[moved]
    return out


def orbitals_of(followed: Followed) -> Orbitals:
    """The orbitals here with the phases that were followed."""
    return replace(followed.solution.orbitals, coefficients=followed.coefficients)
