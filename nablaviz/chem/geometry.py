"""Distances, angles and torsions of a molecule, and superposition of its conformers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nablaviz.molecule import Molecule


def distance(positions: np.ndarray, i: int, j: int) -> float:
    """Distance between atoms ``i`` and ``j``, in the unit of ``positions`` (shape (N, 3))."""
    return float(np.linalg.norm(positions[i] - positions[j]))


def angle(positions: np.ndarray, i: int, j: int, k: int) -> float:
    """Angle at atom ``j`` between the directions to ``i`` and ``k``, in degrees, 0 to 180.

    Raises
    ------
    ValueError
        If ``i`` or ``k`` lies on ``j``.
    """
    a, b = positions[i] - positions[j], positions[k] - positions[j]
    if not (a.any() and b.any()):
        raise ValueError(f"the angle {i}, {j}, {k} is undefined: two of its atoms coincide")
    # atan2 keeps its precision near 0 and 180 degrees, where the arc cosine loses half the digits
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def torsion(positions: np.ndarray, i: int, j: int, k: int, m: int) -> float:
    """Torsion about the bond ``j``-``k``, in degrees, -180 to 180 (IUPAC sign: clockwise is positive).

    Raises
    ------
    ValueError
        If three successive atoms lie on a line.
    """
    a, b, c = positions[j] - positions[i], positions[k] - positions[j], positions[m] - positions[k]
    n, p = np.cross(a, b), np.cross(b, c)
    if min(np.linalg.norm(n), np.linalg.norm(p)) < 1e-10 * max(1.0, float(b @ b)):
        raise ValueError(f"the torsion {i}, {j}, {k}, {m} is undefined: three of its atoms lie on a line")
    return float(np.degrees(np.arctan2(np.linalg.norm(b) * (a @ p), n @ p)))


def superpose(molecules: Sequence[Molecule], reference: Molecule) -> list[Molecule]:
    """Move each molecule rigidly onto ``reference`` so that the RMSD of the heavy atoms is least.

    Hydrogens count too where the heavy atoms alone leave a rotation open (fewer than three of them,
    or all on a line).

    Parameters
    ----------
    molecules
        Conformers with the atoms of ``reference`` in the same order.
    reference
        Stays where it is.

    Returns
    -------
    list of Molecule
        New records, in the order given.

    Raises
    ------
    ValueError
        If a molecule's atoms differ from the reference's; it names the position in the list.

    Notes
    -----
    Kabsch, Acta Cryst. A 1976, 32, 922, with the determinant fixed so that nothing is mirrored.
    """
    chosen = reference.numbers > 1
    if _rank(reference.positions[chosen]) < 2:
        chosen = np.ones(len(reference), dtype=bool)
    target = reference.positions[chosen]
    centre = target.mean(axis=0)
    moved = []
    for place, molecule in enumerate(molecules):
        if not np.array_equal(molecule.numbers, reference.numbers):
            raise ValueError(
                f"molecule {place} ({molecule.formula}) cannot be superposed on {reference.formula}: "
                "atoms or their order differ"
            )
        own = molecule.positions[chosen]
        own_centre = own.mean(axis=0)
        u, _, vt = np.linalg.svd((own - own_centre).T @ (target - centre))
        u[:, -1] *= np.sign(np.linalg.det(u @ vt))
        moved.append(
            Molecule(molecule.numbers, (molecule.positions - own_centre) @ u @ vt + centre, molecule.smiles)
        )
    return moved


def principal_axes(positions: np.ndarray) -> np.ndarray:
    """Rotation that turns the directions of largest, middle and least spread to x, y and z.

    Parameters
    ----------
    positions
        Shape (N, 3).

    Returns
    -------
    ndarray
        Shape (3, 3), a proper rotation; its rows are the axes.
    """
    axes = np.linalg.svd(positions - positions.mean(axis=0))[2]
    return axes * np.array([[1.0], [1.0], [np.linalg.det(axes)]])


def _rank(positions: np.ndarray) -> int:
    """Number of dimensions (0 to 3) that the points spread over, to 0.1 Å."""
    if len(positions) < 2:
        return 0
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return int((spread > 0.1).sum())
