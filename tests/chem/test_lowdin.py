"""Roots of the overlap, and the fit of on-site numbers against explicit least squares."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import baselines, lowdin
from nablaviz.chem.basis import layout


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[300]


def test_roots(conformer):
    root, inverse = lowdin.roots(conformer.overlap)
    np.testing.assert_allclose(root @ root, conformer.overlap, atol=1e-13)
    np.testing.assert_allclose(root @ inverse, np.eye(len(root)), atol=1e-11)
    np.testing.assert_allclose(root, root.T, atol=1e-15)


def test_roots_of_a_singular_matrix():
    with pytest.raises(ValueError, match=r"not positive definite: smallest eigenvalue -1\.0e\+00"):
        lowdin.roots(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_orbital_energies_are_the_eigenvalues(conformer):
    _, inverse = lowdin.roots(conformer.overlap)
    levels = np.linalg.eigvalsh(inverse @ conformer.hamiltonian @ inverse)
    np.testing.assert_allclose(levels, conformer.orbital_energies, atol=2e-5)  # stored as float32


def test_onsite_matrix_joins_shells_of_one_angular_momentum(conformer):
    numbers = conformer.molecule.numbers
    terms = lowdin.onsite_terms()
    assert len(terms) == 109
    values = np.arange(1.0, len(terms) + 1)
    matrix = lowdin.onsite_matrix(values, numbers)
    shells = layout(numbers)
    np.testing.assert_array_equal(matrix, matrix.T)
    rows, columns = np.nonzero(matrix)
    np.testing.assert_array_equal(shells.ao_atom[rows], shells.ao_atom[columns])
    np.testing.assert_array_equal(shells.ao_l[rows], shells.ao_l[columns])
    carbon = int(np.flatnonzero(numbers == 6)[0])
    block = matrix[shells.atom(carbon), shells.atom(carbon)]
    assert block[0, 0] == values[terms.index((6, 0, 0))]
    assert block[0, 1] == block[1, 0] == values[terms.index((6, 0, 1))] / 2
    np.testing.assert_array_equal(block[3:6, 3:6], values[terms.index((6, 3, 3))] * np.eye(3))


@pytest.mark.parametrize("weighted", [False, True])
def test_normal_equations_are_those_of_the_explicit_features(conformer, weighted):
    numbers = conformer.molecule.numbers
    root, inverse = lowdin.roots(conformer.overlap)
    target = inverse @ (conformer.hamiltonian - baselines.baseline("sap-fit", conformer.molecule)) @ inverse
    weights = np.linspace(0.5, 2, len(root)) if weighted else np.ones(len(root))
    units = np.eye(len(lowdin.onsite_terms()))
    scale = np.outer(weights, weights)
    features = np.stack([scale * (root @ lowdin.onsite_matrix(u, numbers) @ root) for u in units])
    features = features.reshape(len(units), -1)
    matrix, right = lowdin.normal_equations(root, target, weights, numbers)
    np.testing.assert_allclose(matrix, features @ features.T, atol=1e-11)
    np.testing.assert_allclose(right, features @ (scale * target).ravel(), atol=1e-9)


def test_shell_sizes(conformer):
    numbers = conformer.molecule.numbers
    shells = layout(numbers)
    matrix = conformer.hamiltonian
    sizes = lowdin.shell_sizes(matrix, numbers)
    for k in (0, 5, len(shells.shell_l) - 1):
        assert sizes[k] == pytest.approx((matrix[shells.shell(k)] ** 2).sum(axis=1).mean())
