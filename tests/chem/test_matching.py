"""Orbitals of two Hamiltonians are paired by overlap, degenerate ones as subspaces."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.matching import DEGENERATE, match
from nablaviz.chem.orbitals import Orbitals, orbitals_of, solve
from nablaviz.molecule import Molecule


def ring(radius, number, phase=0.0, height=0.0, count=6):
    angle = np.arange(count) * 2 * np.pi / count + phase
    xyz = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(count, height)], axis=1)
    return np.full(count, number), xyz


def assemble(*parts):
    return Molecule(np.concatenate([z for z, _ in parts]), np.concatenate([r for _, r in parts]))


BENZENE = assemble(ring(1.39, 6), ring(2.48, 1))
AMMONIA = assemble((np.array([7]), np.zeros((1, 3))), ring(0.94, 1, height=0.38, count=3))


def fock(molecule):
    """The Fock matrix of superposed atomic densities: as symmetric as the molecule."""
    from pyscf import scf

    field = scf.RHF(basis.mole(molecule))
    return field.get_fock(dm=field.get_init_guess(key="minao"))


@pytest.fixture(scope="module", params=[BENZENE, AMMONIA], ids=["benzene", "ammonia"])
def symmetric(request):
    molecule = request.param
    return molecule, fock(molecule), basis.overlap(molecule)


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[0]


def noise(rng, n):
    matrix = rng.normal(size=(n, n))
    return (matrix + matrix.T) / 2


def degenerate_pairs(orbitals):
    close = np.flatnonzero(np.diff(orbitals.energies) < 1e-8)
    return [(int(k), int(k) + 1) for k in close]


def by_index(reference, other, overlap, aligned):
    """Mean overlap of equal indices; ``aligned``: rotated within groups that are degenerate in either set."""
    values = reference.coefficients.T @ overlap @ other.coefficients
    if not aligned:
        return np.abs(values.diagonal()).mean()
    close = [np.diff(o.energies) <= DEGENERATE for o in (reference, other)]
    starts = [0, *(np.flatnonzero(~(close[0] | close[1])) + 1), len(values)]
    blocks = [values[a:b, a:b] for a, b in pairwise(starts)]
    return sum(np.linalg.svd(block)[1].sum() for block in blocks) / len(values)


def check_contract(matching, reference, other, overlap):
    i, j = matching.pairs.T
    assert (np.diff(i) > 0).all()
    assert len(set(j)) == len(j)
    assert np.array_equal(matching.differences, other.energies[j] - reference.energies[i])
    ours = reference.coefficients[:, i]
    assert np.abs(matching.coefficients.T @ overlap @ matching.coefficients - np.eye(len(i))).max() < 1e-10
    signed = np.einsum("nk,nm,mk->k", ours, overlap, matching.coefficients)
    assert (signed > -1e-12).all()
    for group in range(matching.groups.max() + 1):
        members = matching.groups == group
        assert matching.overlaps[members] == pytest.approx(signed[members].mean(), abs=1e-10)
        # Within a group the same space is spanned as by the other's own orbitals.
        own = other.coefficients[:, j[members]]
        cosines = np.linalg.svd(own.T @ overlap @ matching.coefficients[:, members])[1]
        assert np.abs(cosines - 1).max() < 1e-9


def check_perturbations(h, overlap, electrons, sizes):
    reference = solve(h, overlap, electrons)
    rng = np.random.default_rng(0)
    better = 0
    for size in sizes:
        other = solve(h + size * noise(rng, len(h)), overlap, electrons)
        found = match(reference, other, overlap)
        check_contract(found, reference, other, overlap)
        rivals = [by_index(reference, other, overlap, aligned) for aligned in (False, True)]
        assert found.overlaps.mean() >= max(rivals) - 1e-12
        better += found.overlaps.mean() > max(rivals) + 0.05
    return better


def test_never_worse_than_pairing_by_index(conformer):
    electrons = int(conformer.molecule.numbers.sum())
    better = check_perturbations(conformer.hamiltonian, conformer.overlap, electrons, np.logspace(-6, 0, 200))
    assert better > 50


def test_never_worse_than_pairing_by_index_with_degeneracy(symmetric):
    molecule, h, overlap = symmetric
    better = check_perturbations(h, overlap, int(molecule.numbers.sum()), np.logspace(-7, 0, 60))
    assert better > 10


def test_degenerate_pairs_are_matched_as_subspaces(symmetric):
    molecule, h, overlap = symmetric
    reference = orbitals_of(molecule, h)
    pairs = degenerate_pairs(reference)
    assert len(pairs) > 3
    rng = np.random.default_rng(1)
    mixed = reference.coefficients.copy()
    for pair in pairs:
        angle = rng.uniform(0, np.pi)
        rotation = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        mixed[:, pair] = mixed[:, pair] @ rotation
    other = Orbitals(reference.energies, mixed * rng.choice([-1, 1], len(reference)), reference.n_occupied)
    assert by_index(reference, other, overlap, aligned=False) < 0.99
    found = match(reference, other, overlap)
    assert np.abs(found.overlaps - 1).max() < 1e-12
    assert np.abs(found.coefficients - reference.coefficients).max() < 1e-10
    for pair in pairs:
        assert len(set(found.groups[list(pair)])) == 1


def test_a_degenerate_pair_that_noise_splits_is_still_one_group(symmetric):
    molecule, h, overlap = symmetric
    reference = orbitals_of(molecule, h)
    other = orbitals_of(molecule, h + 3e-4 * noise(np.random.default_rng(2), len(h)))
    i, k = next(pair for pair in reversed(degenerate_pairs(reference)) if pair[1] <= reference.homo)
    assert other.energies[k] - other.energies[i] > DEGENERATE
    one, two = match(reference, other, overlap), match(other, reference, overlap)
    for found in (one, two):
        assert found.groups[i] == found.groups[k]
        assert (found.overlaps[[i, k]] > 0.999).all()
    assert np.allclose(np.sort(one.overlaps), np.sort(two.overlaps), atol=1e-10)


def test_overlaps_do_not_depend_on_how_degenerate_orbitals_were_mixed(symmetric):
    molecule, h, overlap = symmetric
    reference = orbitals_of(molecule, h)
    other = orbitals_of(molecule, h + 0.02 * noise(np.random.default_rng(3), len(h)))
    mixed = reference.coefficients.copy()
    for pair in degenerate_pairs(reference):
        mixed[:, pair] = mixed[:, pair] @ np.array([[0.6, -0.8], [0.8, 0.6]])
    again = Orbitals(reference.energies, mixed, reference.n_occupied)
    one, two = match(reference, other, overlap), match(again, other, overlap)
    assert np.abs(one.overlaps - two.overlaps).max() < 1e-10
    assert np.abs(np.sort(one.differences) - np.sort(two.differences)).max() < 1e-10


def test_swapped_levels_are_found_again(conformer):
    reference = orbitals_of(conformer.molecule, conformer.hamiltonian)
    order = np.random.default_rng(4).permutation(len(reference))
    other = Orbitals(np.arange(len(order)) / 10, reference.coefficients[:, order], reference.n_occupied)
    found = match(reference, other, conformer.overlap, degenerate=0.0)
    assert np.array_equal(order[found.pairs[:, 1]], found.pairs[:, 0])
    assert np.abs(found.overlaps - 1).max() < 1e-12
    assert np.abs(found.coefficients - reference.coefficients).max() < 1e-10


def test_a_window_is_matched_with_anything(conformer):
    reference = orbitals_of(conformer.molecule, conformer.hamiltonian)
    other = solve(
        conformer.hamiltonian + 1e-3 * noise(np.random.default_rng(5), len(conformer.overlap)),
        conformer.overlap,
        2 * reference.n_occupied,
    )
    window = range(reference.homo - 4, reference.lumo + 5)
    found = match(reference, other, conformer.overlap, window)
    check_contract(found, reference, other, conformer.overlap)
    assert found.pairs[:, 0].tolist() == list(window)
    whole = match(reference, other, conformer.overlap)
    assert found.overlaps.mean() >= whole.overlaps[list(window)].mean() - 1e-12


def test_a_window_grows_to_hold_whole_groups(symmetric):
    molecule, h, overlap = symmetric
    reference = orbitals_of(molecule, h)
    i, k = degenerate_pairs(reference)[0]
    assert match(reference, reference, overlap, range(k, k + 1)).pairs[:, 0].tolist() == [i, k]


def test_sets_of_different_size(conformer):
    reference = orbitals_of(conformer.molecule, conformer.hamiltonian)
    fewer = Orbitals(reference.energies[:-3], reference.coefficients[:, :-3], reference.n_occupied)
    for a, b in ((reference, fewer), (fewer, reference)):
        found = match(a, b, conformer.overlap)
        check_contract(found, a, b, conformer.overlap)
        assert len(found.pairs) == len(fewer)
        assert np.abs(found.overlaps - 1).max() < 1e-12


def test_bad_input_is_named(conformer):
    orbitals = orbitals_of(conformer.molecule, conformer.hamiltonian)
    m = len(orbitals)
    for window in (range(0), range(5, m + 1), range(-1, 3), range(0, 8, 2)):
        with pytest.raises(ValueError, match=rf"window must be within 0 … {m} in steps of 1, not range"):
            match(orbitals, orbitals, conformer.overlap, window)
    water = Molecule(np.array([8, 1, 1]), np.array([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.7, -0.55]]))
    with pytest.raises(ValueError, match=rf"orbitals of 24 atomic orbitals; the overlap is of {m}"):
        match(orbitals, orbitals_of(water, basis.core_hamiltonian(water)), conformer.overlap)
