"""Reading a SQLite file from anyone, in any thread or process."""

from __future__ import annotations

import os
import sqlite3
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import numpy as np

from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.validate import located, shown
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    import pandas as pd

MAGIC = b"SQLite format 3\0"
LARGEST_VALUE = 1 << 28
"""Longest text or blob that is read, bytes; far above the Hamiltonian of a drug-like molecule."""

CHUNK = 1024
"""Records that are held at a time."""

MOST_AT_ONCE = 256
"""Records that one query asks for."""


class ReadOnly:
    """A SQLite file opened for reading, with a connection for each thread of each process.

    Raises
    ------
    DataError
        If the file is not a SQLite database, or is shorter than its header says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        with open(path, "rb") as file:
            header = file.read(100)
        if len(header) < 100 or not header.startswith(MAGIC):
            raise DataError(f"{shown(path)}: not a SQLite database")
        page = int.from_bytes(header[16:18], "big")
        page = 65536 if page == 1 else page
        expected, size = page * int.from_bytes(header[28:32], "big"), path.stat().st_size
        # The count of pages is valid only where the two change counters agree (SQLite file format 1.3.7).
        if header[24:28] == header[92:96] and size < expected:
            raise DataError(f"{shown(path)}: truncated: {size} bytes of {expected}")

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self._local = state["path"], threading.local()

    def _connection(self) -> sqlite3.Connection:
        # A connection must not cross a fork, nor be closed in the child: the parent's stays in the dict.
        mine: dict[int, sqlite3.Connection] = self._local.__dict__.setdefault("connections", {})
        if os.getpid() not in mine:
            # In a directory that cannot be written SQLite cannot make the lock files it may ask for.
            immutable = "" if os.access(self.path.parent, os.W_OK) else "&immutable=1"
            uri = f"file:{quote(str(self.path.absolute()))}?mode=ro{immutable}"
            connection = sqlite3.connect(uri, uri=True)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute(f"PRAGMA mmap_size = {1 << 40}")  # a third off the time of a scan
            mine[os.getpid()] = connection
        return mine[os.getpid()]

    def chunks(self, sql: str, *parameters: Any, size: int = CHUNK) -> Iterator[list[tuple[Any, ...]]]:
        """Run a query and yield its rows in lists of at most ``size``.

        Raises
        ------
        ValueError
            If SQLite cannot read the file.
        """
        try:
            cursor = self._connection().execute(sql, parameters)
            while chunk := cursor.fetchmany(size):
                yield chunk
        except sqlite3.Error as fault:
            raise ValueError(f"SQLite: {fault}") from fault

    def rows(self, sql: str, *parameters: Any, size: int = CHUNK) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows; raises as :meth:`chunks`."""
        for chunk in self.chunks(sql, *parameters, size=size):
            yield from chunk

    def blob(self, table: str, column: str, rowid: int) -> bytes:
        """A blob, copied once, where a query copies it twice.

        Raises
        ------
        ValueError
            If SQLite cannot read it, or it is too long.
        """
        try:
            with self._connection().blobopen(table, column, rowid, readonly=True) as blob:
                if len(blob) > LARGEST_VALUE:
                    raise ValueError(f"{column} has {len(blob)} bytes, more than {LARGEST_VALUE}")
                return blob.read()
        except sqlite3.Error as fault:
            raise ValueError(f"SQLite: {fault}") from fault

    def tables(self) -> dict[str, list[str]]:
        """Column names of every ordinary table.

        Views, virtual tables and tables with computed columns run expressions of whoever made the
        file when they are read, so they are left out.
        """
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
        info = "SELECT name, hidden FROM pragma_table_xinfo(?)"
        columns = {name: list(self.rows(info, name)) for (name,) in names}
        return {name: [c for c, _ in have] for name, have in columns.items() if not any(h for _, h in have)}


class SqliteDataset(Dataset):
    """A dataset in a SQLite file: row i is the i-th smallest id of its main table.

    Subclasses name the tables they need and give ``_decode`` and ``_columns``.
    """

    TABLE: str
    "The table with a row per conformer and an integer ``id``."
    REQUIRED: ClassVar[dict[str, tuple[str, ...]]]
    "Tables and columns that must be there."

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = ReadOnly(self.path)
        with located(shown(self.path)):
            self._tables = self._file.tables()
            for name, columns in self.REQUIRED.items():
                missing = [c for c in columns if c not in self._tables.get(name, [])]
                if missing:
                    raise ValueError(f"table {name} lacks {', '.join(missing)}")
            self._ids = self._row_ids()

    @property
    def _source(self) -> str:
        """What stands after FROM in a query for records."""
        return self.TABLE

    @property
    @abstractmethod
    def _light(self) -> str:
        """The columns that ``_columns`` needs."""

    def _row_ids(self) -> Sequence[int] | np.ndarray:
        """The ids in order; a range where they have no gap, which costs no memory."""
        # Each on its own: SQLite finds the smallest and the largest id without a scan only then.
        low, high = (next(self._file.rows(f"SELECT {f}(id) FROM {self.TABLE}"))[0] for f in ("min", "max"))
        if low is None:
            return range(0)
        if not (isinstance(low, int) and isinstance(high, int)):
            raise ValueError(f"the ids of table {self.TABLE} must be whole numbers, not {low!r} to {high!r}")
        if self._count(high - low + 1) == high - low + 1:
            return range(low, high + 1)
        return np.fromiter(
            (i for (i,) in self._file.rows(f"SELECT id FROM {self.TABLE} ORDER BY id")), np.int64
        )

    def _count(self, span: int) -> int:
        """Number of records; ``span`` is what it is if the ids have no gap."""
        return next(self._file.rows(f"SELECT count(*) FROM {self.TABLE}"))[0]

    def __len__(self) -> int:
        return len(self._ids)

    def where(self, row: int) -> str:
        """File and row, as errors and ``Conformer.source`` give them."""
        return f"{shown(self.path)}, row {row} (id {self._ids[row]})"

    def _read(self, row: int) -> Conformer:
        return self._read_many([row])[0]

    def _read_many(self, rows: list[int]) -> list[Conformer]:
        found: dict[int, list[tuple[Any, ...]]] = {}
        ids = [int(self._ids[row]) for row in rows]
        for first in range(0, len(ids), MOST_AT_ONCE):
            some = sorted(set(ids[first : first + MOST_AT_ONCE]))  # in the order of the file
            with located(self.where(rows[first]) if len(rows) == 1 else shown(self.path)):
                listed = ", ".join("?" * len(some))
                sql = f"SELECT id, {self._whole} FROM {self._source} WHERE id IN ({listed})"
                for record in self._file.rows(sql, *some, size=1):
                    found.setdefault(record[0], []).append(self._ready(record[0], record[1:]))
        records = [found.get(i, []) for i in ids]
        if all(len(some) == 1 for some in records):
            try:
                return self._decode_together(rows, [some[0] for some in records])
            except (ValueError, TypeError, OverflowError):
                pass  # the rows one by one say which is at fault
        return [self._decoded(row, some) for row, some in zip(rows, records, strict=True)]

    def _ready(self, record_id: int, record: tuple[Any, ...]) -> tuple[Any, ...]:
        """The record with what is large, made ready while the processor's cache still has it."""
        return record

    @cached_property
    def _id_is_rowid(self) -> bool:
        """Whether SQLite finds records by their id, so that a blob of theirs can be opened by it."""
        plan = self._file.rows(f"EXPLAIN QUERY PLAN SELECT 1 FROM {self.TABLE} WHERE id = 1")
        return [line[-1] for line in plan] == [f"SEARCH {self.TABLE} USING INTEGER PRIMARY KEY (rowid=?)"]

    def _decode_together(self, rows: list[int], records: list[tuple[Any, ...]]) -> list[Conformer]:
        """The conformers of some records; a ``ValueError`` if anything is unusual."""
        return [self._decode(row, record) for row, record in zip(rows, records, strict=True)]

    def _decoded(self, row: int, records: list[tuple[Any, ...]]) -> Conformer:
        with located(self.where(row)):
            if len(records) != 1:
                raise ValueError(f"{len(records)} records with this id in table {self.TABLE}")
            return self._decode(row, records[0])

    @property
    @abstractmethod
    def _whole(self) -> str:
        """The columns that ``_decode`` needs."""

    @abstractmethod
    def _decode(self, row: int, record: tuple[Any, ...]) -> Conformer:
        """A conformer from its record; any ``ValueError`` is given the file and the row."""

    @abstractmethod
    def _columns(self, records: list[tuple[Any, ...]]) -> dict[str, Any]:
        """The columns of ``table`` for some records of the columns ``_light``."""

    def _fetch(self, columns: str, row: int) -> tuple[Any, ...]:
        """Some columns of the record of a row."""
        records = list(
            self._file.rows(f"SELECT {columns} FROM {self._source} WHERE id = ?", int(self._ids[row]))
        )
        if len(records) != 1:
            raise ValueError(f"{len(records)} records with this id in table {self.TABLE}")
        return records[0]

    def _read_table(self) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        batches: list[pa.RecordBatch] = []
        done = 0
        with located(shown(self.path)):
            try:
                for chunk in self._file.chunks(f"SELECT {self._light} FROM {self._source} ORDER BY id"):
                    batches.append(pa.RecordBatch.from_pydict(self._columns(chunk)))
                    done += len(chunk)
            except (ValueError, TypeError, OverflowError):
                for row in range(done, min(done + CHUNK, len(self))):
                    self._read(row)  # raises the fault with its row
                raise
            if done != len(self):
                raise ValueError(f"{done} records were read, {len(self)} are there")
        if not batches:
            return pd.DataFrame()
        # Int64, because an id may be missing and must not become a float.
        return pa.Table.from_batches(batches).to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
