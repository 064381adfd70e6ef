"""The energy head on the network of Hamiltonians, with and without its weights."""

from __future__ import annotations

import copy

import pytest
import torch

import nablaviz
from nablaviz.models.contract import validate
from nablaviz.models.energy.edge_frame import EdgeFrameEnergy, EdgeFrameEnergySettings
from nablaviz.models.energy.painn import PaiNN
from nablaviz.models.hamiltonian.edge_frame import EdgeFrame, EdgeFrameSettings
from nablaviz.models.library import load_model
from nablaviz.models.options import configure
from nablaviz.models.schedule import Settings
from nablaviz.models.training import train
from nablaviz.models.training_set import prepare

SIZES = {"channels": 8, "layers": 2, "hidden": 16}


@pytest.fixture(scope="module")
def conformers():
    return [nablaviz.sample()[row] for row in (0, 1, 300, 301)]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A file of a network of Hamiltonians."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp("models") / "hamiltonian.safetensors"
    EdgeFrame(EdgeFrameSettings(**SIZES, baseline="sap-fit")).save(path)
    return path


def fitted(conformers, **settings):
    torch.manual_seed(0)
    model = EdgeFrameEnergy(EdgeFrameEnergySettings(**SIZES, **settings))
    samples = [model.prepare(conformer) for conformer in conformers]
    model.fit_reference(samples)
    return model, samples


@pytest.mark.parametrize("start", ["own", "pretrained"])
def test_contract(start, conformers, pretrained):
    model, _ = fitted(conformers, pretrained=str(pretrained) if start == "pretrained" else "")
    molecules = [conformers[0].molecule, conformers[2].molecule]
    validate(model, molecules, check=True)
    one, two = model.predict(molecules)
    assert abs(one.forces).max() > 1e-5
    assert abs(two.forces).max() > 1e-5


def test_training_starts_from_the_pretrained_features(conformers, pretrained):
    theirs = load_model(pretrained).backbone.state_dict()
    ours = fitted(conformers, pretrained=str(pretrained))[0].backbone.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    alone = fitted(conformers)[0].backbone.state_dict()
    assert not torch.equal(alone["atoms.weight"], theirs["atoms.weight"])


def test_a_trained_model_needs_the_pretrained_one_no_more(conformers, pretrained, tmp_path):
    copied = tmp_path / "start.safetensors"
    copied.write_bytes(pretrained.read_bytes())
    text = {**{k: str(v) for k, v in SIZES.items()}, "pretrained": str(copied)}
    model, _ = configure("edge-frame-energy", text, {})
    data = prepare(model, conformers, progress=False)
    train(model, data, Settings(budget=3, unit="steps"), out=tmp_path / "run", progress=False)
    copied.unlink()
    again = load_model(tmp_path / "run" / "model.safetensors")
    assert again.predict(conformers[0].molecule).energy == model.predict(conformers[0].molecule).energy
    start = load_model(pretrained).backbone.state_dict()["atoms.weight"]
    assert not torch.equal(again.backbone.state_dict()["atoms.weight"], start)  # it went on learning


def test_training_lowers_the_loss_and_reaches_every_parameter(conformers):
    model, samples = fitted(conformers)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(30):
        loss, _ = model.loss(model.collate(samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_float32_is_near_float64(conformers):
    model, _ = fitted(conformers)
    molecule = conformers[2].molecule
    exact = copy.deepcopy(model).double().predict(molecule)
    found = model.predict(molecule)
    assert abs(found.energy - exact.energy) < 1e-5
    assert abs(found.forces - exact.forces).max() < 1e-4


def test_what_cannot_be_started_from(conformers, pretrained, tmp_path):
    PaiNN().save(tmp_path / "painn.safetensors")
    for settings, says in (
        ({"pretrained": str(tmp_path / "painn.safetensors")}, "it is a painn, not an edge-frame network"),
        (
            {"pretrained": str(pretrained), "cutoff": 6.0},
            "message_cutoff is 5.0 there; set cutoff=5.0, not 6.0",
        ),
        ({"pretrained": str(pretrained), "radial": 8}, "radial is 16 there; set radial=16, not 8"),
        ({"pretrained": "nothing"}, "no model or file 'nothing'"),
    ):
        with pytest.raises(ValueError, match=says):
            fitted(conformers, **settings)
