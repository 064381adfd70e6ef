"""The published summary of all conformers, and catalogues of it."""

from __future__ import annotations

import csv
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fuzzing.checks import digest, must
from nablaviz.chem.substructure import read_smiles
from nablaviz.data.conditions import RELATIVE, CatalogError
from nablaviz.data.summary import ADDED, FIELDS

SMALL = {"workers": 0, "chunk_rows": 25, "shard_rows": 15}
"""Several chunks and shards of a small file."""


def summary(path: Path) -> str:
    """A catalogue made of a summary: each line is in it as the file has it, or among the faults."""
    import nablaviz
    from nablaviz.data.summary_convert import convert_summary
    from nablaviz.data.summary_file import SummaryFile
    from nablaviz.data.summary_lines import open_text

    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = Path(name) / "catalogue"
        must(isinstance(nablaviz.open(path), SummaryFile), "it is taken for something else")
        about = convert_summary(path, folder, **SMALL)  # type: ignore[arg-type]
        found = nablaviz.open(folder)
        parts = [pd.read_parquet(folder / shard) for shard in about["shards"]]
        faults = pd.read_csv(folder / "faults.csv") if (folder / "faults.csv").exists() else None
        must(len(found.table) == about["rows"] == sum(map(len, parts)), "rows")
    if faults is not None:
        kept = faults.kept == "yes"
        must((about["noted"], about["malformed"]) == (kept.sum(), (~kept).sum()), "numbers of faults")
        must(faults.line.between(1, about["lines"] + 1).all(), "lines of faults")
        left_out = faults.line[~kept].tolist()
    else:
        must(about["noted"] == about["malformed"] == 0, "faults that are not named")
        left_out = []
    with open_text(path) as file:
        lines = file.read().split(b"\n")
    table = pd.concat(parts) if parts else None
    read = [] if table is None else table.line.tolist()
    must(sorted(read + left_out) == list(range(2, about["lines"] + 2)), "a line is lost or comes twice")
    if table is None:
        return digest(about["lines"])
    _sound(table, about["molecules"])
    for smiles, of in table.groupby("smiles"):
        molecule = read_smiles(smiles)
        atoms = None if molecule is None else molecule.GetNumAtoms(onlyExplicit=False)
        must(of.n_atoms.isna().all() if atoms is None else (of.n_atoms == atoms).all(), "numbers of atoms")
    (header,) = csv.reader([lines[0].decode("utf-8-sig").rstrip("\r")])
    for row in table.to_dict("records"):
        # a column that is not read may hold anything
        (values,) = csv.reader([lines[row["line"] - 1].decode(errors="replace").rstrip("\r")])
        for label, text in zip(header, values, strict=True):
            if label in FIELDS:
                field = FIELDS[label]
                value = row[field.name]
                must(_same(value, text, field.dtype), f"{text[:40]!r} is read as {value!r:.40}")
    return digest(table.to_csv())


def _same(value: Any, text: str, dtype: str) -> bool:
    """Whether a text is what a value was read from."""
    if text in ("", "nan", "NaN"):
        return bool(pd.isna(value))
    if dtype == "string":
        return bool(value == text)
    number = r"\d+" if dtype == "int64" else r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
    return bool(re.fullmatch(rf"[+-]?{number}", text.strip(" \t"), re.ASCII)) and float(text) == float(value)


def catalogue(path: Path) -> str:
    """All that a catalogue is read for: its table, its statistics, what conditions find in it."""
    import nablaviz
    from nablaviz.data.shards import read_columns
    from nablaviz.data.summary_store import SummaryStore

    found = nablaviz.open(path.parent)
    must(isinstance(found, SummaryStore), "it is taken for something else")
    table = found.table
    must(len(found) == len(table), "rows")
    if found.shards:
        added = pa.concat_tables(read_columns(shard, ADDED) for shard in found.shards).to_pandas()
        _sound(table.assign(**added), found.about["molecules"])
    try:
        return _searched(found, table)
    except CatalogError as fault:  # DuckDB does not say which shard it is
        must(str(path.parent) in str(fault), f"an error that names no catalogue: {fault}")
        raise CatalogError(f"{path.name}: {fault}") from fault


def _searched(found: Any, table: pd.DataFrame) -> str:
    from nablaviz.data.catalog import Catalog

    catalog = Catalog(found, timeout=2.0)  # DuckDB passes over the checksums of pages
    lines = catalog.table()
    must(lines.index.tolist() == list(range(len(found))), "row numbers")
    for name in table:
        ours, theirs = lines[name].astype(object), table[name].astype(object)
        must((ours.isna() == theirs.isna()).all() and ours.equals(theirs), f"{name} is not the same twice")
    for row in range(0, len(found), 7):
        must(row in catalog.siblings(row), f"row {row} is not of its own molecule")
    rows = catalog.rows("n_atoms < 40", smarts="c", gap=(0.1, None))
    must(set(rows.tolist()) <= set(lines.index), "rows that are not there")
    return digest(
        lines.to_csv(), rows.tolist(), catalog.summary().to_csv(), catalog.distinct("split").to_dict()
    )


def _sound(table: pd.DataFrame, molecules: int) -> None:
    """Check what must be so of any rows of a catalogue."""
    rows = table.sort_values("row")
    must(rows.row.tolist() == list(range(len(rows))), "row numbers")
    must(rows.molecule.between(0, molecules - 1).all() and rows.molecule.is_monotonic_increasing, "molecules")
    must((table.moses_id >= 0).all() and (table.conformation_id >= 0).all(), "ids")
    must(table.smiles.notna().all(), "no SMILES")
    for name in [*(f.name for f in FIELDS.values() if f.dtype == "float64"), RELATIVE]:
        must(not np.isinf(table[name].to_numpy(float)).any(), f"{name} is not finite")
    must(not (table[RELATIVE] < 0).any(), "an energy below the lowest")
