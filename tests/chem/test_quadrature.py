"""The integration grid: exact where the answer is known, and turning with the molecule."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from nablaviz.chem import basis, quadrature
from nablaviz.molecule import SUPPORTED, Molecule

WATER = Molecule([8, 1, 1], [[0, 0, 0.117], [0, 0.777, -0.471], [0, -0.741, -0.466]])


@pytest.mark.parametrize("charge", SUPPORTED)
def test_shells_integrate_a_gaussian(charge):
    radii, widths = quadrature._shells(75, charge)
    assert (np.diff(radii) > 0).all()
    for exponent in (0.1, 1.0, 100.0):
        integral = 4 * np.pi * np.sum(radii**2 * widths * np.exp(-exponent * radii**2))
        assert integral == pytest.approx((np.pi / exponent) ** 1.5, rel=1e-8)


def test_overlap_is_integrated():
    mol = basis.mole(WATER)
    coords, weights = quadrature.published(mol)
    values = mol.eval_gto("GTOval_sph", coords)
    np.testing.assert_allclose(values.T * weights @ values, mol.intor("int1e_ovlp"), atol=2e-5)


def test_more_points_are_more_exact():
    mol = basis.mole(WATER)
    errors = []
    for shells, points in ((30, 110), (75, 302), (100, 590)):
        coords, weights = quadrature.published(mol, shells, points)
        values = mol.eval_gto("GTOval_sph", coords)
        errors.append(abs(values.T * weights @ values - mol.intor("int1e_ovlp")).max())
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_the_grid_turns_with_the_molecule():
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    radii, weights = [], []
    for positions in (WATER.positions, WATER.positions @ turn.T + [1, 2, 3]):
        mol = basis.mole(Molecule(WATER.numbers, positions))
        points, weight = quadrature.published(mol)
        large = weight > 1e-9  # the smallest are kept or not by a rounding error
        radii.append(np.sort(np.linalg.norm(points - mol.atom_coord(0), axis=1)[large]))
        weights.append(np.sort(weight[large]))
    np.testing.assert_allclose(weights[0], weights[1], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(radii[0], radii[1], atol=1e-6)


def test_the_coarse_grid_is_ten_times_smaller():
    mol = basis.mole(WATER)
    assert len(quadrature.coarse(mol)[1]) * 10 < len(quadrature.published(mol)[1])


def test_the_medium_grid_hardly_depends_on_how_it_is_turned(monkeypatch):
    """Beside the whole of its error, which its few shells make; that of the coarse grid does."""
    mol = basis.mole(WATER)
    exact = mol.intor("int1e_ovlp")
    shares, spreads = [], []
    for grid in (quadrature.medium, quadrature.coarse):
        errors = []
        for seed in range(4):
            turned = Rotation.random(random_state=seed).as_matrix()
            monkeypatch.setattr(quadrature, "principal_axes", lambda *atoms, turned=turned: turned)
            coords, weights = grid(mol)
            values = mol.eval_gto("GTOval_sph", coords)
            errors.append(values.T * weights @ values - exact)
        spreads.append(np.std(errors, axis=0).mean())
        shares.append(spreads[-1] / np.abs(errors).mean())
    assert spreads[0] < spreads[1] / 3
    assert shares[0] < shares[1] / 2
    assert len(weights) < len(quadrature.medium(mol)[1]) < len(quadrature.published(mol)[1]) / 8
