"""What errors may depend on is what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz.chem.atoms import atomic_energy
from nablaviz.data.catalog import Catalog
from nablaviz.data.memory import Memory
from nablaviz.molecule import Conformer, Molecule
from nablaviz.studies.analysis import ALL, UNSEEN, analyse
from nablaviz.studies.averages import relative_errors
from nablaviz.studies.covariates import FINGERPRINT, GEOMETRY, covariates, element_counts
from nablaviz.studies.error_kinds import KINDS, available, error, pair
from nablaviz.studies.groups import described, groups
from nablaviz.studies.metrics import METRICS
from nablaviz.studies.training_distance import fingerprint_distance, geometry_descriptors, geometry_distance


@pytest.fixture(scope="module")
def dataset():
    return Memory(nablaviz.sample().select(np.r_[0:40, 300:330, 500:520]))


@pytest.fixture(scope="module")
def known(dataset):
    return covariates(Catalog(dataset))


@pytest.fixture(scope="module")
def table(dataset, known):
    rng = np.random.default_rng(0)
    energy = dataset.table.energy
    wrong = pd.DataFrame({"energy": energy, "predicted_energy": energy + rng.normal(0, 1e-3, len(energy))})
    return wrong.assign(energy_mae=(wrong.predicted_energy - wrong.energy).abs())


def test_a_line_per_conformer(dataset, known):
    assert known.index.tolist() == list(range(len(dataset)))
    assert known.elements[0] == ("C", "H", "Br")
    assert known.functional_groups[0] == ("alkyl bromides",)
    for row in (0, 7, 50):
        assert known.atomic_energy[row] == pytest.approx(atomic_energy(dataset[row].molecule.numbers))
    assert known.mean_force[5] == pytest.approx(np.linalg.norm(dataset[5].forces, axis=1).mean())
    best = known.groupby("molecule").relative_energy_kcal.min()
    assert np.allclose(best, 0, atol=1e-9)


def test_distances_to_the_training_set(known):
    trained = known.split == "train"
    assert np.allclose(known.loc[trained, FINGERPRINT], 0)
    assert np.allclose(known.loc[trained, GEOMETRY], 0, atol=1e-6)
    other = known[~trained & ~known.smiles.isin(known.smiles[trained])]
    assert len(other)
    assert (other[[FINGERPRINT, GEOMETRY]] > 0).all(axis=None)
    assert (known[FINGERPRINT] <= 1).all()
    assert (known[GEOMETRY] <= np.sqrt(2)).all()


def test_without_a_training_set_there_is_no_distance(dataset):
    bare = Memory([Conformer(c.molecule) for c in dataset[:3]])
    found = covariates(Catalog(bare))
    assert found[[FINGERPRINT, GEOMETRY]].isna().all(axis=None)
    assert found.mean_force.isna().all()


def test_fingerprint_distance_is_one_less_tanimoto():
    found = fingerprint_distance(["CCO", "CCCO", "C(", None, "OCC"], ["CCO", "c1ccccc1"])
    assert found[0] == found[4] == 0
    assert 0 < found[1] < 1
    assert np.isnan(found[2:4]).all()
    assert np.isnan(fingerprint_distance(["CCO"], ["C("])).all()


def test_geometry_descriptors_do_not_see_rotation_or_order(dataset):
    molecule = dataset[8].molecule
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(len(molecule))
    moved = Molecule(molecule.numbers[order], molecule.positions[order] @ turn + 5)
    stretched = Molecule(molecule.numbers, molecule.positions * 1.01)
    first, same, other = geometry_descriptors([molecule, moved, stretched])
    assert np.linalg.norm(first) == pytest.approx(1)
    assert np.allclose(first, same, atol=1e-12)
    (near, far) = geometry_distance(np.array([same, other]), first[None])
    assert near == pytest.approx(0, abs=1e-6)
    assert far == pytest.approx(np.linalg.norm(other - first))


def test_formulas():
    assert element_counts("C2H5Br") == {"C": 2, "H": 5, "Br": 1}
    assert element_counts("H2O") == {"H": 2, "O": 1}


def test_groups_say_who_belongs_to_them(known):
    found = groups(known)
    assert found.index.equals(known.index)
    bromine = found["element", "Br"]
    assert bromine.tolist() == ["Br" in formula for formula in known.formula]
    assert ("element", "C") not in found
    assert found["split", "train"].sum() == (known.split == "train").sum()
    high = next(name for kind, name in found if kind == "n_atoms" and "many" in name)
    assert known.n_atoms[found["n_atoms", high]].min() > known.n_atoms[~found["n_atoms", high]].max()
    assert described("element", "Br") == "molecules with Br"
    assert described("scaffold", "no rings") == "molecules without rings"


def test_every_metric_is_a_kind_of_error():
    assert KINDS.keys() == METRICS.keys() - {"kendall_tau", "lowest_found"}  # of molecules, not conformers


def test_errors_are_the_smaller_the_better(known, table):
    joined = known.join(table).assign(force_cosine=0.9, orbital_overlap=0.99)
    assert np.allclose(error(joined, "force_cosine"), 0.1)
    assert np.allclose(error(joined, "orbital_overlap"), 0.01)
    assert set(available(joined)) == {"energy_mae", "relative_energy_mae", "force_cosine", "orbital_overlap"}
    own = error(joined, "relative_energy_mae").groupby(joined.molecule).mean().dropna()
    reference = relative_errors(joined).relative_energy_mae
    assert own.index.equals(reference.index)
    assert np.allclose(own, reference, atol=1e-12)
    with pytest.raises(ValueError, match="no error 'energy'; there are energy_mae"):
        error(joined, "energy")


def test_pairs_of_labels_and_predictions(known, table):
    joined = known.join(table)
    label, predicted = pair(joined, "energy")
    assert (label.abs() < 20).all()  # a formation energy
    assert np.allclose((predicted - label).abs(), table.energy_mae)
    label, predicted = pair(joined, "relative_energy")
    assert np.allclose(label.groupby(joined.molecule).sum(), 0, atol=1e-9)
    assert pair(joined, "gap") is None
    orbitals = joined.assign(homo=-0.4, lumo=0.1, predicted_homo=-0.3, predicted_lumo=0.1)
    label, predicted = pair(orbitals, "gap")
    assert np.allclose(label, 0.5)
    assert np.allclose(predicted, 0.4)


def test_an_analysis_knows_what_was_learnt(dataset, table):
    catalog = Catalog(dataset)
    own = analyse(catalog, {"m": table})
    assert own.splits[:2] == [UNSEEN, ALL]
    unseen = own.covariates.split[own.rows(UNSEEN)]
    assert not unseen.isin(["train", "validation"]).any()
    assert len(own.rows()) == len(dataset)
    # A run that was trained on ten of the conformers says so itself.
    split = pd.Series("test_structures", index=table.index).where(table.index >= 10, "train")
    run = analyse(catalog, {"m": table[:30].assign(split=split)})
    assert (run.covariates.split == "train").sum() == 10
    assert len(run.rows()) == 30
    assert len(run.rows("train")) == 10
    assert run.covariates[FINGERPRINT][20] >= own.covariates[FINGERPRINT][20]
    with pytest.raises(ValueError, match="nothing was predicted"):
        analyse(catalog, {"m": table[:0]})
