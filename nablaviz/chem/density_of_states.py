"""How many orbitals there are at each energy, of the whole molecule or of parts of it."""

from __future__ import annotations

import numpy as np

from nablaviz.chem.lowdin import roots
from nablaviz.chem.orbitals import Orbitals


def density_of_states(
    energies: np.ndarray, at: np.ndarray, width: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Density of states Σ_k w_k N(ε; ε_k, width²), one normal distribution for each orbital.

    Parameters
    ----------
    energies
        Of the orbitals, shape (m,), Eh.
    at
        Where to evaluate it, shape (p,), Eh.
    width
        Standard deviation, Eh.
    weights
        Of each orbital, shape (..., m); 1 by default. A row of :func:`projections` gives the density of
        states on a part of the molecule.

    Returns
    -------
    np.ndarray
        Shape (..., p), 1/Eh. Its integral over all energies is the sum of the weights.

    Raises
    ------
    ValueError
        If ``width`` is not above zero, or the weights have another length than the energies.
    """
    if not 0 < width < np.inf:
        raise ValueError(f"width must be above 0 Eh, not {width}")
    weights = np.ones(len(energies)) if weights is None else np.asarray(weights)
    if weights.shape[-1] != len(energies):
        raise ValueError(f"weights must have shape (..., {len(energies)}), not {weights.shape}")
    distance = (np.asarray(at) - np.asarray(energies)[:, None]) / width
    return weights @ np.exp(-(distance**2) / 2) / (width * np.sqrt(2 * np.pi))


def projections(orbitals: Orbitals, overlap: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Fraction of each orbital on each group of atomic orbitals, by Löwdin's orthogonal basis.

    Of orbital k on group G, Σ_{μ∈G} (S^½C)_μk². The fractions of an orbital sum to 1 over the groups. A
    group may be an atom (``layout.ao_atom``), an angular momentum (``layout.ao_l``), an element
    (``numbers[layout.ao_atom]``) or any other label.

    Parameters
    ----------
    overlap
        Shape (n, n).
    groups
        Label of each atomic orbital's group, shape (n,).

    Returns
    -------
    np.ndarray
        Shape (g, m), groups in the order of ``np.unique(groups)``.

    Raises
    ------
    ValueError
        If there is not one label for each atomic orbital.
    """
    if np.shape(groups) != (len(overlap),):
        raise ValueError(f"groups must have shape {(len(overlap),)}, not {np.shape(groups)}")
    labels, group = np.unique(groups, return_inverse=True)
    members = group == np.arange(len(labels))[:, None]
    return members @ (roots(overlap)[0] @ orbitals.coefficients) ** 2
