"""Steps towards self-consistency, and what a solution that starts from them saves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.dft import Settings
from nablaviz.chem.dispersion import d2
from nablaviz.chem.scf import SCF, atomic_orbitals, occupied_orbitals

LEVEL = Settings()
TOLERANCE = 3e-5


@pytest.fixture(scope="module")
def case():
    conformer = nablaviz.sample()[80]  # formamide
    mol = basis.mole(conformer.molecule)
    return conformer, mol, SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)


def watched(field):
    """The grids that are used from now on, by name."""
    used = []
    for name in ("coarse", "fine"):
        grid = getattr(field, name)
        grid.energy_and_matrix = lambda density, name=name, whole=grid.energy_and_matrix: (
            used.append(name) or whole(density)
        )
    return used


def test_each_step_leads_nearer_to_self_consistency(case):
    conformer, mol, field = case
    start = atomic_orbitals(mol)
    errors = [
        np.abs(
            field.hamiltonian(field.approach(start, steps, field.coarse), field.fine) - conformer.hamiltonian
        ).mean()
        for steps in (0, 2, 4, 6)
    ]
    assert all(later < 0.6 * earlier for earlier, later in pairwise(errors))
    assert np.array_equal(field.approach(start, 0, field.coarse), start)


def test_a_solution_goes_on_from_the_steps_before(case):
    """It is the same, in fewer iterations."""
    _, mol, field = case
    fresh = SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)
    guess = field.hamiltonian(field.approach(atomic_orbitals(mol), 5, field.medium), field.medium)
    found = [each.solve(occupied_orbitals(mol, guess), TOLERANCE, 30) for each in (fresh, field)]
    assert all(solution.converged for solution in found)
    assert found[0].energy == pytest.approx(found[1].energy, abs=1e-8)
    assert found[1].iterations < found[0].iterations
    assert "medium" not in vars(fresh)


def test_the_fine_grid_is_spared_near_the_end(case):
    """Two matrices on it from a good start, three from superposed atoms; the same solution."""
    conformer, mol, _ = case
    counts, energies = [], []
    for start in (atomic_orbitals(mol), occupied_orbitals(mol, conformer.hamiltonian)):
        field = SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)
        used = watched(field)
        solution = field.solve(start, TOLERANCE, 30)
        assert solution.converged
        counts.append(used.count("fine"))
        energies.append(solution.energy)
    assert counts[1] < counts[0] == 3
    assert energies[0] == pytest.approx(energies[1], abs=1e-8)


def test_a_solution_is_exact_though_its_last_matrix_need_not_be_on_the_fine_grid():
    conformer = nablaviz.sample()[912]  # dichloromethane
    mol = basis.mole(conformer.molecule)
    field = SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)
    used = watched(field)
    noise = 3e-4 * np.diag(np.random.default_rng(1).normal(size=mol.nao))
    start = occupied_orbitals(mol, conformer.hamiltonian + noise)
    spared = 0
    for tolerance in (2e-5, 2.5e-5, 3e-5, 4e-5, 5e-5):
        solution = field.solve(start, tolerance, 30)
        spared += used[-1] == "coarse"
        assert solution.converged
        assert solution.energy == pytest.approx(conformer.energy - d2(conformer.molecule)[0], abs=2e-8)
        exact = field.hamiltonian(solution.orbitals, field.fine)
        assert np.abs(solution.hamiltonian - exact).max() < 0.02 * tolerance
        occupied = field.root @ solution.orbitals
        residual = field._orthogonal(exact) @ occupied
        assert 2 * np.linalg.norm(residual - occupied @ (occupied.T @ residual)) < 1.05 * tolerance
    assert 0 < spared < 5
