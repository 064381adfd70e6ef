"""Solutions of HC = SCε, against the sample's, PySCF's and Psi4's; bad input."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.orbitals import (
    Orbitals,
    check_hamiltonian,
    eigh,
    orbitals_of,
    solve,
)
from nablaviz.molecule import Molecule


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[0]


@pytest.fixture(scope="module")
def orbitals(conformer):
    return orbitals_of(conformer.molecule, conformer.hamiltonian, name="conformer 0")


def test_they_solve_the_equation(conformer, orbitals):
    c, s, h = orbitals.coefficients, conformer.overlap, conformer.hamiltonian
    assert np.abs(c.T @ s @ c - np.eye(len(orbitals))).max() < 1e-12
    assert np.abs(h @ c - s @ c * orbitals.energies).max() < 1e-11
    assert np.abs(orbitals.energies - conformer.orbital_energies).max() < 2e-5  # stored in single precision
    assert (np.diff(orbitals.energies) >= 0).all()


def test_gap_and_electrons(conformer, orbitals):
    table = nablaviz.sample().table
    assert orbitals.gap == pytest.approx(table.gap[0], abs=2e-5)
    assert orbitals.energies[orbitals.homo] == pytest.approx(table.homo[0], abs=2e-5)
    assert orbitals.energies[orbitals.lumo] == pytest.approx(table.lumo[0], abs=2e-5)
    electrons = conformer.molecule.numbers.sum()
    assert orbitals.occupations.sum() == electrons
    assert set(orbitals.occupations) == {0, 2}
    assert np.vdot(orbitals.density_matrix, conformer.overlap) == pytest.approx(electrons, abs=1e-10)
    weighted = (orbitals.coefficients * orbitals.occupations) @ orbitals.coefficients.T
    assert np.allclose(orbitals.density_matrix, weighted, atol=1e-13)


def test_labels_there_and_back(orbitals):
    labels = [orbitals.label(k) for k in range(len(orbitals))]
    assert [orbitals.index(label) for label in labels] == list(range(len(orbitals)))
    homo = orbitals.homo
    assert labels[homo - 1 : homo + 3] == ["HOMO−1", "HOMO", "LUMO", "LUMO+1"]
    assert orbitals.index("homo-2") == orbitals.index(" HOMO−2 ") == homo - 2


@pytest.mark.parametrize("label", ["HOMO+1", "LUMO-1", "HOMO−999", "LUMO+999", "SOMO", "HOMO−", "", "7"])
def test_unknown_labels_are_refused(orbitals, label):
    message = re.escape(f"no orbital {label!r}; there are HOMO−") + r"\d+ … HOMO, LUMO … LUMO\+\d+"
    with pytest.raises(ValueError, match=message):
        orbitals.index(label)


def test_indices_out_of_range_are_refused(orbitals):
    for index in (-1, len(orbitals)):
        with pytest.raises(IndexError, match=f"no orbital {index}; there are 0 to {len(orbitals) - 1}"):
            orbitals.label(index)


def dependent_basis(distance):
    """Hydrogen atoms at a distance from each other, and a chlorine atom farther away with a third."""
    numbers = np.array([1, 1, 17, 1])
    positions = np.array([[0, 0, 0], [0, 0, distance], [2.0, 0, 0.3], [2.9, 0, 1.2]])
    return Molecule(numbers, positions)


def test_dependent_directions_are_dropped():
    molecule = dependent_basis(1e-3)
    h, s = basis.core_hamiltonian(molecule), basis.overlap(molecule)
    dropped = int((np.linalg.eigvalsh(s) < 1e-7).sum())
    assert dropped > 0
    found = solve(h, s, 20)
    assert found.coefficients.shape == (len(s), len(s) - dropped)
    assert np.abs(found.coefficients.T @ s @ found.coefficients - np.eye(len(found))).max() < 1e-8
    assert len(solve(h, s, 20, threshold=1e-12)) == len(s)


def test_both_ways_agree_where_nothing_is_dropped(conformer):
    s = conformer.overlap
    smallest = np.linalg.eigvalsh(s)[0]
    electrons = int(conformer.molecule.numbers.sum())
    by_factor = solve(conformer.hamiltonian, s, electrons)
    # So near the threshold that the estimate cannot rule out a smaller eigenvalue.
    canonical = solve(conformer.hamiltonian, s, electrons, threshold=0.999 * smallest)
    assert np.abs(by_factor.energies - canonical.energies).max() < 1e-11
    assert np.abs(by_factor.density_matrix - canonical.density_matrix).max() < 1e-10


def test_a_singular_overlap_is_refused():
    molecule = dependent_basis(0)
    with pytest.raises(
        ValueError, match=r"^conformer 3/1: the overlap matrix is singular .*e-1[4-9]\): are two"
    ):
        orbitals_of(molecule, basis.core_hamiltonian(molecule), name="conformer 3/1")
    with pytest.raises(ValueError, match=r"singular \(its smallest eigenvalue is -1.0e\+00\)"):
        solve(np.eye(4), np.diag([1.0, 1, 1, -1]), 2)


def test_electrons_without_room_are_refused():
    for electrons in (0, 8, 10):
        with pytest.raises(ValueError, match="of 4 orbitals 1 to 3 can be occupied"):
            solve(np.diag(np.arange(4.0)), np.eye(4), electrons)
    with pytest.raises(ValueError, match=r"^row 3: odd number of electrons \(3\)"):
        solve(np.diag(np.arange(4.0)), np.eye(4), 3, name="row 3")
    with pytest.raises(ValueError, match=r"coefficients must have shape \(n, 3\), not \(3, 2\)"):
        Orbitals(np.arange(3.0), np.eye(3)[:, :2], 1)


def bad(matrix, kind):
    matrix = matrix.copy()
    if kind == "nan":
        matrix[2, 1] = np.nan
    elif kind == "infinite":
        matrix[2, 1] = matrix[1, 2] = -np.inf
    elif kind == "asymmetric":
        matrix[4, 3] += 0.25
    return {
        "shape": matrix[:-1],
        "stack": matrix[None],
        "complex": matrix + 0j,
        "text": matrix.astype(str),
    }.get(kind, matrix)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("shape", r"must have shape \((\d+), \1\), not \(\d+, \d+\)"),
        ("stack", r"must have shape \((\d+), \1\), not \(1, \1, \1\)"),
        ("complex", "must be real numbers, not complex128"),
        ("text", "must be real numbers, not <U"),
        ("nan", r"has 1 values that are not finite \(the first at 2, 1\)"),
        ("infinite", r"has 2 values that are not finite \(the first at 1, 2\)"),
        ("asymmetric", r"is not symmetric: elements \(3, 4\) and \(4, 3\) differ by 2.5e-01"),
    ],
)
def test_bad_matrices_are_refused(conformer, kind, message):
    with pytest.raises(ValueError, match=f"^conformer 12/3: the Hamiltonian {message}"):
        orbitals_of(conformer.molecule, bad(conformer.hamiltonian, kind), name="conformer 12/3")


def test_bad_molecules_are_refused():
    with pytest.raises(ValueError, match=r"^conformer 12/3: odd number of electrons \(7\)"):
        check_hamiltonian(np.zeros((14, 14)), np.array([7]), "conformer 12/3")
    with pytest.raises(ValueError, match=r"^conformer 12/3: atomic number 14 \(Si\) is not supported"):
        check_hamiltonian(np.zeros((14, 14)), np.array([14]), "conformer 12/3")


def test_single_precision_is_made_symmetric(conformer):
    rounded = conformer.hamiltonian.astype(np.float32)
    rounded[1, 0] = np.nextafter(rounded[1, 0], np.float32(np.inf))
    checked = check_hamiltonian(rounded, conformer.molecule.numbers)
    assert checked.dtype == np.float64
    assert np.array_equal(checked, checked.T)
    assert np.abs(checked - conformer.hamiltonian).max() < 1e-5


def test_batches_agree_with_lapack(conformer, orbitals):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, *conformer.overlap.shape)) * 1e-3
    h = conformer.hamiltonian + noise + noise.swapaxes(1, 2)
    energies, c = eigh(torch.from_numpy(h), torch.from_numpy(conformer.overlap).expand(3, -1, -1))
    for k in range(3):
        expected = solve(h[k], conformer.overlap, 2 * orbitals.n_occupied)
        assert np.abs(energies[k].numpy() - expected.energies).max() < 1e-11
        overlaps = np.abs(np.einsum("ni,nm,mi->i", expected.coefficients, conformer.overlap, c[k].numpy()))
        assert np.abs(overlaps - 1).max() < 1e-9


def test_gradients_are_those_of_finite_differences():
    water = Molecule(np.array([8, 1, 1]), np.array([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.7, -0.55]]))
    s = torch.from_numpy(basis.overlap(water))
    core = torch.from_numpy(basis.core_hamiltonian(water))

    def observables(h, s):
        energies, c = eigh((h + h.mT) / 2, (s + s.mT) / 2)
        return energies[:8], 2 * c[:, :5] @ c[:, :5].mT

    inputs = (core.clone().requires_grad_(), s.clone().requires_grad_())
    assert torch.autograd.gradcheck(observables, inputs, fast_mode=True, eps=1e-6, atol=1e-5)
