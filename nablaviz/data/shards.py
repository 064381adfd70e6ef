"""Shards of a store or a catalogue: Parquet files from anyone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nablaviz.data.dataset import DataError, Key
from nablaviz.data.validate import shown

LARGEST_GROUP, MOST_ROWS = 1 << 29, 1 << 22
"""Of a row group that is read: its bytes when unpacked, its rows."""


def shard_paths(path: Path) -> list[Path]:
    """The shards of a store, in order.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    DataError
        If the folder has no shard.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {shown(path)}")
    shards = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not shards:
        raise DataError(f"{shown(path)}: a folder without Parquet shards is not a store")
    return shards


def read_metadata(shard: Path) -> Any:
    """What a shard says of its contents.

    Raises
    ------
    DataError
        If it is no Parquet file, or has a row group that unpacks to more than we hold in memory.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(shard)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        raise DataError(f"{shown(shard)}: not a readable Parquet file: {fault}") from fault
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        if group.total_byte_size > LARGEST_GROUP or group.num_rows > MOST_ROWS:
            size = f"{group.total_byte_size} bytes in {group.num_rows} rows"
            raise DataError(f"{shown(shard)}: row group {place} unpacks to {size}, too much to hold")
    return metadata


@dataclass(frozen=True)
class Chunk:
    """What a footer says of a column of a row group."""

    place: int
    "Of the column, counted from 0."
    kind: str
    "Its physical type, such as ``DOUBLE``."
    low: str | None
    "The lowest value as text, ``None`` where it is not said."
    high: str | None
    missing: int
    "Rows without a value; 0 where it is not said."


def read_chunks(shards: Sequence[Path]) -> list[list[Chunk]]:
    """What the footer of each shard says of its columns.

    From DuckDB: a footer that contradicts itself makes Arrow end the process.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    import duckdb

    columns = "column_id, type, stats_min_value, stats_max_value, coalesce(stats_null_count, 0)"
    found: dict[str, list[Chunk]] = {str(shard): [] for shard in shards}
    with duckdb.connect() as db:

        def read(paths: list[str]) -> None:
            for path, *values in db.execute(
                f"SELECT file_name, {columns} FROM parquet_metadata(?)", [paths]
            ).fetchall():
                found[path].append(Chunk(*values))

        try:
            read(list(found))
        except duckdb.Error:  # which does not say of which
            for path in found:
                try:
                    read([path])
                except duckdb.Error as fault:
                    raise DataError(f"{shown(path)}: not a readable Parquet file: {fault}") from fault
    return list(found.values())


def read_columns(shard: Path, columns: Iterable[str]) -> Any:
    """Some columns of a shard as an Arrow table, damage found by their checksums where it has them.

    Raises
    ------
    DataError
        If they cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(shard, columns=list(columns), page_checksum_verification=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        raise DataError(f"{shown(shard)}: {fault}") from fault


def read_keys(shards: Iterable[Path]) -> set[Key]:
    """(moses_id, conformation_id) of every row."""
    keys: set[Key] = set()
    for shard in shards:
        columns = read_columns(shard, ["moses_id", "conformation_id"]).to_pydict()
        keys.update(zip(columns["moses_id"], columns["conformation_id"], strict=True))
    return keys
