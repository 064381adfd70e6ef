"""Forgery: a well-formed file with wrong values in it, from a seeded generator."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import sqlite3
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzzing.damage import NUMBERS, damaged
from nablaviz.data import unpickle

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 10**6, 10**12, 2**63, -(2**63), 10**30, 0.5, 1e308, 1e-320),
    *(float("nan"), float("inf"), "", "x", "nan", "1", "../x", "<b>", "\x00", "A" * 5000),
    *([], {}, [[]], [None], [1, 2], {"a": 1}, [10**9, 10**9], {"__ndarray__": [[2**40], "float64", 8]}),
)


def forged_json(random: Random, data: bytes) -> bytes:
    """JSON, or lines of it, with one to three values replaced, removed or added."""
    try:
        values = [json.loads(line) for line in data.splitlines()] if b"}\n{" in data else json.loads(data)
    except ValueError:
        return data
    for _ in range(random.choice((1, 1, 2, 3))):
        values = forged_value(random, values)
    lines = isinstance(values, list) and b"}\n{" in data
    return ("".join(json.dumps(v) + "\n" for v in values) if lines else json.dumps(values)).encode()


def forged_value(random: Random, value: Any) -> Any:
    """A tree of dicts and lists with something in it replaced."""
    if isinstance(value, (dict, list)) and value and random.random() < 0.85:
        value = value.copy()
        key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
        what = random.random()
        if what < 0.1:
            del value[key]
        elif what < 0.15 and isinstance(value, dict):
            value[random.choice(("x", "seed", "__class__"))] = random.choice(VALUES)
        else:
            value[key] = forged_value(random, value[key])
        return value
    return random.choice(VALUES)


def forged_tensors(random: Random, data: bytes) -> bytes:
    """A safetensors file with a forged header, most often without the digest that would tell."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    metadata = header.get("__metadata__", {})
    if random.random() < 0.9:
        metadata.pop("sha256", None)
    name = random.choice([n for n in ("card", "state") if n in metadata] or ["format"])
    if random.random() < 0.6 and name in metadata and name != "format":
        metadata[name] = forged_json(random, metadata[name].encode()).decode()
    else:
        header = forged_value(random, header)
        if isinstance(header, dict) and random.random() < 0.8:
            header["__metadata__"] = metadata
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def forged_database(random: Random, data: bytes) -> bytes:
    """A SQLite file with one cell of one table set to something else, or a row or table removed."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        path = Path(name) / "x.db"
        path.write_bytes(data)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            tables = [t for (t,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for _ in range(random.choice((1, 1, 2))):
                _forge_cell(random, connection, random.choice(tables))
        except sqlite3.Error:
            pass
        connection.close()
        return path.read_bytes()


def _forge_cell(random: Random, connection: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info('{table}')")]
    if not columns:  # what an index of SQLite's own has left
        return
    column = random.choice(columns)
    what = random.random()
    if what < 0.03:
        connection.execute(f'DROP TABLE "{table}"')
    elif what < 0.08:
        connection.execute(f'DELETE FROM "{table}" WHERE rowid = (SELECT max(rowid) FROM "{table}")')
    elif what < 0.11:
        connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "other"')
    else:
        rows = [r for (r,) in connection.execute(f'SELECT rowid FROM "{table}"')]
        if not rows:
            return
        row = random.choice(rows)
        (old,) = connection.execute(f'SELECT "{column}" FROM "{table}" WHERE rowid = ?', (row,)).fetchone()
        plain = (
            None,
            0,
            -1,
            2**40,
            1.5,
            float("inf"),
            "x",
            "",
            "é" * 100,
            b"",
            b"\x00" * 7,
            random.randbytes(24),
        )
        new: Any = random.choice(plain)
        if isinstance(old, bytes) and random.random() < 0.7:
            new = damaged(random, old, [])
        elif isinstance(old, str) and old[:1] == "{" and random.random() < 0.8:
            new = forged_json(random, old.encode()).decode()
        connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (new, row))


def forged_parquet(random: Random, data: bytes) -> bytes:
    """A Parquet file with a column of other values or another type, or without it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    place = random.randrange(table.num_columns)
    name, column = table.column_names[place], table.column(place)
    what = random.random()
    try:
        if what < 0.1:
            table = table.drop_columns([name])
        elif what < 0.2:
            kind = random.choice((pa.string(), pa.float32(), pa.int8(), pa.bool_(), pa.null()))
            table = table.set_column(place, name, pa.nulls(len(table), kind))
        else:
            values = column.to_pylist()
            row = random.randrange(len(values))
            values[row] = _other(random, values[row])
            table = table.set_column(
                place, table.field(place), pa.chunked_array([pa.array(values, column.type)])
            )
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        table = table.slice(1)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _other(random: Random, value: Any) -> Any:
    if isinstance(value, list):
        value = list(value)
        place = random.randrange(len(value) + 1)
        value[place : place + 1] = random.choice(
            ([], [0], [-1], [7, 7], [None], [float("nan")], [1e300], [99])
        )
        return value
    if isinstance(value, bytes):
        return damaged(random, value, [])
    return random.choice(
        (None, -1, 2**62, float("nan"), float("-inf"), 1e300, "", "x\x00y", "<b>x</b>", "(" * 5000)
    )


def forged_pickle(random: Random, data: bytes) -> bytes:
    """A NumPy file of a pickled dict with something else in it, or with a run of pickle's operations."""
    head, body = data[:128], data[128:]
    if random.random() < 0.5:
        item = unpickle.load(body)
        for _ in range(random.choice((1, 1, 2))):
            item = forged_value(random, item)
        whole = np.empty((), dtype=object)
        whole[()] = item
        return head + pickle.dumps(whole, protocol=random.choice((2, 3, 4, 5)))
    operations = (
        b"(.012FIJKLMNRSTVX]abcdeghijlopqrstu}\x80\x81\x82\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8e\x93\x94\x95BC"
    )
    run = bytes(random.choice(operations) for _ in range(random.choice((1, 5, 50))))
    place = random.randrange(len(body) + 1)
    return head + body[:place] + run + body[place:]


def forged_table(random: Random, data: bytes) -> bytes:
    """A CSV file, compressed or not, with cells of other values, or columns or lines moved or removed."""
    packed = data[:2] == b"\x1f\x8b"
    lines = list(csv.reader(io.StringIO((gzip.decompress(data) if packed else data).decode())))
    for _ in range(random.choice((1, 1, 2, 4))):
        _forge_line(random, lines)
    text = io.StringIO()
    csv.writer(text, lineterminator=random.choice(("\n", "\n", "\r\n"))).writerows(lines)
    found = text.getvalue().encode("utf-8", "surrogatepass")
    if random.random() < 0.3:
        found = damaged(random, found, [])
    return gzip.compress(found, mtime=0) if packed else found


def _forge_line(random: Random, lines: list[list[str]]) -> None:
    place = random.randrange(len(lines)) if random.random() < 0.8 else 0
    line, what = lines[place], random.random()
    if what < 0.05:
        lines.insert(random.randrange(len(lines)), list(line))
    elif what < 0.1:
        column = random.randrange(len(lines[0]))
        for one in lines:
            del one[column : column + 1]
    elif what < 0.15:
        del lines[place]
    elif line:
        column = random.randrange(len(line))
        texts = (
            "",
            "x",
            "C",
            "C" * 5000,
            "(" * 3000,
            "\x00",
            "é\ud7ff",
            'a"b',
            "a\nb",
            "a\rb",
            "[['x']]",
            "Infinity",
        )
        line[column] = random.choice(
            (*NUMBERS, *texts, str(2**63), "-9223372036854775808", random.choice(line))
        )
