"""DFT labels at nablaDFT's level of theory: energy, forces and the Kohn–Sham matrix of a molecule."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import atoms, basis, dispersion, gpu
from nablaviz.chem.quadrature import LEBEDEV
from nablaviz.chem.scf import Progress, Solution, atomic_orbitals, equations, occupied_orbitals
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import AU2DEBYE, BOHR2ANGSTROM

if TYPE_CHECKING:
    from pyscf import gto

DEVICES = ("auto", "cpu", "cuda")

CLOSEST = 0.3
"""Å: atoms closer than this are taken for an error."""


class SCFError(RuntimeError):
    """The self-consistent field did not converge, or gave numbers that are not finite."""


@dataclass(frozen=True)
class Settings:
    """The level of theory, and how tightly it is converged.

    The functional and the basis sets are nablaDFT's and cannot be changed: the dispersion term, the
    energies of the free atoms and the order of the matrices hold for them alone.

    Parameters
    ----------
    grid
        Shells on each atom and points on each shell of the integration grid.
    conv_tol
        Error of the converged energy, Eh: the orbital gradient is brought below its square root.
    max_cycle
        Iterations before a slower but surer way of converging is tried.
    device
        "cpu", "cuda" (gpu4pyscf must be installed) or "auto": CUDA where it can be used.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    xc: str = field(default="HYB_GGA_XC_WB97X_D", init=False)
    basis: str = field(default=basis.BASIS, init=False)
    auxbasis: str = field(default="def2-universal-jkfit", init=False)
    dispersion: str = field(default="D2 (Chai–Head-Gordon)", init=False)
    grid: tuple[int, int] = (75, 302)
    conv_tol: float = 1e-9
    max_cycle: int = 50
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.grid[0] < 10 or self.grid[1] not in LEBEDEV:
            allowed = ", ".join(map(str, LEBEDEV))
            raise ValueError(f"grid must be at least 10 shells of {allowed} points, not {self.grid}")
        if not 0 < self.conv_tol <= 1e-5:
            raise ValueError(f"conv_tol must be above 0 and at most 1e-5 Eh, not {self.conv_tol}")
        if self.max_cycle < 1:
            raise ValueError(f"max_cycle must be at least 1, not {self.max_cycle}")
        if self.device not in DEVICES:
            raise ValueError(f"device must be one of {', '.join(DEVICES)}, not {self.device!r}")


def label(
    molecule: Molecule | str,
    *,
    moses_id: int | None = None,
    conformation_id: int | None = None,
    forces: bool = True,
    settings: Settings = Settings(),
    guess: np.ndarray | None = None,
    progress: Progress | None = None,
) -> Conformer:
    """Compute the labels of one conformer by DFT.

    Parameters
    ----------
    molecule
        A geometry of N atoms, or a SMILES string, of which one conformer is made.
    moses_id, conformation_id
        Kept in the result.
    forces
        Whether to compute the forces.
    guess
        A Kohn–Sham matrix to start from, shape (n, n), Eh, PySCF order; by default a superposition
        of atomic densities.
    progress
        Called after each iteration with its number from 1, the energy and its change, Eh. What it raises
        ends the calculation.

    Returns
    -------
    Conformer
        Energy and forces with the D2 term, Hamiltonian, orbital energies, dipole, iterations, time.

    Raises
    ------
    ValueError
        If the molecule is not a closed shell of nablaDFT's elements, two atoms are closer than
        ``CLOSEST``, the SMILES gives no conformer, or ``guess`` has another shape or is not finite.
    SCFError
        If no way of converging succeeds; the message names molecule, iterations and last change.
    RuntimeError
        If ``settings.device`` is "cuda" and there is no gpu4pyscf or no CUDA device.
    """
    began = time.perf_counter()
    if isinstance(molecule, str):
        from nablaviz.chem import conformers

        molecule = conformers.embed(molecule, count=1, seed=0)[0]
    _check_distances(molecule)
    mol = basis.mole(molecule)
    start = _start(mol, guess)
    d2_energy, d2_forces = dispersion.d2(molecule)
    try:
        solution, gradient = _solve(mol, settings, start, forces, progress)
    except np.linalg.LinAlgError as fault:
        raise SCFError(f"{_name(molecule)}: {fault}") from fault
    if not solution.converged:
        raise SCFError(
            f"{_name(molecule)}: not converged after {solution.iterations} iterations "
            f"(last energy change {solution.change:.1e} Eh, wanted {settings.conv_tol:.0e} Eh)"
        )

    energy = solution.energy + d2_energy
    labels: dict[str, Any] = {
        "energy": energy,
        "formation_energy": atoms.formation_energy(energy, molecule.numbers),
        "forces": None if gradient is None else d2_forces - gradient / BOHR2ANGSTROM,
        "hamiltonian": solution.hamiltonian,
        "orbital_energies": _orbital_energies(mol, solution.hamiltonian),
        "dipole": _dipole(mol, solution.orbitals) * AU2DEBYE,
    }
    for name, value in labels.items():
        if value is not None and not np.isfinite(value).all():
            raise SCFError(f"{_name(molecule)}: {name} is not finite after {solution.iterations} iterations")
    return Conformer(
        molecule,
        moses_id=moses_id,
        conformation_id=conformation_id,
        scf_iterations=solution.iterations,
        wall_time=time.perf_counter() - began,
        **labels,
    )


def _check_distances(molecule: Molecule) -> None:
    """Refuse atoms so close that the equations would be singular."""
    separation = molecule.positions[:, None] - molecule.positions
    distance = np.linalg.norm(separation, axis=2) + np.where(np.eye(len(molecule)), np.inf, 0)
    i, j = np.unravel_index(distance.argmin(), distance.shape)
    if distance[i, j] < CLOSEST:
        raise ValueError(
            f"{_name(molecule)}: atoms {i} and {j} are only {distance[i, j]:.3f} Å apart; "
            f"at least {CLOSEST} Å is needed"
        )


def _solve(
    mol: gto.Mole, settings: Settings, start: np.ndarray, forces: bool, progress: Progress | None
) -> tuple[Solution, np.ndarray | None]:
    """Self-consistent field from orbitals and, if wanted, gradient ((N, 3), Eh/bohr)."""
    level = (mol, settings.xc, settings.auxbasis, settings.grid)
    tolerance = float(np.sqrt(settings.conv_tol))
    if _use_gpu(settings.device):
        return gpu.solve(*level, start, tolerance, settings.max_cycle, forces, progress)
    field = equations(*level)
    solution = field.solve(start, tolerance, settings.max_cycle, progress)
    if not solution.converged:
        patient = field.solve_patiently(start, tolerance, settings.max_cycle, progress)
        solution = replace(patient, iterations=solution.iterations + patient.iterations)
    return solution, field.gradient(solution) if forces and solution.converged else None


def _use_gpu(device: str) -> bool:
    reason = None if device == "cpu" else gpu.missing()
    if device == "cuda" and reason:
        raise RuntimeError(f"device 'cuda' needs gpu4pyscf and a CUDA device: {reason}")
    return device != "cpu" and reason is None


def _start(mol: gto.Mole, guess: np.ndarray | None) -> np.ndarray:
    """Orbitals to start from."""
    if guess is None:
        return atomic_orbitals(mol)
    guess = np.asarray(guess, dtype=np.float64)
    if guess.shape != (mol.nao, mol.nao):
        raise ValueError(f"guess must have shape {(mol.nao, mol.nao)}, not {guess.shape}")
    if not np.isfinite(guess).all():
        raise ValueError("guess is not finite")
    return occupied_orbitals(mol, (guess + guess.T) / 2)


def _orbital_energies(mol: gto.Mole, hamiltonian: np.ndarray) -> np.ndarray:
    from scipy.linalg import eigvalsh

    return eigvalsh(hamiltonian, mol.intor_symmetric("int1e_ovlp"))


def _dipole(mol: gto.Mole, orbitals: np.ndarray) -> np.ndarray:
    """Dipole moment, shape (3,), e·a0; of a neutral molecule, so the origin does not matter."""
    electrons = np.einsum(
        "xij,ik,jk->x", mol.intor_symmetric("int1e_r", comp=3), orbitals, orbitals, optimize=True
    )
    return mol.atom_charges() @ mol.atom_coords() - 2 * electrons


def _name(molecule: Molecule) -> str:
    return f"{molecule.formula} ({molecule.smiles})" if molecule.smiles else molecule.formula
