"""Steps towards self-consistency, and what a solution that starts from them saves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.dft import Settings
from nablaviz.chem.scf import SCF, atomic_orbitals, occupied_orbitals

LEVEL = Settings()
TOLERANCE = 3e-5


@pytest.fixture(scope="module")
def case():
    conformer = nablaviz.sample()[80]  # formamide
    mol = basis.mole(conformer.molecule)
    return conformer, mol, SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)


def test_each_step_leads_nearer_to_self_consistency(case):
    conformer, mol, field = case
    start = atomic_orbitals(mol)
    errors = [
        np.abs(field.hamiltonian(field.approach(start, steps)) - conformer.hamiltonian).mean()
        for steps in (0, 2, 4, 6)
    ]
    assert all(later < 0.6 * earlier for earlier, later in pairwise(errors))
    assert np.array_equal(field.approach(start, 0), start)


def test_a_solution_goes_on_from_the_matrix_computed_last(case):
    """It is the same, and needs the fine grid less often."""
    _, mol, field = case
    fresh = SCF(mol, LEVEL.xc, LEVEL.auxbasis, LEVEL.grid)
    guess = field.hamiltonian(field.approach(atomic_orbitals(mol), 4))
    counts, found = [], []
    for each in (fresh, field):
        seen = []
        whole = each.fine.energy_and_matrix
        each.fine.energy_and_matrix = lambda density, whole=whole, seen=seen: seen.append(1) or whole(density)
        found.append(each.solve(occupied_orbitals(mol, guess), TOLERANCE, 30))
        counts.append(len(seen))
    assert all(solution.converged for solution in found)
    assert found[0].energy == pytest.approx(found[1].energy, abs=1e-8)
    assert counts[1] < counts[0]
