"""DFT labels at nablaDFT's level of theory: energy, forces and the Kohn–Sham matrix of a molecule."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import atoms, basis, dispersion, xc
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import AU2DEBYE, BOHR2ANGSTROM

if TYPE_CHECKING:
    from pyscf import dft, gto

DEVICES = ("auto", "cpu", "cuda")


class SCFError(RuntimeError):
    """The self-consistent field did not converge, or gave numbers that are not finite."""


@dataclass(frozen=True)
class Settings:
    """The level of theory, and how tightly it is converged.

    The functional and the basis sets are nablaDFT's and cannot be changed: the dispersion term, the
    energies of the free atoms and the order of the matrices hold for them alone.

    Parameters
    ----------
    grid_level
        PySCF's level of the integration grid, 0 to 9.
    conv_tol
        Change of the energy in the last iteration, Eh.
    max_cycle
        Iterations before the next way of converging is tried.
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
    grid_level: int = 3
    conv_tol: float = 1e-9
    max_cycle: int = 50
    device: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.grid_level <= 9:
            raise ValueError(f"grid_level must be 0 to 9, not {self.grid_level}")
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

    Returns
    -------
    Conformer
        Energy and forces with the D2 term, Hamiltonian, orbital energies, dipole, iterations, time.

    Raises
    ------
    ValueError
        If the molecule is not a closed shell of nablaDFT's elements, the SMILES gives no conformer,
        or ``guess`` has another shape or is not finite.
    SCFError
        If no way of converging succeeds; the message names molecule, iterations and last change.
    RuntimeError
        If ``settings.device`` is "cuda" and there is no gpu4pyscf or no CUDA device.
    """
    start = time.perf_counter()
    if isinstance(molecule, str):
        from nablaviz.chem import conformers

        molecule = conformers.embed(molecule, count=1, seed=0)[0]
    mol = basis.mole(molecule)
    mean_field = _mean_field(mol, settings)
    density = None if guess is None else _density(mean_field, guess)
    iterations = _converge(mean_field, density, molecule)

    hamiltonian = _host(mean_field.get_fock())
    hamiltonian = (hamiltonian + hamiltonian.T) / 2
    d2_energy, d2_forces = dispersion.d2(molecule)
    energy = float(mean_field.e_tot) + d2_energy
    labels = {
        "energy": energy,
        "formation_energy": atoms.formation_energy(energy, molecule.numbers),
        "forces": d2_forces - _gradient(mean_field) / BOHR2ANGSTROM if forces else None,
        "hamiltonian": hamiltonian,
        "orbital_energies": _orbital_energies(mol, hamiltonian),
        "dipole": _host(mean_field.dip_moment(unit="AU", verbose=0)) * AU2DEBYE,
    }
    for name, value in labels.items():
        if value is not None and not np.isfinite(value).all():
            raise SCFError(f"{_name(molecule)}: {name} is not finite after {iterations} iterations")
    return Conformer(
        molecule,
        moses_id=moses_id,
        conformation_id=conformation_id,
        scf_iterations=iterations,
        wall_time=time.perf_counter() - start,
        **labels,
    )


def _mean_field(mol: gto.Mole, settings: Settings) -> dft.rks.RKS:
    from pyscf import dft

    mean_field = dft.RKS(mol, xc=settings.xc).density_fit(auxbasis=settings.auxbasis)
    mean_field.grids.level = settings.grid_level
    mean_field.conv_tol = settings.conv_tol
    mean_field.max_cycle = settings.max_cycle
    mean_field.chkfile = None  # otherwise every run writes a temporary file
    if _use_gpu(settings.device):
        return mean_field.to_gpu()
    mean_field.grids.build(sort_grids=False)
    integrator = xc.XCIntegrator(mol, mean_field.grids.coords, mean_field.grids.weights, settings.xc)
    mean_field._numint.nr_rks = lambda mol, grids, xc, density, **_: integrator.energy_and_matrix(density)
    mean_field.integrator = integrator
    return mean_field


def _use_gpu(device: str) -> bool:
    if device == "cpu":
        return False
    try:
        import cupy
        import gpu4pyscf  # noqa: F401

        found = cupy.cuda.runtime.getDeviceCount() > 0
        reason = "no CUDA device is visible"
    except Exception as error:  # a missing driver raises cupy's own error
        found, reason = False, str(error)
    if device == "cuda" and not found:
        raise RuntimeError(f"device 'cuda' needs gpu4pyscf and a CUDA device: {reason}")
    return found


def _converge(mean_field: Any, density: np.ndarray | None, molecule: Molecule) -> int:
    """Iterate to convergence, with more patient methods where DIIS fails; return the iterations."""
    energies: list[float] = []
    mean_field.callback = lambda state: energies.append(float(state["e_tot"]))
    with np.errstate(all="ignore"):
        mean_field.kernel(dm0=density)
        if not mean_field.converged:
            mean_field.level_shift, mean_field.diis_space = 0.3, 12
            mean_field.kernel(dm0=mean_field.make_rdm1())
            mean_field.level_shift = 0.0
            if mean_field.converged:  # the shift moves the virtual levels: finish without it
                mean_field.kernel(dm0=mean_field.make_rdm1())
        if not mean_field.converged:
            second_order = mean_field.newton()
            second_order.callback = mean_field.callback
            second_order.kernel(mean_field.mo_coeff, mean_field.mo_occ)
            for name in ("converged", "e_tot", "mo_coeff", "mo_occ", "mo_energy"):
                setattr(mean_field, name, getattr(second_order, name))
    if not mean_field.converged:
        change = abs(energies[-1] - energies[-2]) if len(energies) > 1 else float("nan")
        raise SCFError(
            f"{_name(molecule)}: SCF not converged after {len(energies)} iterations "
            f"(last energy change {change:.1e} Eh, wanted {mean_field.conv_tol:.0e})"
        )
    return len(energies)


def _density(mean_field: Any, guess: np.ndarray) -> np.ndarray:
    """Density matrix of the orbitals of a Kohn–Sham matrix."""
    guess = np.asarray(guess, dtype=np.float64)
    n = mean_field.mol.nao
    if guess.shape != (n, n):
        raise ValueError(f"guess must have shape {(n, n)}, not {guess.shape}")
    if not np.isfinite(guess).all():
        raise ValueError("guess is not finite")
    energies, orbitals = mean_field.eig((guess + guess.T) / 2, mean_field.get_ovlp())
    return mean_field.make_rdm1(orbitals, mean_field.get_occ(energies, orbitals))


def _gradient(mean_field: Any) -> np.ndarray:
    """Gradient of the electronic and nuclear energy, shape (N, 3), Eh/bohr."""
    gradient = mean_field.nuc_grad_method()
    gradient.verbose = 0
    integrator = getattr(mean_field, "integrator", None)
    if integrator is None:
        return _host(gradient.kernel())
    gradient.get_veff = lambda mol, density: _two_electron_derivative(gradient, density)
    return gradient.kernel() + integrator.gradient(np.asarray(mean_field.make_rdm1()))


def _two_electron_derivative(gradient: Any, density: np.ndarray) -> np.ndarray:
    """Coulomb and exact exchange part of PySCF's derivative of the effective potential."""
    from pyscf import lib

    omega, long_range, short_range = gradient.base._numint.rsh_and_hybrid_coeff(gradient.base.xc)
    coulomb, exchange = gradient.get_jk(dm=density)
    screened = gradient.get_k(dm=density, omega=omega)
    potential = coulomb - 0.5 * (short_range * exchange + (long_range - short_range) * screened)
    response = coulomb.aux - 0.5 * (short_range * exchange.aux + (long_range - short_range) * screened.aux)
    return lib.tag_array(np.asarray(potential), aux=response.sum((0, 1)), exc1_grid=None)


def _orbital_energies(mol: gto.Mole, hamiltonian: np.ndarray) -> np.ndarray:
    from scipy.linalg import eigvalsh

    return eigvalsh(hamiltonian, mol.intor_symmetric("int1e_ovlp"))


def _host(array: Any) -> np.ndarray:
    """A NumPy array from NumPy's or CuPy's."""
    return np.asarray(array.get() if hasattr(array, "get") else array, dtype=np.float64)


def _name(molecule: Molecule) -> str:
    return f"{molecule.formula} ({molecule.smiles})" if molecule.smiles else molecule.formula
