"""The self-consistent field of a closed-shell range-separated hybrid, arranged for few expensive steps.

Nearly all iterations use a coarse integration grid and exchange in single precision, plus a constant
matrix: the difference between the exact and the cheap Hamiltonian at a recent density. That difference
barely changes with the density, so the exact one is computed two or three times only, and what is
converged is the exact one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import quadrature
from nablaviz.chem.jk import CoulombExchange
from nablaviz.chem.xc import XCIntegrator

if TYPE_CHECKING:
    from pyscf import gto

FIRST = 0.03
"""Orbital gradient, Eh, below which the exact Hamiltonian is computed first."""

LEVEL_SHIFT = 0.3
"""Eh, for molecules that do not converge without."""

MEMORY = 10
"""Iterates kept for extrapolation."""

SINGLE_ENOUGH = 2e-5
"""Orbital gradient, Eh, that single precision surely reaches; below it all is in double."""

REFRESH = 0.02
"""The exact Hamiltonian is computed anew when the orbital gradient has fallen by this factor since."""

Progress = Callable[[int, float, float], None]
"""Called after each iteration: number from 1, energy, its change, Eh. What it raises ends the calculation."""

_KEPT: ContextVar[dict[Any, SCF] | None] = ContextVar("kept", default=None)


@dataclass(frozen=True, eq=False)
class Solution:
    """A self-consistent field of n basis functions."""

    energy: float
    "Electronic and nuclear energy, Eh."
    hamiltonian: np.ndarray
    "Kohn–Sham matrix of ``orbitals``, shape (n, n), Eh."
    orbitals: np.ndarray
    "Occupied orbitals, shape (n, occupied)."
    iterations: int
    converged: bool
    change: float
    "Energy difference of the last two iterations, Eh."


def atomic_orbitals(mol: gto.Mole) -> np.ndarray:
    """Orbitals of the free atoms times the root of half their occupation, a start, shape (n, m)."""
    from pyscf.scf.hf import init_guess_by_minao

    density = init_guess_by_minao(mol)
    return density.mo_coeff * np.sqrt(density.mo_occ / 2)


def occupied_orbitals(mol: gto.Mole, hamiltonian: np.ndarray) -> np.ndarray:
    """Occupied orbitals of a Kohn–Sham matrix (n, n), shape (n, occupied)."""
    from scipy.linalg import eigh

    last = mol.nelectron // 2 - 1
    return eigh(hamiltonian, mol.intor_symmetric("int1e_ovlp"), subset_by_index=[0, last])[1]


@contextmanager
def sharing() -> Iterator[None]:
    """Inside, the integrals of the molecule computed last are kept for whoever asks for them next.

    They take longer than the iterations; a minao baseline and an SCF from a model of it need them both.
    """
    token = _KEPT.set({})
    try:
        yield
    finally:
        _KEPT.reset(token)


def equations(mol: gto.Mole, xc: str, auxbasis: str, grid: tuple[int, int]) -> SCF:
    """:class:`SCF` of a molecule, the one of before inside :func:`sharing`."""
    kept = _KEPT.get()
    if kept is None:
        return SCF(mol, xc, auxbasis, grid)
    key = (*(part.tobytes() for part in (mol._atm, mol._bas, mol._env)), xc, auxbasis, grid)
    if key not in kept:
        kept.clear()  # the tensors are large
        kept[key] = SCF(mol, xc, auxbasis, grid)
    return kept[key]


class SCF:
    """The equations of one molecule of n basis functions.

    Parameters
    ----------
    mol
        PySCF's molecule.
    xc
        libxc's name of a range-separated hybrid GGA.
    auxbasis
        Fitting basis.
    grid
        Shells on each atom and points on each shell of the fine grid.
    """

    def __init__(self, mol: gto.Mole, xc: str, auxbasis: str, grid: tuple[int, int]) -> None:
        from pyscf.dft import libxc

        self.mol = mol
        omega, alpha, beta = libxc.rsh_coeff(xc)
        self.jk = CoulombExchange(mol, auxbasis, omega, short=alpha + beta, long=alpha)
        self.fine = XCIntegrator(mol, *quadrature.published(mol, *grid), xc)
        self.coarse = XCIntegrator(mol, *quadrature.coarse(mol), xc)
        self.core = mol.intor_symmetric("int1e_kin") + mol.intor_symmetric("int1e_nuc")
        values, vectors = np.linalg.eigh(mol.intor_symmetric("int1e_ovlp"))
        self.root = (vectors * np.sqrt(values)) @ vectors.T
        "Square root of the overlap matrix."
        self.inverse_root = (vectors / np.sqrt(values)) @ vectors.T

    def hamiltonian(self, orbitals: np.ndarray) -> np.ndarray:
        """Kohn–Sham matrix on the fine grid, shape (n, n), Eh, of a density matrix 2 C Cᵀ with C (n, m)."""
        density = 2 * orbitals @ orbitals.T
        matrix = self._exchange_correlation(orbitals, density, self.fine, True)[1]
        return self.core + self.jk.coulomb(density) + matrix

    def solve(
        self,
        orbitals: np.ndarray,
        tolerance: float,
        max_iterations: int,
        progress: Progress | None = None,
        level_shift: float = 0.0,
    ) -> Solution:
        """Iterate until the orbital gradient 2|F_vo| is below ``tolerance``, Eh.

        Parameters
        ----------
        orbitals
            Where to start: C with the density matrix 2 C Cᵀ, shape (n, m).
        level_shift
            Added to the virtual levels, Eh: slower, but steadier where the gap is small.
        """
        history = _History()
        shift, energy_shift = np.zeros_like(self.core), 0.0
        double = tolerance < SINGLE_ENOUGH
        refresh_below = FIRST
        energy = change = np.inf
        for iteration in range(1, max_iterations + 1):
            density = 2 * orbitals @ orbitals.T
            smooth = self.core + self.jk.coulomb(density)
            smooth_energy = 0.5 * np.vdot(density, self.core + smooth) + self.mol.energy_nuc()
            coarse_energy, coarse = self._exchange_correlation(orbitals, density, self.coarse, double)
            hamiltonian = smooth + coarse + shift
            previous, energy = energy, smooth_energy + coarse_energy + energy_shift
            error = history.add(self._orthogonal(hamiltonian), self.root @ orbitals)
            if error < refresh_below:
                fine_energy, fine = self._exchange_correlation(orbitals, density, self.fine, True)
                error = history.shift(self._orthogonal(fine - coarse - shift))
                shift, energy_shift = fine - coarse, fine_energy - coarse_energy
                hamiltonian, energy = smooth + fine, smooth_energy + fine_energy
                if error < tolerance:
                    return Solution(energy, hamiltonian, orbitals, iteration, True, energy - previous)
                refresh_below = max(REFRESH * error, 0.5 * tolerance)
            change = energy - previous
            if progress:
                progress(iteration, energy, change)
            virtual = np.eye(len(self.core)) - history.densities[-1] / 2
            orbitals = self._occupied(history.extrapolate() + level_shift * virtual)
        return Solution(energy, hamiltonian, orbitals, iteration, False, change)

    def solve_patiently(
        self, orbitals: np.ndarray, tolerance: float, max_iterations: int, progress: Progress | None = None
    ) -> Solution:
        """As :meth:`solve`, for what it could not: with a level shift, then PySCF's second-order solver."""
        shifted = self.solve(orbitals, tolerance, 2 * max_iterations, progress, LEVEL_SHIFT)
        if shifted.converged:
            return shifted
        newton = self._mean_field().newton()
        newton.max_cycle = max_iterations
        newton.kernel(dm0=2 * shifted.orbitals @ shifted.orbitals.T)
        final = self.solve(newton.mo_coeff[:, newton.mo_occ > 0], tolerance, max_iterations, progress)
        return replace(final, iterations=shifted.iterations + newton.cycles + final.iterations)

    def _mean_field(self) -> Any:
        """PySCF's object for the same equations."""
        from pyscf import dft

        field = dft.RKS(self.mol, xc=self.fine.xc).density_fit(auxbasis=self.jk.aux.basis)
        field.grids.coords, field.grids.weights = self.fine.coords, self.fine.weights
        return field

    def gradient(self, solution: Solution) -> np.ndarray:
        """Derivative of the energy by the nuclei, grid held fixed, shape (N, 3), Eh/bohr."""
        orbitals = solution.orbitals
        density = 2 * orbitals @ orbitals.T
        return (
            self._one_electron_gradient(density, solution.hamiltonian)
            + self.jk.gradient(orbitals)
            + self.fine.gradient(density)
        )

    def _one_electron_gradient(self, density: np.ndarray, hamiltonian: np.ndarray) -> np.ndarray:
        """Part from the kinetic energy, the nuclei and the overlap, shape (N, 3), Eh/bohr."""
        from pyscf.grad.rhf import grad_nuc

        mol = self.mol
        # The electron's derivative is minus that of the basis function's centre.
        slope = -(mol.intor("int1e_ipkin") + mol.intor("int1e_ipnuc"))
        per_orbital = np.einsum("xij,ij->ix", slope, density)
        energy_weighted = density @ hamiltonian @ density / 2
        per_orbital += np.einsum("xij,ij->ix", mol.intor("int1e_ipovlp"), energy_weighted)
        gradient = 2 * np.add.reduceat(per_orbital, mol.aoslice_by_atom()[:, 2], axis=0)
        for atom, charge in enumerate(mol.atom_charges()):
            with mol.with_rinv_at_nucleus(atom):
                gradient[atom] -= 2 * charge * np.einsum("xij,ij->x", mol.intor("int1e_iprinv"), density)
        return gradient + grad_nuc(mol)

    def _exchange_correlation(
        self, orbitals: np.ndarray, density: np.ndarray, grid: XCIntegrator, double: bool
    ) -> tuple[float, np.ndarray]:
        """Energy and matrix of the part that has a cheap and an exact form."""
        energy, matrix = grid.energy_and_matrix(density)
        exchange = self.jk.exchange(orbitals, double)
        return energy - 0.25 * np.vdot(density, exchange), matrix - 0.5 * exchange

    def _orthogonal(self, matrix: np.ndarray) -> np.ndarray:
        return self.inverse_root @ matrix @ self.inverse_root

    def _occupied(self, hamiltonian: np.ndarray) -> np.ndarray:
        """Occupied orbitals of a matrix in the orthogonal basis."""
        from scipy.linalg import eigh

        last = self.mol.nelectron // 2 - 1
        return self.inverse_root @ eigh(hamiltonian, subset_by_index=[0, last])[1]


class _History:
    """Direct inversion in the iterative subspace (Pulay 1982), in an orthogonal basis.

    Unlike the usual one it can be told that every matrix it holds has changed by the same amount.
    """

    def __init__(self) -> None:
        self.hamiltonians: list[np.ndarray] = []
        self.densities: list[np.ndarray] = []
        self.residuals: list[np.ndarray] = []

    def add(self, hamiltonian: np.ndarray, orbitals: np.ndarray) -> float:
        """Take one more iterate; its orbital gradient."""
        density = 2 * orbitals @ orbitals.T
        for kept, new in (
            (self.hamiltonians, hamiltonian),
            (self.densities, density),
            (self.residuals, _commutator(hamiltonian, density)),
        ):
            kept.append(new)
            del kept[:-MEMORY]
        return self._error()

    def shift(self, change: np.ndarray) -> float:
        """Add a constant to every Hamiltonian; the last one's orbital gradient."""
        for i, density in enumerate(self.densities):
            self.hamiltonians[i] = self.hamiltonians[i] + change
            self.residuals[i] = self.residuals[i] + _commutator(change, density)
        return self._error()

    def extrapolate(self) -> np.ndarray:
        """The combination of Hamiltonians with the smallest residual."""
        size = len(self.residuals)
        flat = np.array([r.ravel() for r in self.residuals])
        overlap = flat @ flat.T
        equations = np.ones((size + 1, size + 1))
        equations[:size, :size] = overlap / overlap[-1, -1]
        equations[size, size] = 0
        right = np.zeros(size + 1)
        right[size] = 1
        weights = np.linalg.lstsq(equations, right, rcond=1e-14)[0][:size]
        return np.tensordot(weights, self.hamiltonians, axes=1)

    def _error(self) -> float:
        return float(np.linalg.norm(self.residuals[-1]) / np.sqrt(2))


def _commutator(hamiltonian: np.ndarray, density: np.ndarray) -> np.ndarray:
    product = hamiltonian @ density
    return product - product.T
