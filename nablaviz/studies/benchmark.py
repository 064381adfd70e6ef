"""A model on the splits of a dataset: errors of each conformer, and their means on each split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.data.splits import SPLITS, TRAIN, split_rows
from nablaviz.models.interface import Model
from nablaviz.studies.averages import summary
from nablaviz.studies.metrics import measure

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from nablaviz.data.baseline_cache import BaselineCache

PART = 16
"""Conformers that a worker of a cluster measures at a time."""

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
    client: Client | None = None,
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
    client
        Of a Dask cluster that does the work, a few conformers at a time; what a worker that vanishes was
        doing is done again by another. The cache must be at the same path there.

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
        if client is None:
            found = measure(model, part, scf=scf, cache=cache, progress=progress)
        else:
            found = _distributed(
                client, partial(measure, model, scf=scf, cache=cache, progress=False), part, progress
            )
        rows.append(found.assign(split=name))
        means.append(summary(found).assign(split=name))
    return Benchmark(*(_split_first(pd.concat(parts, ignore_index=True)) for parts in (rows, means)))


def _distributed(
    client: Client, work: Callable[[Memory], pd.DataFrame], part: Dataset, progress: bool
) -> pd.DataFrame:
    """What ``work`` gives for a dataset, done by the workers of a cluster."""
    import pandas as pd
    from distributed import as_completed
    from tqdm.auto import tqdm

    starts = range(0, len(part), PART)
    slots = 2 * max(1, sum(client.nthreads().values()))
    found: dict[int, pd.DataFrame] = {}
    running, places, todo = as_completed(), {}, iter(starts)

    def hand_out(count: int) -> None:
        for start in islice(todo, count):
            future = client.submit(work, Memory(part[start : start + PART]), pure=False)
            places[future] = start
            running.add(future)

    with tqdm(total=len(part), unit="conformer", disable=not progress) as bar:
        hand_out(slots)
        for future in running:
            start = places.pop(future)
            found[start] = future.result()
            bar.update(len(found[start]))
            hand_out(1)
    return pd.concat([found[start] for start in starts], ignore_index=True)


def _split_first(table: pd.DataFrame) -> pd.DataFrame:
    return table[["split", *table.columns.drop("split")]]
