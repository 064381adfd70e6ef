"""Orbitals, densities and potentials at given points, as PySCF's integrals give them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nablaviz.chem.basis import mole, size
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR

FITTING = "def2-universal-jkfit"
"""Functions in which the density is expanded for its potential."""

_CHUNK = 4e7  # bytes of integrals computed at a time


def orbitals_at(molecule: Molecule, coefficients: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Orbitals at points, in double precision.

    Parameters
    ----------
    coefficients
        Over the n atomic orbitals, shape (n,) or (n, k).
    points
        Shape (V, 3), Å.

    Returns
    -------
    numpy.ndarray
        Shape (V,) or (V, k), bohr^(-3/2).
    """
    return _atomic_orbitals(molecule, points) @ coefficients


def density_at(molecule: Molecule, density_matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Electron density at points, shape (V, 3) in Å; (V,) in e/bohr³.

    Raises
    ------
    ValueError
        If the matrix does not have shape (n, n), is not finite or not symmetric.
    """
    matrix = check_density(molecule, density_matrix)
    orbitals = _atomic_orbitals(molecule, points)
    return np.einsum("vi,vi->v", orbitals @ matrix, orbitals)


def potential_at(
    molecule: Molecule,
    density_matrix: np.ndarray,
    points: np.ndarray,
    *,
    progress: Callable[[float], object] | None = None,
) -> np.ndarray:
    """Electrostatic potential of nuclei and electrons at points.

    The density is first expanded in the fitting functions that minimise the Coulomb energy of the
    difference (Dunlap, Connolly and Sabin, 1979); a point then costs one integral for each of them instead
    of one for each pair of orbitals.

    Parameters
    ----------
    density_matrix
        Symmetric, shape (n, n).
    points
        Shape (V, 3), Å.
    progress
        Called with the part that is done, 0 to 1; may raise to stop.

    Returns
    -------
    numpy.ndarray
        Shape (V,), Eh/e.

    Raises
    ------
    ValueError
        If the matrix does not have that shape, is not finite or not symmetric; if a point is at a nucleus.
    """
    from pyscf import gto
    from scipy.spatial.distance import cdist

    points = np.asarray(points, dtype=np.float64)
    report = progress or (lambda done: None)
    functions, weights = _fitted(molecule, check_density(molecule, density_matrix), report)
    chunk = max(1, int(_CHUNK / 8 / len(weights)))
    values = np.empty(len(points))
    for start in range(0, len(points), chunk):
        at = points[start : start + chunk]
        distances = cdist(at, molecule.positions) * ANGSTROM2BOHR
        if distances.min() < 1e-8:
            raise ValueError(f"a point is at the nucleus of atom {distances.min(axis=0).argmin()}")
        charges = gto.fakemol_for_charges(at * ANGSTROM2BOHR)
        electrons = gto.mole.intor_cross("int2c2e", charges, functions) @ weights
        values[start : start + chunk] = (molecule.numbers / distances).sum(axis=1) - electrons
        report(0.5 + 0.5 * min(start + chunk, len(points)) / len(points))
    return values


def check_density(molecule: Molecule, density_matrix: np.ndarray) -> np.ndarray:
    """The matrix in float64, exactly symmetric.

    Raises
    ------
    ValueError
        If it does not have shape (n, n), is not finite or not symmetric.
    """
    matrix = np.asarray(density_matrix, dtype=np.float64)
    n = size(molecule.numbers)
    if matrix.shape != (n, n):
        raise ValueError(f"the density matrix must have shape {(n, n)}, not {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("the density matrix is not finite")
    gap = float(np.abs(matrix - matrix.T).max())
    if gap > 1e-6 * np.abs(matrix).max():
        raise ValueError(f"the density matrix is not symmetric: elements differ by up to {gap:.1e}")
    return (matrix + matrix.T) / 2


def _atomic_orbitals(molecule: Molecule, points: np.ndarray) -> np.ndarray:
    return mole(molecule).eval_gto("GTOval_sph", np.asarray(points, dtype=np.float64) * ANGSTROM2BOHR)


def _fitted(
    molecule: Molecule, matrix: np.ndarray, report: Callable[[float], object]
) -> tuple[object, np.ndarray]:
    """Fitting functions, and their weights in the density, shape (naux,)."""
    from pyscf import df
    from scipy.linalg import solve

    mol = mole(molecule)
    functions = df.addons.make_auxmol(mol, FITTING)
    doubled = 2 * matrix - np.diag(matrix.diagonal())
    packed = doubled[np.tril_indices(len(matrix))]
    offsets = functions.ao_loc_nr()
    step = max(1, int(_CHUNK / 8 / len(packed)))
    projected = np.empty(functions.nao)
    first = 0
    while first < functions.nbas:
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + step, side="right")) - 1)
        shells = (0, mol.nbas, 0, mol.nbas, first, last)
        integrals = df.incore.aux_e2(mol, functions, "int3c2e", aosym="s2ij", shls_slice=shells)
        projected[offsets[first] : offsets[last]] = packed @ integrals
        first = last
        report(0.5 * first / functions.nbas)
    return functions, solve(functions.intor("int2c2e"), projected, assume_a="pos")
