"""Random errors of a Hamiltonian, and what becomes of them in its orbitals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.comparison import Comparison, Solution, compare
from nablaviz.chem.lowdin import roots
from nablaviz.chem.orbitals import solve

if TYPE_CHECKING:
    import pandas as pd

BASES = {"ao": "AO basis", "lowdin": "Löwdin basis"}
"""Where errors can be drawn, among the atomic orbitals or their orthogonal ones, and what that is called."""


def symmetric_noise(n: int, size: float, seed: int = 0) -> np.ndarray:
    """A random symmetric matrix, shape (n, n), of independent normal elements with mean magnitude ``size``.

    Raises
    ------
    ValueError
        If the size is negative or not finite.
    """
    if not 0 <= size < np.inf:
        raise ValueError(f"the size of the noise must be 0 Eh or more, not {size}")
    drawn = np.random.default_rng(seed).normal(scale=size * np.sqrt(np.pi / 2), size=(n, n))
    return np.tril(drawn) + np.tril(drawn, -1).T


def perturbed(exact: Solution, size: float, basis: str = "ao", seed: int = 0) -> Comparison:
    """A Hamiltonian beside itself with noise N: H + N, or H + S^½ N S^½ for noise in Löwdin's basis.

    To first order an orbital moves by cᵀNc in the first case, a random number of the size of |c|², which may
    be as large as one over the smallest eigenvalue of S. In the second S^½c takes the place of c, whose
    length is 1, and no orbital moves by more than the largest eigenvalue of N (Weyl).

    Parameters
    ----------
    size
        Mean magnitude of an element of N, Eh.
    basis
        One of `BASES`.
    seed
        The same seed gives the same N, times ``size``.

    Raises
    ------
    ValueError
        If there is no such basis, or the size is negative or not finite.
    """
    if basis not in BASES:
        raise ValueError(f"no basis {basis!r} to draw noise in; there are {', '.join(BASES)}")
    noise = symmetric_noise(len(exact.overlap), size, seed)
    if basis == "lowdin":
        root, _ = roots(exact.overlap)
        noise = root @ noise @ root
    hamiltonian = exact.hamiltonian + (noise + noise.T) / 2
    orbitals = solve(hamiltonian, exact.overlap, 2 * exact.orbitals.n_occupied, name=exact.name)
    name = f"noise, {BASES[basis]}"
    return compare(exact, Solution(name, exact.molecule, hamiltonian, exact.overlap, orbitals))


def response(
    exact: Solution, sizes: Iterable[float], draws: int = 8, bases: Sequence[str] = tuple(BASES)
) -> pd.DataFrame:
    """Errors of the orbitals against the size of the noise.

    Parameters
    ----------
    sizes
        Eh.
    draws
        How many matrices of noise, with seeds from 0.
    bases
        Of `BASES`.

    Returns
    -------
    pandas.DataFrame
        One line per basis, size and draw: ``basis``, ``size``, ``draw``, and the measures of
        :attr:`Comparison.errors` by their names.
    """
    import pandas as pd

    lines = []
    for basis in bases:
        for size in sizes:
            for draw in range(draws):
                errors = perturbed(exact, size, basis, draw).errors
                values = dict(zip(errors["measure"], errors["value"], strict=True))
                lines.append({"basis": basis, "size": size, "draw": draw} | values)
    return pd.DataFrame(lines)
