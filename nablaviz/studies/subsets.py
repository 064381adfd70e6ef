"""The rows that a run learns from, validates on and is tested on: nested training sets for each seed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.data.splits import SPLITS, TRAIN, UNSEEN_MOLECULES, molecule_names, split_rows
from nablaviz.models.training_set import HELD_OUT

if TYPE_CHECKING:
    import pandas as pd

CONFORMATIONS, VALIDATION = "test_conformations", "validation"
TEST_SPLITS = (CONFORMATIONS, *UNSEEN_MOLECULES)
"""What a study can be tested on."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Row numbers of a dataset."""

    training: np.ndarray
    validation: np.ndarray
    tests: dict[str, np.ndarray]


class Subsets:
    """The training sets of every size and seed that a dataset allows for, and what belongs to them.

    The molecules of the training split are put in a random order, which the seed decides, each with its
    conformers in random order; the training set of a size is that many conformers from the start. So the
    sets of a seed are nested, and all but the last molecule are whole. To make the order one in which small
    sets are of use too, the first molecules to bring an element come before all others.

    Validation is on the validation conformers of the molecules of the training set; where the validation
    molecules are others, on all of them; without a validation split, on a tenth of the training molecules,
    the last ones in the order, which no set then has. Of ``test_conformations`` the rows are taken whose
    molecule is in the training set.

    Parameters
    ----------
    table
        ``Dataset.table``.
    splits
        Test splits, of ``TEST_SPLITS``.

    Raises
    ------
    ValueError
        If a split is unknown or empty, or shares molecules or conformers with the training set.
    """

    def __init__(self, table: pd.DataFrame, splits: Sequence[str]) -> None:
        for name in splits:
            if name not in TEST_SPLITS:
                raise ValueError(f"no test split {name!r}; there are {', '.join(TEST_SPLITS)}")
        self.names = molecule_names(table).to_numpy(dtype=object)
        self.elements = table["formula"].map(elements).to_numpy()
        self.pool = split_rows(table, TRAIN)
        present = {s for s in SPLITS if (table["split"] == s).any()}
        self.validation = split_rows(table, VALIDATION) if VALIDATION in present else np.empty(0, int)
        self.tests = {name: split_rows(table, name) for name in splits}
        for name, rows in self.tests.items():
            _check_apart(table, self.names, name, rows, np.concatenate([self.pool, self.validation]))

    def rows(self, size: int, seed: int) -> Rows:
        """The rows of one run.

        Raises
        ------
        ValueError
            If there are less training conformers than ``size``, a split has none for them, or they lack an
            element that other rows have.
        """
        order, held_out = self._order(seed)
        if size > len(order):
            kept = f" ({len(held_out)} more are for validation)" if len(held_out) else ""
            raise ValueError(f"size {size}: there are only {len(order)} training conformers{kept}")
        training = order[:size]
        known = set(self.names[training])
        validation = held_out
        if len(self.validation):
            own = np.isin(self.names[self.validation], list(known))
            shared = np.isin(self.names[self.validation], self.names[self.pool]).any()
            validation = self.validation[own] if shared else self.validation
        tests = dict(self.tests)
        if CONFORMATIONS in tests:
            rows = tests[CONFORMATIONS]
            tests[CONFORMATIONS] = rows[np.isin(self.names[rows], list(known))]
        for name, rows in {VALIDATION: validation, **tests}.items():
            if not len(rows):
                raise ValueError(f"size {size}, seed {seed}: {name} has no conformer of its molecules")
            self._check_elements(name, rows, order, size, seed)
        return Rows(training, validation, tests)

    def _order(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """The training rows in the order of a seed, and those held out for validation."""
        random = np.random.default_rng(seed)
        groups: dict[str, list[int]] = {}
        for row in random.permutation(self.pool).tolist():
            groups.setdefault(self.names[row], []).append(row)
        molecules = random.permutation(np.array(sorted(groups), dtype=object)).tolist()
        seen: set[str] = set()
        first: list[str] = []
        for name in molecules:
            if new := self.elements[groups[name][0]] - seen:
                first.append(name)
                seen |= new
        order = [*first, *(name for name in molecules if name not in first)]
        count = 0 if len(self.validation) else int(np.ceil(HELD_OUT * len(order)))
        cut = len(order) - count
        kept, held_out = (
            np.array([row for name in part for row in groups[name]], dtype=np.int64)
            for part in (order[:cut], order[cut:])
        )
        return kept, held_out

    def _check_elements(self, split: str, rows: np.ndarray, order: np.ndarray, size: int, seed: int) -> None:
        needed = set().union(*self.elements[rows])
        seen: set[str] = set()
        for count, row in enumerate(order, 1):
            seen |= self.elements[row]
            if needed <= seen:
                if count > size:
                    raise ValueError(
                        f"size {size}, seed {seed}: the training molecules lack an element that {split} has; "
                        f"with {count} conformers they have all"
                    )
                return
        raise ValueError(f"{split} has {min(needed - seen)}, which no training molecule has")


def elements(formula: str) -> frozenset[str]:
    """The symbols in a formula."""
    return frozenset(re.findall("[A-Z][a-z]?", formula))


def _check_apart(
    table: pd.DataFrame, names: np.ndarray, split: str, rows: np.ndarray, pool: np.ndarray
) -> None:
    """Raise ``ValueError`` if a test split has conformers, or unseen molecules that are not, of training."""
    ids = table[["moses_id", "conformation_id"]]
    known = ids.iloc[pool].dropna().drop_duplicates()
    same = ids.iloc[rows].merge(known)
    if len(same):
        key = "/".join(str(value) for value in same.iloc[0])
        raise ValueError(
            f"test split {split!r} overlaps training: conformer {key} is in both ({len(same)} in all)"
        )
    if split == CONFORMATIONS:
        return
    smiles = table["smiles"].iloc[pool].dropna()
    shared = np.isin(names[rows], names[pool]) | table["smiles"].iloc[rows].isin(smiles).to_numpy()
    if shared.any():
        first = table.iloc[rows[shared.argmax()]]
        raise ValueError(
            f"test split {split!r} overlaps training: molecule {names[rows[shared.argmax()]]} "
            f"({first['smiles']}) is in both ({shared.sum()} conformers in all)"
        )
