"""Coulomb and range-separated exchange by density fitting, with their gradient.

The exchange of ωB97X-D mixes two Coulomb kernels, 1/r and erf(ωr)/r. The second is so smooth that
three quarters of the fitting functions are redundant for it: both fitted tensors are stacked into one,
a quarter longer than that of 1/r alone, and each exchange matrix is one pass over it.

Large arrays are worked on in pieces that are small, so that they stay in the processor's cache, and
reused, because a fresh page costs more than the arithmetic on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyscf import gto

REDUNDANT = 1e-7
"""Fitting functions of the metric with a smaller eigenvalue are left out (PySCF's threshold)."""

NEGLIGIBLE = 20.0
"""Products of primitives that fall off by more than exp(−20) are left out: 1e-8 Eh in a matrix."""

SINGLE = 2e9
"""Bytes that may be spent on a single-precision copy of the fitted tensor."""

_BUFFER = 4e6  # bytes of tensor worked on at a time
_CHUNK = 3e7  # bytes of integrals computed at a time


@dataclass(frozen=True, eq=False)
class _Metric:
    """A factor X of the inverse of the fitting metric, X Xᵀ, shape (naux, kept)."""

    factor: np.ndarray
    "X, or where ``triangular`` the metric's Cholesky factor L, for X = L⁻ᵀ."
    triangular: bool

    def lower(self, integrals: np.ndarray) -> np.ndarray:
        """Xᵀ A for integrals A, shape (naux, m), C order; A may be overwritten."""
        from scipy.linalg.blas import dtrsm

        if not self.triangular:
            return self.factor.T @ integrals
        return dtrsm(1.0, self.factor, integrals.T, side=1, lower=1, trans_a=1, overwrite_b=1).T

    def lift(self, fitted: np.ndarray) -> np.ndarray:
        """X B for fitted quantities B, shape (kept, m)."""
        from scipy.linalg import solve_triangular

        if not self.triangular:
            return self.factor @ fitted
        return solve_triangular(self.factor, fitted, lower=True, trans=1, check_finite=False)


class CoulombExchange:
    """The fitted two-electron integrals of a molecule with n basis functions.

    Exchange is ``short`` K[1/r] + (``long`` − ``short``) K[erf(ωr)/r].

    Parameters
    ----------
    mol
        PySCF's molecule.
    auxbasis
        Name of the fitting basis, of size naux.
    omega
        Range separation parameter ω, 1/bohr.
    short, long
        Fraction of exact exchange at short and at long range.
    """

    def __init__(self, mol: gto.Mole, auxbasis: str, omega: float, short: float, long: float) -> None:
        from pyscf.df.addons import make_auxmol

        self.mol, self.aux = mol, make_auxmol(mol, auxbasis)
        self.kernels = [(0.0, short), (omega, long - short)]
        self._joined = mol + self.aux
        self._joined._env[0] = NEGLIGIBLE
        self._metrics = [self._metric(kernel) for kernel, _ in self.kernels]
        self.rows = [metric.factor.shape[1] for metric in self._metrics]
        self.tensor = np.empty((sum(self.rows), mol.nao * (mol.nao + 1) // 2))
        "Rows √fraction (μν|P)(P|Q)^−½ of both kernels, shape (rows, n(n+1)/2)."
        for k in range(len(self.kernels)):
            self._fill(k)
        self._single: np.ndarray | None = None

    def coulomb(self, density: np.ndarray) -> np.ndarray:
        """Coulomb matrix of a density matrix, both (n, n), Eh."""
        from pyscf import lib

        rows, fraction = self.rows[0], self.kernels[0][1]
        packed = _pack_density(density)
        total = np.zeros(len(packed))
        step = self._step(8)
        for start in range(0, rows, step):
            block = self.tensor[start : min(start + step, rows)]
            total += (block @ packed) @ block
        return lib.unpack_tril(total / fraction)

    def exchange(self, orbitals: np.ndarray, double: bool = True) -> np.ndarray:
        """Exchange matrix, shape (n, n), Eh.

        Parameters
        ----------
        orbitals
            C with density matrix 2 C Cᵀ, shape (n, occupied).
        double
            In double precision; otherwise in single, where memory allows, twice as fast.
        """
        from pyscf import lib

        n = self.mol.nao
        single = None if double else self._single_precision()
        precision = np.float64 if single is None else np.float32
        transposed = np.ascontiguousarray(orbitals.T, dtype=precision)
        total = np.zeros((n, n))
        step = self._step(precision().itemsize)
        buffer = np.empty((step, n, n))
        work = np.empty((step, *transposed.shape), precision)
        for start in range(0, len(self.tensor), step):
            rows = self.tensor[start : start + step]
            block = lib.unpack_tril(rows, out=buffer) if single is None else single[start : start + step]
            half = np.matmul(transposed, block, out=work[: len(block)]).reshape(-1, n)
            total += half.T @ half
        return 2 * total

    def gradient(self, orbitals: np.ndarray) -> np.ndarray:
        """Derivative of both energies by the nuclei, orbitals held fixed, shape (N, 3), Eh/bohr."""
        density = 2 * orbitals @ orbitals.T
        gradient = np.zeros((self.mol.natm, 3))
        for k, (kernel, fraction) in enumerate(self.kernels):
            pair = self._fitted_pairs(k, orbitals)  # (naux, occupied, occupied)
            charge = self._fitted_charge(density) if k == 0 else np.zeros(len(pair))
            gradient += self._three_index(kernel, fraction, pair, orbitals, charge, density)
            flat = pair.reshape(len(pair), -1)
            weight = fraction * (flat @ flat.T) - 0.5 * np.outer(charge, charge)
            with self.aux.with_range_coulomb(kernel):
                slope = np.einsum("xpq,pq->px", self.aux.intor("int2c2e_ip1"), weight)
            # The electron's derivative is minus the nucleus's; P and Q count alike.
            gradient -= 2 * _per_atom(self.aux, slope)
        return gradient

    def _step(self, itemsize: int) -> int:
        """Rows of the unpacked tensor worked on at a time."""
        return max(4, int(_BUFFER / (itemsize * self.mol.nao**2)))

    def _single_precision(self) -> np.ndarray | None:
        """The tensor unpacked in single precision, shape (rows, n, n), if there is room for it."""
        from pyscf import lib

        n = self.mol.nao
        if self._single is None and len(self.tensor) * n * n * 4 <= SINGLE:
            self._single = np.empty((len(self.tensor), n, n), np.float32)
            step = self._step(8)
            for start in range(0, len(self.tensor), step):
                self._single[start : start + step] = lib.unpack_tril(self.tensor[start : start + step])
        return self._single

    def _metric(self, kernel: float) -> _Metric:
        from scipy.linalg import LinAlgError, cholesky, eigh

        with self.aux.with_range_coulomb(kernel):
            metric = self.aux.intor("int2c2e", hermi=1)
        try:
            return _Metric(np.asfortranarray(cholesky(metric, lower=True)), triangular=True)
        except LinAlgError:
            values, vectors = eigh(metric)
            keep = values > REDUNDANT
            return _Metric(vectors[:, keep] / np.sqrt(values[keep]), triangular=False)

    def _part(self, k: int) -> np.ndarray:
        """Rows of the tensor that belong to a kernel."""
        first = sum(self.rows[:k])
        return self.tensor[first : first + self.rows[k]]

    def _fill(self, k: int) -> None:
        """Compute the rows of a kernel."""
        (kernel, fraction), metric, tensor = self.kernels[k], self._metrics[k], self._part(k)
        naux, shells = self.aux.nao, self.mol.nbas
        starts = self.mol.ao_loc_nr()
        starts = starts * (starts + 1) // 2  # first pair of each shell
        integrals = self._integrator("int3c2e", kernel, "s2ij")
        ranges = _ranges(starts, _CHUNK / (8 * naux))
        memory = np.empty(naux * max(starts[last] - starts[first] for first, last in ranges))
        for first, last in ranges:
            ints = integrals((first, last, 0, shells, 0, self.aux.nbas), memory).T  # (naux, pairs)
            pairs = slice(starts[first], starts[last])
            np.multiply(metric.lower(ints), np.sqrt(fraction), out=tensor[:, pairs])

    def _integrator(self, name: str, kernel: float, symmetry: str) -> Callable[..., np.ndarray]:
        """Function of shells (orbital, orbital, fitting) and memory giving three-centre integrals."""
        from pyscf.gto.moleintor import getints, make_cintopt

        joined, first, name = self._joined, self.mol.nbas, f"{name}_sph"
        atm, bas = joined._atm, joined._bas
        with joined.with_range_coulomb(kernel):
            env = joined._env.copy()
        optimizer = make_cintopt(atm, bas[:first], env, name)

        def integrals(shells: tuple[int, ...], memory: np.ndarray) -> np.ndarray:
            shells = (*shells[:4], first + shells[4], first + shells[5])
            return getints(name, atm, bas, env, shells, aosym=symmetry, cintopt=optimizer, out=memory)

        return integrals

    def _fitted_charge(self, density: np.ndarray) -> np.ndarray:
        """Fitting coefficients of the density, shape (naux,)."""
        fitted = self.tensor[: self.rows[0]] @ _pack_density(density)
        return self._metrics[0].lift(fitted) / np.sqrt(self.kernels[0][1])

    def _fitted_pairs(self, k: int, orbitals: np.ndarray) -> np.ndarray:
        """Fitting coefficients of products of orbitals, shape (naux, occupied, occupied)."""
        from pyscf import lib

        occupied = orbitals.shape[1]
        rows = self._part(k)
        products = np.empty((len(rows), occupied, occupied))
        step = self._step(8)
        buffer = np.empty((step, self.mol.nao, self.mol.nao))
        transposed = np.ascontiguousarray(orbitals.T)
        for start in range(0, len(rows), step):
            block = lib.unpack_tril(rows[start : start + step], out=buffer)
            products[start : start + step] = np.matmul(transposed, block) @ orbitals
        lifted = self._metrics[k].lift(products.reshape(len(rows), -1)) / np.sqrt(self.kernels[k][1])
        return lifted.reshape(-1, occupied, occupied)

    def _three_index(
        self,
        kernel: float,
        fraction: float,
        pair: np.ndarray,
        orbitals: np.ndarray,
        charge: np.ndarray,
        density: np.ndarray,
    ) -> np.ndarray:
        """Part of the gradient from d(μν|P), shape (N, 3)."""
        n, shells, starts = self.mol.nao, self.mol.nbas, self.aux.ao_loc_nr()
        by_orbital, by_fitting = np.zeros((n, 3)), np.zeros((self.aux.nao, 3))
        integrals = self._integrator("int3c2e_ip1", kernel, "s1")
        ranges = _ranges(starts, _CHUNK / (24 * n * n))
        width = max(starts[last] - starts[first] for first, last in ranges)
        memory, weights = np.empty(3 * n * n * width), np.empty((width, n, n))
        transposed = np.ascontiguousarray(orbitals.T)
        for first, last in ranges:
            p = slice(starts[first], starts[last])
            weight = weights[: starts[last] - starts[first]]
            np.matmul((-2 * fraction) * (orbitals @ pair[p]), transposed, out=weight)
            if charge.any():
                weight += charge[p, None, None] * density
            ints = integrals((0, shells, 0, shells, first, last), memory).transpose(0, 3, 2, 1)
            slope = np.einsum("xpnm,pnm->xpm", ints, weight)
            by_orbital += slope.sum(axis=1).T
            by_fitting[p] += slope.sum(axis=2).T
        # Both orbitals of a pair count alike; what moves with the fitting function follows from
        # translational invariance.
        return 2 * (_per_atom(self.aux, by_fitting) - _per_atom(self.mol, by_orbital))


def _ranges(starts: np.ndarray, size: float) -> list[tuple[int, int]]:
    """Cut shells into ranges of at most ``size`` functions (but at least one shell)."""
    ranges, first = [], 0
    for last in range(1, len(starts)):
        if last == len(starts) - 1 or starts[last + 1] - starts[first] > size:
            ranges.append((first, last))
            first = last
    return ranges


def _pack_density(density: np.ndarray) -> np.ndarray:
    """Lower triangle with the off-diagonal elements doubled, shape (n(n+1)/2,)."""
    from pyscf import lib

    return lib.pack_tril(2 * density - np.diag(np.diag(density)))


def _per_atom(mol: gto.Mole, values: np.ndarray) -> np.ndarray:
    """Sum rows (one per basis function) into rows per atom."""
    return np.add.reduceat(values, mol.aoslice_by_atom()[:, 2], axis=0)
