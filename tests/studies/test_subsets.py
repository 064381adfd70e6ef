from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablaviz
from nablaviz.data.splits import TRAIN, molecule_names, split_rows
from nablaviz.studies.subsets import TEST_SPLITS, Subsets, elements


@pytest.fixture(scope="module")
def table():
    return nablaviz.sample().table


@pytest.fixture(scope="module")
def subsets(table):
    return Subsets(table, TEST_SPLITS)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), smaller=st.integers(60, 400), more=st.integers(0, 100))
def test_training_sets_are_nested_and_of_whole_molecules(subsets, table, seed, smaller, more):
    small, large = (subsets.rows(size, seed) for size in (smaller, smaller + more))
    assert len(small.training) == smaller
    assert np.array_equal(large.training[:smaller], small.training)
    assert len(set(large.training.tolist())) == smaller + more
    assert set(large.training) <= set(split_rows(table, TRAIN))
    counts = table.iloc[small.training]["moses_id"].value_counts(sort=False)
    assert (counts != 5).sum() == (smaller % 5 > 0)  # the sample has five of each


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(60, 500))
def test_what_belongs_to_a_training_set(subsets, table, seed, size):
    rows = subsets.rows(size, seed)
    known = set(table.iloc[rows.training]["moses_id"])
    for name, part in {"validation": rows.validation, **rows.tests}.items():
        molecules = set(table.iloc[part]["moses_id"])
        assert molecules == known if name in ("validation", "test_conformations") else not molecules & known
        assert set(table.iloc[part]["split"]) == {name}
        assert not set(part) & set(rows.training)
    assert set().union(*map(elements, table.iloc[rows.training]["formula"])) == {
        *("H", "C", "N", "O", "F", "S", "Cl", "Br")
    }


def test_the_seed_decides(subsets):
    first, again, other = (subsets.rows(100, seed).training for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert set(first) != set(other)


def test_without_a_validation_split_the_last_molecules_are_held_out(table):
    left = table[table.split != "validation"].reset_index(drop=True)
    subsets = Subsets(left, ["test_structures"])
    small, large = subsets.rows(60, 0), subsets.rows(450, 0)
    assert np.array_equal(small.validation, large.validation)
    assert left.iloc[small.validation]["moses_id"].nunique() == 10
    assert not set(left.iloc[small.validation]["moses_id"]) & set(left.iloc[large.training]["moses_id"])
    with pytest.raises(ValueError, match=r"size 451: there are only 450 .* \(50 more are for validation\)"):
        subsets.rows(451, 0)


def test_validation_molecules_of_their_own_are_all_taken(table):
    changed = table.copy()
    changed.loc[changed.split == "test_structures", "split"] = "validation"
    changed = changed[(table.split != "validation").to_numpy()].reset_index(drop=True)
    rows = Subsets(changed, ["test_scaffolds"]).rows(60, 0)
    assert len(rows.validation) == 110


def test_wrong_sizes(subsets):
    with pytest.raises(ValueError, match="size 501: there are only 500 training conformers"):
        subsets.rows(501, 0)
    with pytest.raises(ValueError, match=r"size 4, seed 0: .* lack an element that .* with \d+ conformers"):
        subsets.rows(4, 0)


def test_unknown_and_absent_splits(table):
    with pytest.raises(ValueError, match="no test split 'train'; there are test_conformations"):
        Subsets(table, ["train"])
    left = table[table.split != "larger_molecules"].reset_index(drop=True)
    with pytest.raises(ValueError, match="no split 'larger_molecules'; there are: train"):
        Subsets(left, ["larger_molecules"])


@pytest.mark.parametrize("column", ["moses_id", "smiles"])
def test_a_test_molecule_in_training_is_named(table, column):
    changed = table.copy()
    row = split_rows(table, "test_scaffolds")[7]
    changed.loc[row, column] = table.loc[split_rows(table, TRAIN)[0], column]
    changed.loc[row, "conformation_id"] = 99
    name = molecule_names(changed)[row]
    with pytest.raises(ValueError, match=rf"'test_scaffolds' overlaps training: molecule {name} .*\(1 conf"):
        Subsets(changed, ["test_scaffolds"])


def test_a_test_conformer_in_training_is_named(table):
    changed = table.copy()
    row, other = split_rows(table, "test_conformations")[3], split_rows(table, TRAIN)[0]
    for column in ("moses_id", "conformation_id"):
        changed.loc[row, column] = table.loc[other, column]
    key = f"{table.moses_id[other]}/{table.conformation_id[other]}"
    with pytest.raises(ValueError, match=rf"'test_conformations' overlaps training: conformer {key} is in"):
        Subsets(changed, ["test_conformations"])


def test_an_element_that_training_lacks_is_named(table):
    changed = table.copy()
    changed.loc[split_rows(table, "test_structures")[0], "formula"] = "CH3I"
    with pytest.raises(ValueError, match="test_structures has I, which no training molecule has"):
        Subsets(changed, ["test_structures"]).rows(500, 0)
