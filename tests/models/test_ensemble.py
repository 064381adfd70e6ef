"""Ensembles: their mean is that of the members, their spread is zero among equals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem import basis, lowdin
from nablaviz.models.contract import validate
from nablaviz.models.ensemble import Ensemble
from nablaviz.models.hamiltonian.ridge import Ridge, RidgeSettings
from nablaviz.models.second import second


def member(seed: int, **settings: str) -> Ridge:
    """A model whose weights are small random numbers."""
    model = Ridge(RidgeSettings(**{"baseline": "sap-fit", **settings}))
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in model.named_buffers():
        if name.startswith(("site", "pair")):
            buffer.copy_(1e-3 * torch.randn(buffer.shape, generator=generator))
    return model.double()


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return Ensemble([member(seed) for seed in range(3)])


def test_mean_and_spread(ensemble):
    molecule = nablaviz.sample()[44].molecule
    found = ensemble.predict(molecule)
    alone = [model.predict(molecule) for model in ensemble.models]
    np.testing.assert_allclose(found.hamiltonian, np.mean([p.hamiltonian for p in alone], axis=0), atol=1e-14)
    inverse = lowdin.roots(basis.overlap(molecule))[1]
    expected = np.std([inverse @ p.hamiltonian @ inverse for p in alone], axis=0, ddof=1)
    np.testing.assert_allclose(found.spread.hamiltonian, expected, atol=1e-14)
    assert found.spread.mean == pytest.approx(expected.mean())
    homo = [p.orbitals.energies[p.orbitals.homo] for p in alone]
    assert found.spread.homo == pytest.approx(np.std(homo, ddof=1))
    assert found.spread.atoms.shape == (len(molecule),)
    assert np.average(found.spread.atoms, weights=[14, 14, 5, 5, 5, 5]) == pytest.approx(expected.mean())


def test_equal_members_agree():
    found = Ensemble([member(0), member(0)]).predict(nablaviz.sample()[39].molecule)
    assert found.spread.mean < 1e-14
    assert found.spread.lumo < 1e-12


def test_it_keeps_the_contract(ensemble):
    report = validate(ensemble, [nablaviz.sample()[44].molecule])
    assert report.passed, str(report)


def test_elements_are_those_that_all_know(ensemble):
    ensemble.models[1].card = replace(ensemble.models[1].card, elements=(1, 6))
    assert Ensemble(ensemble.models).card.elements == (1, 6)
    ensemble.models[1].card = replace(ensemble.models[1].card, elements=ensemble.models[0].card.elements)


def test_different_models_are_refused():
    with pytest.raises(ValueError, match="two models or more, not 1"):
        Ensemble([member(0)])
    with pytest.raises(ValueError, match="baseline differs"):
        Ensemble([member(0), member(1, baseline="core")])
    with pytest.raises(ValueError, match="one architecture"):
        Ensemble([member(0), nablaviz.load_model("minao")])


def test_a_list_of_models_or_files_is_an_ensemble(ensemble, tmp_path):
    dataset = nablaviz.sample()[44:45]
    paths = [tmp_path / f"{k}.safetensors" for k in range(2)]
    for path, model in zip(paths, ensemble.models, strict=False):
        model.save(path)
    source = second(paths, dataset)
    found = source.find(0, dataset[0], None)
    assert source.is_model
    assert source.name == "2 × hamiltonian-ridge"
    assert found.spread.mean > 0
    assert found.closeness is None
