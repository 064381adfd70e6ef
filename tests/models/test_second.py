"""Whatever may be compared with, and what may not."""

from __future__ import annotations

from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.baselines import baseline
from nablaviz.data.convert import convert
from nablaviz.data.memory import Memory
from nablaviz.models.interface import Prediction
from nablaviz.models.second import name_of, second
from nablaviz.molecule import Conformer, Molecule


@pytest.fixture(scope="module")
def dataset() -> Memory:
    return Memory([nablaviz.sample()[row] for row in (39, 44)])


class Scaled:
    """A model with nothing but predict."""

    def predict(self, molecule: Molecule) -> Prediction:
        return Prediction(molecule, energy=-1.0, hamiltonian=2 * baseline("core", molecule))


class Energies:
    def predict(self, molecule: Molecule) -> Prediction:
        return Prediction(molecule, energy=-1.0)


def find(other, dataset, row=0, progress=None):
    return second(other, dataset).find(row, dataset[row], progress)


def test_a_model(dataset):
    found = find(Scaled(), dataset)
    np.testing.assert_array_equal(found.hamiltonian, 2 * baseline("core", dataset[0].molecule))
    assert found.energy == -1.0
    assert second(Scaled(), dataset).name == "Scaled"
    with pytest.raises(ValueError, match="'Energies' predicts no Hamiltonian"):
        find(Energies(), dataset)


def test_a_baseline_by_name(dataset):
    np.testing.assert_array_equal(find("core", dataset, 1).hamiltonian, baseline("core", dataset[1].molecule))
    assert second("core", dataset).name == "core"


def test_a_functional_by_name_can_be_watched_and_stopped(dataset):
    seen = []

    def progress(iteration, energy, change):
        seen.append((iteration, change))
        if iteration == 2:
            raise CancelledError

    with pytest.raises(CancelledError):
        find("PBE", dataset, progress=progress)
    assert [iteration for iteration, _ in seen] == [1, 2]
    assert all(0 < abs(change) < 1 for _, change in seen)


def test_a_model_file(dataset, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.safetensors"):
        second(tmp_path / "nothing.safetensors", dataset)


@pytest.mark.parametrize("name", ["mianо", "PBEE0", "", "hamiltonia"])
def test_an_unknown_name_says_which_there_are(dataset, name):
    with pytest.raises(ValueError, match="minao.*sap") as caught:
        second(name, dataset)
    assert "B3LYP" in str(caught.value)


def test_arrays(dataset):
    matrices = [c.hamiltonian + 0.01 for c in dataset]
    for other in (matrices, tuple(matrices), dict(enumerate(matrices))):
        assert find(other, dataset, 1).hamiltonian is matrices[1]
    by_ids = {(c.moses_id, c.conformation_id): m for c, m in zip(dataset, matrices, strict=True)}
    assert find(by_ids, dataset, 1).hamiltonian is matrices[1]
    assert find(matrices[0], Memory([dataset[0]])).hamiltonian is matrices[0]
    assert find(np.stack([matrices[0]] * 2), dataset, 1).hamiltonian.shape == matrices[0].shape


def test_arrays_that_do_not_fit(dataset):
    matrix = dataset[0].hamiltonian
    with pytest.raises(ValueError, match="one Hamiltonian for 2 conformers: .*ds\\[row\\]"):
        second(matrix, dataset)
    with pytest.raises(ValueError, match="3 Hamiltonians for 2 conformers"):
        second([matrix] * 3, dataset)
    with pytest.raises(
        ValueError, match=f"no Hamiltonian of conformer {dataset[1].moses_id}/0, nor of row 1"
    ):
        find({0: matrix}, dataset, 1)


@pytest.mark.parametrize("other", [3.5, object(), b"minao", {1, 2}])
def test_what_cannot_be_compared_with(dataset, other):
    with pytest.raises(TypeError, match="a model .*a name, .*a dataset with the same ids"):
        second(other, dataset)


def test_a_dataset_joined_by_ids(dataset):
    shifted = [replace(c, hamiltonian=c.hamiltonian + 1, energy=5.0) for c in reversed(list(dataset))]
    found = find(Memory(shifted), dataset, 1)
    np.testing.assert_array_equal(found.hamiltonian, dataset[1].hamiltonian + 1)
    assert found.energy == 5.0


@pytest.mark.parametrize("name", ["store", "one.db"])
def test_a_dataset_by_its_path(dataset, tmp_path, name):
    convert(dataset, tmp_path / name, to="hamiltonian-v2" if name.endswith("db") else "store", progress=False)
    exact = dataset[1].hamiltonian
    np.testing.assert_array_equal(find(str(tmp_path / name), dataset, 1).hamiltonian, exact)


def test_a_dataset_that_does_not_fit(dataset):
    first, other = dataset
    moved = Molecule(first.molecule.numbers, first.molecule.positions + 0.02)
    for conformers, said in (
        ([other], "has no conformer"),
        ([replace(first, molecule=moved)], "another geometry .*row 0: it is off by 0.02 Å"),
        ([replace(other, moses_id=first.moses_id)], "other atoms"),
        ([replace(first, hamiltonian=None)], "has no Hamiltonian in"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            find(Memory(conformers), dataset)
        assert name_of(first, 0) in str(caught.value)
    with pytest.raises(ValueError, match="no ids"):
        second(Memory([first.molecule]), dataset)
    with pytest.raises(ValueError, match="more than once"):
        second(Memory([first, first]), dataset)


def test_a_conformer_without_ids_is_named_by_its_row():
    assert name_of(Conformer(Molecule([1, 1], [[0, 0, 0], [0, 0, 0.74]])), 7) == "conformer in row 7 (H2)"
