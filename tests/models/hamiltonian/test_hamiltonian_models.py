"""Models of the Hamiltonian: the contract, what they learn, what they refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.data.splits import split_rows
from nablaviz.models.contract import validate
from nablaviz.models.hamiltonian.edge_frame import SIZES, EdgeFrame, EdgeFrameSettings
from nablaviz.models.hamiltonian.ridge import Ridge, RidgeSettings
from nablaviz.molecule import Conformer

TINY = {
    "baseline": "sap-fit",
    "channels": 8,
    "pair_channels": 8,
    "head_channels": 12,
    "layers": 2,
    "hidden": 16,
}


@pytest.fixture(scope="module")
def conformers():
    """Five molecules with all eight elements between them."""
    dataset = nablaviz.sample()
    chosen, missing = [], {1, 6, 7, 8, 9, 16, 17, 35}
    for row in split_rows(dataset.table, "train")[::5]:
        conformer = dataset[int(row)]
        if missing & set(conformer.molecule.numbers.tolist()) - {1, 6}:
            chosen.append(conformer)
            missing -= set(conformer.molecule.numbers.tolist())
    assert missing == set()
    return chosen


def models():
    torch.manual_seed(0)
    yield EdgeFrame(EdgeFrameSettings(**TINY))
    yield EdgeFrame(EdgeFrameSettings(**TINY, correction=True))
    yield Ridge(RidgeSettings(baseline="sap-fit", radial=2, pair_radial=3))


@pytest.fixture(scope="module", params=range(3), ids=["edge-frame", "corrected", "ridge"])
def fitted(request, conformers):
    model = list(models())[request.param]
    samples = [model.prepare(conformer) for conformer in conformers]
    model.fit_reference(samples)
    return model, samples


def test_contract(fitted, conformers):
    validate(fitted[0], [conformer.molecule for conformer in conformers[:2]], check=True)


def test_prediction_is_the_inverse_of_preparation(fitted, conformers, monkeypatch):
    model, samples = fitted
    truth = {id(s.molecule): model.residual(s) for s in samples}
    monkeypatch.setattr(model, "_coefficients", lambda batch: [truth[id(s.molecule)] for s in batch.samples])
    for conformer in conformers:
        found = model.predict(conformer.molecule).hamiltonian
        # Targets are float32; core levels of Br are near 500 Eh.
        np.testing.assert_allclose(found, conformer.hamiltonian, atol=2e-5, rtol=2e-6)


def test_loss_is_that_of_the_predictions(fitted, conformers):
    from nablaviz.chem import basis, lowdin

    model, samples = fitted
    with torch.no_grad():
        _, metrics = model.loss(model.collate(samples))
    alone = [model.loss(model.collate([sample]))[1]["lowdin_mae"].item() for sample in samples]
    np.testing.assert_allclose(metrics["lowdin_mae"], alone, rtol=1e-4)
    # The same error from the predicted matrix: it has √2 between coefficients and elements, at most.
    conformer = conformers[0]
    difference = model.predict(conformer.molecule).hamiltonian - conformer.hamiltonian
    _, inverse = lowdin.roots(basis.overlap(conformer.molecule))
    rms = np.sqrt(np.mean((inverse @ difference @ inverse) ** 2))
    assert 0.7 < rms / metrics["lowdin_rmse"][0].item() < 1.42


def test_ridge_learns_most_of_what_the_baseline_leaves(conformers):
    *_, model = models()
    samples = [model.prepare(conformer) for conformer in conformers]
    model.fit_reference(samples)
    untouched = np.mean([np.abs(sample.target).mean() for sample in samples])
    assert model.loss(model.collate(samples))[0].item() < 0.05 * untouched


def test_ridge_does_not_learn_what_symmetry_makes_zero(conformers):
    """Features of a planar molecule that ought to be 0 are 1e-17: weights of 1e12 would turn with it."""
    *_, model = models()
    model.fit_reference([model.prepare(conformer) for conformer in conformers])
    assert max(table.abs().max() for name, table in model.named_buffers() if name.startswith("pair")) < 1e3
    validate(model, [conformer.molecule for conformer in conformers], check=True)


def test_training_lowers_the_loss(conformers):
    torch.manual_seed(0)
    model = EdgeFrame(EdgeFrameSettings(**TINY))
    samples = [model.prepare(conformer) for conformer in conformers[:3]]
    model.fit_reference(samples)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        loss, _ = model.loss(model.collate(samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_every_parameter_has_a_gradient(conformers):
    torch.manual_seed(0)
    model = EdgeFrame(EdgeFrameSettings(**TINY))
    samples = [model.prepare(conformer) for conformer in conformers]
    model.fit_reference(samples)
    model.loss(model.collate(samples))[0].backward()
    classes = {"{}-{}".format(*key) for s in samples for key in s.blocks.classes}
    for name, parameter in model.named_parameters():
        absent = name.startswith("pair_head.read.") and name.split(".")[2] not in classes
        assert absent == (parameter.grad is None), name
        assert absent or parameter.grad.isfinite().all(), name


def test_scales_are_shared_within_a_quantity(conformers):
    from nablaviz.models.hamiltonian.blocks import pair_expansion

    model, *_ = models()
    model.fit_reference([model.prepare(conformer) for conformer in conformers])
    scale, group = model.pair_head.scale((1, 0)), pair_expansion(1, 0).group
    assert len(scale.unique()) > 10
    for k in group.unique():
        assert len(scale[group == k].unique()) == 1


def test_correction_lowers_what_is_left_of_each_shell(conformers):
    plain, corrected, _ = models()
    rms = []
    for model in (plain, corrected):
        samples = [model.prepare(conformer) for conformer in conformers]
        model.fit_reference(samples)
        left = [sample.blocks.assemble(model.residual(sample)) for sample in samples]
        rms.append(np.sqrt(np.mean([np.mean(matrix**2) for matrix in left])))
    assert (model.onsite != 0).any()
    assert rms[1] < 0.8 * rms[0]


def test_elements_of_the_training_set_alone_are_accepted(conformers):
    model = EdgeFrame(EdgeFrameSettings(**TINY))
    known = [c for c in conformers if 35 not in c.molecule.numbers]
    model.fit_reference([model.prepare(conformer) for conformer in known])
    stranger = next(c.molecule for c in conformers if 35 in c.molecule.numbers)
    with pytest.raises(ValueError, match=r"does not know atomic number 35 \(Br\); it knows H, C"):
        model.predict(stranger)


def test_labels_that_are_missing_or_bad(conformers):
    model = EdgeFrame(EdgeFrameSettings(**TINY))
    molecule, matrix = conformers[0].molecule, conformers[0].hamiltonian
    with pytest.raises(ValueError, match="conformer 7/1 .* has no Hamiltonian"):
        model.prepare(Conformer(molecule, moses_id=7, conformation_id=1))
    holed = matrix.copy()
    holed[0, 0] = np.nan
    for bad in (holed, matrix[:-1, :-1]):
        with pytest.raises(ValueError, match="conformer 7/1"):
            model.prepare(Conformer(molecule, 7, 1, hamiltonian=bad))
    with pytest.raises(ValueError, match="prepared without labels"):
        model.loss(model.collate([model.prepare(Conformer(molecule), labels=False)]))


def test_empty(fitted):
    model = fitted[0]
    with pytest.raises(ValueError, match="at least one sample"):
        model.collate([])
    with pytest.raises(ValueError, match="training set is empty"):
        type(model)(model.settings).fit_reference([])
    assert model.predict([]) == []


def test_two_atoms_and_atoms_out_of_reach(fitted):
    from nablaviz.molecule import Molecule

    apart = Molecule([1, 1, 1, 1], [[0, 0, 0], [0, 0, 0.8], [0, 30.0, 0], [0, 30.0, 0.8]])
    model = fitted[0]
    far, near = model.predict([apart, Molecule(apart.numbers[:2], apart.positions[:2])])
    np.testing.assert_allclose(far.hamiltonian[:10, 10:], 0, atol=1e-6)
    assert np.isfinite(near.hamiltonian).all()


def test_float32_is_near_float64(fitted, conformers):
    import copy

    model, molecule = fitted[0], conformers[0].molecule
    exact = copy.deepcopy(model).double().predict(molecule).hamiltonian
    assert np.abs(model.predict(molecule).hamiltonian - exact).max() < 1e-4


@pytest.mark.parametrize(
    ("name", "millions"), [("small", 0.6), ("medium", 1.2), ("large", 2.0), ("gpu", 6.5)]
)
def test_sizes(name, millions):
    model = EdgeFrame(SIZES[name])
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, rel=0.15)


def test_settings_that_do_not_exist():
    with pytest.raises(ValueError, match="no size 'huge'; there are small, medium, large, gpu"):
        EdgeFrameSettings.of_size("huge")
    with pytest.raises(ValueError, match="no baseline 'pm7'; there are core"):
        EdgeFrame(EdgeFrameSettings(baseline="pm7"))
    with pytest.raises(ValueError, match="ridge must be positive, not 0"):
        RidgeSettings(ridge=0)


def test_same_seed_same_model(conformers):
    runs = []
    for _ in range(2):
        torch.manual_seed(5)
        model = EdgeFrame(EdgeFrameSettings(**TINY))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            samples = [model.prepare(conformer) for conformer in conformers[:2]]
        model.fit_reference(samples)
        loss, _ = model.loss(model.collate(samples))
        runs.append(loss.item())
    assert runs[0] == runs[1]
