"""Reading the published summary: blocks of lines into tables, and each malformed line by its number."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nablaviz.data.dataset import DataError
from nablaviz.data.summary import FIELDS
from nablaviz.data.validate import shown

if TYPE_CHECKING:
    import pyarrow as pa

GZIP = b"\x1f\x8b"
BLOCK = 1 << 24
"""Bytes of text that are read at a time."""

LONGEST_LINE = 1 << 20
MISSING = ["", "nan", "NaN"]
SHOWN = 80
"""So much of a malformed line is shown, characters."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line of the file."""

    line: int
    "From 1, which is the header."
    what: str
    text: str = ""
    "Its beginning."
    kept: bool = False
    "Whether the row is in the catalogue all the same."


@dataclass(frozen=True)
class Header:
    """The columns of a file, in its order."""

    names: tuple[str, ...]
    """As the file has them."""

    @property
    def unknown(self) -> list[str]:
        """Columns that are not read."""
        return [name for name in self.names if name not in FIELDS]

    @property
    def missing(self) -> list[str]:
        """Columns that the published file has and this one lacks."""
        return [name for name in FIELDS if name not in self.names]


@dataclass(frozen=True)
class Block:
    """Some lines of the file."""

    table: pa.Table
    "The rows that are well formed: the fields under their names here, and ``line``."
    faults: list[Fault]
    next_line: int
    offset: int
    "Where the next line begins in the text, bytes."
    read: int = field(default=0)
    "How far that is in the file, bytes."


def read_header(path: Path) -> Header:
    """The columns of a summary.

    Raises
    ------
    DataError
        If the first line is not the header of a summary.
    """
    with open_text(path) as file:
        return _header(path, _reading(path, 1, lambda: file.readline(LONGEST_LINE)))


def blocks(path: Path, line: int = 2, offset: int | None = None, size: int = BLOCK) -> Iterator[Block]:
    """Read the file from a line on; the whole of it by default.

    Parameters
    ----------
    line, offset
        ``next_line`` and ``offset`` of the block before.
    size
        Bytes of text to read at a time.

    Raises
    ------
    DataError
        If it is no summary, damaged, or ends within a compressed block; it names the line.
    """
    with path.open("rb") as raw, open_text(path, raw) as file:
        first = _reading(path, 1, lambda: file.readline(LONGEST_LINE))
        header = _header(path, first)
        done = len(first)
        offset = done if offset is None else offset
        while done < offset:
            left = min(size, offset - done)
            skipped = len(_reading(path, line, partial(file.read, left)))
            if not skipped:
                raise DataError(f"{shown(path)}: shorter than it was: line {line} is not there")
            done += skipped
        rest = b""
        ended = False
        while not ended:
            data = _reading(path, line, lambda: file.read(size))
            ended = not data
            rest += data
            cut = len(rest) if ended else rest.rfind(b"\n") + 1
            if not cut and len(rest) > max(size, LONGEST_LINE):
                raise DataError(f"{shown(path)}: line {line} is longer than {LONGEST_LINE} bytes")
            lines, rest = rest[:cut], rest[cut:]
            if not lines:
                continue
            parts: list[pa.Table] = []
            faults: list[Fault] = []
            count = lines.count(b"\n") + (not lines.endswith(b"\n"))
            _parse(lines, count, line, header, parts, faults)
            line, offset = line + count, offset + len(lines)
            yield Block(_joined(parts), faults, line, offset, raw.tell())


def open_text(path: Path, raw: IO[bytes] | None = None) -> IO[bytes]:
    """The text of a file, compressed or not."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    source: IO[bytes] = path.open("rb") if raw is None else raw
    return gzip.GzipFile(fileobj=source, mode="rb") if packed else source  # type: ignore[return-value]


def _reading(path: Path, line: int, read: Callable[[], bytes]) -> bytes:
    try:
        return read()
    except (EOFError, OSError, zlib.error) as fault:
        raise DataError(f"{shown(path)}: damaged after line {line}: {fault}") from fault


def _header(path: Path, line: bytes) -> Header:
    try:
        names = next(csv.reader([line.decode("utf-8-sig").rstrip("\r\n")], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{shown(path)}: line 1 is no header of a table: {fault}") from fault
    known = [name for name in names if name in FIELDS]
    lacking = [name for name, f in FIELDS.items() if f.required and name not in known]
    if lacking or len(set(known)) < len(known):
        what = f"lacks {', '.join(lacking)}" if lacking else "names a column twice"
        raise DataError(f"{shown(path)}: not nablaDFT's summary of conformers: its header {what}")
    return Header(tuple(names))


def _parse(
    lines: bytes, count: int, first: int, header: Header, parts: list[pa.Table], faults: list[Fault]
) -> None:
    """Parse lines at once; where that fails, the halves, down to the line that is malformed."""
    import numpy as np
    import pyarrow as pa

    try:
        table = _table(lines, count, header)
    except (pa.ArrowInvalid, ValueError) as fault:
        if count == 1:
            text = lines.decode("utf-8", "replace").rstrip("\r\n")
            faults.append(Fault(first, _reason(text, header, str(fault)), text[:SHOWN]))
            return
        cut = lines.find(b"\n", len(lines) // 2) + 1
        if not 0 < cut < len(lines):
            cut = lines.rfind(b"\n", 0, len(lines) // 2) + 1
        if not 0 < cut < len(lines):
            cut = lines.find(b"\n") + 1
        half = lines[:cut].count(b"\n")
        _parse(lines[:cut], half, first, header, parts, faults)
        _parse(lines[cut:], count - half, first + half, header, parts, faults)
        return
    numbers = np.arange(first, first + count)
    wrong = _wrong(table)
    if wrong:
        texts = lines.split(b"\n")
        for row, what in sorted(wrong.items()):
            text = texts[row].decode("utf-8", "replace").rstrip("\r")
            faults.append(Fault(first + row, what if text else "an empty line", text[:SHOWN]))
        good = np.setdiff1d(np.arange(count), list(wrong))
        table, numbers = table.take(good), numbers[good]
    parts.append(table.append_column("line", pa.array(numbers, pa.int64())))


def _table(lines: bytes, count: int, header: Header) -> pa.Table:
    """The lines as a table, one row each."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow

    if lines.count(b"\r") != lines.count(b"\r\n"):
        raise ValueError("a line break within the line")
    kinds = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string()}
    names = [name if name in FIELDS else f"column {place}" for place, name in enumerate(header.names)]

    def read(types: dict[str, pa.DataType]) -> pa.Table:
        return arrow.read_csv(
            pa.BufferReader(lines),
            read_options=arrow.ReadOptions(column_names=names, block_size=len(lines) + 1),
            parse_options=arrow.ParseOptions(ignore_empty_lines=False),
            convert_options=arrow.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=MISSING,
                strings_can_be_null=True,
            ),
        )

    table = read({name: kinds[FIELDS[name].dtype] for name in names if name in FIELDS})
    texts = [name for name in table.column_names if FIELDS[name].dtype == "string"]
    if len(table) != count or any("\n" in (table[name][-1].as_py() or "") for name in texts):
        raise ValueError("a line break within quotation marks")
    if b"0x" in lines or b"0X" in lines:  # Arrow takes such for whole numbers
        whole = read(
            {name: pa.string() for name in names if name in FIELDS and FIELDS[name].dtype == "int64"}
        )
        if any(
            pc.any(pc.match_substring(column, "0x", ignore_case=True)).as_py() for column in whole.columns
        ):
            raise ValueError("a hexadecimal number")
    columns = [
        table[name] if name in names else pa.nulls(count, kinds[f.dtype]) for name, f in FIELDS.items()
    ]
    return pa.table(columns, names=[f.name for f in FIELDS.values()]).combine_chunks()


def _wrong(table: pa.Table) -> dict[int, str]:
    """Rows that lack what they need or hold what cannot be, and why."""
    import numpy as np
    import pyarrow.compute as pc

    found: dict[int, str] = {}

    def note(mask: pa.ChunkedArray, what: str) -> None:
        for row in np.flatnonzero(pc.fill_null(mask, False).to_numpy()).tolist():
            found.setdefault(row, what)

    for label, field_ in FIELDS.items():
        column = table[field_.name]
        if field_.required and column.null_count:
            note(pc.is_null(column), f"no {label}")
        if field_.dtype == "float64":
            finite = pc.is_finite(column)
            if not pc.all(finite, skip_nulls=True).as_py():
                note(pc.invert(finite), f"{label} is not finite")
        elif field_.dtype == "int64" and (pc.min(column).as_py() or 0) < 0:
            note(pc.less(column, 0), f"{label} is negative")
    return found


def _reason(text: str, header: Header, fault: str) -> str:
    """Why one line cannot be read, in words."""
    if not text:
        return "an empty line"
    if "\ufffd" in text:
        return "not UTF-8"
    try:
        values = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        return f"not a line of a table: {error}"
    if len(values) != len(header.names):
        return f"{len(values)} values where {len(header.names)} are due"
    for name, value in zip(header.names, values, strict=True):
        known = FIELDS.get(name)
        if known is None or known.dtype == "string" or value in MISSING:
            continue
        pattern = (
            r"\s*[+-]?\d+\s*" if known.dtype == "int64" else r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"
        )
        if not re.fullmatch(pattern, value):
            kind = "a whole number" if known.dtype == "int64" else "a number"
            return f"{name} is not {kind}: {value[:24]!r}"
    return fault.splitlines()[0]


def _joined(parts: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    if parts:
        return pa.concat_tables(parts)
    kinds = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string()}
    fields = [(f.name, kinds[f.dtype]) for f in FIELDS.values()]
    return pa.schema([*fields, ("line", pa.int64())]).empty_table()
