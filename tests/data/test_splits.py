"""Splits: nesting, names, and no leakage in the bundled sample."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from rdkit import Chem
from scipy.spatial.distance import pdist

import nablaviz
from nablaviz.data.dataset import conform
from nablaviz.data.splits import SPLITS, UNSEEN_MOLECULES, split_rows, training_sizes


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return nablaviz.sample().table


def test_training_sets_are_nested_and_made_of_whole_molecules(table):
    sizes = training_sizes(table)
    sets = [set(split_rows(table, f"train_{n}")) for n in sizes]
    assert all(a < b for a, b in pairwise(sets))
    assert sets[-1] == set(split_rows(table, "train"))
    for n, rows in zip(sizes, sets, strict=True):
        molecules = set(table["moses_id"].iloc[sorted(rows)])
        assert set(table["moses_id"].iloc[split_rows(table, f"test_conformations_{n}")]) <= molecules
        assert set(table["moses_id"].iloc[split_rows(table, f"validation_{n}")]) <= molecules


def test_nothing_leaks_between_training_and_test(table):
    key = {s: Chem.MolToInchiKey(Chem.MolFromSmiles(s)) for s in table["smiles"].unique()}
    train = table.iloc[split_rows(table, "train")]
    trained = {key[s] for s in train["smiles"]}
    for name in UNSEEN_MOLECULES:
        rows = table.iloc[split_rows(table, name)]
        assert not trained & {key[s] for s in rows["smiles"]}, name
    unseen = set(table["scaffold"].iloc[split_rows(table, "test_scaffolds")])
    assert not unseen & set(train["scaffold"])
    assert "" not in unseen


def test_every_row_is_in_one_split_and_no_geometry_twice(table):
    rows = np.concatenate([split_rows(table, name) for name in SPLITS])
    assert sorted(rows) == list(range(len(table)))
    data = nablaviz.sample()
    for _, group in table[table["split"] != "larger_molecules"].groupby("moses_id"):
        shapes = np.array([pdist(data[int(i)].molecule.positions) for i in group.index])
        closest = min(np.abs(a - b).max() for k, a in enumerate(shapes) for b in shapes[:k])
        assert closest > 1e-3, group["smiles"].iloc[0]


def test_unknown_names_are_refused_with_those_there_are():
    table = conform(pd.DataFrame({"n_atoms": [3, 3], "split": ["train", "validation"], "train_size": [5, 5]}))
    assert split_rows(table, "train_5").tolist() == [0]
    for name, message in [
        ("trian", "there are: train, validation"),
        ("train_7", r"there are: \[5\]"),
        ("", "no split ''"),
    ]:
        with pytest.raises(ValueError, match=message):
            split_rows(table, name)
    with pytest.raises(ValueError, match="no split 'test_scaffolds'"):
        split_rows(table, "test_scaffolds")
