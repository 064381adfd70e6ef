"""Recipes, and the recipe of the bundled sample."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from rdkit import Chem

from nablaviz.chem.scaffold import murcko
from nablaviz.data.dataset import DataError
from nablaviz.data.recipe import read_recipe
from nablaviz.data.sample import BUNDLED
from nablaviz.data.splits import UNSEEN_MOLECULES
from nablaviz.molecule import SUPPORTED

RECIPE = """
first_id = 40
seed = 3
temperature = 200
[[molecules]]
train_size = 4
splits = { train = 2, test_conformations = 1 }
smiles = ["CCO", "OCCN"]
[[molecules]]
splits = { test_structures = 1 }
smiles = ["c1ccoc1"]
"""


@pytest.fixture
def recipe_file(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


def test_every_molecule_comes_before_the_second_conformer_of_any(recipe_file):
    recipe = read_recipe(recipe_file)
    conformers = list(recipe.conformers(set(), {}))
    assert len(recipe) == len(conformers) == 7
    assert [(c.moses_id, c.conformation_id) for c in conformers[:4]] == [(40, 0), (41, 0), (42, 0), (40, 1)]
    assert [c.split for c in conformers if c.moses_id == 40] == ["train", "train", "test_conformations"]
    assert {c.moses_id: c.train_size for c in conformers} == {40: 4, 41: 4, 42: None}
    assert {c.scaffold for c in conformers} == {"", "c1ccoc1"}


def test_the_same_recipe_gives_the_same_geometries_in_any_order(recipe_file):
    recipe = read_recipe(recipe_file)
    every = {(c.moses_id, c.conformation_id): c for c in recipe.conformers(set(), {})}
    some = list(recipe.conformers({(40, 0), (42, 0)}, {}))
    assert len(some) == 5
    for c in some:
        assert np.array_equal(c.molecule.positions, every[c.moses_id, c.conformation_id].molecule.positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("CCO", "C1CC"), "molecule 0: .*C1CC"),
        (("CCO", "[Fe]"), "Fe"),
        (("train_size", "size"), "unknown key 'size'"),
        (("smiles = ", "names = "), "no 'smiles'"),
        (("seed = 3", "seed = "), "not a TOML file"),
    ],
)
def test_a_bad_recipe_is_refused_by_file_and_place(recipe_file, change, message):
    recipe_file.write_text(RECIPE.replace(*change))
    with pytest.raises(DataError, match=rf"recipe\.toml.*{message}"):
        read_recipe(recipe_file)


@pytest.fixture(scope="module")
def entries():
    return read_recipe(BUNDLED / "sample.toml").entries


def test_the_sample_has_what_it_should(entries):
    mols = [Chem.MolFromSmiles(e.smiles) for e in entries]
    larger = [e.splits[0] == "larger_molecules" for e in entries]
    fragments = [m for m, big in zip(mols, larger, strict=True) if not big]
    assert len(fragments) >= 140
    assert all(2 <= m.GetNumHeavyAtoms() <= 7 for m in fragments)
    assert sum(len(e.splits) for e, big in zip(entries, larger, strict=True) if not big) >= 1000
    sizes = [Chem.AddHs(m).GetNumAtoms() for m, big in zip(mols, larger, strict=True) if big]
    assert len(sizes) >= 8
    assert all(25 <= n <= 40 for n in sizes)
    for group in (e for e in [[e for e in entries if e.train_size == 50], entries]):
        elements = {
            a.GetAtomicNum() for e in group for a in Chem.AddHs(Chem.MolFromSmiles(e.smiles)).GetAtoms()
        }
        assert elements == set(SUPPORTED)


def test_the_nested_training_sets_have_their_sizes(entries):
    count = Counter()
    for e in entries:
        count[e.train_size] += e.splits.count("train")
    sizes = sorted(n for n in count if n)
    assert sizes == [50, 100, 200, 400, 500]
    assert [sum(count[m] for m in sizes if m <= n) for n in sizes] == sizes


def test_no_molecule_is_in_two_roles_and_no_test_scaffold_in_training(entries):
    keys = [Chem.MolToInchiKey(Chem.MolFromSmiles(e.smiles)) for e in entries]
    assert len(set(keys)) == len(keys)
    for e in entries:
        unseen = set(e.splits) & set(UNSEEN_MOLECULES)
        assert len(unseen) <= 1
        assert bool(unseen) == (e.train_size is None)
        assert not unseen or set(e.splits) == unseen
    trained = {murcko(e.smiles) for e in entries if e.train_size}
    assert all(murcko(e.smiles) in trained for e in entries if "test_structures" in e.splits)
    assert not any(murcko(e.smiles) in trained for e in entries if "test_scaffolds" in e.splits)


def test_a_molecule_that_does_not_embed_is_named_and_the_others_go_on(recipe_file):
    recipe_file.write_text(RECIPE.replace("CCO", "C1C[C@H]2CC[C@H]1C2").replace("train = 2, ", ""))
    failures: dict[int, str] = {}
    conformers = list(read_recipe(recipe_file).conformers(set(), failures))
    assert {c.moses_id for c in conformers} == {41, 42}
    assert "does not embed" in failures.pop(40)
    assert not failures
