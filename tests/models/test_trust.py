"""Distance to the training data: it knows what it has seen, ranks errors, and travels with the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

import nablaviz
from nablaviz.chem import lowdin
from nablaviz.data.splits import split_rows
from nablaviz.models.hamiltonian.ridge import Ridge, RidgeSettings
from nablaviz.models.library import load_model
from nablaviz.models.training import train
from nablaviz.models.training_set import domain_of, prepare
from nablaviz.models.trust import TrainingDomain, describe
from nablaviz.molecule import Conformer, Molecule


@pytest.fixture(scope="module")
def training() -> list[Conformer]:
    dataset = nablaviz.sample()
    return list(dataset.select(split_rows(dataset.table, "train_100")))


@pytest.fixture(scope="module")
def domain(training: list[Conformer]) -> TrainingDomain:
    return describe(training)


def test_what_was_seen_is_at_distance_zero(domain, training):
    seen = domain.closeness(training[7].molecule)
    assert seen.distance < 1e-3
    assert seen.percentile == 0
    assert not seen.far
    assert seen.atoms.shape == (len(training[7].molecule),)


def test_it_depends_on_the_geometry_alone(domain):
    molecule = nablaviz.sample()[300].molecule
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(len(molecule))
    moved = Molecule(molecule.numbers[order], molecule.positions[order] @ turn + 3)
    np.testing.assert_allclose(
        domain.closeness(moved).atoms, domain.closeness(molecule).atoms[order], atol=1e-6
    )


def test_a_stretched_molecule_is_far_and_a_torn_atom_is_what_is_strange(domain, training):
    molecule = training[0].molecule
    torn = molecule.positions.copy()
    place = int(np.flatnonzero(molecule.numbers == 1)[0])
    torn[place] += 0.35 * (torn[place] - torn.mean(axis=0))
    strange = domain.closeness(Molecule(molecule.numbers, torn)).atoms
    assert place in np.argsort(strange)[-2:]  # beside the one it is torn from
    assert domain.closeness(Molecule(molecule.numbers, 1.4 * molecule.positions)).far


def test_percentiles_are_those_of_training_conformers(training):
    """Left out, molecules of the training data spread over all percentiles."""
    names = sorted({c.moses_id for c in training})
    held = [c for c in training if c.moses_id in names[::4]]
    rest = describe([c for c in training if c.moses_id not in names[::4]])
    known = set(rest.numbers.tolist())
    found = [rest.closeness(c.molecule).percentile for c in held if set(c.molecule.numbers.tolist()) <= known]
    assert 25 < np.median(found) < 90


def test_distance_ranks_the_errors_of_a_model(training, domain):
    model = Ridge(RidgeSettings(baseline="sap-fit"))
    model.fit_reference([model.prepare(conformer) for conformer in training])
    dataset = nablaviz.sample()
    rng = np.random.default_rng(0)
    errors, distances = [], []
    for split in ("test_conformations_100", "test_structures", "test_scaffolds"):
        for row in rng.choice(split_rows(dataset.table, split), 10, replace=False):
            conformer = dataset[int(row)]
            if set(conformer.molecule.numbers.tolist()) <= set(model.card.elements):
                predicted = model.predict(conformer.molecule).hamiltonian
                _, inverse = lowdin.roots(conformer.overlap)
                errors.append(np.abs(inverse @ (predicted - conformer.hamiltonian) @ inverse).mean())
                distances.append(domain.closeness(conformer.molecule).distance)
    assert spearmanr(distances, errors).statistic > 0.4


def test_an_unknown_element_is_named(domain, training):
    alone = describe([c for c in training if 9 not in c.molecule.numbers][:10])
    with pytest.raises(ValueError, match="there was no F in the training data"):
        alone.closeness(nablaviz.sample()[39].molecule)


def test_one_molecule_or_none():
    with pytest.raises(ValueError, match="no conformers"):
        describe([])
    conformer = nablaviz.sample()[44]
    assert describe([conformer]).closeness(conformer.molecule).distance < 1e-3


def test_it_travels_with_the_model_and_files_without_it_are_read(tmp_path, training):
    model = Ridge(RidgeSettings(baseline="core"))
    run = train(model, prepare(model, training[:8], progress=False), out=tmp_path, progress=False)
    path = run.path / "model.safetensors"
    read = load_model(path)
    for name, array in run.model.domain.tensors().items():
        np.testing.assert_array_equal(getattr(read.domain, name), array)
    read.domain = None
    read.save(path)
    assert load_model(path).domain is None


def test_it_is_made_again_from_the_data_that_a_card_names():
    card = replace(Ridge().card, data="sample", split="train_100: 100 conformers")
    assert domain_of(card).quantiles.shape == (101,)
    with pytest.raises(ValueError, match=r"train_100: 100 conformers, but .* had train_100: 7 conformers"):
        domain_of(replace(card, split="train_100: 7 conformers"))
    with pytest.raises(ValueError, match="does not say what it was trained on"):
        domain_of(replace(card, data=""))


@pytest.mark.parametrize("fault", ["missing", "shape", "not finite"])
def test_damaged_domains_are_refused(domain, fault):
    tensors = dict(domain.tensors())
    if fault == "missing":
        del tensors["atoms"]
    elif fault == "shape":
        tensors["quantiles"] = tensors["quantiles"][:5]
    else:
        tensors["atoms"] = np.full_like(tensors["atoms"], np.nan)
    with pytest.raises(ValueError, match="training domain"):
        TrainingDomain.from_tensors(tensors)
