"""Streaming the published summary into a catalogue: a folder of sorted Parquet shards.

First the lines become chunks, each sorted by scaffold; then, range of scaffolds by range of scaffolds, the
chunks become shards. Memory is bounded by the chunk. A chunk or shard is written under a temporary name and
renamed, and the file ``catalogue.json``, which makes the folder a catalogue, comes last: whenever it is
stopped, a conversion goes on from the last chunk or shard.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nablaviz.data.atomic import replacing, taking_its_place
from nablaviz.data.dataset import DataError
from nablaviz.data.summary import MANIFEST, ORDER, VERSION, WORK
from nablaviz.data.summary_faults import merge_parts, write_part
from nablaviz.data.summary_lines import BLOCK, Block, Fault, blocks, read_header
from nablaviz.data.summary_molecules import Molecules
from nablaviz.data.summary_shards import Tell, write_shards
from nablaviz.data.validate import shown

CHUNK_ROWS = 300_000
SHARD_ROWS = 400_000
PIECES = 40
"""Row groups of a chunk, so that a range of scaffolds is read without the others."""


def convert_summary(
    source: Path,
    target: Path,
    *,
    workers: int | None = None,
    tell: Tell = lambda what, done, of: None,
    chunk_rows: int = CHUNK_ROWS,
    shard_rows: int = SHARD_ROWS,
    block: int = BLOCK,
) -> dict[str, Any]:
    """Make a catalogue of a summary, or go on making it.

    Parameters
    ----------
    source
        The summary, compressed or not.
    target
        The folder.
    workers
        Processes that work out scaffolds; all cores by default.
    tell
        Told how far it is.
    chunk_rows, shard_rows, block
        Rows that are held at a time, rows of a shard, bytes of text that are read at a time.

    Returns
    -------
    dict
        What ``catalogue.json`` holds.

    Raises
    ------
    DataError
        If the source is no summary or damaged, if the folder holds something else or was begun from
        another file, or if another process is writing it.
    """
    from filelock import FileLock, Timeout

    header = read_header(source)
    work = target / WORK
    if target.exists() and not work.is_dir():
        if (target / MANIFEST).is_file():
            raise FileExistsError(f"{shown(target)} is a catalogue already")
        if not target.is_dir() or any(target.iterdir()):
            raise FileExistsError(f"{shown(target)} exists already and is no catalogue that was begun")
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(f"{shown(target)}: another process is writing this catalogue") from None
    with lock:
        _same_source(source, work)
        chunks = _chunks(source, work, workers, tell, chunk_rows, block)
        shards = write_shards(target, work, chunks, tell, shard_rows)
        manifest = {
            "nablaviz catalogue": VERSION,
            "source": source.name,
            "rows": sum(shard["rows"] for shard in shards),
            "molecules": shards[-1]["molecules"] if shards else 0,
            "lines": chunks[-1]["next_line"] - 2 if chunks else 0,
            "columns not read": header.unknown,
            "columns missing": header.missing,
            "shards": [shard["name"] for shard in shards],
        } | merge_parts(target, work)
        with replacing(target / MANIFEST) as file:
            json.dump(manifest, file, indent=1)
        shutil.rmtree(work)
    return manifest


def _same_source(source: Path, work: Path) -> None:
    with source.open("rb") as file:
        digest = hashlib.sha256(file.read(1 << 20)).hexdigest()
    mark = {"bytes": source.stat().st_size, "first megabyte": digest}
    path = work / "source.json"
    if path.is_file():
        if json.loads(path.read_text()) != mark:
            raise DataError(f"{shown(work.parent)} was begun from another file than {shown(source)}")
        return
    with replacing(path) as file:
        json.dump(mark, file)


def _chunks(
    source: Path, work: Path, workers: int | None, tell: Tell, chunk_rows: int, block: int
) -> list[dict[str, Any]]:
    """All lines as sorted chunks; what each says of itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    done: list[dict[str, Any]] = []
    with Molecules(workers) as molecules:
        while (path := work / f"chunk-{len(done):05d}.json").is_file():
            done.append(json.loads(path.read_text()))
        if done and done[-1]["last"]:
            return done
        for number in range(len(done)):
            tell("Taking up", number, len(done))
            molecules.remember(pq.read_table(work / f"chunk-{number:05d}.parquet"))
        size = source.stat().st_size
        start = {"line": done[-1]["next_line"], "offset": done[-1]["offset"]} if done else {}
        for parts in _gathered(blocks(source, **start, size=block), chunk_rows):
            table = pa.concat_tables([part.table for part in parts])
            for name, column in molecules(table["smiles"]).items():
                table = table.append_column(name, column)
            table = table.sort_by([(name, "ascending") for name in ORDER])
            faults = [fault for part in parts for fault in part.faults]
            lines = table.filter(table["n_atoms"].is_null()).select(["line", "smiles"]).to_pylist()
            faults += [
                Fault(x["line"], "RDKit cannot read the SMILES", x["smiles"][:80], True) for x in lines
            ]
            stem = work / f"chunk-{len(done):05d}"
            group = max(1000, -(-len(table) // PIECES))
            with taking_its_place(stem.with_suffix(".parquet")) as part:
                pq.write_table(table, part, row_group_size=group, compression="zstd", compression_level=1)
            write_part(stem.with_suffix(".csv"), faults)
            end = parts[-1]
            about = {"next_line": end.next_line, "offset": end.offset, "rows": len(table), "last": False}
            with replacing(stem.with_suffix(".json")) as file:  # with it the chunk is there
                json.dump(about, file)
            done.append(about)
            tell("Reading", end.read, size)
    if done:
        done[-1]["last"] = True
        with replacing(work / f"chunk-{len(done) - 1:05d}.json") as file:
            json.dump(done[-1], file)
    return done


def _gathered(parts: Iterator[Block], rows: int) -> Iterator[list[Block]]:
    held: list[Block] = []
    for part in parts:
        held.append(part)
        if sum(len(p.table) + len(p.faults) for p in held) >= rows:
            yield held
            held = []
    if held:
        yield held


def tqdm_tell(show: bool = True) -> Tell:
    """A progress bar on stderr."""
    from tqdm import tqdm

    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    bar = tqdm(total=100.0, file=sys.stderr, bar_format=form, disable=not show)

    def tell(what: str, done: float, of: float) -> None:
        part = 100.0 * done / max(of, 1)
        if part < bar.n:
            bar.reset(100.0)
        bar.set_description_str(what, refresh=False)
        bar.update(part - bar.n)

    return tell
