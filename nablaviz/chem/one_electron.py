"""The part of an energy's gradient that has one electron in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pyscf import gto


def one_electron_gradient(mol: gto.Mole, density: np.ndarray, hamiltonian: np.ndarray) -> np.ndarray:
    """From the kinetic energy, the nuclei and the overlap, shape (N, 3), Eh/bohr.

    Parameters
    ----------
    mol
        PySCF's molecule of N atoms and n basis functions.
    density
        Density matrix of a closed shell, shape (n, n).
    hamiltonian
        The Kohn–Sham matrix whose orbitals it is made of, shape (n, n), Eh.
    """
    from pyscf.grad.rhf import grad_nuc

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
