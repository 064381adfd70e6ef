"""The contract test passes what is right and names what is wrong."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem.baselines import BASELINES
from nablaviz.models.contract import ContractError, validate
from nablaviz.models.energy.potential import Potential
from nablaviz.models.hamiltonian.delta import Delta
from nablaviz.models.interface import ENERGY, ModelCard, Prediction
from nablaviz.models.library import ARCHITECTURES, architecture, load_model
from nablaviz.molecule import Molecule

SMALL = {
    "baseline": "sap-fit",
    "channels": 4,
    "pair_channels": 4,
    "head_channels": 6,
    "bottleneck": 3,
    "hidden": 8,
    "layers": 2,
    "radial": 4,
    "pair_radial": 3,
}
"""Of the settings that a model has."""

EXTRAS = ("mace", "torchmdnet")
"""Architectures whose packages need not be there."""


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture(name):
    kind = architecture(name)
    known = inspect.signature(kind.Settings).parameters
    torch.manual_seed(0)
    try:
        model = kind(kind.Settings(**{k: v for k, v in SMALL.items() if k in known})).double()
    except ImportError:
        if name not in EXTRAS:
            raise
        pytest.skip(f"pip install 'nablaviz[{name}]'")
    # More conformers than elements, so that energies of the elements alone do not explain them.
    conformers = [nablaviz.sample()[row] for row in (0, 300, *range(1, 9))]  # CCBr, C1CCSC1, …
    model.fit_reference([model.prepare(conformer) for conformer in conformers])
    molecule = conformers[1].molecule
    # What a network makes before it is trained must not be lost among references and baselines.
    if isinstance(model, Potential):
        model.energy_scale.fill_(1.0)
        pull = np.abs(model.predict(molecule).forces).max()
        assert (pull > 1e-8) == (name != "composition")
        model.energy_scale.fill_(0.1 / max(pull, 1e-8))
    else:
        assert isinstance(model, Delta)
        start = load_model("sap-fit").predict(molecule).hamiltonian
        assert np.abs(model.predict(molecule).hamiltonian - start).max() > 1e-3
    validate(model, [conformer.molecule for conformer in conformers[:2]], check=True)
    pickle.dumps(model)  # a cluster's workers get it so
    apart = Molecule([8, 8], [[0, 0, 0], [0, 0, 60]])  # no pair that a network could see
    found = model.predict(apart)
    assert np.isfinite(found.energy if isinstance(model, Potential) else found.hamiltonian).all()


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline(name):
    validate(load_model(name), [nablaviz.sample()[39].molecule], check=True)  # CF


class Springs:
    """A user's model: harmonic springs between all atoms; a class with ``predict`` and nothing else."""

    def predict(self, molecules):
        if isinstance(molecules, Molecule):
            return self.one(molecules)
        return [self.one(molecule) for molecule in molecules]

    def one(self, molecule):
        if 54 in molecule.numbers:
            raise ValueError("Xe is unknown")
        apart = molecule.positions[:, None] - molecule.positions
        distance = np.linalg.norm(apart, axis=-1)
        np.fill_diagonal(distance, 1)
        pull = (distance - 1.5)[..., None] * apart / distance[..., None]
        np.fill_diagonal(distance, 1.5)
        return self.answer(molecule, ((distance - 1.5) ** 2).sum() / 4, -pull.sum(axis=1))

    def answer(self, molecule, energy, forces):
        return Prediction(molecule, energy=energy, forces=forces)


@pytest.fixture(scope="module")
def molecules():
    return [nablaviz.sample()[row].molecule for row in (300, 700)]


def test_a_model_of_ones_own_passes(molecules):
    report = validate(Springs(), molecules, check=True)
    assert report.passed
    assert {check.name for check in report.checks} == {
        "same again",
        "rotation",
        "reflection",
        "permutation",
        "forces = −∂E/∂R",
        "batch = single",
        "unknown element refused",
    }
    assert "Springs keeps the contract" in str(report)


class Slanted(Springs):
    def answer(self, molecule, energy, forces):
        return Prediction(molecule, energy=energy + 1e-8 * molecule.positions[0, 0], forces=forces)


class Handed(Springs):
    def answer(self, molecule, energy, forces):
        a, b, c = (molecule.positions[1:4] - molecule.positions[0]).tolist()
        return Prediction(molecule, energy=energy + 1e-8 * np.dot(a, np.cross(b, c)))


class FirstAtom(Springs):
    def answer(self, molecule, energy, forces):
        return Prediction(molecule, energy=energy + 1e-8 * molecule.numbers[0])


class WrongForces(Springs):
    def answer(self, molecule, energy, forces):
        return Prediction(molecule, energy=energy, forces=1.001 * forces)


class Random(Springs):
    def answer(self, molecule, energy, forces):
        return Prediction(molecule, energy=energy + 1e-9 * np.random.default_rng().random(), forces=forces)


class BatchDependent(Springs):
    def predict(self, molecules):
        found = super().predict(molecules)
        if isinstance(molecules, Molecule):
            return found
        return [Prediction(p.molecule, p.energy + 1e-9 * len(found), p.forces) for p in found]


class Accepting(Springs):
    def one(self, molecule):
        return super().one(Molecule(np.minimum(molecule.numbers, 8), molecule.positions))


class Unhelpful(Springs):
    def one(self, molecule):
        try:
            return super().one(molecule)
        except ValueError:
            raise ValueError("bad input") from None


class Asymmetric(Springs):
    def answer(self, molecule, energy, forces):
        hamiltonian = nablaviz.load_model("huckel").predict(molecule).hamiltonian.copy()
        hamiltonian[0, 1] += 1e-6
        return Prediction(molecule, hamiltonian=hamiltonian)


class TurnedOrbitals(Springs):
    """Psi4's order of p and d orbitals instead of PySCF's."""

    def answer(self, molecule, energy, forces):
        from nablaviz.chem.basis import from_pyscf

        hamiltonian = nablaviz.load_model("huckel").predict(molecule).hamiltonian
        return Prediction(molecule, hamiltonian=from_pyscf(hamiltonian, molecule.numbers, "psi4"))


class Tuple(Springs):
    def answer(self, molecule, energy, forces):
        return energy, forces


class Empty(Springs):
    def answer(self, molecule, energy, forces):
        return Prediction(molecule)


@pytest.mark.parametrize(
    ("model", "failed"),
    [
        (Slanted, "rotation"),
        (Handed, "reflection"),
        (FirstAtom, "permutation"),
        (WrongForces, "forces = −∂E/∂R"),
        (Random, "same again"),
        (BatchDependent, "batch = single"),
        (Accepting, "unknown element refused"),
        (Unhelpful, "unknown element refused"),
        (Asymmetric, "H symmetric"),
        (TurnedOrbitals, "rotation"),
        (Tuple, "prediction"),
        (Empty, "prediction"),
    ],
)
def test_what_is_wrong_is_named(molecules, model, failed):
    report = validate(model(), molecules[:1])
    assert failed in {check.name for check in report.failed}
    with pytest.raises(ContractError, match=f"FAILED *{failed.split()[0]}") as caught:
        validate(model(), molecules[:1], check=True)
    assert not caught.value.report.passed


def test_default_molecules_are_of_the_cards_elements():
    model = Springs()
    model.card = ModelCard("springs", "springs", ENERGY, elements=(1, 6, 7, 8))
    report = validate(model)
    assert report.passed
    assert {check.molecule for check in report.checks} == {"C2H7NO", "C2H6", "all", "HXe"}


def test_no_molecules():
    with pytest.raises(ValueError, match="at least one molecule"):
        validate(Springs(), [])
