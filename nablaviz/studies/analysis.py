"""The errors of one or two models on a dataset, beside all that they may depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nablaviz.data.catalog import Catalog
from nablaviz.data.splits import SPLITS, TRAIN
from nablaviz.studies.covariates import covariates
from nablaviz.studies.error_kinds import VALUES, available, error, pair
from nablaviz.studies.groups import groups
from nablaviz.studies.slices import contests, slices
from nablaviz.studies.training_distance import Tell

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ALL, UNSEEN = "all", "unseen"
LEARNT = (TRAIN, "validation")
"""Splits that a model has learnt from."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Errors by model; all tables are indexed by the row of the dataset."""

    covariates: pd.DataFrame
    "Every row: see :func:`~nablaviz.studies.covariates.covariates`."
    tables: Mapping[str, pd.DataFrame]
    "Of each model the rows that it has predicted: see :func:`~nablaviz.studies.predictions.align`."

    @property
    def names(self) -> list[str]:
        """Of the models."""
        return list(self.tables)

    @property
    def kinds(self) -> list[str]:
        """The kinds of error that are known of all models."""
        found = [available(self.joined(name)) for name in self.names]
        return [kind for kind in found[0] if all(kind in other for other in found)]

    @property
    def values(self) -> list[str]:
        """What can be seen beside its prediction, for all models."""
        return [v for v in VALUES if all(pair(self.joined(name), v) is not None for name in self.names)]

    @property
    def splits(self) -> list[str]:
        """What ``rows`` takes: the splits of the predicted rows, what was not learnt from, and all."""
        split = self.covariates.loc[self.rows(ALL), "split"]
        present = set(split.dropna())
        known = [name for name in SPLITS if name in present] + sorted(present - set(SPLITS))
        unseen = [UNSEEN] if 0 < split.isin(LEARNT).sum() < len(split) else []
        return [*unseen, ALL, *(known if len(known) > 1 else [])]

    def rows(self, split: str = ALL) -> np.ndarray:
        """The rows of a split that at least one model has predicted, ascending."""
        predicted = self.covariates.index.isin([row for table in self.tables.values() for row in table.index])
        found = self.covariates.loc[predicted, "split"]
        if split == UNSEEN:
            found = found[~found.isin(LEARNT).fillna(False).astype(bool)]
        elif split != ALL:
            found = found[(found == split).fillna(False)]
        return found.index.to_numpy()

    def joined(self, name: str) -> pd.DataFrame:
        """Covariates and errors of one model's rows."""
        return self.covariates.join(self.tables[name].drop(columns="split", errors="ignore"), how="right")

    def error(self, name: str, kind: str, rows: np.ndarray) -> pd.Series:
        """One kind of error of one model; NaN where it has none."""
        return error(self.joined(name), kind).reindex(rows).astype(float)

    def pair(self, name: str, value: str, rows: np.ndarray) -> tuple[pd.Series, pd.Series]:
        """One of ``VALUES``, and what a model predicts, Eh."""
        found = pair(self.joined(name), value)
        if found is None:
            raise ValueError(f"{name} has no {VALUES[value]}; there are {', '.join(self.values) or 'none'}")
        return found[0].reindex(rows), found[1].reindex(rows)

    def slices(self, name: str, kind: str, rows: np.ndarray) -> pd.DataFrame:
        """See :func:`nablaviz.studies.slices.slices`."""
        there = self.covariates.loc[rows]
        return slices(self.error(name, kind, rows), there["molecule"], groups(there))

    def contests(self, kind: str, rows: np.ndarray) -> pd.DataFrame:
        """See :func:`nablaviz.studies.slices.contests`; the first model and the second."""
        there = self.covariates.loc[rows]
        first, second = (self.error(name, kind, rows) for name in self.names)
        return contests(first, second, there["molecule"], groups(there))


def analyse(
    catalog: Catalog, tables: Mapping[str, pd.DataFrame], tell: Tell = lambda text, part: None
) -> Analysis:
    """Find what the errors in some tables may depend on.

    Parameters
    ----------
    catalog
        Of the dataset.
    tables
        Of each model: see :func:`~nablaviz.studies.predictions.align`. Where one has a ``split``, that is
        the split of its rows, and the training set is its own.

    Raises
    ------
    ValueError
        If there is nothing in them, or a conformer cannot be read.
    """
    import pandas as pd

    if not any(len(table) for table in tables.values()):
        raise ValueError("there are no errors to look at: nothing was predicted")
    split = catalog.dataset.table["split"]
    given = [table["split"].dropna() for table in tables.values() if "split" in table]
    if given:
        own = pd.concat(given)
        own = own[~own.index.duplicated()]
        if (own == TRAIN).any():  # of the dataset's training set, no other rows
            split = split.mask(split == TRAIN)
        split = own.reindex(split.index).fillna(split)
    return Analysis(covariates(catalog, split, tell), dict(tables))
