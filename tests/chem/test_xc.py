"""The blocked grid integration against PySCF's own."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz.chem import basis, quadrature, xc
from nablaviz.chem.scf import atomic_orbitals
from nablaviz.molecule import Molecule

FUNCTIONAL = "HYB_GGA_XC_WB97X_D"
FORMALDEHYDE = Molecule([6, 8, 1, 1], [[0, 0, -0.53], [0, 0.05, 0.68], [0, 0.93, -1.12], [0.1, -0.94, -1.11]])


@pytest.fixture(scope="module")
def case():
    mol = basis.mole(FORMALDEHYDE)
    orbitals = atomic_orbitals(mol)
    return mol, 2 * orbitals @ orbitals.T, xc.XCIntegrator(mol, *quadrature.coarse(mol), FUNCTIONAL)


def test_energy_and_matrix_are_pyscfs(case):
    from pyscf import dft

    mol, density, integrator = case
    field = dft.RKS(mol, xc=FUNCTIONAL)
    field.grids.coords, field.grids.weights = quadrature.coarse(mol)
    _, energy, matrix = field._numint.nr_rks(mol, field.grids, FUNCTIONAL, density)
    mine_energy, mine = integrator.energy_and_matrix(density)
    assert mine_energy == pytest.approx(energy, abs=1e-9)
    np.testing.assert_allclose(mine, matrix, atol=1e-9)
    np.testing.assert_array_equal(mine, mine.T)


def test_gradient_is_pyscfs(case):
    from pyscf import dft
    from pyscf.grad import rks

    mol, density, integrator = case
    field = dft.RKS(mol, xc=FUNCTIONAL)
    field.grids.coords, field.grids.weights = quadrature.coarse(mol)
    _, slope = rks.get_vxc(field._numint, mol, field.grids, FUNCTIONAL, density)
    expected = [
        2 * np.einsum("xij,ij->x", slope[:, a:b], density[a:b]) for _, _, a, b in mol.aoslice_by_atom()
    ]
    np.testing.assert_allclose(integrator.gradient(density), expected, atol=1e-8)


def test_without_room_to_keep_values_the_result_is_the_same(case, monkeypatch):
    mol, density, integrator = case
    monkeypatch.setattr(xc, "CACHE", 0)
    monkeypatch.setattr(xc, "BLOCK", 97)
    frugal = xc.XCIntegrator(mol, *quadrature.coarse(mol), FUNCTIONAL)
    np.testing.assert_allclose(
        frugal.energy_and_matrix(density)[1], integrator.energy_and_matrix(density)[1], atol=1e-9
    )
    assert not frugal._cache


def test_every_point_is_in_one_block():
    coords = np.random.default_rng(1).normal(size=(1001, 3))
    order, slices = xc._compact_blocks(coords, 64)
    assert sorted(order) == list(range(1001))
    assert [i for s in slices for i in range(1001)[s]] == list(range(1001))
    assert max(s.stop - s.start for s in slices) <= 64


def test_points_that_no_orbital_reaches_are_harmless(case):
    mol, density, integrator = case
    coords = np.concatenate([integrator.coords, np.full((500, 3), 200.0)])
    weights = np.concatenate([integrator.weights, np.ones(500)])
    wider = xc.XCIntegrator(mol, coords, weights, FUNCTIONAL)
    assert wider.energy_and_matrix(density)[0] == pytest.approx(integrator.energy_and_matrix(density)[0])
    np.testing.assert_allclose(wider.gradient(density), integrator.gradient(density), atol=1e-9)
