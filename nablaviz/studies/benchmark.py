"""A model on the splits of a dataset: errors of each conformer, and their means on each split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nablaviz.data.dataset import Dataset
from nablaviz.data.splits import SPLITS, TRAIN, split_rows
from nablaviz.models.interface import Model
from nablaviz.studies.averages import summary
from nablaviz.studies.metrics import measure

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.data.baseline_cache import BaselineCache

ALL = "all"
"""What the rows of a dataset without splits are called."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Errors of one model."""

    rows: pd.DataFrame
    "One row per conformer: ``split``, then as :func:`~nablaviz.studies.metrics.measure`."
    summary: pd.DataFrame
    "One row per split and measure: ``split``, then as :func:`~nablaviz.studies.averages.summary`."


def benchmark(
    model: Model,
    dataset: Dataset,
    splits: Sequence[str] | None = None,
    *,
    scf: bool = False,
    cache: BaselineCache | None = None,
    progress: bool = True,
) -> Benchmark:
    """Measure a model's errors on the splits of a dataset.

    Parameters
    ----------
    splits
        Names that :func:`~nablaviz.data.splits.split_rows` knows; by default every split there is but the
        training set, and all rows where there are no splits.
    scf, cache, progress
        As for :func:`~nablaviz.studies.metrics.measure`.

    Raises
    ------
    ValueError
        If there is no such split, the model does not know an element, or a label is not finite.
    """
    import pandas as pd

    table = dataset.table
    names = splits or [s for s in SPLITS if s != TRAIN and (table["split"] == s).any()] or [ALL]
    rows, means = [], []
    for name in names:
        part = dataset if name == ALL else dataset.select(split_rows(table, name))
        found = measure(model, part, scf=scf, cache=cache, progress=progress)
        rows.append(found.assign(split=name))
        means.append(summary(found).assign(split=name))
    return Benchmark(*(_split_first(pd.concat(parts, ignore_index=True)) for parts in (rows, means)))


def _split_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["split", *table.columns.drop("split")]]
