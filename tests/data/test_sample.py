"""The bundled sample against its recipe, its data card and DFT."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.linalg import eigh

import nablaviz
from nablaviz.chem.atoms import formation_energy
from nablaviz.chem.dft import label
from nablaviz.data.recipe import read_recipe
from nablaviz.data.sample import BUNDLED
from nablaviz.data.splits import SPLITS, split_rows
from nablaviz.molecule import SUPPORTED


@pytest.fixture(scope="module")
def sample():
    return nablaviz.sample()


def test_it_holds_what_the_recipe_says(sample):
    recipe = read_recipe(BUNDLED / "sample.toml")
    wanted = {(e.moses_id, k): (e.smiles, s) for e in recipe.entries for k, s in enumerate(e.splits)}
    table = sample.table
    assert table["error"].isna().all()
    keys = zip(table["moses_id"], table["conformation_id"], strict=True)
    assert dict(zip(keys, zip(table["smiles"], table["split"], strict=True), strict=True)) == wanted


def test_its_geometries_come_from_the_recipe(sample):
    rows = {
        (e, k): i
        for i, (e, k) in enumerate(zip(*sample.table[["moses_id", "conformation_id"]].T.values, strict=True))
    }
    todo = read_recipe(BUNDLED / "sample.toml").conformers(set(), {})
    for conformer, _ in zip(todo, range(8), strict=False):
        stored = sample[rows[conformer.moses_id, conformer.conformation_id]].molecule
        assert np.array_equal(stored.numbers, conformer.molecule.numbers)
        assert stored.positions == pytest.approx(conformer.molecule.positions, abs=1e-3)


def test_it_is_small_enough_to_ship():
    size = sum(file.stat().st_size for file in (BUNDLED / "sample").glob("*.parquet"))
    assert size < 45e6


def test_its_geometries_are_away_from_equilibrium_as_nabladfts_are(sample):
    forces = sample.table["mean_force"]
    assert 0.02 < forces.quantile(0.05)
    assert forces.quantile(0.95) < 0.09


def test_the_data_card_counts_right(sample):
    card = (BUNDLED / "sample.md").read_text()
    table = sample.table
    said = {
        name: tuple(map(int, row))
        for name, *row in re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", card, re.M)
    }
    rows = {name: table.iloc[split_rows(table, name)] for name in SPLITS}
    assert said == {name: (part["moses_id"].nunique(), len(part)) for name, part in rows.items()}


def test_elements(sample):
    first = [sample[int(i)] for i in sample.table.drop_duplicates("moses_id").index]
    assert {z for c in first for z in c.molecule.numbers.tolist()} == set(SUPPORTED)


@pytest.mark.parametrize("smiles", ["C=CBr", "CC(N)=O", "CS(C)=O", "ClCC#N", "Nc1ccc(cc1)S(=O)(=O)Nc1ncccn1"])
def test_levels_follow_from_the_stored_hamiltonian(sample, smiles):
    matches = sample.table.index[sample.table["smiles"] == smiles]
    if not len(matches):
        pytest.fail(f"{smiles} is not in the sample")
    conformer = sample[int(matches[0])]
    assert np.array_equal(conformer.hamiltonian, conformer.hamiltonian.T)
    levels = eigh(conformer.hamiltonian, conformer.overlap, eigvals_only=True)
    occupied = int(conformer.molecule.numbers.sum()) // 2
    # The matrix is stored as float32: its largest elements, of the cores, carry that error.
    valence = slice(occupied - 5, occupied + 5)
    assert levels[valence] == pytest.approx(conformer.orbital_energies[valence], abs=2e-4)
    expected = formation_energy(conformer.energy, conformer.molecule.numbers)
    assert conformer.formation_energy == pytest.approx(expected, abs=1e-9)


def test_a_label_can_be_computed_again(sample):
    stored = sample[int(sample.table["n_atoms"].idxmin())]
    again = label(stored.molecule)
    assert again.energy == pytest.approx(stored.energy, abs=1e-7)
    assert np.abs(again.forces - stored.forces).max() < 1e-5
    assert np.abs(again.hamiltonian - stored.hamiltonian).max() < 1e-5  # stored as float32
    assert again.dipole == pytest.approx(stored.dipole, abs=1e-4)
