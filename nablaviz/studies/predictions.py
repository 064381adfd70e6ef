"""What is to be judged: models, and tables of errors, brought to the rows of a dataset."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.dataset import DataError, Dataset
from nablaviz.models.interface import Model
from nablaviz.studies.metrics import METRICS, measure

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.data.baseline_cache import BaselineCache

ALLOWED = (
    "a model (anything with predict), its name or file, a table of studies.metrics.measure, the path of one "
    "(.csv or .parquet), or a mapping of names to these"
)
TABLES = (".csv", ".gz", ".parquet")
IDS = ["moses_id", "conformation_id"]
NUMBERS = ["energy", "predicted_energy", "homo", "predicted_homo", "lumo", "predicted_lumo", *METRICS]
"""Columns of a table of errors that are read."""

LARGEST = 1 << 28
"""Largest table that is read, bytes when unpacked."""

MOST = 2
"""Models side by side."""

CHUNK = 16
"""Conformers that are predicted at once."""


@dataclass(frozen=True, eq=False)
class Source:
    """One set of predictions: a model that is still to predict, or a table of its errors."""

    name: str
    model: Model | None = None
    table: pd.DataFrame | None = None
    "Indexed by row of the dataset: ``NUMBERS``, and ``split`` where the table has it."


def sources(predictions: Any, dataset: Dataset) -> list[Source]:
    """What ``predictions`` stands for.

    Parameters
    ----------
    predictions
        See ``ALLOWED``; at most two in a mapping.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If there is no such model or file, a table is not one of errors, or is of other conformers.
    """
    if not isinstance(predictions, Mapping):
        return [_source(None, predictions, dataset)]
    if not 1 <= len(predictions) <= MOST:
        raise ValueError(f"one or two models can be seen side by side, not {len(predictions)}")
    return [_source(str(name), value, dataset) for name, value in predictions.items()]


def _source(name: str | None, value: Any, dataset: Dataset) -> Source:
    import pandas as pd

    from nablaviz.models.library import load_model

    if isinstance(value, str | Path) and Path(value).suffix in TABLES:
        path = Path(value).expanduser()
        return Source(name or path.stem, table=align(_read(path), dataset, path.name))
    if isinstance(value, str | Path):
        value = load_model(value)
    if isinstance(value, pd.DataFrame):
        return Source(name or "predictions", table=align(value, dataset, name or "the table"))
    if hasattr(value, "predict"):
        own = getattr(getattr(value, "card", None), "name", None) or type(value).__name__
        return Source(name or own, model=value)
    raise TypeError(f"no predictions in a {type(value).__name__}; allowed: {ALLOWED}")


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow.parquet as pq

    try:
        if path.suffix == ".parquet":
            metadata = pq.read_metadata(path)
            groups = (metadata.row_group(place) for place in range(metadata.num_row_groups))
            _check_size(sum(group.total_byte_size for group in groups))
            return pd.read_parquet(path)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(LARGEST + 1)
        _check_size(len(content))
        return pd.read_csv(BytesIO(content))
    except FileNotFoundError:
        raise
    except Exception as fault:  # the readers raise whatever their parsing meets
        raise DataError(f"{path}: not a table that can be read: {fault}") from fault


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"it unpacks to more than {LARGEST} bytes")


def align(table: pd.DataFrame, dataset: Dataset, name: str) -> pd.DataFrame:
    """Bring a table of errors to the rows of a dataset.

    Lines are joined by (moses_id, conformation_id), or by their order where conformers have no ids.

    Parameters
    ----------
    table
        From :func:`~nablaviz.studies.metrics.measure`.
    name
        What errors call it.

    Returns
    -------
    pandas.DataFrame
        Indexed by the rows that are predicted, ascending; see :class:`Source`.

    Raises
    ------
    ValueError
        If there is no error in it, a value is infinite or not a number, ids are missing, come twice, or are
        not in the dataset, or formula or energy are those of another conformer.
    """
    import pandas as pd

    measured = [column for column in METRICS if column in table]
    if not measured:
        raise DataError(f"{name}: no column is a measure of error; those known are {', '.join(METRICS)}")
    table = table.reset_index(drop=True)
    columns = [column for column in NUMBERS if column in table]
    numbers = pd.DataFrame({column: _numbers(table[column], name) for column in columns})
    if "split" in table:
        numbers["split"] = table["split"].astype("string")
    rows = _rows(table, dataset, name)
    _check_same(table, dataset, rows, name)
    numbers.index = pd.Index(rows, name="row")
    return numbers.sort_index()


def _numbers(column: pd.Series, name: str) -> np.ndarray:
    import pandas as pd

    try:
        values = pd.to_numeric(column).to_numpy(dtype=float, na_value=np.nan)
    except (ValueError, TypeError, OverflowError) as fault:
        raise DataError(f"{name}, column {column.name}: {fault}") from fault
    if np.isinf(values).any():
        line = int(np.flatnonzero(np.isinf(values))[0])
        raise DataError(f"{name}, line {line}: {column.name} is infinite")
    return values


def _rows(table: pd.DataFrame, dataset: Dataset, name: str) -> np.ndarray:
    """The row of the dataset that each line of a table is of."""
    import pandas as pd

    known = dataset.table[IDS]
    if known.isna().any(axis=None) or not set(IDS) <= set(table):
        if len(table) != len(dataset):
            raise DataError(
                f"{name} has {len(table)} lines and the dataset {len(dataset)} conformers, and without "
                f"{' and '.join(IDS)} in both they can only be joined one by one"
            )
        return np.arange(len(table))
    try:
        given = table[IDS].astype("Int64")
    except (ValueError, TypeError, OverflowError) as fault:
        raise DataError(f"{name}: {' and '.join(IDS)} must be whole numbers: {fault}") from fault
    for frame, what in ((known, "the dataset"), (given, name)):
        if (twice := frame.duplicated()).any():
            first, second = frame[twice].iloc[0]
            raise DataError(f"{what} has conformer {first}/{second} twice")
    places = pd.MultiIndex.from_frame(known).get_indexer(pd.MultiIndex.from_frame(given))
    if (places < 0).any():
        first, second = given[places < 0].iloc[0]
        raise DataError(
            f"{name}: conformer {first}/{second} is not in the dataset, nor are "
            f"{int((places < 0).sum()) - 1:,} others; open the dataset that was predicted"
        )
    return places


def _check_same(table: pd.DataFrame, dataset: Dataset, rows: np.ndarray, name: str) -> None:
    """Refuse errors of other molecules under the same ids."""
    known = dataset.table.iloc[rows].reset_index(drop=True)
    for column in ("formula", "n_atoms"):
        if column not in table:
            continue
        given, right = (frame[column].to_numpy(dtype=object) for frame in (table, known))
        wrong = (given != right) & table[column].notna().to_numpy() & known[column].notna().to_numpy()
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{name}, line {line}: {column} is {table[column][line]} and that of row {rows[line]} of the "
                f"dataset {known[column][line]}; these are errors of other conformers"
            )


def predict(
    source: Source,
    dataset: Dataset,
    tell: Callable[[str, float | None], None],
    *,
    cache: BaselineCache | None = None,
) -> Iterator[pd.DataFrame]:
    """Errors of a model, a few conformers at a time, in an order that makes any beginning representative.

    Parameters
    ----------
    tell
        Told how far it is; may raise to stop.

    Yields
    ------
    pandas.DataFrame
        As :attr:`Source.table`.
    """
    assert source.model is not None
    starts = np.random.default_rng(0).permutation(np.arange(0, len(dataset), CHUNK))
    done = 0
    for start in starts.tolist():
        tell(f"{source.name}: {done:,} of {len(dataset):,} conformers predicted", done / len(dataset))
        part = dataset[start : start + CHUNK]
        found = measure(source.model, part, cache=cache, progress=False)
        found.index = range(start, start + len(part))
        done += len(part)
        yield found[[column for column in NUMBERS if column in found]]
