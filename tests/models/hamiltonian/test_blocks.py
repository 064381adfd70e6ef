"""Blocks taken apart by symmetry and put together again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem import basis
from nablaviz.models.angular import rotations
from nablaviz.models.hamiltonian.block_map import BlockMap
from nablaviz.models.hamiltonian.blocks import PARTS, degrees, orbitals, pair_expansion, site_expansion
from nablaviz.molecule import Molecule

TEMPLATE_PAIRS = [(a, b) for a in range(3) for b in range(a + 1)]


def turn_orbitals(template: int, matrix: np.ndarray) -> torch.Tensor:
    turn = torch.zeros(orbitals(template), orbitals(template), dtype=torch.float64)
    start = 0
    for degree in degrees(template):
        part = slice(start, start + 2 * degree + 1)
        turn[part, part] = rotations(degree, torch.as_tensor(matrix)[None])[0]
        start = part.stop
    return turn


def about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


@pytest.mark.parametrize(("a", "b"), TEMPLATE_PAIRS)
def test_pair_expansion_is_complete_and_orthonormal(a, b):
    matrices = pair_expansion(a, b).matrices.flatten(1)
    assert matrices.shape == (orbitals(a) * orbitals(b),) * 2
    torch.testing.assert_close(matrices @ matrices.T, torch.eye(len(matrices), dtype=torch.float64))


def test_numbers_of_coefficients():
    counts = pair_expansion(1, 1).counts  # of C with C, by hand: 46 + 10 + 2 (42 + 21 + 6 + 1) = 196
    assert counts == {"0+": 46, "0-": 10, "1": 42, "2": 21, "3": 6, "4": 1}


@pytest.mark.parametrize(("a", "b"), TEMPLATE_PAIRS)
def test_parts_of_a_pair_turn_with_their_order(a, b):
    angle = 0.7
    expansion = pair_expansion(a, b)
    block = torch.as_tensor(np.random.default_rng(0).normal(size=(orbitals(a), orbitals(b))))
    turned = turn_orbitals(a, about_z(angle)) @ block @ turn_orbitals(b, about_z(angle)).T
    mirror = np.diag([1.0, -1.0, 1.0])
    mirrored = turn_orbitals(a, mirror) @ block @ turn_orbitals(b, mirror).T
    before, after, reflected = (
        torch.einsum("kij,ij->k", expansion.matrices, x) for x in (block, turned, mirrored)
    )
    start = 0
    for part in PARTS:
        count = expansion.counts[part]
        if part in ("0+", "0-"):
            rows = slice(start, start + count)
            torch.testing.assert_close(after[rows], before[rows])
            torch.testing.assert_close(reflected[rows], (1 if part == "0+" else -1) * before[rows])
            start += count
            continue
        cosine, sine = (slice(start + k * count, start + (k + 1) * count) for k in (0, 1))
        c, s = np.cos(int(part) * angle), np.sin(int(part) * angle)
        torch.testing.assert_close(after[cosine], c * before[cosine] - s * before[sine])
        torch.testing.assert_close(after[sine], s * before[cosine] + c * before[sine])
        torch.testing.assert_close(reflected[cosine], before[cosine])
        torch.testing.assert_close(reflected[sine], -before[sine])
        start += 2 * count


@pytest.mark.parametrize("template", range(4))
def test_parts_of_an_atom_turn_as_harmonics(template):
    expansion = site_expansion(template)
    size = orbitals(template)
    assert len(expansion) == size * (size + 1) // 2
    flat = expansion.matrices.flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(len(flat), dtype=torch.float64))
    matrix = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    block = torch.as_tensor(np.random.default_rng(2).normal(size=(size, size)))
    block = block + block.T
    turn = turn_orbitals(template, matrix)
    before, after = (flat @ x.flatten() for x in (block, turn @ block @ turn.T))
    start = 0
    for (degree, parity), count in expansion.counts.items():
        rows = slice(start, start + (2 * degree + 1) * count)
        harmonic = rotations(degree, torch.as_tensor(matrix)[None])[0] * np.linalg.det(matrix) ** parity
        expected = harmonic @ before[rows].view(-1, count)
        torch.testing.assert_close(after[rows].view(-1, count), expected)
        start = rows.stop


@pytest.mark.parametrize("row", [0, 300, 1090])
def test_a_real_hamiltonian_comes_back(row):
    conformer = nablaviz.sample()[row]
    blocks = BlockMap.of(conformer.molecule, 50.0)
    again = blocks.assemble(blocks.resolve(conformer.hamiltonian))
    np.testing.assert_allclose(again, conformer.hamiltonian, atol=1e-12)


def test_pairs_beyond_the_cutoff_are_zero():
    conformer = nablaviz.sample()[300]
    molecule, layout = conformer.molecule, basis.layout(conformer.molecule.numbers)
    blocks = BlockMap.of(molecule, 3.0)
    again = blocks.assemble(blocks.resolve(conformer.hamiltonian))
    far = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1) >= 3.0
    far = far[np.ix_(layout.ao_atom, layout.ao_atom)]
    assert far.any()
    assert (again[far] == 0).all()
    np.testing.assert_allclose(again[~far], conformer.hamiltonian[~far], atol=1e-12)


def test_coefficients_do_not_depend_on_the_order_of_atoms():
    conformer = nablaviz.sample()[300]
    molecule = conformer.molecule
    order = np.random.default_rng(0).permutation(len(molecule))
    layout = basis.layout(molecule.numbers)
    index = np.concatenate([np.arange(len(layout))[layout.atom(i)] for i in order.tolist()])
    one = BlockMap.of(molecule, 50.0)
    other = BlockMap.of(Molecule(molecule.numbers[order], molecule.positions[order]), 50.0)
    assert one.classes == other.classes
    first, second = (
        one.resolve(conformer.hamiltonian),
        other.resolve(conformer.hamiltonian[np.ix_(index, index)]),
    )
    for key, values in first.pairs.items():
        rank = {
            (int(order[i]), int(order[j])): k
            for k, (i, j) in enumerate(zip(other.first, other.second, strict=True))
        }
        pairs = list(zip(one.first[one.classes[key]], one.second[one.classes[key]], strict=True))
        rows = [rank[int(i), int(j)] - other.classes[key].start for i, j in pairs]
        torch.testing.assert_close(values, second.pairs[key][rows])
