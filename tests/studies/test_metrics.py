from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz.chem.lowdin import roots
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.data.dataset import DataError
from nablaviz.data.memory import Memory
from nablaviz.models.interface import ENERGY, ModelCard, Prediction
from nablaviz.studies.averages import interval, relative_errors, summary
from nablaviz.studies.metrics import METRICS, block_table, errors, measure
from nablaviz.units import HARTREE2KCAL


@pytest.fixture(scope="module")
def conformer():
    return min(list(nablaviz.sample()[:60]), key=lambda c: len(c.molecule))


def perfect(conformer):
    return Prediction(conformer.molecule, conformer.energy, conformer.forces, conformer.hamiltonian)


def test_a_perfect_prediction_has_no_error(conformer):
    found = errors(conformer, perfect(conformer))
    right = {"force_cosine": 1, "orbital_overlap": 1}
    assert found.keys() == METRICS.keys() - {
        "relative_energy_mae",
        "kendall_tau",
        "lowest_found",
        "scf_iterations",
        "scf_iterations_ratio",
    }
    for name, value in found.items():
        assert value == pytest.approx(right.get(name, 0), abs=1e-9), name


def test_errors_of_energy_and_forces(conformer):
    n = len(conformer.molecule)
    shift = np.zeros((n, 3))
    shift[0, 1] = 0.3
    prediction = Prediction(conformer.molecule, conformer.energy - 0.02, conformer.forces + shift)
    found = errors(conformer, prediction)
    assert found["energy_mae"] == pytest.approx(0.02)
    assert found["energy_per_atom_mae"] == pytest.approx(0.02 / n)
    assert found["force_mae"] == pytest.approx(0.1 / n)
    moved = conformer.forces + shift
    cosine = (moved * conformer.forces).sum() / np.sqrt((moved**2).sum() * (conformer.forces**2).sum())
    assert found["force_cosine"] == pytest.approx(cosine)
    assert "hamiltonian_mae" not in found
    no_forces = Prediction(conformer.molecule, conformer.energy, np.zeros((n, 3)))
    assert errors(conformer, no_forces)["force_cosine"] == 0


def test_formation_energy_serves_as_well(conformer):
    formation = replace(conformer, energy=None)
    assert errors(formation, perfect(conformer))["energy_mae"] == pytest.approx(0, abs=1e-9)


def test_errors_of_the_hamiltonian(conformer):
    # A shift by cS moves all orbital energies by c, and nothing else.
    shift = 1e-3
    moved = conformer.hamiltonian + shift * conformer.overlap
    found = errors(conformer, Prediction(conformer.molecule, hamiltonian=moved))
    size = len(moved)
    assert found["hamiltonian_mae"] == pytest.approx(shift * np.abs(conformer.overlap).mean(), rel=1e-6)
    assert found["hamiltonian_lowdin_mae"] == pytest.approx(shift / size, rel=1e-6)
    for name in ("occupied_mae", "homo_mae", "lumo_mae"):
        assert found[name] == pytest.approx(shift, rel=1e-6)
    for name in ("gap_mae", "density_error", "dipole_mae"):
        assert found[name] == pytest.approx(0, abs=1e-7)
    assert found["orbital_overlap"] == pytest.approx(1)
    blocks = block_table([(conformer, Prediction(conformer.molecule, hamiltonian=moved))] * 2)
    assert blocks["count"].sum() == 2 * size * size
    weighted = (blocks.mean_abs * blocks["count"]).sum() / blocks["count"].sum()
    assert weighted == pytest.approx(found["hamiltonian_mae"], rel=1e-6)
    assert set(blocks.momenta) >= {"s–s", "s–p", "p–p"}


def test_density_error_counts_electrons(conformer):
    # HOMO and LUMO exchanged: two electrons are in the wrong place.
    orbitals = orbitals_of(conformer.molecule, conformer.hamiltonian)
    energies = orbitals.energies.copy()
    energies[[orbitals.homo, orbitals.lumo]] = energies[[orbitals.lumo, orbitals.homo]]
    root, _ = roots(conformer.overlap)
    vectors = root @ orbitals.coefficients
    swapped = root @ (vectors * energies) @ vectors.T @ root
    found = errors(conformer, Prediction(conformer.molecule, hamiltonian=swapped))
    assert found["density_error"] == pytest.approx(2, abs=1e-6)
    assert found["homo_mae"] == pytest.approx(0, abs=1e-8)


def test_scf_from_the_right_hamiltonian_is_short(conformer):
    found = errors(conformer, perfect(conformer), scf=True)
    assert found["scf_iterations"] <= 4
    assert found["scf_iterations_ratio"] < 0.5


def test_bad_label_is_named(conformer):
    bad = replace(conformer, energy=np.nan, moses_id=7, conformation_id=2)
    with pytest.raises(DataError, match="conformer 7/2 .*the label energy is not finite"):
        errors(bad, perfect(conformer))


def table(*molecules):
    rows = [
        {"molecule": m, "energy": e, "predicted_energy": p, "energy_mae": abs(e - p)}
        for m, pairs in enumerate(molecules)
        for e, p in pairs
    ]
    return pd.DataFrame(rows)


def test_relative_energies():
    right = [(-100.0, -90.0), (-99.99, -89.99), (-99.95, -89.95)]  # wrong by 10 Eh, all alike
    reverse = [(-50.0, -50.0), (-49.99, -50.01), (-49.98, -50.02)]
    flat = [(-20.0, -20.0), (-19.9, -20.0), (-19.8, -20.0 + 1e-9), (-19.7, -20.0)]
    found = relative_errors(table(right, [(-1.0, -2.0)], reverse, flat))
    assert list(found.index) == [0, 2, 3]
    assert np.allclose(
        found.relative_energy_mae, [0, (0.02 + 0.02 + 0.04) / 3, (3 * 0.1 + 2 * 0.2 + 0.3) / 6]
    )
    assert np.allclose(found.kendall_tau, [1, -1, 0])
    assert np.allclose(found.lowest_found, [1, 0, 1 / 4])


def test_summary_is_the_mean_over_conformers_with_an_interval_over_molecules():
    data = table([(0.0, 0.1)] * 30, [(0.0, 0.2)], [(0.0, 0.3)])
    found = summary(data, seed=1).set_index(["metric", "unit"])
    row = found.loc[("energy_mae", "Eh")]
    assert row.value == pytest.approx(data.energy_mae.mean())
    assert (row.n_molecules, row.n_conformers) == (3, 32)
    assert row.low == pytest.approx(0.1)
    assert row.high > 0.25  # over conformers it would end at 0.12
    kcal = found.loc[("energy_mae", "kcal/mol")]
    assert kcal.value == pytest.approx(HARTREE2KCAL * row.value)
    assert found.loc[("kendall_tau", "")].n_molecules == 1


def test_interval_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    covered = 0
    for trial in range(300):
        counts = random.integers(1, 6, 60)
        means = random.exponential(size=60)  # of a molecule; its conformers scatter less
        sums = np.array([random.normal(m, 0.1, n).sum() for m, n in zip(means, counts, strict=True)])
        _, low, high = interval(sums, counts, 0.9, 400, seed=trial)
        covered += low < 1 < high
    assert 0.84 < covered / 300 < 0.95


def test_one_molecule_has_no_interval():
    value, low, high = interval(np.array([3.0]), np.array([2]), 0.95, 100, seed=0)
    assert value == 1.5
    assert np.isnan([low, high]).all()


class Shifted:
    """Predicts the labels it is shown, 1 mEh too high."""

    card = ModelCard("shifted", "none", ENERGY)

    def __init__(self, conformers):
        self.known = {id(c.molecule): c for c in conformers}

    def predict(self, molecules):
        return [Prediction(m, self.known[id(m)].energy + 1e-3) for m in molecules]


def test_measure():
    ids = nablaviz.sample().table.moses_id
    conformers = list(nablaviz.sample().select(np.flatnonzero(ids.isin(ids[:3]))))
    found = measure(Shifted(conformers), Memory(conformers), progress=False)
    assert len(found) == len(conformers) > 6
    assert np.allclose(found.energy_mae, 1e-3)
    assert list(found.moses_id) == [c.moses_id for c in conformers]
    assert "force_mae" not in found
    means = summary(found).set_index(["metric", "unit"])
    assert means.loc[("relative_energy_mae", "Eh")].value == pytest.approx(0, abs=1e-9)
    assert means.loc[("lowest_found", "")].value == 1
    with pytest.raises(ValueError, match="there are no conformers"):
        measure(Shifted([]), Memory([]), progress=False)
