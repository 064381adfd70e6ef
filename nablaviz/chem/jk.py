"""Coulomb and range-separated exchange by density fitting, with their gradient.

The exchange of ωB97X-D mixes two Coulomb kernels, 1/r and erf(ωr)/r. The second is so smooth that
three quarters of the fitting functions are redundant for it: both fitted tensors are stacked into one,
a quarter longer than that of 1/r alone, and each exchange matrix is one pass over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyscf import gto

REDUNDANT = 1e-7
"""Fitting functions of the metric with a smaller eigenvalue are left out (PySCF's threshold)."""

_BUFFER = 4e6  # bytes of work arrays that should stay in the processor's cache
_CHUNK = 2e8  # bytes of integrals computed at a time


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
        self.short = short
        self.kernels = [(0.0, short), (omega, long - short)]
        self._joined = mol + self.aux
        halves = [self._metric_half(kernel) for kernel, _ in self.kernels]
        self.offsets = np.cumsum([0] + [half.shape[1] for half in halves])
        pairs = mol.nao * (mol.nao + 1) // 2
        self.tensor = np.empty((self.offsets[-1], pairs))
        "Rows √fraction (μν|P)(P|Q)^−½ of both kernels, shape (rows, n(n+1)/2)."
        for k, (kernel, fraction) in enumerate(self.kernels):
            self._fill(
                kernel, halves[k] * np.sqrt(fraction), self.tensor[self.offsets[k] : self.offsets[k + 1]]
            )
        self._halves = halves

    def matrices(self, orbitals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Coulomb and exchange matrices, each (n, n), Eh.

        Parameters
        ----------
        orbitals
            C with density matrix 2 C Cᵀ, shape (n, occupied).
        """
        from pyscf import lib

        n, rows = self.mol.nao, self.offsets[1]
        packed = _pack_density(2 * orbitals @ orbitals.T)
        coulomb = np.zeros(self.tensor.shape[1])
        exchange = np.zeros((n, n))
        step = max(4, int(_BUFFER / (8 * n * n)))
        transposed = np.ascontiguousarray(orbitals.T)
        for start in range(0, len(self.tensor), step):
            block = self.tensor[start : start + step]
            if start < rows:
                fitted = block[: rows - start]
                coulomb += (fitted @ packed) @ fitted
            half = np.matmul(transposed, lib.unpack_tril(block)).reshape(-1, n)  # (block · occupied, n)
            exchange += half.T @ half
        return lib.unpack_tril(coulomb / self.short), 2 * exchange

    def gradient(self, orbitals: np.ndarray) -> np.ndarray:
        """Derivative of both energies by the nuclei, orbitals held fixed, shape (N, 3), Eh/bohr."""
        density = 2 * orbitals @ orbitals.T
        gradient = np.zeros((self.mol.natm, 3))
        for k, (kernel, fraction) in enumerate(self.kernels):
            pair = self._fitted_pairs(k, orbitals)  # (naux, occupied, occupied)
            charge = self._fitted_charge(density) if k == 0 else None
            gradient += self._three_index(kernel, fraction, pair, orbitals, charge, density)
            flat = pair.reshape(len(pair), -1)
            weight = fraction * (flat @ flat.T)
            if charge is not None:
                weight -= 0.5 * np.outer(charge, charge)
            with self.aux.with_range_coulomb(kernel):
                slope = np.einsum("xpq,pq->px", self.aux.intor("int2c2e_ip1"), weight)
            # The electron's derivative is minus the nucleus's; P and Q count alike.
            gradient -= 2 * _per_atom(self.aux, slope)
        return gradient

    def _metric_half(self, kernel: float) -> np.ndarray:
        """X with X Xᵀ the inverse of the fitting metric, shape (naux, kept)."""
        from scipy.linalg import LinAlgError, cholesky, eigh, solve_triangular

        with self.aux.with_range_coulomb(kernel):
            metric = self.aux.intor("int2c2e", hermi=1)
        try:
            lower = cholesky(metric, lower=True)
            return solve_triangular(lower, np.eye(len(metric)), lower=True).T
        except LinAlgError:
            values, vectors = eigh(metric)
            keep = values > REDUNDANT
            return vectors[:, keep] / np.sqrt(values[keep])

    def _integrals(self, name: str, kernel: float, shells: tuple[int, ...], symmetry: str) -> np.ndarray:
        """Three-centre integrals over a range of shells (orbital, orbital, fitting)."""
        from pyscf import gto

        first = self.mol.nbas
        shells = (*shells[:4], first + shells[4], first + shells[5])
        joined = self._joined
        with joined.with_range_coulomb(kernel):
            return gto.moleintor.getints(
                f"{name}_sph", joined._atm, joined._bas, joined._env, shells, aosym=symmetry
            )

    def _fill(self, kernel: float, half: np.ndarray, out: np.ndarray) -> None:
        """Fitted tensor of a kernel, shape (kept, n(n+1)/2), into ``out``."""
        ends = self.mol.ao_loc_nr()
        transposed = np.ascontiguousarray(half.T)
        first = 0
        while first < self.mol.nbas:
            last = first + 1
            start = ends[first] * (ends[first] + 1) // 2
            while last < self.mol.nbas:
                stop = ends[last + 1] * (ends[last + 1] + 1) // 2
                if (stop - start) * len(half) * 8 > _CHUNK:
                    break
                last += 1
            stop = ends[last] * (ends[last] + 1) // 2
            ints = self._integrals("int3c2e", kernel, (first, last, 0, last, 0, self.aux.nbas), "s2ij")
            np.matmul(transposed, ints.T, out=out[:, start:stop])
            first = last

    def _fitted_charge(self, density: np.ndarray) -> np.ndarray:
        """Fitting coefficients of the density, shape (naux,)."""
        rows = slice(0, self.offsets[1])
        return self._halves[0] @ (self.tensor[rows] @ _pack_density(density)) / np.sqrt(self.short)

    def _fitted_pairs(self, k: int, orbitals: np.ndarray) -> np.ndarray:
        """Fitting coefficients of products of orbitals, shape (naux, occupied, occupied)."""
        from pyscf import lib

        n, occupied = orbitals.shape
        rows = self.tensor[self.offsets[k] : self.offsets[k + 1]]
        products = np.empty((len(rows), occupied, occupied))
        step = max(4, int(_BUFFER / (8 * n * n)))
        for start in range(0, len(rows), step):
            block = lib.unpack_tril(rows[start : start + step])
            products[start : start + step] = np.matmul(orbitals.T, block) @ orbitals
        half = self._halves[k] / np.sqrt(self.kernels[k][1])
        return (half @ products.reshape(len(rows), -1)).reshape(-1, occupied, occupied)

    def _three_index(
        self,
        kernel: float,
        fraction: float,
        pair: np.ndarray,
        orbitals: np.ndarray,
        charge: np.ndarray | None,
        density: np.ndarray,
    ) -> np.ndarray:
        """Part of the gradient from d(μν|P), shape (N, 3)."""
        n, aux = self.mol.nao, self.aux
        ends = aux.ao_loc_nr()
        by_orbital, by_fitting = np.zeros((n, 3)), np.zeros((aux.nao, 3))
        first = 0
        while first < aux.nbas:
            last = first + 1
            while last < aux.nbas and (ends[last + 1] - ends[first]) * n * n * 24 <= _CHUNK:
                last += 1
            p = slice(ends[first], ends[last])
            weight = np.matmul(orbitals @ pair[p], orbitals.T) * (-2 * fraction)  # (P, n, n)
            if charge is not None:
                weight += charge[p, None, None] * density
            shells = (0, self.mol.nbas, 0, self.mol.nbas, first, last)
            ints = self._integrals("int3c2e_ip1", kernel, shells, "s1").transpose(0, 3, 2, 1)
            for x in range(3):
                slope = np.einsum("pnm,pnm->pm", ints[x], weight)
                by_orbital[:, x] += slope.sum(axis=0)
                by_fitting[p, x] += slope.sum(axis=1)
            first = last
        # Both orbitals of a pair count alike; what moves with the fitting function follows from
        # translational invariance.
        return 2 * (_per_atom(aux, by_fitting) - _per_atom(self.mol, by_orbital))


def _pack_density(density: np.ndarray) -> np.ndarray:
    """Lower triangle with the off-diagonal elements doubled, shape (n(n+1)/2,)."""
    from pyscf import lib

    return lib.pack_tril(2 * density - np.diag(np.diag(density)))


def _per_atom(mol: gto.Mole, values: np.ndarray) -> np.ndarray:
    """Sum rows (one per basis function) into rows per atom."""
    return np.add.reduceat(values, mol.aoslice_by_atom()[:, 2], axis=0)
