"""The def2-SVP spherical basis: PySCF's molecule and the matrices that follow from geometry alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablaviz.molecule import Molecule, check_closed_shell, check_elements
from nablaviz.units import ANGSTROM2BOHR

if TYPE_CHECKING:
    from pyscf import gto

BASIS = "def2-svp"


def mole(molecule: Molecule) -> gto.Mole:
    """PySCF's molecule in def2-SVP (spherical).

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, or the number of electrons is odd.
    """
    from pyscf import gto

    check_elements(molecule.numbers)
    check_closed_shell(molecule.numbers)
    atoms = list(zip(molecule.symbols, molecule.positions * ANGSTROM2BOHR, strict=True))
    return gto.M(atom=atoms, basis=BASIS, unit="Bohr", verbose=0, max_memory=8000)


def overlap(molecule: Molecule) -> np.ndarray:
    """Overlap matrix, shape (n, n), PySCF order."""
    return mole(molecule).intor_symmetric("int1e_ovlp")


def core_hamiltonian(molecule: Molecule) -> np.ndarray:
    """Kinetic energy plus nuclear attraction, shape (n, n), Eh, PySCF order."""
    mol = mole(molecule)
    return mol.intor_symmetric("int1e_kin") + mol.intor_symmetric("int1e_nuc")
