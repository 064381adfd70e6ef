"""Conformers of the sample, relaxed with the shipped model of the energy."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz import Molecule, load_model, sample
from nablaviz.models.relaxation import ase_calculator, surface_of
from nablaviz.units import HARTREE2EV


def test_the_energy_falls_until_the_forces_vanish() -> None:
    conformer = sample()[sample().table.query("smiles == 'NC=O'").index[0]]
    found = nablaviz.relax(conformer.molecule)
    assert found.converged and found.forces[-1] < 4e-4
    assert found.released > 0.5
    model = load_model("energy")
    assert found.energies[0] == pytest.approx(model.predict(conformer.molecule).energy, abs=1e-6)
    assert found.energies[-1] == pytest.approx(model.predict(found.molecule).energy, abs=1e-6)
    assert found.rmsd[-1] < 0.5


def test_a_model_is_a_calculator_of_ase() -> None:
    from ase import Atoms

    molecule = sample()[0].molecule
    atoms = Atoms(numbers=molecule.numbers, positions=molecule.positions)
    atoms.calc = ase_calculator("energy")
    energy, forces = surface_of("energy")(molecule)
    assert atoms.get_potential_energy() == pytest.approx(energy * HARTREE2EV)
    assert np.allclose(atoms.get_forces(), forces * HARTREE2EV)


def test_what_cannot_be_relaxed_says_why() -> None:
    molecule = sample()[0].molecule
    with pytest.raises(ValueError, match="'sap-fit' predicts no forces to follow"):
        nablaviz.relax(molecule, "sap-fit")
    with pytest.raises(ValueError, match=r"atomic number 14 \(Si\)"):
        nablaviz.relax(Molecule([14, 1, 1, 1, 1], np.random.default_rng(0).normal(size=(5, 3)) * 2))
    with pytest.raises(ValueError, match="no model or file 'energie'"):
        nablaviz.relax(molecule, "energie")
