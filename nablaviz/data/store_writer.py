"""Writing the native store, so that a kill at any moment loses no finished conformer.

A shard is written under a temporary name and renamed. A conformer that took long to make is first
put in a file of its own in ``.pending``; those files become a shard when there are enough of them
or when the writer closes. A rerun takes up what it finds there.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from nablaviz.data.dataset import DataError, Key
from nablaviz.data.store import ROW_GROUP_BYTES, Store, schema, to_row
from nablaviz.molecule import Conformer


class StoreWriter:
    """Append conformers to a native store; a context manager.

    Parameters
    ----------
    path
        The folder; made when it is not there.
    shard_rows
        Conformers per shard.
    durable
        Put each conformer on disk as soon as it is added, not only when its shard is full.

    Attributes
    ----------
    keys
        (moses_id, conformation_id) of all the store holds.

    Raises
    ------
    DataError
        If another process is writing this store.
    """

    def __init__(self, path: str | Path, *, shard_rows: int = 256, durable: bool = False) -> None:
        from filelock import FileLock, Timeout

        self.path, self.shard_rows, self.durable = Path(path), shard_rows, durable
        self._pending = self.path / ".pending"
        self._pending.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise DataError(f"{self.path}: another process is writing this store") from None
        self._rows: list[dict[str, Any]] = []
        self._recover()

    def _recover(self) -> None:
        """Take up what an interrupted run left behind."""
        import pyarrow.parquet as pq

        shards = sorted(self.path.glob("*.parquet"))
        store = Store(self.path) if shards else None
        self.keys: set[Key] = set(store.keys) if store else set()
        self.rows = len(store) if store else 0
        self._next = 1 + max((int(s.stem.rpartition("-")[2]) for s in shards), default=-1)
        for file in self._pending.glob("*.tmp"):
            file.unlink()
        for file in sorted(self._pending.glob("*.parquet"), key=lambda f: f.stat().st_mtime_ns):
            for row in pq.read_table(file).to_pylist():
                key = row["moses_id"], row["conformation_id"]
                if key in self.keys:  # killed after the shard was renamed, before this file was removed
                    file.unlink()
                else:
                    self._take(row)

    def _take(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self.keys.add((row["moses_id"], row["conformation_id"]))
        self.rows += 1

    def add(self, conformer: Conformer) -> None:
        """Append one conformer.

        Raises
        ------
        DataError
            If its ids are in the store already, or a label is not finite or not symmetric.
        """
        key = conformer.moses_id, conformer.conformation_id
        if None not in key and key in self.keys:
            raise DataError(f"{self.path}: conformer {key[0]}/{key[1]} is in the store already")
        row = to_row(conformer)
        if self.durable:
            self._write([row], self._pending / f"{self.rows:09d}.parquet")
        self._take(row)
        if len(self._rows) >= self.shard_rows:
            self.flush()

    def flush(self) -> None:
        """Make a shard of what has been added since the last one."""
        if not self._rows:
            return
        self._write(self._rows, self.path / f"shard-{self._next:05d}.parquet")
        for file in self._pending.glob("*.parquet"):
            file.unlink()
        self._next += 1
        self._rows = []

    def _write(self, rows: list[dict[str, Any]], target: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pylist(rows, schema=schema())
        group = max(1, ROW_GROUP_BYTES * len(rows) // table.nbytes)
        temporary = self._pending / f"{target.name}.tmp"
        with open(temporary, "wb") as file:
            pq.write_table(table, file, row_group_size=group, compression="zstd", compression_level=9)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)

    def close(self) -> None:
        """Write the last shard and let others write."""
        self.flush()
        self._pending.rmdir()
        self._lock.release()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
