"""The second half of a conversion of the summary: sorted chunks become the shards of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.atomic import replacing, taking_its_place
from nablaviz.data.conditions import RELATIVE
from nablaviz.data.summary import ADDED, ORDER
from nablaviz.data.summary_faults import write_part
from nablaviz.data.summary_lines import Fault
from nablaviz.units import HARTREE2KCAL

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 100_000
"""Rows of a Parquet row group: what is read to show a page of the table."""

MEMORY = "400MB"
"""What DuckDB may take when it sorts a range; beyond that it uses the disk."""

Tell = Callable[[str, float, float], None]
"""Told what is being done, how much of it is done, and of how much."""


def write_shards(
    target: Path, work: Path, chunks: list[dict[str, Any]], tell: Tell, shard_rows: int
) -> list[dict[str, Any]]:
    """The shards of the catalogue; what each says of itself."""
    import duckdb

    if not sum(chunk["rows"] for chunk in chunks):
        return []
    paths = [str(work / f"chunk-{number:05d}.parquet") for number in range(len(chunks))]
    config: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(work / "sorting")}
    config |= {"autoinstall_known_extensions": "false", "python_enable_replacements": "false"}
    with duckdb.connect(config=config) as db:
        counted = db.execute(
            "SELECT scaffold, count(*) FROM read_parquet(?) GROUP BY ALL ORDER BY scaffold NULLS LAST",
            [paths],
        ).fetchall()
        done: list[dict[str, Any]] = []
        ranges = list(_ranges(counted, shard_rows))
        for number, (low, high) in enumerate(ranges):
            name = f"conformers-{number:05d}.parquet"
            about = work / f"shard-{number:05d}.json"
            if about.is_file():
                done.append(json.loads(about.read_text()))
                continue
            condition = "scaffold IS NULL" if low is None else "scaffold BETWEEN ? AND ?"
            order = ", ".join(ORDER)
            sql = f"SELECT * FROM read_parquet(?) WHERE {condition} ORDER BY {order}"
            values = [paths] if low is None else [paths, low, high]
            table = db.sql(sql, params=values).to_arrow_table()
            before = done[-1] if done else {"end": 0, "molecules": 0}
            table, molecules, repeated = _numbered(table, before["end"], before["molecules"])
            write_part(about.with_suffix(".csv"), repeated)
            _write_shard(target / name, table)
            found = {
                "name": name,
                "rows": len(table),
                "end": before["end"] + len(table),
                "molecules": molecules,
            }
            with replacing(about) as file:
                json.dump(found, file)
            done.append(found)
            tell("Sorting by scaffold", number + 1, len(ranges))
    return done


def _ranges(counted: list[tuple[str | None, int]], rows: int) -> Iterator[tuple[str | None, str | None]]:
    """First and last scaffold of each shard; None for molecules without a known one."""
    first: str | None = None
    held = 0
    last: str | None = None
    for scaffold, n in counted:
        if scaffold is None:
            if held:
                yield first, last
            yield None, None
            return
        if held and held + n > rows:
            yield first, last
            held = 0
        if not held:
            first = scaffold
        held, last = held + n, scaffold
    if held:
        yield first, last


def _numbered(table: pa.Table, row: int, molecule: int) -> tuple[pa.Table, int, list[Fault]]:
    """Add row and molecule numbers and relative energies; the next molecule, and repeated ids."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n = len(table)
    starts: np.ndarray = np.arange(n) == 0
    for name in ("moses_id", "smiles"):
        column = table[name].combine_chunks()
        starts[1:] |= pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False)
    firsts = np.flatnonzero(starts)
    of = np.cumsum(starts) - 1
    relative = np.full(n, np.nan)
    for name in ("formation_energy", "energy"):
        values = table[name].to_numpy()
        lowest = np.fmin.reduceat(values, firsts)[of]
        relative = np.where(np.isnan(values), relative, HARTREE2KCAL * (values - lowest))
    conformation = table["conformation_id"].to_numpy()
    lines = table["line"].to_numpy()
    again = np.flatnonzero(~starts[1:] & (conformation[1:] == conformation[:-1])) + 1
    ids = table["moses_id"].to_numpy()
    repeated = [
        Fault(
            int(lines[i]), f"the ids of line {lines[i - 1]} again", f"{ids[i]}/{conformation[i]}", kept=True
        )
        for i in again.tolist()
    ]
    added = {
        "row": pa.array(np.arange(row, row + n), pa.int32()),
        "molecule": pa.array(molecule + of, pa.int32()),
        RELATIVE: pa.array(relative, pa.float64(), mask=np.isnan(relative)),
    }
    for name, column in added.items():
        table = table.append_column(name, column)
    return table, molecule + len(firsts), repeated


def _write_shard(path: Path, table: pa.Table) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    order = [*(c for c in ADDED if c != "line"), *(c for c in table.column_names if c not in ADDED), "line"]
    texts = [f.name for f in table.schema if pa.types.is_string(f.type)]
    with taking_its_place(path) as part:
        pq.write_table(
            table.select(order),
            part,
            row_group_size=GROUP_ROWS,
            compression="zstd",
            use_dictionary=texts,
            write_page_checksum=True,
        )
