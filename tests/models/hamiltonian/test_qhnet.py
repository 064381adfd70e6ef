"""QHNet on e3nn: the contract, the targets that others learn, what it learns itself."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.models.contract import validate
from nablaviz.models.hamiltonian.delta import ATOMIC, LOWDIN, NONE
from nablaviz.models.hamiltonian.qhnet import QHNet, QHNetSettings
from nablaviz.models.library import architecture

TINY = {"channels": 4, "bottleneck": 3, "layers": 2, "block_layers": 2, "radial": 6}
TARGETS = [(NONE, ATOMIC), ("sap-fit", LOWDIN)]


@pytest.fixture(scope="module")
def conformers():
    return [nablaviz.sample()[row] for row in (0, 300)]  # CCBr, C1CCSC1


@pytest.fixture(scope="module", params=TARGETS, ids=["published target", "lowdin"])
def fitted(request, conformers):
    torch.manual_seed(0)
    baseline, basis = request.param
    model = architecture("qhnet")(QHNetSettings(**TINY, baseline=baseline, basis=basis))
    samples = [model.prepare(conformer) for conformer in conformers]
    model.fit_reference(samples)
    return model, samples


def test_contract_of_a_model_that_mixes_all_blocks(fitted, conformers):
    model, samples = fitted
    found = model._coefficients(model.collate(samples))
    for values in (*found[0].pairs.values(), *found[1].pairs.values()):
        assert values.abs().amax(0).min() > 0  # every part of a block is reached
    validate(model, [c.molecule for c in conformers], check=True)


def test_precision_is_that_of_the_parameters():
    torch.manual_seed(0)
    model = QHNet(QHNetSettings(**TINY)).double()
    tables = [b for name, b in model.named_buffers() if "_w3j_" in name]
    assert tables
    for table in tables:  # a 3j symbol has norm 1
        assert abs(table.norm().item() - 1) < 1e-14


def test_prediction_is_the_inverse_of_preparation(fitted, conformers, monkeypatch):
    model, samples = fitted
    truth = {id(s.molecule): model.residual(s) for s in samples}
    monkeypatch.setattr(model, "_coefficients", lambda batch: [truth[id(s.molecule)] for s in batch.samples])
    for conformer in conformers:
        found = model.predict(conformer.molecule).hamiltonian
        np.testing.assert_allclose(found, conformer.hamiltonian, atol=2e-5, rtol=2e-6)


def test_training_lowers_the_loss_and_reaches_every_parameter(fitted):
    model, samples = fitted
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    losses = []
    for _ in range(30):
        loss, metrics = model.loss(model.collate(samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert set(metrics) == {f"{model.settings.basis}_mae", f"{model.settings.basis}_rmse"}
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_atoms_out_of_reach(fitted):
    from nablaviz.molecule import Molecule

    apart = Molecule([1, 1, 1, 1], [[0, 0, 0], [0, 0, 0.8], [0, 30.0, 0], [0, 30.0, 0.8]])
    far, near = fitted[0].predict([apart, Molecule(apart.numbers[:2], apart.positions[:2])])
    np.testing.assert_allclose(far.hamiltonian[:10, 10:], 0, atol=1e-6)
    np.testing.assert_allclose(far.hamiltonian[:10, :10], near.hamiltonian, atol=1e-4)


def test_settings_that_do_not_exist():
    for wrong, says in (
        ({"degree": 3}, "degree must be at least 4"),
        ({"block_layers": 6}, "block_layers must be 1 to 5, not 6"),
        ({"basis": "sto-3g"}, "no basis 'sto-3g'; there are lowdin, atomic"),
        ({"baseline": "pm7"}, "no baseline 'pm7'; there are core, .*, none"),
    ):
        with pytest.raises(ValueError, match=says):
            QHNetSettings(**wrong)


def test_without_e3nn(monkeypatch):
    for name in ("e3nn", "e3nn.o3"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"needs e3nn, .*: pip install 'nablaviz\[qhnet\]'"):
        QHNet(QHNetSettings(**TINY))
