"""What every source of conformers offers, whatever its file format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np

from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "moses_id": "Int64",
    "conformation_id": "Int64",
    "smiles": "string",
    "formula": "string",
    "n_atoms": "int64",
    "scaffold": "string",
    "split": "string",
    "train_size": "Int64",
    "energy": "float64",
    "formation_energy": "float64",
    "mean_force": "float64",
    "homo": "float64",
    "lumo": "float64",
    "gap": "float64",
    "dipole": "float64",
    "scf_iterations": "Int64",
    "wall_time": "float64",
    "error": "string",
}
"""The columns of every ``Dataset.table`` and their pandas types, in order.

Energies in Eh, ``mean_force`` (mean over atoms of |F|) in Eh/Å, ``dipole`` (its norm) in debye,
``wall_time`` in s; ``train_size`` is the size of the smallest nested training set that has the
molecule. What a source does not hold is NaN or NA.
"""


Key = tuple[int | None, int | None]
"""(moses_id, conformation_id): what records of different files join on."""


class DataError(ValueError):
    """A file does not hold what it should; the message names the file, the row and the fault."""


class Dataset(ABC):
    """A read-only sequence of :class:`~nablaviz.molecule.Conformer`, read lazily.

    Subclasses give ``__len__``, ``_read`` and ``_read_table``.
    """

    path: Path

    geometries = True
    "Whether it holds geometries; of one that does not, only ``table`` can be read."

    @property
    def columns(self) -> dict[str, str]:
        """Columns that a :class:`~nablaviz.data.catalog.Catalog` of it has, and their pandas types."""
        return COLUMNS

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _read(self, row: int) -> Conformer:
        """Read one conformer; ``row`` is in ``range(len(self))``."""

    @abstractmethod
    def _read_table(self) -> pd.DataFrame:
        """Read the light columns; any of ``COLUMNS``, in any order, a row per conformer."""

    def read(self, rows: Sequence[int] | np.ndarray) -> list[Conformer]:
        """The conformers at ``rows``, in that order, read together where that is quicker.

        A PyTorch ``DataLoader`` calls it for each batch, in as many worker processes as it has.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        numbers = np.asarray(rows, dtype=np.int64)
        if len(numbers) and not (-len(self) <= numbers.min() and numbers.max() < len(self)):
            raise IndexError(f"rows must lie in 0…{len(self) - 1}, not {numbers.min()}…{numbers.max()}")
        return self._read_many((numbers % max(len(self), 1)).tolist())

    __getitems__ = read

    def _read_many(self, rows: list[int]) -> list[Conformer]:
        return [self._read(row) for row in rows]

    def keys_by_row(self) -> Sequence[Key] | None:
        """(moses_id, conformation_id) of every row, where they are known without reading the rows."""
        return None

    @cached_property
    def table(self) -> pd.DataFrame:
        """The light columns of every conformer (see ``columns``); row i describes ``self[i]``."""
        return conform(self._read_table(), self.columns)

    def select(self, rows: Sequence[int] | np.ndarray) -> Subset:
        """The conformers at ``rows``, in that order."""
        return Subset(self, np.asarray(rows, dtype=np.int64))

    @overload
    def __getitem__(self, key: int) -> Conformer: ...
    @overload
    def __getitem__(self, key: slice) -> Subset: ...
    def __getitem__(self, key: int | slice) -> Conformer | Subset:
        if isinstance(key, slice):
            return self.select(np.arange(len(self))[key])
        row = int(key)
        if not -len(self) <= row < len(self):
            raise IndexError(f"row {row} is out of range: {self} has {len(self)} rows")
        return self._read(row % len(self))

    def __iter__(self) -> Iterator[Conformer]:
        return (self._read(row) for row in range(len(self)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path.name}: {len(self)} conformers>"


class Subset(Dataset):
    """Some rows of another dataset, in a given order."""

    def __init__(self, parent: Dataset, rows: np.ndarray) -> None:
        if len(rows) and not (0 <= rows.min() and rows.max() < len(parent)):
            raise IndexError(f"rows must lie in 0…{len(parent) - 1}, not {rows.min()}…{rows.max()}")
        self.parent, self.rows, self.path = parent, rows, parent.path

    def __len__(self) -> int:
        return len(self.rows)

    def _read(self, row: int) -> Conformer:
        return self.parent[int(self.rows[row])]

    def _read_many(self, rows: list[int]) -> list[Conformer]:
        return self.parent.read(self.rows[rows])

    def keys_by_row(self) -> Sequence[Key] | None:
        known = self.parent.keys_by_row()
        return None if known is None else [known[row] for row in self.rows.tolist()]

    def _read_table(self) -> pd.DataFrame:
        return self.parent.table.iloc[self.rows].reset_index(drop=True)


def conform(table: pd.DataFrame, columns: dict[str, str] = COLUMNS) -> pd.DataFrame:
    """Give a table exactly these columns and types; missing ones become NA."""
    import pandas as pd

    def absent(dtype: str) -> pd.Series:
        return pd.Series(np.nan if dtype == "float64" else pd.NA, index=table.index, dtype=dtype)

    found = {n: _cast(table[n], dtype) if n in table else absent(dtype) for n, dtype in columns.items()}
    return pd.DataFrame(found).reset_index(drop=True)


def _cast(column: pd.Series, dtype: str) -> pd.Series:
    import pandas as pd

    if dtype == "float64":
        return pd.to_numeric(column, errors="coerce").astype("float64")
    return column.astype(dtype)  # type: ignore[call-overload]
