"""Pairs of atoms and functions of their distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.models import graph
from nablaviz.molecule import Molecule


def test_no_pair_within_the_cutoff_is_left_out():
    molecule = next(c.molecule for c in nablaviz.sample() if len(c.molecule) > 30)
    i, j = graph.pairs(molecule, 50.0)
    assert len(i) == len(molecule) * (len(molecule) - 1)  # more than 32 neighbours each
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == {
        (a, b) for a in range(len(molecule)) for b in range(len(molecule)) if a != b
    }


def test_pairs_are_nearer_than_the_cutoff_and_all_that_are():
    molecule = nablaviz.sample()[300].molecule
    i, j = graph.pairs(molecule, 3.0)
    distances = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1)
    assert (distances[i, j] < 3).all()
    assert len(i) == (distances < 3).sum() - len(molecule)
    assert (np.diff(i) >= 0).all()


def test_atoms_at_one_place():
    molecule = Molecule([1, 1], [[0, 0, 0], [0, 0, 1e-3]])
    with pytest.raises(ValueError, match=r"atoms 0 and 1 are 1\.0e-03 Å apart"):
        graph.pairs(molecule, 5.0)


def test_envelope_ends_smoothly():
    distance = torch.tensor([0.0, 2.5, 5.0, 6.0], dtype=torch.float64, requires_grad=True)
    value = graph.envelope(distance, 5.0)
    slope = torch.autograd.grad(value.sum(), distance)[0]
    torch.testing.assert_close(value, torch.tensor([1.0, 0.5, 0.0, 0.0], dtype=torch.float64))
    assert slope[2] == slope[3] == 0


def test_gaussians_vanish_beyond_the_cutoff_and_tell_distances_apart():
    values = graph.gaussians(torch.tensor([1.0, 1.1, 4.9, 5.0, 7.0]), 5.0, 16)
    assert values.shape == (5, 16)
    assert (values[3:] == 0).all()
    assert (values[0] - values[1]).abs().max() > 0.05
