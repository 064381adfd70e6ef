"""A catalogue of the published summary: a folder of Parquet shards that a conversion has made."""

from __future__ import annotations

import json
import math
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablaviz.data.conditions import RELATIVE
from nablaviz.data.dataset import COLUMNS, DataError
from nablaviz.data.shards import Chunk, read_chunks, read_columns, read_metadata
from nablaviz.data.summary import ADDED, DERIVED, EXTRA, FAULTS, FIELDS, MANIFEST, VERSION, WORK
from nablaviz.data.summary_file import Summary
from nablaviz.data.validate import located, shown

if TYPE_CHECKING:
    import pandas as pd

LARGEST_MANIFEST = 1 << 24
SHARD = re.compile(r"conformers-[0-9]{5,9}\.parquet")
KINDS = {field.name: field.dtype for field in FIELDS.values()} | DERIVED | ADDED
"""Columns of a shard."""

REQUIRED = ("row", "molecule", "line", *(field.name for field in FIELDS.values() if field.required))
"""Columns that each row has."""

STORED = {"string": "BYTE_ARRAY", "float64": "DOUBLE", "int64": "INT64", "int32": "INT32"}
"""What Parquet calls them."""

Statistics = tuple[int, Any, Any]
"""How many rows have a column, the lowest and the highest number in it; None where there is none."""

LOWEST = {"line": 2, "n_atoms": 1, **dict.fromkeys(("moses_id", "conformation_id", RELATIVE), 0)}
"""What a column cannot be below."""


class SummaryStore(Summary):
    """The conformers of the summary, sorted by scaffold and molecule, without geometries.

    Parameters
    ----------
    path
        The folder.

    Attributes
    ----------
    about
        What the conversion says of itself: source, rows, molecules, malformed lines left out.

    Raises
    ------
    DataError
        If it is no catalogue, or the conversion has not ended.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if (self.path / WORK).is_dir():
            raise DataError(
                f"{shown(self.path)}: a conversion into it has not ended; give its command again to go on"
            )
        with located(shown(self.path / MANIFEST)):
            self.about = _manifest(self.path / MANIFEST)
        self.shards = [self.path / name for name in self.about["shards"]]
        self._check()

    def _check(self) -> None:
        """Read the footers, and hold what they say of the shards against the manifest."""
        self._statistics: list[dict[str, Statistics]] = []
        "Of the columns of each shard."
        manifest = shown(self.path / MANIFEST)
        rows = molecules = 0
        for shard in self.shards:
            if not shard.is_file():
                raise DataError(f"{manifest}: there is no shard {shown(shard.name)}, which it names")
        for shard, chunks in zip(self.shards, read_chunks(self.shards), strict=True):
            metadata = read_metadata(shard)
            with located(shown(shard)):
                found = _statistics(metadata, chunks)
                self._statistics.append(found)
                _check_values(found, metadata.num_rows)
                _, low, high = found["row"]
                rows, due = rows + metadata.num_rows, rows
                if (low, high) != (due, rows - 1):
                    raise ValueError(f"rows {low} to {high} where {due} to {rows - 1} are due by {MANIFEST}")
                _, low, high = found["molecule"]
                if low != molecules:
                    raise ValueError(f"molecules from {low} where {molecules} is due by {MANIFEST}")
                molecules = high + 1
        for name, count in (("rows", rows), ("molecules", molecules)):
            if count != self.about[name]:
                raise DataError(f"{manifest}: {self.about[name]} {name}, but its shards hold {count}")

    @property
    def held(self) -> list[str]:
        """Columns that the shards hold; the others of ``columns`` are empty."""
        absent = {"train_size", "mean_force", "scf_iterations", "wall_time", "error"}
        return [name for name in self.columns if name not in absent]

    @cached_property
    def statistics(self) -> dict[str, Statistics]:
        """How many rows have each column, its lowest and its highest number, as the shards' footers say."""
        joined = {}
        for column in ("row", *self.held, RELATIVE):
            parts = [found[column] for found in self._statistics]
            joined[column] = (
                sum(count for count, _, _ in parts),
                min((low for _, low, _ in parts if low is not None), default=None),
                max((high for _, _, high in parts if high is not None), default=None),
            )
        return joined

    def __len__(self) -> int:
        return int(self.about["rows"])

    def _read_table(self) -> pd.DataFrame:
        import pyarrow as pa

        names = [c for c in self.held if c in COLUMNS or c in EXTRA]
        kinds = [(name, _arrow(KINDS[name])) for name in names]
        parts = [read_columns(shard, names) for shard in self.shards]
        return pa.concat_tables([pa.schema(kinds).empty_table(), *parts]).to_pandas()

    def __repr__(self) -> str:
        left_out = self.about["malformed"]
        said = f"; {left_out:,} malformed lines left out, see {FAULTS}" if left_out else ""
        return (
            f"<{type(self).__name__} {self.path.name}: {len(self):,} conformers of"
            f" {self.about['molecules']:,} molecules, from {self.about['source']!r}; energies and SMILES, no"
            f" geometries{said}>"
        )


def _manifest(path: Path) -> dict[str, Any]:
    if path.stat().st_size > LARGEST_MANIFEST:
        raise ValueError("too long")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault
    if not isinstance(found, dict) or found.get("nablaviz catalogue") != VERSION:
        raise ValueError(f"not a catalogue of version {VERSION}")
    for name in ("rows", "molecules", "malformed", "noted"):
        if type(found.get(name)) is not int or found[name] < 0:
            raise ValueError(f"{name} must be a whole number, not {found.get(name)!r}")
    shards = found.get("shards")
    if not isinstance(shards, list) or not all(isinstance(s, str) and SHARD.fullmatch(s) for s in shards):
        raise ValueError("shards must be names of files in the folder")
    if not isinstance(found.get("source"), str):
        raise ValueError("source must be the name of a file")
    return found


def _statistics(metadata: Any, chunks: list[Chunk]) -> dict[str, Statistics]:
    """What the footer of a shard says of each column."""
    import pyarrow as pa

    try:
        have = metadata.schema.to_arrow_schema()
    except pa.ArrowException as fault:
        raise ValueError(f"not a readable Parquet file: {fault}") from fault
    wrong = [
        name
        for name, kind in KINDS.items()
        if have.names.count(name) != 1 or have.field(name).type != _arrow(kind)
    ]
    if wrong:
        raise ValueError(f"not a shard of a catalogue: no {', '.join(wrong)}, or of another type")
    found = {}
    for name, kind in KINDS.items():
        place = metadata.schema.names.index(name)
        parts = [chunk for chunk in chunks if chunk.place == place]
        missing = sum(chunk.missing for chunk in parts)
        kinds = [chunk.kind for chunk in parts]
        if kinds != [STORED[kind]] * metadata.num_row_groups or not 0 <= missing <= metadata.num_rows:
            raise ValueError(f"what the footer says of {name} cannot be")
        number = float if kind == "float64" else int
        numeric = parts if kind != "string" else []
        low = [number(chunk.low) for chunk in numeric if chunk.low is not None]
        high = [number(chunk.high) for chunk in numeric if chunk.high is not None]
        if not all(map(math.isfinite, low + high)):
            raise ValueError(f"the footer gives no finite bounds of {name}")
        found[name] = metadata.num_rows - missing, min(low, default=None), max(high, default=None)
    return found


def _check_values(found: dict[str, Statistics], rows: int) -> None:
    """Check that no value is missing or out of bounds that cannot be."""
    for column, (count, low, high) in found.items():
        kind = KINDS[column]
        if column in REQUIRED and count != rows:
            raise ValueError(f"{rows - count} rows have no {column}")
        if kind == "string" or not count:
            continue
        if low is None or high is None:
            raise ValueError(f"the footer gives no finite bounds of {column}")
        if low < LOWEST.get(column, low):
            raise ValueError(f"{column} from {low} to {high}")


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    return {"string": pa.string(), "float64": pa.float64(), "int64": pa.int64(), "int32": pa.int32()}[kind]
