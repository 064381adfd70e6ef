"""The one-electron part of a gradient, against finite differences of electrons that do not see each other."""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh

from nablaviz.chem import basis
from nablaviz.chem.one_electron import one_electron_gradient
from nablaviz.molecule import Molecule
from nablaviz.units import BOHR2ANGSTROM

WATER = Molecule([8, 1, 1], [[0, 0, 0.117], [0, 0.777, -0.471], [0.1, -0.741, -0.466]])
STEP = 1e-3


def core(mol):
    return mol.intor("int1e_kin") + mol.intor("int1e_nuc")


def energy(positions):
    mol = basis.mole(Molecule(WATER.numbers, positions))
    levels = eigh(core(mol), mol.intor("int1e_ovlp"), eigvals_only=True)
    return 2 * levels[: mol.nelectron // 2].sum() + mol.energy_nuc()


def test_it_is_the_slope_of_the_energy():
    mol = basis.mole(WATER)
    orbitals = eigh(core(mol), mol.intor("int1e_ovlp"))[1][:, : mol.nelectron // 2]
    found = one_electron_gradient(mol, 2 * orbitals @ orbitals.T, core(mol))
    for atom, axis in ((0, 2), (1, 1), (2, 0)):
        shift = np.zeros_like(WATER.positions)
        shift[atom, axis] = STEP
        slope = (energy(WATER.positions + shift) - energy(WATER.positions - shift)) / (2 * STEP)
        assert abs(slope * BOHR2ANGSTROM - found[atom, axis]) < 2e-5
    assert np.abs(found.sum(axis=0)).max() < 1e-9
