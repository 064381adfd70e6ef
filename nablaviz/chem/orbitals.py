"""Orbitals of a Hamiltonian in a basis that is not orthogonal: the solutions of HC = SCε."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import symmetric
from nablaviz.molecule import Molecule, check_closed_shell

if TYPE_CHECKING:
    from torch import Tensor

DEPENDENT = 1e-7
"""Directions of the basis whose overlap has a smaller eigenvalue are dropped (Psi4's threshold). Those of
real molecules in def2-SVP are above 1e-4."""

SINGULAR = 1e-12
"""A smaller eigenvalue of the overlap is zero up to rounding: the geometry is wrong, not the basis large."""

_LABEL = re.compile(r"HOMO(?:[-−](\d{1,9}))?|LUMO(?:\+(\d{1,9}))?")


@dataclass(frozen=True, eq=False)
class Orbitals:
    """The orbitals of a closed shell: m of them, from n atomic orbitals.

    Raises
    ------
    ValueError
        If the shapes disagree, or there is no occupied or no virtual orbital.
    """

    energies: np.ndarray
    "Shape (m,), Eh, ascending."
    coefficients: np.ndarray
    "C with CᵀSC = 1, shape (n, m)."
    n_occupied: int

    def __post_init__(self) -> None:
        count = len(self.energies)
        if self.coefficients.ndim != 2 or self.coefficients.shape[1] != count:
            raise ValueError(f"coefficients must have shape (n, {count}), not {self.coefficients.shape}")
        if not 0 < self.n_occupied < count:
            raise ValueError(f"of {count} orbitals 1 to {count - 1} can be occupied, not {self.n_occupied}")

    def __len__(self) -> int:
        return len(self.energies)

    @cached_property
    def occupations(self) -> np.ndarray:
        """Electrons in each orbital, 2 or 0, shape (m,)."""
        return np.where(np.arange(len(self)) < self.n_occupied, 2.0, 0.0)

    @property
    def homo(self) -> int:
        """Index of the highest occupied orbital."""
        return self.n_occupied - 1

    @property
    def lumo(self) -> int:
        """Index of the lowest virtual orbital."""
        return self.n_occupied

    @property
    def gap(self) -> float:
        """Energy of the LUMO less that of the HOMO, Eh."""
        return float(self.energies[self.lumo] - self.energies[self.homo])

    @property
    def band_energy(self) -> float:
        """Sum of the energies of all electrons' orbitals, 2 Σ_occ ε = tr PH, Eh.

        It is not the total energy, and does not differ from it by a constant: it counts the repulsion of
        the electrons twice and leaves out that of the nuclei. Its errors, and its differences along a
        coordinate, tell whether the occupied space and its energies are right.
        """
        return float(self.occupations @ self.energies)

    @cached_property
    def density_matrix(self) -> np.ndarray:
        """P = 2 C_occ C_occᵀ, shape (n, n)."""
        occupied = self.coefficients[:, : self.n_occupied]
        return 2 * occupied @ occupied.T

    def label(self, index: int) -> str:
        """Name of an orbital by its distance from the gap: ``"HOMO−1"``, ``"HOMO"``, ``"LUMO"``, ….

        Raises
        ------
        IndexError
            If there is no such orbital.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there is no orbital {index}; there are 0 to {len(self) - 1}")
        below, above = self.homo - index, index - self.lumo
        if below >= 0:
            return f"HOMO−{below}" if below else "HOMO"
        return f"LUMO+{above}" if above else "LUMO"

    def index(self, label: str) -> int:
        """Index of the orbital with a label; the minus may be typed as a hyphen.

        Raises
        ------
        ValueError
            If it is no label of one of these orbitals.
        """
        found = _LABEL.fullmatch(label.strip().upper())
        if found:
            below, above = (int(steps or 0) for steps in found.groups())
            index = self.homo - below if found[0].startswith("HOMO") else self.lumo + above
            if 0 <= index < len(self):
                return index
        raise ValueError(
            f"no orbital {label!r}; there are {self.label(0)} … HOMO, LUMO … {self.label(len(self) - 1)}"
        )


def orbitals_of(molecule: Molecule, hamiltonian: np.ndarray, *, name: str = "") -> Orbitals:
    """Orbitals of a molecule's Hamiltonian, shape (n, n), Eh, PySCF order.

    Parameters
    ----------
    name
        What the matrix belongs to, such as "conformer 12/3"; errors begin with it.

    Raises
    ------
    ValueError
        As :func:`check_hamiltonian` and :func:`solve`.
    """
    checked = check_hamiltonian(hamiltonian, molecule.numbers, name)
    return solve(checked, basis.overlap(molecule), int(molecule.numbers.sum()), name=name)


def check_hamiltonian(matrix: np.ndarray, numbers: np.ndarray, name: str = "") -> np.ndarray:
    """The matrix in double precision and exactly symmetric, shape (n, n), if it can be a Hamiltonian.

    Parameters
    ----------
    matrix
        Any array, Eh, PySCF order.
    numbers
        Atomic numbers, shape (N,).
    name
        What the matrix belongs to, such as "conformer 12/3"; errors begin with it.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, the number of electrons is odd, or the matrix has
        another shape, is not real, not finite, or not symmetric up to rounding.
    """
    with _naming(name):
        size = basis.size(numbers)
        check_closed_shell(numbers)
        matrix = np.asarray(matrix)
        if matrix.shape != (size, size):
            raise ValueError(f"the Hamiltonian must have shape {(size, size)}, not {matrix.shape}")
        if matrix.dtype.kind not in "fiu":
            raise ValueError(f"the Hamiltonian must be real numbers, not {matrix.dtype}")
        matrix = symmetric(matrix.astype(np.float64), "the Hamiltonian")
        return (matrix + matrix.T) / 2


def solve(
    hamiltonian: np.ndarray,
    overlap: np.ndarray,
    n_electrons: int,
    *,
    threshold: float = DEPENDENT,
    name: str = "",
) -> Orbitals:
    """Solve HC = SCε.

    LAPACK's way by the Cholesky factor of S, unless S has an eigenvalue below ``threshold``: then by
    canonical orthogonalisation (Löwdin, Adv. Phys. 1956, 5, 1), without those directions, so that the
    number of orbitals m is less than n.

    Parameters
    ----------
    hamiltonian
        Symmetric, shape (n, n), Eh.
    overlap
        Shape (n, n).
    n_electrons
        Even.
    threshold
        Smallest eigenvalue of S that is kept.
    name
        What the matrices belong to; errors begin with it.

    Raises
    ------
    ValueError
        If S is singular up to rounding or not positive, the number of electrons is odd, or there are
        not enough orbitals for them.
    """
    with _naming(name):
        if n_electrons % 2:
            raise ValueError(f"odd number of electrons ({n_electrons}): only closed shells are supported")
        return Orbitals(*_eigenvectors(hamiltonian, overlap, threshold), n_electrons // 2)


def _eigenvectors(
    hamiltonian: np.ndarray, overlap: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray]:
    from scipy.linalg import eigh

    if _surely_above(overlap, threshold):
        return eigh(hamiltonian, overlap, check_finite=False)
    values, vectors = eigh(overlap)
    if values[0] < SINGULAR:
        raise ValueError(
            f"the overlap matrix is singular (its smallest eigenvalue is {values[0]:.1e}): "
            "are two atoms in one place?"
        )
    kept = values >= threshold
    canonical = vectors[:, kept] / np.sqrt(values[kept])
    energies, rotation = eigh(canonical.T @ hamiltonian @ canonical, check_finite=False)
    return energies, canonical @ rotation


def _surely_above(overlap: np.ndarray, threshold: float) -> bool:
    """Whether S has no eigenvalue below a threshold, by its Cholesky factor, at little cost.

    The smallest eigenvalue is at least 1/‖S⁻¹‖₁. LAPACK's estimate of that norm is a lower bound, almost
    always within a factor of 3 (Higham, ACM TOMS 1988, 14, 381), hence the 10.
    """
    from scipy.linalg.lapack import dpocon, dpotrf

    factor, fault = dpotrf(overlap)
    if fault:
        return False
    norm = np.abs(overlap).sum(axis=0).max()
    reciprocal_condition, _ = dpocon(factor, norm)
    return reciprocal_condition * norm > 10 * threshold


def eigh(hamiltonian: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """Solve HC = SCε for a batch, differentiably.

    As :func:`torch.linalg.eigh`: energies have a gradient always, coefficients only where no two
    energies are equal, and a loss must not depend on their signs.

    Parameters
    ----------
    hamiltonian
        Symmetric, shape (..., n, n), Eh.
    overlap
        Positive definite, shape (..., n, n).

    Returns
    -------
    energies
        Ascending, shape (..., n), Eh.
    coefficients
        Shape (..., n, n), with CᵀSC = 1.

    Raises
    ------
    torch.linalg.LinAlgError
        If an overlap is not positive definite.
    """
    import torch

    factor = torch.linalg.cholesky(overlap)  # S = L Lᵀ
    half = torch.linalg.solve_triangular(factor, hamiltonian, upper=False)
    orthogonal = torch.linalg.solve_triangular(factor, half.mT, upper=False)
    energies, vectors = torch.linalg.eigh((orthogonal + orthogonal.mT) / 2)
    return energies, torch.linalg.solve_triangular(factor.mT, vectors, upper=True)


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put a name before the message of any ``ValueError``."""
    try:
        yield
    except ValueError as fault:
        raise ValueError(f"{name}: {fault}" if name else str(fault)) from fault
