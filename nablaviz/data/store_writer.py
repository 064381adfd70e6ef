"""Writing the native store, so that a kill at any moment loses no finished conformer.

A shard is written under a temporary name and renamed. A conformer that took long to make is first
put in a file of its own in ``.pending``; those files become a shard when there are enough of them
or when the writer closes. A rerun takes up what it finds there.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from nablaviz.data.dataset import DataError, Key
from nablaviz.data.store import ROW_GROUP_BYTES, Store, schema, to_row
from nablaviz.data.validate import shown
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    import pyarrow as pa

PENDING = ".pending"
"""Folder of what is not yet part of the store."""


def check_target(path: Path) -> None:
    """Check that a store can be begun, or gone on with, in a folder.

    Raises
    ------
    FileExistsError
        If something else is there.
    """
    if path.exists() and not path.is_dir():
        raise FileExistsError(f"{shown(path)} exists already and is no native store")
    begun = any(path.glob("*.parquet")) or (path / PENDING).is_dir()
    if path.is_dir() and any(path.iterdir()) and not begun:
        raise FileExistsError(f"{shown(path)} is a folder of other files")


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
        self._pending = self.path / PENDING
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

        table = pa.Table.from_pylist(rows, schema=schema())
        group = max(1, ROW_GROUP_BYTES * len(rows) // table.nbytes)
        temporary = self._pending / f"{target.name}.tmp"
        try:
            self._save(table, temporary, group)
            os.replace(temporary, target)
        except OSError as fault:
            temporary.unlink(missing_ok=True)  # a full disk needs the room
            raise OSError(fault.errno, fault.strerror or str(fault), str(target)) from fault

    def _save(self, table: pa.Table, path: Path, group: int) -> None:
        import pyarrow.parquet as pq

        with open(path, "wb") as file:
            pq.write_table(
                table,
                file,
                row_group_size=group,
                compression="zstd",
                compression_level=9,
                write_page_checksum=True,  # a changed bit is found when it is read
            )
            file.flush()
            os.fsync(file.fileno())

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
