"""What is wrong with lines of the summary, kept by each part of a conversion and merged at its end."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from heapq import merge
from pathlib import Path

from nablaviz.data.atomic import replacing
from nablaviz.data.summary import FAULTS
from nablaviz.data.summary_lines import Fault


def write_part(path: Path, faults: Sequence[Fault]) -> None:
    """Keep the faults that a chunk or a shard has, by line."""
    with replacing(path) as file:
        ordered = sorted(faults, key=lambda fault: fault.line)
        csv.writer(file).writerows([f.line, "yes" if f.kept else "no", f.what, f.text] for f in ordered)


def merge_parts(target: Path, work: Path) -> dict[str, int]:
    """Merge the faults of all parts into one file, where there are any; count them."""
    counts = {"malformed": 0, "noted": 0}
    with ExitStack() as stack, replacing(target / FAULTS) as file:
        parts = [
            stack.enter_context(p.open(encoding="utf-8", newline="")) for p in sorted(work.glob("*.csv"))
        ]
        writer = csv.writer(file)
        writer.writerow(["line", "kept", "fault", "text"])
        for line in merge(*map(csv.reader, parts), key=lambda line: int(line[0])):
            counts["noted" if line[1] == "yes" else "malformed"] += 1
            writer.writerow(line)
    if not sum(counts.values()):
        (target / FAULTS).unlink()
    return counts
