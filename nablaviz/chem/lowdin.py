"""Löwdin's symmetric orthogonalisation, and corrections of a Hamiltonian that are linear in it.

In the Löwdin basis the orbital energies are the eigenvalues of an ordinary symmetric matrix, so that
an error of the matrix is never amplified by the overlap: with H = H₀ + S^½ Y S^½ the energies move by
no more than the norm of the error of Y. The basis is as equivariant as the atomic orbitals are.
P.-O. Löwdin, J. Chem. Phys. 18, 365 (1950).
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from nablaviz.chem.basis import SHELLS, layout


def roots(overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S^½ and S^−½, each of shape (n, n).

    Raises
    ------
    ValueError
        If the overlap matrix is not positive definite.
    """
    values, vectors = np.linalg.eigh(overlap)
    if values[0] <= 0:
        raise ValueError(f"the overlap matrix is not positive definite: smallest eigenvalue {values[0]:.1e}")
    root = np.sqrt(values)
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T


@cache
def onsite_terms() -> tuple[tuple[int, int, int], ...]:
    """The terms of an isotropic on-site matrix: (atomic number, shell a, shell b), a ≤ b.

    A term joins two shells of one angular momentum on one atom: there are 109 for nablaDFT's elements.
    """
    return tuple(
        (z, a, b)
        for z, shells in SHELLS.items()
        for a, first in enumerate(shells)
        for b, second in enumerate(shells)
        if a <= b and first == second
    )


@lru_cache(maxsize=1024)
def _entries(numbers: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and term of each entry (above or on the diagonal) of the on-site matrix."""
    index = {term: k for k, term in enumerate(onsite_terms())}
    shells = layout(np.array(numbers))
    rows, columns, terms = [], [], []
    first = np.searchsorted(shells.shell_atom, np.arange(len(numbers)))
    for atom, z in enumerate(numbers):
        count = len(SHELLS[z])
        for a in range(count):
            for b in range(a, count):
                if (term := index.get((z, a, b))) is None:
                    continue
                for m in range(2 * shells.shell_l[first[atom] + a] + 1):
                    rows.append(shells.shell_offsets[first[atom] + a] + m)
                    columns.append(shells.shell_offsets[first[atom] + b] + m)
                    terms.append(term)
    return np.array(rows), np.array(columns), np.array(terms)


def onsite_matrix(coefficients: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """The symmetric on-site matrix c, shape (n, n), of the coefficients of ``onsite_terms``.

    S c S is then the correction of a Hamiltonian in the atomic orbitals, S^½ c S^½ in Löwdin's.
    """
    rows, columns, terms = _entries(tuple(numbers.tolist()))
    matrix = np.zeros((len(layout(numbers)),) * 2)
    np.add.at(matrix, (rows, columns), coefficients[terms] / 2)
    np.add.at(matrix, (columns, rows), coefficients[terms] / 2)
    return matrix


def shell_sizes(target: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Sum of squares of a matrix's rows, mean over a shell's orbitals, shape (K,), Eh².

    Shells of the molecule's layout: what a core orbital leaves is orders larger than what a valence
    orbital does.
    """
    shells = layout(numbers)
    sums = np.add.reduceat((target * target).sum(axis=1), shells.shell_offsets[:-1])
    return sums / (2 * shells.shell_l + 1)


def normal_equations(
    root: np.ndarray, target: np.ndarray, weights: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Contribution of one molecule to the weighted least-squares fit of S^½ c S^½ to Y.

    With c = Σ_k c_k E_k, weights W of the orbitals and M = S^½ W² S^½, the error |W (Y − S^½ c S^½) W|²
    is least where Σ_l tr(E_k M E_l M) c_l = tr(E_k S^½ W² Y W² S^½).

    Parameters
    ----------
    root
        S^½, shape (n, n).
    target
        Y = S^−½ (H − H₀) S^−½, shape (n, n), Eh.
    weights
        Shape (n,), 1/Eh.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        Shapes (T, T) and (T,), over all T terms of ``onsite_terms``.
    """
    rows, columns, terms = _entries(tuple(numbers.tolist()))
    belongs = np.zeros((len(terms), len(onsite_terms())))
    belongs[np.arange(len(terms)), terms] = 1
    weighted = root * weights**2
    metric, right = weighted @ root, weighted @ target @ weighted.T
    # E_k is the mean of an entry and its mirror image.
    crossed = metric[np.ix_(columns, rows)] * metric[np.ix_(rows, columns)]
    straight = metric[np.ix_(columns, columns)] * metric[np.ix_(rows, rows)]
    return belongs.T @ ((crossed + straight) / 2) @ belongs, belongs.T @ right[rows, columns]
