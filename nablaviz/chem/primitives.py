"""The def2-SVP orbitals as sums of separable terms, x^a y^b z^c exp(−αr²) about an atom."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from nablaviz.chem.arrays import finite
from nablaviz.chem.basis import BASIS, SHELLS, layout
from nablaviz.molecule import SYMBOLS

POWERS = (
    ((0, 0, 0),),
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((2, 0, 0), (1, 1, 0), (0, 2, 0), (1, 0, 1), (0, 1, 1), (0, 0, 2)),
)
"""The monomials of each angular momentum, as powers of x, y and z."""

_S, _P, _D, _D0, _D2 = np.sqrt(np.array([1 / 4, 3 / 4, 15 / 4, 5 / 16, 15 / 16]) / np.pi)
HARMONICS = (
    np.array([[_S]]),
    np.eye(3) * _P,
    np.array(
        [
            [0, _D, 0, 0, 0, 0],
            [0, 0, 0, 0, _D, 0],
            [-_D0, 0, -_D0, 0, 0, 2 * _D0],
            [0, 0, 0, _D, 0, 0],
            [_D2, 0, -_D2, 0, 0, 0],
        ]
    ),
)
"""Real solid harmonics in PySCF's order (p as x, y, z; d as m = −2…2), over ``POWERS``, (2l + 1, M)."""


@dataclass(frozen=True, eq=False)
class Primitives:
    """The Gaussians of a molecule and the terms of its orbitals.

    K primitives; T terms, the monomials of each primitive in turn; n orbitals.
    """

    atom: np.ndarray
    "Shape (K,)."
    l: np.ndarray  # noqa: E741 - its name everywhere
    "Angular momentum, shape (K,)."
    exponent: np.ndarray
    "α in bohr⁻², shape (K,)."
    primitive: np.ndarray
    "The primitive of each term, shape (T,)."
    powers: np.ndarray
    "Powers of x, y and z of each term, shape (T, 3)."
    orbital: np.ndarray
    "The orbitals that a term is a part of, padded with 0, shape (T, 5)."
    weight: np.ndarray
    "The term's factor in each of them, padded with 0, shape (T, 5)."

    def terms(self, coefficients: np.ndarray) -> np.ndarray:
        """Factors of the terms, shape (T, k), of functions given over the orbitals, shape (n, k).

        Raises
        ------
        ValueError
            If the coefficients are not finite numbers of that shape.
        """
        coefficients = np.asarray(coefficients, dtype=np.float64)
        n = int(self.orbital.max()) + 1
        if coefficients.ndim != 2 or len(coefficients) != n:
            raise ValueError(f"coefficients must have shape ({n}, k), not {coefficients.shape}")
        coefficients = finite(coefficients, "the coefficients")
        return np.einsum("tm,tmk->tk", self.weight, coefficients[self.orbital])

    def sizes(self, terms: np.ndarray) -> np.ndarray:
        """Of each primitive, the largest factor of any of its terms in any function, shape (K,)."""
        largest = np.zeros(len(self.atom))
        np.maximum.at(largest, self.primitive, np.abs(terms).max(axis=1, initial=0))
        return largest

    def bound(self, sizes: np.ndarray | float, distance: np.ndarray) -> np.ndarray:
        """Factor · r^l exp(−αr²) at distances r from the atoms in bohr; shape (…, K), as the distances."""
        return sizes * distance**self.l * np.exp(-self.exponent * distance**2)


def primitives(numbers: np.ndarray) -> Primitives:
    """The Gaussians of atoms with these atomic numbers.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's.
    """
    layout(numbers)  # checks the elements
    return _primitives(tuple(np.asarray(numbers).tolist()))


@lru_cache(maxsize=128)
def _primitives(numbers: tuple[int, ...]) -> Primitives:
    shells = layout(np.array(numbers))
    radial = [contraction for z in numbers for contraction in contractions(z)]
    shell = np.repeat(np.arange(len(radial)), [len(r.exponents) for r in radial])
    factor = np.concatenate([r.coefficients * r.norms for r in radial])
    momentum = shells.shell_l[shell]
    primitive = np.repeat(np.arange(len(shell)), (momentum + 1) * (momentum + 2) // 2)
    powers = np.concatenate([POWERS[ell] for ell in momentum])
    orbital = np.zeros((len(primitive), 5), dtype=np.int64)
    weight = np.zeros((len(primitive), 5))
    for ell, harmonics in enumerate(HARMONICS):
        kept = momentum[primitive] == ell
        of = primitive[kept]
        first = shells.shell_offsets[shell[of]]
        orbital[kept, : 2 * ell + 1] = first[:, None] + np.arange(2 * ell + 1)
        angular = np.tile(harmonics.T, (len(of) // harmonics.shape[1], 1))
        weight[kept, : 2 * ell + 1] = factor[of, None] * angular
    exponent = np.concatenate([r.exponents for r in radial])
    arrays = (shells.shell_atom[shell], momentum, exponent, primitive, powers, orbital, weight)
    for array in arrays:
        array.flags.writeable = False
    return Primitives(*arrays)


@dataclass(frozen=True, eq=False)
class Contraction:
    """The radial part of a shell: a sum of normalised Gaussians."""

    exponents: np.ndarray
    "α in bohr⁻²."
    coefficients: np.ndarray
    "Of normalised Gaussians; their sum has norm 1."
    norms: np.ndarray
    "Of each Gaussian, by which it is multiplied."


@cache
def contractions(number: int) -> tuple[Contraction, ...]:
    """The shells of an element in def2-SVP, in the order of :data:`nablaviz.chem.basis.SHELLS`."""
    from pyscf import gto

    symbol = SYMBOLS[number]
    basis = {symbol: gto.basis.load(BASIS, symbol)}
    atom = gto.M(atom=[(symbol, (0, 0, 0))], basis=basis, spin=number % 2, verbose=0)
    return tuple(
        Contraction(
            exponents=atom.bas_exp(shell),
            coefficients=atom.bas_ctr_coeff(shell)[:, 0],
            norms=gto.gto_norm("spd".index(letter), atom.bas_exp(shell)),
        )
        for shell, letter in enumerate(SHELLS[number])
    )
