"""Predictions and cards: what follows from a Hamiltonian, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.models.interface import HAMILTONIAN, ModelCard, Prediction, as_list


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[300]


def test_the_exact_hamiltonian_gives_the_labels(conformer):
    prediction = Prediction(conformer.molecule, hamiltonian=conformer.hamiltonian)
    reference = orbitals_of(conformer.molecule, conformer.hamiltonian)
    np.testing.assert_allclose(prediction.orbitals.energies, conformer.orbital_energies, atol=2e-5)
    assert prediction.gap == reference.gap
    assert prediction.charges.sum() == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(prediction.dipole, conformer.dipole, atol=2e-3)
    electrons = np.einsum("ij,ij", prediction.density, conformer.overlap)
    assert electrons == pytest.approx(conformer.molecule.numbers.sum())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("forces", np.zeros((2, 3)), r"forces has shape \(2, 3\), not \(13, 3\)"),
        ("hamiltonian", np.zeros((3, 3)), r"hamiltonian has shape \(3, 3\), not \("),
        ("energy", np.nan, "the predicted energy is not finite"),
        ("energy", np.zeros(2), r"energy has shape \(2,\), not \(\)"),
    ],
)
def test_predictions_of_the_wrong_shape_are_refused(conformer, field, value, message):
    with pytest.raises(ValueError, match=message):
        Prediction(conformer.molecule, **{field: value})


def test_no_orbitals_without_a_hamiltonian(conformer):
    with pytest.raises(ValueError, match="predicts no Hamiltonian"):
        Prediction(conformer.molecule, energy=-1.0).gap  # noqa: B018


def test_card_names_the_unknown_element():
    card = ModelCard("mine", "edge-frame", HAMILTONIAN, elements=(1, 6))
    card.check_elements(np.array([1, 6, 6]))
    with pytest.raises(ValueError, match=r"'mine' does not know atomic number 35 \(Br\); it knows H, C"):
        card.check_elements(np.array([1, 35]))


def test_card_of_another_kind():
    with pytest.raises(ValueError, match="kind is one of energy, hamiltonian, not 'forces'"):
        ModelCard("mine", "x", "forces")


def test_what_is_no_molecule_is_refused(conformer):
    assert as_list(conformer.molecule) == as_list([conformer]) == [conformer.molecule]
    with pytest.raises(TypeError, match="a Molecule or several, not str"):
        as_list(["CCO"])
