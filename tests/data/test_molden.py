"""Molden files, read back by PySCF."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz.chem.basis import core_hamiltonian
from nablaviz.chem.orbitals import Orbitals, orbitals_of
from nablaviz.chem.points import orbitals_at
from nablaviz.data.molden import write_molden
from nablaviz.molecule import SUPPORTED, Molecule
from nablaviz.units import ANGSTROM2BOHR

CLUSTER = Molecule(np.array([*SUPPORTED, 1]), np.random.default_rng(0).normal(size=(9, 3)) * 2.0)


def test_pyscf_reads_the_same_orbitals(tmp_path):
    """Of every element, with d functions; at random points."""
    from pyscf.tools import molden

    orbitals = orbitals_of(CLUSTER, core_hamiltonian(CLUSTER))
    path = tmp_path / "cluster.molden"
    write_molden(path, CLUSTER, orbitals)
    mol, energies, coefficients, occupations, *_ = molden.load(str(path))
    points = CLUSTER.positions[:, None] + np.random.default_rng(1).normal(size=(1, 40, 3))
    points = points.reshape(-1, 3)
    theirs = mol.eval_gto("GTOval_sph", points * ANGSTROM2BOHR) @ coefficients
    assert np.abs(theirs - orbitals_at(CLUSTER, orbitals.coefficients, points)).max() < 1e-6
    assert np.allclose(energies, orbitals.energies, atol=1e-8)
    assert (occupations == orbitals.occupations).all()
    assert mol.atom_charges().tolist() == CLUSTER.numbers.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["cluster.molden"]


def test_orbitals_of_another_molecule_are_refused(tmp_path):
    orbitals = Orbitals(np.array([-1.0, 1.0]), np.eye(3)[:, :2], 1)
    with pytest.raises(ValueError, match="3 coefficients in each orbital"):
        write_molden(tmp_path / "no.molden", CLUSTER, orbitals)
    assert not list(tmp_path.iterdir())
