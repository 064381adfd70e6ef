"""Fitted Coulomb and exchange against PySCF's."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz.chem import basis, jk
from nablaviz.chem.scf import occupied_orbitals
from nablaviz.molecule import Molecule

OMEGA, SHORT, LONG = 0.2, 0.222036, 1.0
AUXBASIS = "def2-universal-jkfit"
CHLOROMETHANOL = Molecule(
    [6, 8, 17, 1, 1, 1],
    [[0, 0, 0], [1.36, 0.1, 0], [-0.7, 1.66, 0.1], [-0.4, -0.5, 0.9], [-0.35, -0.5, -0.92], [1.7, -0.8, 0.1]],
)


@pytest.fixture(scope="module")
def case():
    mol = basis.mole(CHLOROMETHANOL)
    orbitals = occupied_orbitals(mol, mol.intor("int1e_kin") + mol.intor("int1e_nuc"))
    return mol, orbitals, jk.CoulombExchange(mol, AUXBASIS, OMEGA, SHORT, LONG)


def reference(mol, density):
    from pyscf import scf

    field = scf.RHF(mol).density_fit(auxbasis=AUXBASIS)
    coulomb, exchange = field.get_jk(dm=density)
    screened = field.get_k(dm=density, omega=OMEGA)
    return coulomb, SHORT * exchange + (LONG - SHORT) * screened


def test_matrices_are_pyscfs(case):
    mol, orbitals, fitted = case
    density = 2 * orbitals @ orbitals.T
    coulomb, exchange = reference(mol, density)
    np.testing.assert_allclose(fitted.coulomb(density), coulomb, atol=1e-7)
    np.testing.assert_allclose(fitted.exchange(orbitals), exchange, atol=1e-7)


def test_single_precision_is_close(case, monkeypatch):
    _, orbitals, fitted = case
    exact, single = fitted.exchange(orbitals), fitted.exchange(orbitals, double=False)
    assert 0 < abs(single - exact).max() < 2e-5
    monkeypatch.setattr(jk, "SINGLE", 0)
    monkeypatch.setattr(fitted, "_single", None)
    np.testing.assert_array_equal(fitted.exchange(orbitals, double=False), exact)


def test_the_long_range_tensor_is_short(case):
    _, _, fitted = case
    full, long_range = fitted.rows
    assert full == fitted.aux.nao
    assert long_range < full / 2


def test_gradient_is_pyscfs(case):
    from pyscf import lib, scf

    mol, orbitals, fitted = case
    density = 2 * orbitals @ orbitals.T
    field = scf.RHF(mol).density_fit(auxbasis=AUXBASIS)
    gradient = field.nuc_grad_method()
    coulomb, exchange = gradient.get_jk(dm=density)
    screened = gradient.get_k(dm=density, omega=OMEGA)
    potential = coulomb - 0.5 * (SHORT * exchange + (LONG - SHORT) * screened)
    response = coulomb.aux - 0.5 * (SHORT * exchange.aux + (LONG - SHORT) * screened.aux)
    expected = response.sum(axis=(0, 1)) + [
        2 * np.einsum("xij,ij->x", lib.asarray(potential)[:, a:b], density[a:b])
        for _, _, a, b in mol.aoslice_by_atom()
    ]
    np.testing.assert_allclose(fitted.gradient(orbitals), expected, atol=2e-6)


def test_ranges_cover_every_shell_once():
    starts = np.array([0, 1, 4, 9, 10, 13, 30])
    ranges = jk._ranges(starts, 5)
    assert [i for a, b in ranges for i in range(a, b)] == list(range(6))
    assert all(b == a + 1 or starts[b] - starts[a] <= 5 for a, b in ranges)
