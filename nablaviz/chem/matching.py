"""Which orbital of one Hamiltonian is which of another: by overlap, degenerate ones as subspaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablaviz.chem.orbitals import Orbitals

DEGENERATE = 1e-4
"""Eh. Neighbours in energy that are closer mix at will: DFT programs agree on a Kohn–Sham matrix to 3e-4 Eh
at worst, so nothing physical tells such orbitals from their combinations."""


@dataclass(frozen=True, eq=False)
class Matching:
    """Pairs of orbitals of two Hamiltonians: k of them, from n atomic orbitals.

    Orbitals that are degenerate in either set are one group, in which any rotation is as good: the other
    set's are rotated onto the reference's, and all have the group's mean overlap. So no number here
    depends on how a program happened to mix them.
    """

    pairs: np.ndarray
    "Indices in the reference and in the other set, ascending in the first, shape (k, 2)."
    overlaps: np.ndarray
    "|⟨reference|other⟩| in 0…1, shape (k,)."
    differences: np.ndarray
    "Energy in the other set less that in the reference, shape (k,), Eh."
    coefficients: np.ndarray
    "Of the other set's orbitals, signs and degenerate groups as in the reference, shape (n, k)."
    groups: np.ndarray
    "Number of the group that each pair belongs to, shape (k,)."


def match(
    reference: Orbitals,
    other: Orbitals,
    overlap: np.ndarray,
    window: range | None = None,
    *,
    degenerate: float = DEGENERATE,
) -> Matching:
    """Pair the orbitals of two sets so that the mean overlap is as large as can be.

    An assignment problem (Crouse, IEEE Trans. Aerosp. Electron. Syst. 2016, 52, 1679) over overlaps of
    whole groups, then orthogonal Procrustes within each group (Schönemann, Psychometrika 1966, 31, 1).

    Parameters
    ----------
    reference, other
        Orbitals of the same molecule and basis.
    overlap
        Of the atomic orbitals, shape (n, n).
    window
        Indices of the reference's orbitals to match, with anything of the other set; all by default.
        Make it wider than what is looked at, so that its edge does not matter. It grows to hold whole
        groups.
    degenerate
        Largest gap between neighbours in a group, Eh.

    Raises
    ------
    ValueError
        If the sets have different numbers of atomic orbitals, or the window is empty or out of range.
    """
    n = len(overlap)
    for orbitals in (reference, other):
        if len(orbitals.coefficients) != n:
            raise ValueError(
                f"orbitals of {len(orbitals.coefficients)} atomic orbitals; the overlap is of {n}"
            )
    window = range(len(reference)) if window is None else window
    if not window or window.step != 1 or window.start < 0 or window.stop > len(reference):
        raise ValueError(f"window must be within 0 … {len(reference)} in steps of 1, not {window}")

    ours, theirs = (_groups(orbitals.energies, degenerate) for orbitals in (reference, other))
    rows = np.flatnonzero((ours >= ours[window.start]) & (ours <= ours[window.stop - 1]))
    values = reference.coefficients[:, rows].T @ overlap @ other.coefficients
    i, j = _assign(_subspace_overlaps(values, ours[rows], theirs))
    by_index = rows[rows < len(other)]  # with groups, it is now and then the better assignment
    found = [
        _aligned(reference, other, values[i - rows[0]][:, j], i, j, _joined(ours[i], theirs[j]))
        for i, j in ((rows[i], j), (by_index, by_index))
        if len(i) == min(len(rows), len(other))
    ]
    return max(found, key=lambda matching: matching.overlaps.mean())


def _groups(energies: np.ndarray, degenerate: float) -> np.ndarray:
    """Number of the degenerate group of each orbital, ascending, shape (m,)."""
    return np.concatenate([[0], np.cumsum(np.diff(energies) > degenerate)])


def _subspace_overlaps(values: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Root mean square of the cosines between the groups of each row and column, shape of ``values``."""
    _, i, heights = np.unique(ours, return_index=True, return_counts=True)
    _, j, widths = np.unique(theirs, return_index=True, return_counts=True)
    squares = np.add.reduceat(np.add.reduceat(values**2, i, axis=0), j, axis=1)
    cosines = np.sqrt(squares / np.minimum(heights[:, None], widths))
    return cosines.repeat(heights, axis=0).repeat(widths, axis=1)


def _assign(overlaps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment(overlaps, maximize=True)


def _joined(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Number each pair so that those which share a group of either set have the same, shape (k,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    shape = (ours.max() + theirs.max() + 2,) * 2
    links = coo_array((np.ones(len(ours)), (ours, ours.max() + 1 + theirs)), shape=shape)
    return connected_components(links, directed=False)[1][ours]


def _aligned(
    reference: Orbitals, other: Orbitals, values: np.ndarray, i: np.ndarray, j: np.ndarray, groups: np.ndarray
) -> Matching:
    """The matching of orbitals i with orbitals j, whose overlaps are ``values``, shape (k, k)."""
    by_energy = np.lexsort((i, groups)), np.lexsort((j, groups))
    back = np.argsort(by_energy[0])
    j_at = by_energy[1][back]  # within a group, the k-th lowest of the one with the k-th of the other
    j, values = j[j_at], values[:, j_at]
    groups = np.unique(groups, return_inverse=True)[1]

    signs = np.where(values.diagonal() < 0, -1.0, 1.0)
    overlaps = np.abs(values.diagonal())
    coefficients = other.coefficients[:, j] * signs
    for group in np.flatnonzero(np.bincount(groups) > 1):
        members = np.flatnonzero(groups == group)
        left, cosines, right = np.linalg.svd(values[np.ix_(members, members)])
        coefficients[:, members] = other.coefficients[:, j[members]] @ (left @ right).T
        overlaps[members] = cosines.mean()
    return Matching(
        pairs=np.stack([i, j], axis=1),
        overlaps=np.minimum(overlaps, 1.0),
        differences=other.energies[j] - reference.energies[i],
        coefficients=coefficients,
        groups=groups,
    )
