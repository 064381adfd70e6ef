from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem.atoms import atomic_energy
from nablaviz.models.energy.descriptors import Descriptors, DescriptorSettings
from nablaviz.models.energy.dimenet import DimeNet
from nablaviz.models.energy.graph import graph, join
from nablaviz.models.energy.painn import PaiNN
from nablaviz.models.energy.potential import PotentialSettings
from nablaviz.models.energy.radial import bessel, legendre
from nablaviz.models.energy.schnet import SchNet
from nablaviz.models.library import architecture
from nablaviz.molecule import SUPPORTED, Conformer, Molecule

MODELS = ["composition", "descriptors", "schnet", "painn", "dimenet"]
GEOMETRIC = MODELS[1:]
NETWORKS = MODELS[2:]


@pytest.fixture(scope="module")
def conformers() -> list[Conformer]:
    """Conformers of 12 molecules, which have all elements but one or two."""
    sample = nablaviz.sample()
    return [sample[i] for i in range(0, 240, 20)]


def fitted(name: str, conformers: list[Conformer], dtype: torch.dtype = torch.float64):
    torch.manual_seed(1)
    model = architecture(name)().to(dtype)
    model.fit_reference([model.prepare(c) for c in conformers])
    return model


@pytest.mark.parametrize("name", MODELS)
def test_moved(name, conformers):
    model, molecule = fitted(name, conformers), conformers[0].molecule
    moved = replace(molecule, positions=molecule.positions + np.array([30.0, -7.0, 2.0]))
    assert model.predict(moved).energy == pytest.approx(model.predict(molecule).energy, abs=1e-10)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_energy_is_smooth_where_an_atom_leaves_the_cutoff(name, conformers):
    model, pair = fitted(name, conformers), conformers[0].molecule
    cutoff = model.settings.cutoff
    third = np.array([[0, 0, 0], [1.1, 0, 0], [cutoff, 0, 0]])
    at = [
        replace(pair, numbers=np.array([6, 8, 8]), positions=third + [[0], [0], [d]] * np.eye(3)[0])
        for d in (-1e-5, 1e-5)
    ]
    inside, outside = model.predict(at)
    assert len(graph(Conformer(at[0]), cutoff, torch.float64).pairs.T) == 6
    assert len(graph(Conformer(at[1]), cutoff, torch.float64).pairs.T) == 4
    assert inside.energy == pytest.approx(outside.energy, abs=1e-7)
    assert np.abs(inside.forces - outside.forces).max() < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_another_geometry_has_another_energy(name, conformers):
    model, molecule = fitted(name, conformers), conformers[0].molecule
    bent = molecule.positions.copy()
    bent[0] += [0.1, 0.05, 0]
    assert (
        abs(model.predict(replace(molecule, positions=bent)).energy - model.predict(molecule).energy) > 1e-6
    )


def test_only_dimenet_like_models_see_angles_alone():
    # Water bent more, its H–H distance beyond the cutoff: the distances within it are the same.
    angles = np.deg2rad([105, 140])
    waters = [
        Molecule([8, 1, 1], 1.2 * np.array([[0, 0, 0], [1, 0, 0], [np.cos(a), np.sin(a), 0]])) for a in angles
    ]
    for kind, sees in ((SchNet, False), (PaiNN, True), (DimeNet, True), (Descriptors, True)):
        torch.manual_seed(0)
        model = kind(kind.Settings(cutoff=1.5)).double()
        if kind is Descriptors:
            model.weights.normal_()
        one, other = model.predict(waters)
        assert (abs(one.energy - other.energy) > 1e-9) == sees, kind.architecture


def test_composition_is_least_squares_on_the_training_set(conformers):
    model = fitted("composition", conformers)
    counts = np.array([[np.sum(c.molecule.numbers == z) for z in SUPPORTED] for c in conformers])
    energy = np.array([c.formation_energy for c in conformers])
    expected = counts @ np.linalg.lstsq(counts, energy, rcond=None)[0]
    predictions = model.predict([c.molecule for c in conformers])
    free = [atomic_energy(c.molecule.numbers) for c in conformers]
    assert np.abs([p.energy for p in predictions] - (free + expected)).max() < 1e-9
    assert not any(p.forces.any() for p in predictions)


def test_descriptors_minimise_the_ridge_objective(conformers):
    model = fitted("descriptors", conformers)
    x, y = model._rows([model.prepare(c) for c in conformers])
    w = model.weights.flatten().clone().requires_grad_()
    penalty = model.settings.ridge * x.square().sum() / x.shape[1]
    objective = (x @ w - y).square().sum() + penalty * w.square().sum()
    (gradient,) = torch.autograd.grad(objective, w)
    assert gradient.abs().max() < 1e-10 * (x.T @ y).abs().max()


def test_descriptors_solve_the_larger_of_the_two_equal_problems_alike(conformers):
    few = DescriptorSettings(radial=1, angular_radial=1)  # 928 weights for 12 and for 1200 rows
    model = Descriptors(few).double()
    samples = [model.prepare(c) for c in conformers]
    model.fit_reference(samples)
    once = model.weights.clone()
    model.fit_reference(samples * 100)  # the same fit, with each row a hundred times
    assert torch.allclose(model.weights, once, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_elements_are_those_of_the_training_set(name, conformers):
    chlorine = [c for c in conformers if 17 not in c.molecule.numbers]
    model = fitted(name, chlorine)
    assert 17 not in model.card.elements
    with pytest.raises(ValueError, match=r"does not know atomic number 17 \(Cl\); it knows H, C"):
        model.predict(Molecule([17, 1], [[0, 0, 0], [1.3, 0, 0]]))


@pytest.mark.parametrize("name", NETWORKS)
def test_loss_goes_down(name, conformers):
    model = fitted(name, conformers, torch.float32)
    batch = model.collate([model.prepare(c) for c in conformers[:4]])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(25):
        loss, metrics = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert all(p.grad is not None for p in model.parameters())
    assert {k: v.shape for k, v in metrics.items()} == {"energy": (4,), "forces": (4,)}


def test_metrics_are_the_errors_of_the_predictions(conformers):
    model = fitted("painn", conformers)
    with torch.no_grad():
        _, metrics = model.loss(model.collate([model.prepare(c) for c in conformers]))
    for k, prediction in enumerate(model.predict([c.molecule for c in conformers])):
        assert metrics["energy"][k].item() == pytest.approx(
            abs(prediction.energy - conformers[k].energy), abs=1e-6
        )
        assert metrics["forces"][k].item() == pytest.approx(
            np.abs(prediction.forces - conformers[k].forces).mean()
        )


def test_energy_and_formation_energy_are_one_label(conformers):
    model = architecture("painn")().double()
    total, formation = (
        model.prepare(replace(conformers[0], **{other: None})).energy
        for other in ("formation_energy", "energy")
    )
    assert total.item() == pytest.approx(formation.item(), abs=1e-9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"formation_energy": np.nan}, "the label energy is not finite"),
        ({"energy": None, "formation_energy": None}, "has no energy"),
        ({"forces": None}, "has no forces"),
        ({"forces": np.full((8, 3), np.inf)}, "the label forces is not finite"),
        ({"forces": np.zeros((1, 3))}, r"the label forces has shape \(1, 3\), not \(8, 3\)"),
        ({"formation_energy": np.zeros(2)}, r"the label energy has shape \(2,\), not \(\)"),
        ({"molecule": Molecule([5, 1], [[0, 0, 0], [1, 0, 0]])}, r"atomic number 5 \(B\) is not supported"),
    ],
)
def test_bad_labels_are_refused(conformers, change, says):
    bad = replace(conformers[0], moses_id=7, conformation_id=3, **change)
    with pytest.raises(ValueError, match=says) as error:
        architecture("painn")().prepare(bad)
    assert "molecule" in change or "7/3" in str(error.value)


def test_forces_are_not_needed_when_their_weight_is_zero(conformers):
    model = PaiNN(PaiNN.Settings(force_weight=0.0))
    model.fit_reference([model.prepare(replace(c, forces=None)) for c in conformers[:3]])
    loss, metrics = model.loss(model.collate([model.prepare(conformers[0])]))
    assert list(metrics) == ["energy"]
    assert loss.requires_grad


@pytest.mark.parametrize(
    "wrong", [{"cutoff": 0.0}, {"energy_weight": -1.0}, {"energy_weight": 0.0, "force_weight": 0.0}]
)
def test_wrong_settings(wrong):
    with pytest.raises(ValueError, match="cutoff must be positive|not both zero"):
        PotentialSettings(**wrong)


def test_an_atom_alone():
    for name in NETWORKS:
        prediction = architecture(name)().predict(Molecule([8], [[0, 0, 0]]))
        assert np.array_equal(prediction.forces, np.zeros((1, 3)))


def test_empty_batch():
    with pytest.raises(ValueError, match="the batch is empty"):
        join([])


def test_no_pair_within_the_cutoff_is_left_out(conformers):
    for conformer in conformers:
        distances = np.linalg.norm(
            conformer.molecule.positions[:, None] - conformer.molecule.positions, axis=-1
        )
        found = graph(conformer, 5.0, torch.float64, triplets=True)
        near = (distances < 5) & ~np.eye(len(distances), dtype=bool)
        assert {(i, j) for i, j in found.pairs.T.tolist()} == set(zip(*np.nonzero(near), strict=True))
        jk, ij = found.pairs.T[found.triplets].unbind(0)
        assert torch.equal(jk[:, 0], ij[:, 1])
        assert (jk[:, 1] != ij[:, 0]).all()
        degree = near.sum(axis=1)
        assert len(jk) == (degree * (degree - 1)).sum()


def test_joined_graphs_point_to_their_own_atoms(conformers):
    graphs = [
        graph(c, 3.0, torch.float64, labels=("energy", "forces"), triplets=True) for c in conformers[:3]
    ]
    whole = join(graphs)
    lengths = torch.linalg.vector_norm(whole.vectors(), dim=1)
    assert torch.equal(lengths, torch.cat([torch.linalg.vector_norm(g.vectors(), dim=1) for g in graphs]))
    assert (whole.owner[whole.pairs[0]] == whole.owner[whole.pairs[1]]).all()
    assert whole.n_atoms.tolist() == [len(c.molecule) for c in conformers[:3]]
    assert whole.counts.sum(1).tolist() == whole.n_atoms.tolist()


def test_radial_functions():
    r = torch.linspace(0.5, 4.999, 2000, dtype=torch.float64)
    basis = bessel(r, 5.0, 4)
    full = torch.linspace(1e-6, 5, 20001, dtype=torch.float64)
    overlap = torch.trapezoid(
        (bessel(full, 5.0, 4)[:, :, None] * bessel(full, 5.0, 4)[:, None]) * full[:, None, None] ** 2,
        full,
        dim=0,
    )
    assert torch.allclose(overlap, torch.eye(4, dtype=torch.float64), atol=1e-6)
    assert basis.shape == (2000, 4)
    x = torch.linspace(-1, 1, 50, dtype=torch.float64)
    expected = np.stack([np.polynomial.Legendre.basis(n)(x.numpy()) for n in range(7)], axis=1)
    assert np.abs(legendre(x, 7).numpy() - expected).max() < 1e-12
