from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nablaviz
from nablaviz.data.memory import Memory
from nablaviz.models.energy.painn import PaiNN
from nablaviz.models.training_set import divide, prepare


def test_named_splits():
    sample = nablaviz.sample()
    parts = divide(sample)
    assert (len(parts.training), len(parts.validation)) == (500, 100)
    assert parts.description == "train: 500 conformers"
    few = divide(sample, "train_50")
    ids, held = (set(p.table.moses_id) for p in (few.training, few.validation))
    assert len(few.training) == 50
    assert held <= ids  # validation never shows molecules that the training set lacks
    assert set(divide(sample, "train_50", "test_structures").validation.table.split) == {"test_structures"}
    with pytest.raises(ValueError, match="no split 'training'; there are: train"):
        divide(sample, "training")


def test_without_splits_a_tenth_of_the_molecules_validates():
    sample = nablaviz.sample()
    bare = Memory(replace(c, split=None, hamiltonian=None) for c in sample[:150])
    parts = divide(bare)
    training, held = (set(p.table.moses_id) for p in (parts.training, parts.validation))
    assert not training & held
    assert len(held) == np.ceil(0.1 * len(training | held))
    assert len(parts.training) + len(parts.validation) == 150
    assert list(divide(bare).training.rows) == list(parts.training.rows)


def test_fingerprint_is_of_geometries_and_labels():
    ids = nablaviz.sample().table.moses_id
    conformers = list(nablaviz.sample().select(np.flatnonzero(ids == ids[0])[:3]))
    model = PaiNN()

    def fingerprint(training, validation=()):
        return prepare(model, training, validation, progress=False).fingerprint

    first = fingerprint(conformers)
    assert first == fingerprint(conformers)
    changed = [
        [replace(conformers[0], formation_energy=conformers[0].formation_energy + 1e-9), *conformers[1:]],
        [replace(conformers[0], forces=conformers[0].forces + 1e-9), *conformers[1:]],
        conformers[::-1],
        conformers[:2],
    ]
    others = [first, fingerprint(conformers[:2], conformers[2:]), *map(fingerprint, changed)]
    assert len(set(others)) == len(others)
