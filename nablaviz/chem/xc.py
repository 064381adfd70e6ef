"""The exchange–correlation energy, matrix and gradient of a closed shell on an integration grid.

The same integrals as PySCF's ``numint``, arranged for speed: the grid is cut into compact blocks,
each block keeps only the basis functions that reach it, their values are computed once and kept, and
what remains is dense matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.free_memory import free_memory

if TYPE_CHECKING:
    from pyscf import gto

BLOCK = 800
"""Largest number of points in a block."""

NEGLIGIBLE = 1e-10
"""A basis function whose magnitude stays below this in a block is left out of it."""

SECOND = ((4, 5, 6), (5, 7, 8), (6, 8, 9))
"""Where PySCF keeps the second derivatives."""

CACHE = 2e9
"""Bytes of basis function values kept at most; beyond it they are computed again each time."""

SHARE = 0.2
"""Part of the free memory that they may take: several processes work side by side."""


@dataclass(frozen=True, eq=False)
class _Block:
    points: slice
    mol: gto.Mole
    "The molecule with the shells that reach the block alone."
    orbitals: np.ndarray
    "Which basis functions these are, shape (m,)."
    pairs: tuple[np.ndarray, ...]
    "Index of their square in a matrix."
    coords: np.ndarray

    def values(self, derivatives: int) -> np.ndarray:
        """Basis functions and their derivatives, shape (1, 4 or 10, m, points)."""
        ao = self.mol.eval_gto(f"GTOval_sph_deriv{derivatives}", self.coords)
        return ao.transpose(0, 2, 1)


class XCIntegrator:
    """Integrates a GGA on a grid.

    Parameters
    ----------
    mol
        PySCF's molecule with n basis functions.
    coords, weights
        The grid: shapes (points, 3), bohr, and (points,).
    xc
        Name of the functional (libxc).
    """

    def __init__(self, mol: gto.Mole, coords: np.ndarray, weights: np.ndarray, xc: str) -> None:
        self.mol, self.xc = mol, xc
        order, slices = _compact_blocks(coords, BLOCK)
        self.coords, self.weights = coords[order], weights[order]
        reach = _shell_reach(mol, NEGLIGIBLE)
        blocks = [_block(mol, self.coords, points, reach) for points in slices]
        self.blocks = [block for block in blocks if len(block.orbitals)]
        self._cache: dict[int, np.ndarray] = {}
        self._room = min(CACHE, SHARE * free_memory())
        self._last: tuple[np.ndarray, float, np.ndarray] | None = None

    def energy_and_matrix(self, density: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (Eh) and matrix (n, n) (Eh) of a density matrix (n, n)."""
        energy, potential = self._energy_and_potential(density)
        half = potential * [[0.5], [1], [1], [1]]  # the matrix is symmetrised at the end
        matrix = np.zeros_like(density)
        for i, block in enumerate(self.blocks):
            ao = self._values(i)
            weighted = np.einsum("cmp,cp->mp", ao, half[:, block.points])
            matrix[block.pairs] += ao[0] @ weighted.T
        return energy, matrix + matrix.T

    def gradient(self, density: np.ndarray) -> np.ndarray:
        """Derivative of the energy by the nuclei, grid held fixed, shape (N, 3), Eh/bohr."""
        potential = self._energy_and_potential(density)[1]
        per_orbital = np.zeros((len(density), 3))
        for block in self.blocks:
            ao = block.values(2)
            v = potential[:, block.points]
            local = density[block.pairs]
            half = local @ ao[0]  # (m, points)
            weighted = local @ np.einsum("cmp,cp->mp", ao[:4], v)
            slope = np.einsum("xmp,mp->mx", ao[1:4], weighted)
            for y in range(3):
                weighted = half * v[1 + y]
                for x in range(3):
                    slope[:, x] += np.einsum("mp,mp->m", ao[SECOND[x][y]], weighted)
            per_orbital[block.orbitals] += slope
        starts = self.mol.aoslice_by_atom()[:, 2]
        return -2 * np.add.reduceat(per_orbital, starts, axis=0)

    def _energy_and_potential(self, density: np.ndarray) -> tuple[float, np.ndarray]:
        """Energy (Eh) and w ∂f/∂(ρ, ∇ρ), shape (4, points); the last is remembered."""
        if self._last is None or not np.array_equal(self._last[0], density):
            rho = np.zeros((4, len(self.weights)))
            for i, block in enumerate(self.blocks):
                ao = self._values(i)
                rho[:, block.points] = np.einsum("cmp,mp->cp", ao, density[block.pairs] @ ao[0])
            rho[1:] *= 2
            exc, vxc = self._numint.eval_xc_eff(self.xc, rho, deriv=1, xctype="GGA")[:2]
            self._last = density, float((rho[0] * self.weights) @ exc), vxc * self.weights
        return self._last[1:]

    @cached_property
    def _numint(self) -> Any:
        from pyscf.dft import numint

        return numint.NumInt()

    def _values(self, i: int) -> np.ndarray:
        """Basis functions and gradients of a block, kept while there is room."""
        ao = self._cache.get(i)
        if ao is None:
            ao = self.blocks[i].values(1)
            if ao.nbytes <= self._room:
                self._cache[i] = ao
                self._room -= ao.nbytes
        return ao


def _compact_blocks(coords: np.ndarray, size: int) -> tuple[np.ndarray, list[slice]]:
    """Order points so that slices of at most ``size`` lie close together (median bisection)."""
    order, slices = [], []
    axes = np.ascontiguousarray(coords.T)
    stack = [np.arange(len(coords))]
    start = 0
    while stack:
        points = stack.pop()
        if len(points) <= size:
            order.append(points)
            slices.append(slice(start, start + len(points)))
            start += len(points)
            continue
        along = max((axis[points] for axis in axes), key=np.ptp)  # each by itself, which is faster
        halves = np.argpartition(along, len(points) // 2)
        stack += [points[halves[len(points) // 2 :]], points[halves[: len(points) // 2]]]
    return np.concatenate(order), slices


def _shell_reach(mol: gto.Mole, negligible: float) -> np.ndarray:
    """Radius beyond which a shell's functions and gradients stay below a value, shape (shells,), bohr."""
    radii = np.linspace(0.5, 20, 391)
    reach = np.empty(mol.nbas)
    for shell in range(mol.nbas):
        exponents, angular = mol.bas_exp(shell), mol.bas_angular(shell)
        coefficients = abs(mol.bas_ctr_coeff(shell)).max(axis=1)
        radial = radii**angular * (np.exp(-np.outer(radii**2, exponents)) @ coefficients)
        # 2αr bounds the gradient of each primitive in the tail.
        large = radial * (1 + 2 * exponents.min() * radii) > negligible
        reach[shell] = radii[min(np.flatnonzero(large).max(initial=-1) + 1, len(radii) - 1)]
    return reach


def _block(mol: gto.Mole, coords: np.ndarray, points: slice, reach: np.ndarray) -> _Block:
    here = np.asfortranarray(coords[points])
    low, high = here.min(axis=0), here.max(axis=0)
    nuclei = mol.atom_coords()
    outside = np.maximum(0, np.maximum(low - nuclei, nuclei - high))
    near = np.linalg.norm(outside, axis=1)[mol._bas[:, 0]] < reach
    local = mol.copy(deep=False)
    local._bas = np.ascontiguousarray(mol._bas[near])
    orbitals = np.flatnonzero(np.repeat(near, np.diff(mol.ao_loc_nr())))
    return _Block(points, local, orbitals, np.ix_(orbitals, orbitals), here)
