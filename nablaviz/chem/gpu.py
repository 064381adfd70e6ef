"""The same labels by gpu4pyscf, where it is installed and there is a CUDA device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import quadrature
from nablaviz.chem.scf import Progress, Solution

if TYPE_CHECKING:
    from pyscf import gto


def missing() -> str | None:
    """Why the GPU cannot be used, or ``None`` where it can."""
    try:
        import cupy
        import gpu4pyscf  # noqa: F401

        return None if cupy.cuda.runtime.getDeviceCount() else "no CUDA device is visible"
    except Exception as error:  # without a driver cupy raises an error of its own
        return str(error)


def solve(
    mol: gto.Mole,
    xc: str,
    auxbasis: str,
    grid: tuple[int, int],
    orbitals: np.ndarray,
    tolerance: float,
    max_iterations: int,
    forces: bool,
    progress: Progress | None = None,
) -> tuple[Solution, np.ndarray | None]:
    """Self-consistent field and gradient ((N, 3), Eh/bohr); the arguments are those of ``scf.SCF``."""
    import cupy
    from pyscf import dft

    field = dft.RKS(mol, xc=xc).density_fit(auxbasis=auxbasis).to_gpu()
    quadrature.configure(field.grids, *grid)
    field.conv_tol, field.conv_tol_grad = tolerance**2, tolerance
    field.max_cycle = max_iterations
    energies = [np.nan, np.nan]

    def follow(state: dict[str, Any]) -> None:
        energies.append(float(state["e_tot"]))
        if progress:
            progress(len(energies) - 2, energies[-1], energies[-1] - energies[-2])

    field.callback = follow
    field.kernel(dm0=cupy.asarray(2 * orbitals @ orbitals.T))
    occupied = _host(field.mo_coeff)[:, _host(field.mo_occ) > 0]
    solution = Solution(
        energy=float(field.e_tot),
        hamiltonian=_host(field.get_fock()),
        orbitals=occupied,
        iterations=len(energies) - 2,
        converged=bool(field.converged),
        change=energies[-1] - energies[-2],
    )
    if not (forces and solution.converged):
        return solution, None
    gradient = field.nuc_grad_method()
    gradient.verbose = 0
    return solution, _host(gradient.kernel())


def _host(array: Any) -> np.ndarray:
    """A NumPy array from CuPy's or NumPy's."""
    return np.asarray(array.get() if hasattr(array, "get") else array, dtype=np.float64)
