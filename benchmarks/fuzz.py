"""Every reader and every text entry, given damaged, forged and random input: nothing goes wrong.

    python benchmarks/fuzz.py --cases 100000 --json
    python benchmarks/fuzz.py --target "cube" --cases 500
    python benchmarks/fuzz.py --target "cube" --case 123        # one again, with its traceback; --keep FILE

A case is a real file of the bundled sample with bytes changed at random (damage) or a well-formed file
with wrong values in it (forgery); or a text. A reader must return values that such a file can hold, or raise
an error that names the file. Where the file has a checksum, nothing but what was written may be returned.
Each case is read in a worker process which may take 5 s of processor time and 1 GB of memory.

``faults``: ``raised`` (an error that is none of the expected), ``unnamed`` (one that does not name the file),
``wrong`` (a value that must not be accepted), ``memory``, ``hang``, ``crash``; each with cases to repeat.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from fuzzing import targets, worker
from fuzzing.seeds import prepared
from fuzzing.target import Target, case, place
from fuzzing.worker import MEMORY, TIME, Worker

SHOWN = 5
"""Cases of each fault that are named."""


def fuzz(target: Target, folder: Path, seed: int, numbers: range) -> dict[str, Any]:
    """What comes of some cases of one target."""
    reader = Worker(target, folder, seed)
    outcomes: Counter[str] = Counter()
    faults: dict[str, dict[str, Any]] = {}
    slowest = total = 0.0
    try:
        for number in numbers:
            outcome = reader.read(number)
            slowest, total = max(slowest, outcome.seconds), total + outcome.seconds
            outcomes[f"error: {outcome.what}" if outcome.kind == "error" else outcome.kind] += 1
            if outcome.fault:
                entry = faults.setdefault(f"{outcome.kind}: {outcome.what[:60]}", {"count": 0, "cases": []})
                entry["count"] += 1
                if len(entry["cases"]) < SHOWN:
                    entry["cases"].append(number)
                    entry["what"] = outcome.what
    finally:
        reader.close()
    return {
        "target": target.name,
        "cases": len(numbers),
        "outcomes": dict(outcomes.most_common()),
        "slowest_cpu_seconds": round(slowest, 2),
        "mean_cpu_ms": round(1000 * total / len(numbers), 1),
        "peak_mb_above_start": round(reader.peak / 1e6),
        "faults": faults,
    }


def again(target: Target, folder: Path, seed: int, number: int, keep: Path | None, to: Path) -> None:
    """Read one case in this process."""
    value, _ = case(target, folder, seed, number)
    if keep:
        keep.write_bytes(value if isinstance(value, bytes) else value.encode())
    if target.text:
        print(repr(value))
    else:
        path = place(target, worker.copied(folder, to))
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
        value = path
    try:
        print(target.read(value))
    except Exception:
        traceback.print_exc()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=3000, help="in all (default: 3000)")
    parser.add_argument("--target", default="", help="only those whose name contains this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each target")
    parser.add_argument("--case", type=int, help="read only this case, here")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --case: where to keep it")
    parser.add_argument(
        "--seeds", type=Path, metavar="DIR", help="keep the undamaged files here, to begin sooner"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    chosen = targets.named(args.target)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        folder = prepared(args.seeds or Path(name) / "seeds")
        if args.case is not None:
            again(chosen[0], folder, args.seed, args.case, args.keep, Path(name))
            return
        share = args.cases / sum(target.share for target in chosen)
        results = []
        for target in chosen:
            count = max(1, round(target.share * share))
            results.append(fuzz(target, folder, args.seed, range(args.first, args.first + count)))
            print(_line(results[-1]), file=sys.stderr, flush=True)
    total = Counter[str]()
    for result in results:
        for entry, found in result["faults"].items():
            total[entry.partition(":")[0]] += found["count"]
    found = {
        "cases": sum(result["cases"] for result in results),
        "seed": args.seed,
        "first": args.first,
        "faults": {kind: total[kind] for kind in ("raised", "unnamed", "wrong", "memory", "hang", "crash")},
        "limits": {"cpu_seconds": TIME, "bytes": MEMORY},
        "seconds": round(time.monotonic() - begun, 1),
        "targets": results,
    }
    print(
        json.dumps(found) if args.json else "\n".join(f"{k}: {v}" for k, v in found.items() if k != "targets")
    )
    sys.exit(bool(total))


def _line(result: dict[str, Any]) -> str:
    faults = "; ".join(f"{n} × {f['count']} {f['cases']}" for n, f in result["faults"].items()) or "no fault"
    return f"{result['target']}: {result['cases']} cases, {result['outcomes']}, {faults}"


if __name__ == "__main__":
    main()
