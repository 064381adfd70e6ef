"""The splits of a dataset: nested training sets and four kinds of unseen data.

Training sets are nested and made of whole molecules, as nablaDFT's: every molecule of the set of 50
is in the set of 100. ``test_conformations`` holds unseen conformations of training molecules, so
that its members depend on the training set: a conformation of a molecule which only the set of 400
has is an unseen *structure* for a model trained on 50. The other test sets are the same for all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

TRAIN = "train"
SEEN_MOLECULES = (TRAIN, "validation", "test_conformations")
"""Splits whose molecules are the training molecules."""

UNSEEN_MOLECULES = ("test_structures", "test_scaffolds", "larger_molecules")
SPLITS = SEEN_MOLECULES + UNSEEN_MOLECULES


def training_sizes(table: pd.DataFrame) -> list[int]:
    """Sizes (numbers of conformers) of the nested training sets, ascending."""
    return sorted({int(n) for n in table["train_size"].dropna()})


def molecule_names(table: pd.DataFrame) -> pd.Series:
    """What counts as one molecule: ``moses_id`` or, where there is none, the SMILES or the formula."""
    return table["moses_id"].astype("string").fillna(table["smiles"]).fillna(table["formula"])


def split_rows(table: pd.DataFrame, name: str) -> np.ndarray:
    """Row numbers of a split.

    Parameters
    ----------
    table
        ``Dataset.table``.
    name
        One of ``SPLITS``. A training molecule's split may end in a size, as ``"train_200"`` or
        ``"test_conformations_200"``: then it is the one that belongs to that nested training set.

    Raises
    ------
    ValueError
        If there is no such split or size; the message names those there are.
    """
    stem, size = name, None
    if match := re.fullmatch(rf"({'|'.join(SEEN_MOLECULES)})_(\d+)", name):
        stem, size = match[1], int(match[2])
    present = [s for s in SPLITS if (table["split"] == s).any()]
    if stem not in present:
        raise ValueError(f"no split {name!r}; there are: {', '.join(present) or 'none'}")
    member = (table["split"] == stem).fillna(False)
    if size is not None:
        if size not in training_sizes(table):
            raise ValueError(f"no training set of {size}; there are: {training_sizes(table)}")
        member &= (table["train_size"] <= size).fillna(False)
    return np.flatnonzero(member)
