"""Density of states, of the whole molecule and of its parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.density_of_states import density_of_states, projections
from nablaviz.chem.orbitals import orbitals_of, solve
from nablaviz.chem.populations import lowdin_charges
from nablaviz.molecule import Molecule


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[0]


@pytest.fixture(scope="module")
def orbitals(conformer):
    return orbitals_of(conformer.molecule, conformer.hamiltonian)


def test_each_orbital_is_a_normal_distribution(orbitals):
    at = np.linspace(-1, 0.5, 301)
    expected = sum(norm.pdf(at, loc=energy, scale=0.02) for energy in orbitals.energies)
    assert np.abs(density_of_states(orbitals.energies, at, 0.02) - expected).max() < 1e-10


def test_the_integral_counts_electrons(conformer, orbitals):
    at = np.linspace(orbitals.energies[0] - 1, orbitals.energies[-1] + 1, 20_001)
    found = density_of_states(orbitals.energies, at, 0.05, orbitals.occupations)
    assert np.trapezoid(found, at) == pytest.approx(conformer.molecule.numbers.sum(), rel=1e-9)


def test_parts_sum_to_the_whole(conformer, orbitals):
    layout = basis.layout(conformer.molecule.numbers)
    at = np.linspace(-1, 0.5, 50)
    whole = density_of_states(orbitals.energies, at, 0.02)
    for groups in (layout.ao_atom, layout.ao_l, layout.ao_shell, layout.numbers[layout.ao_atom]):
        weights = projections(orbitals, conformer.overlap, groups)
        assert weights.shape == (len(set(groups)), len(orbitals))
        assert (weights >= 0).all()
        assert np.abs(weights.sum(axis=0) - 1).max() < 1e-12
        parts = density_of_states(orbitals.energies, at, 0.02, weights)
        assert np.abs(parts.sum(axis=0) - whole).max() < 1e-10
        assert np.allclose(parts[1], density_of_states(orbitals.energies, at, 0.02, weights[1]))


def test_projections_on_atoms_give_lowdins_charges(conformer, orbitals):
    numbers = conformer.molecule.numbers
    weights = projections(orbitals, conformer.overlap, basis.layout(numbers).ao_atom)
    charges = numbers - weights @ orbitals.occupations
    expected = lowdin_charges(orbitals.density_matrix, conformer.overlap, numbers)
    assert np.abs(charges - expected).max() < 1e-10


def test_a_core_orbital_is_on_its_atom_and_shell():
    molecule = Molecule(np.array([8, 6]), np.array([[0, 0, 0], [0, 0, 1.13]]))
    overlap = basis.overlap(molecule)
    core = solve(basis.core_hamiltonian(molecule), overlap, 14)
    layout = basis.layout(molecule.numbers)
    assert projections(core, overlap, layout.ao_atom)[0, 0] > 0.99
    assert projections(core, overlap, layout.ao_l)[0, 0] > 0.99


def test_bad_input_is_named(conformer, orbitals):
    at = np.zeros(3)
    for width in (0, -0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"width must be above 0 Eh, not {width}"):
            density_of_states(orbitals.energies, at, width)
    with pytest.raises(ValueError, match=r"weights must have shape \(\.\.\., 2\), not \(3,\)"):
        density_of_states(orbitals.energies[:2], at, 0.1, np.ones(3))
    n = len(conformer.overlap)
    with pytest.raises(ValueError, match=rf"groups must have shape \({n},\), not \(2,\)"):
        projections(orbitals, conformer.overlap, np.array([0, 1]))
