"""The self-consistent field of a closed-shell range-separated hybrid, arranged for few expensive steps.

Nearly all iterations use a coarse integration grid and exchange in single precision, plus a constant
matrix: the difference between the exact and the cheap Hamiltonian at a recent density. That difference
barely changes with the density, so the exact one is computed two or three times only. What is converged is
the exact one, to a twentieth of the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import quadrature
from nablaviz.chem.diis import History
from nablaviz.chem.jk import CoulombExchange
from nablaviz.chem.one_electron import one_electron_gradient
from nablaviz.chem.xc import XCIntegrator

if TYPE_CHECKING:
    from pyscf import gto

DAMPING = 0.4
"""How much of the step after superposed atoms is taken, as it moves too much charge: of 0.35, 0.4, 0.45 and
0.5 the nearest to self-consistency, on average over a dozen molecules."""

FIRST = 0.03
"""Orbital gradient, Eh, below which the exact Hamiltonian is computed first."""

LEVEL_SHIFT = 0.3
"""Eh, for molecules that do not converge without."""

SINGLE_ENOUGH = 2e-5
"""Orbital gradient, Eh, that single precision surely reaches; below it all is in double."""

REFRESH = 0.02
"""The exact Hamiltonian is computed anew when the orbital gradient has fallen by this factor since."""

LAST = 2.5
"""Times the tolerance. Where it would be computed anew below, it is at the end, mostly for the last time;
once it has been, its difference from the cheap one changes by a twentieth of the tolerance at most."""

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

        self.mol, self.xc, self._points = mol, xc, grid
        omega, alpha, beta = libxc.rsh_coeff(xc)
        self.jk = CoulombExchange(mol, auxbasis, omega, short=alpha + beta, long=alpha)
        self.core = mol.intor_symmetric("int1e_kin") + mol.intor_symmetric("int1e_nuc")
        values, vectors = np.linalg.eigh(mol.intor_symmetric("int1e_ovlp"))
        self.root = (vectors * np.sqrt(values)) @ vectors.T
        "Square root of the overlap matrix."
        self.inverse_root = (vectors / np.sqrt(values)) @ vectors.T
        self._path: tuple[XCIntegrator, History] | None = None

    @cached_property
    def fine(self) -> XCIntegrator:
        """The grid of the exact Hamiltonian."""
        return XCIntegrator(self.mol, *quadrature.published(self.mol, *self._points), self.xc)

    @cached_property
    def medium(self) -> XCIntegrator:
        """That of steps whose last matrix is wanted itself."""
        return XCIntegrator(self.mol, *quadrature.medium(self.mol), self.xc)

    @cached_property
    def coarse(self) -> XCIntegrator:
        """That of other steps."""
        return XCIntegrator(self.mol, *quadrature.coarse(self.mol), self.xc)

    def hamiltonian(self, orbitals: np.ndarray, grid: XCIntegrator, double: bool = True) -> np.ndarray:
        """Kohn–Sham matrix, shape (n, n), Eh, of a density matrix 2 C Cᵀ with C (n, m).

        Parameters
        ----------
        grid
            One of this object's. :meth:`solve` goes on from it where :meth:`approach` used it too.
        double
            Whether exchange is in double precision.
        """
        density = 2 * orbitals @ orbitals.T
        matrix = self._exchange_correlation(orbitals, density, grid, double)[1]
        matrix += self.core + self.jk.coulomb(density)
        if self._path and self._path[0] is grid:
            self._path[1].add(self._orthogonal(matrix), self.root @ orbitals)
        return matrix

    def approach(
        self, orbitals: np.ndarray, steps: int, grid: XCIntegrator, double: bool = True
    ) -> np.ndarray:
        """Orbitals after some steps towards self-consistency, shape (n, occupied).

        The second step mixes the first two Hamiltonians, all later ones extrapolate.

        Parameters
        ----------
        orbitals
            As for :meth:`solve`; superposed atoms are meant.
        grid, double
            As for :meth:`hamiltonian`.
        """
        history = History()
        self._path = grid, history
        for step in range(steps):
            self.hamiltonian(orbitals, grid, double)
            if step == 1:
                first, second = history.hamiltonians
                orbitals = self._occupied(first + DAMPING * (second - first))
            else:
                orbitals = self._occupied(history.extrapolate())
        return orbitals

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
        grid, history = self._path or (self.coarse, History())
        self._path = None
        refresh_below = np.inf if history.residuals else FIRST  # what goes on from steps is near
        shift, offset, sure = np.zeros_like(self.core), 0.0, False
        double = tolerance < SINGLE_ENOUGH
        energy = change = np.inf
        for iteration in range(1, max_iterations + 1):
            density = 2 * orbitals @ orbitals.T
            smooth = self.core + self.jk.coulomb(density)
            smooth_energy = 0.5 * np.vdot(density, self.core + smooth) + self.mol.energy_nuc()
            cheap_energy, cheap = self._exchange_correlation(orbitals, density, grid, double)
            hamiltonian = smooth + cheap + shift
            previous, energy = energy, smooth_energy + cheap_energy + offset + np.vdot(shift, density)
            error = history.add(self._orthogonal(hamiltonian), self.root @ orbitals)
            if error < refresh_below and not sure:
                fine_energy, fine = self._exchange_correlation(orbitals, density, self.fine, True)
                error = history.shift(self._orthogonal(fine - cheap - shift))
                hamiltonian, energy = smooth + fine, smooth_energy + fine_energy
                again = REFRESH * error
                refresh_below = again if again > LAST * tolerance else 0.5 * tolerance
                sure = error < LAST * tolerance
                if sure and error >= tolerance and not double:  # what is cheap is not corrected any more
                    double = True
                    cheap_energy, cheap = self._exchange_correlation(orbitals, density, grid, double)
                shift = fine - cheap
                offset = fine_energy - cheap_energy - np.vdot(shift, density)
            change = energy - previous
            if sure and error < tolerance:
                return Solution(energy, hamiltonian, orbitals, iteration, True, change)
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

        field = dft.RKS(self.mol, xc=self.xc).density_fit(auxbasis=self.jk.aux.basis)
        field.grids.coords, field.grids.weights = self.fine.coords, self.fine.weights
        return field

    def gradient(self, solution: Solution) -> np.ndarray:
        """Derivative of the energy by the nuclei, grid held fixed, shape (N, 3), Eh/bohr."""
        orbitals = solution.orbitals
        density = 2 * orbitals @ orbitals.T
        return (
            one_electron_gradient(self.mol, density, solution.hamiltonian)
            + self.jk.gradient(orbitals)
            + self.fine.gradient(density)
        )

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
