"""The integration grid: exact where the answer is known, and turning with the molecule."""

from __future__ import annotations

import numpy as np
import pytest

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
