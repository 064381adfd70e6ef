"""Large data: a catalogue of 12.7 million rows, energy and Hamiltonian databases, both sides in one run.

    python benchmarks/make_summary.py summary.csv.gz
    nablaviz convert summary.csv.gz catalogue
    python benchmarks/scale.py --summary summary.csv.gz --catalogue catalogue --nabladft FILE --json

Each side of each comparison runs in a process of its own, on one core and on two (``--cores``), so that
its peak memory is its own. Wall time and, beside it, processor time; the median of ``--repeat`` runs.

catalogue
    Opening the catalogue; from nothing to the first plot; a filter with a histogram; a density plot;
    groups by scaffold. Against ``pandas.read_csv`` of the first ``--pandas-rows`` lines of the same summary
    and the same histogram; ``--pandas-whole`` reads all of it, which takes some 10 GB. ``speedup_first_plot``
    divides pandas' time for its part by ours for all rows: it is too low by as much as the part is smaller.
energy
    The table of an energy database of ``--energy-rows`` rows, against ids, energies and SMILES by
    ``ase.db.connect(…).select()``. The rows are those of the bundled sample, or of ``--energy-db``, repeated.
hamiltonian
    Random and batched reads of a Hamiltonian database (v2) of ``--hamiltonians`` rows: the drug-like
    molecules of the bundled sample, repeated (published ones are of that size or larger). Against nablaDFT's
    reader (``--nabladft``: its ``dataset/hamiltonian_dataset.py``, which needs apsw), and of our store; the
    bytes of both. Ours gives H alone, checked, in PySCF's order, as float32 and as float64; nablaDFT's gives
    H, S and C as stored, float32.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scale_sides import BATCH, SIDES

PARTS = ("catalogue", "energy", "hamiltonian")
DRUG_LIKE = 20
"""Atoms of the smallest molecule whose Hamiltonian is read."""


def make_energy_db(path: Path, rows: int, source: str | None) -> None:
    """The rows of an energy database, again and again."""
    from nablaviz.data.convert import convert

    if source is None:
        convert("sample", path, to="energy", progress=False)
    else:
        shutil.copy(source, path)
        path.chmod(0o644)
    with sqlite3.connect(path) as database:
        columns = [name for _, name, *_ in database.execute("PRAGMA table_info(systems)")]
        held = database.execute("SELECT count(*) FROM systems").fetchone()[0]
        others = ", ".join(c for c in columns if c not in ("id", "unique_id"))
        while held < rows:
            database.execute(
                f"INSERT INTO systems (unique_id, {others}) SELECT lower(hex(randomblob(16))), {others}"
                f" FROM systems ORDER BY id LIMIT {rows - held}"
            )
            held = database.execute("SELECT count(*) FROM systems").fetchone()[0]
        database.execute(
            f"DELETE FROM systems WHERE id > (SELECT id FROM systems ORDER BY id LIMIT 1 OFFSET {rows - 1})"
        )


def side(name: str, cores: int, **options: Any) -> dict[str, Any]:
    """One side in a process of its own, on so many cores."""
    command = [sys.executable, __file__, "--side", name, "--cores", str(cores), "--json"]
    for key, value in options.items():
        if value is not None and value is not False:
            command += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
    print(f"{name}, {cores} core{'s' * (cores > 1)}…", file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def catalogue(args: argparse.Namespace) -> dict[str, Any]:
    common = {"summary": args.summary, "catalogue": args.catalogue, "repeat": args.repeat}
    theirs = side("pandas", 1, pandas_rows=args.pandas_rows, pandas_whole=args.pandas_whole, **common)
    found: dict[str, Any] = {"pandas": theirs}
    for cores in args.cores:
        ours = side("catalogue", cores, **common)
        ours["speedup_first_plot"] = theirs["first_plot"]["first"] / ours["first_plot"]["first"]
        found[f"cores_{cores}"] = ours
    return found


def energy(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    path = folder / "energy.db"
    make_energy_db(path, args.energy_rows, args.energy_db)
    found: dict[str, Any] = {"rows": args.energy_rows, "bytes": path.stat().st_size}
    for cores in args.cores:
        ours = side("energy", cores, energy=path, repeat=args.repeat)
        theirs = side("ase", cores, energy=path, check=cores == args.cores[0])
        if theirs["sum"] is not None:
            assert abs(theirs["sum"] - ours["sum"]) < 1e-6 * abs(ours["sum"]), "the two tables differ"
        ratio = {f"speedup_{k}": theirs["table"][k] / ours["table"][k] for k in ("median", "cpu")}
        found[f"cores_{cores}"] = {"ours": ours, "ase": theirs, **ratio}
    path.unlink()
    return found


def repeat_rows(path: Path, rows: int) -> int:
    """Write the rows of a Hamiltonian database again and again, with other ids; how many there are then."""
    with sqlite3.connect(path) as database:
        (held,) = database.execute("SELECT count(*) FROM data").fetchone()
        for first in range(held, max(rows, held), held):
            columns = "Z, R, E, F, H, S, C"
            database.execute(
                f"INSERT INTO data (id, {columns}) SELECT id + {first}, {columns} FROM data WHERE id < {held}"
            )
            database.execute(
                "INSERT INTO dataset_ids (id, MOSES_ID, CONFORMER_ID)"
                f" SELECT id + {first}, MOSES_ID, CONFORMER_ID + {first} FROM dataset_ids WHERE id < {held}"
            )
        (count,) = database.execute("SELECT count(*) FROM data").fetchone()
        database.execute("UPDATE metadata SET N = ?", [count])
    return count


def hamiltonian(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import nablaviz
    from nablaviz.data.convert import convert

    sample = nablaviz.sample()
    chosen = sample.select(np.flatnonzero(sample.table.n_atoms >= DRUG_LIKE))
    path, store = folder / "hamiltonian.db", folder / "store"
    convert(chosen, path, to="hamiltonian-v2", progress=False)
    convert(nablaviz.open(path), store, progress=False)
    sizes = {"database": path.stat().st_size, "store": sum(f.stat().st_size for f in store.glob("*.parquet"))}
    repeated = repeat_rows(path, args.hamiltonians)
    found: dict[str, Any] = {
        "rows": repeated,
        "different": len(chosen),
        "mean_atoms": float(chosen.table.n_atoms.mean()),
        "bytes": sizes,
        "bytes_ratio": sizes["store"] / sizes["database"],
        "batch": BATCH,
    }
    for cores in args.cores:
        options = {"hamiltonian": path, "store": store, "repeat": args.repeat}
        found[f"cores_{cores}"] = here = {
            f"{name}_{dtype}": side(name, cores, dtype=dtype, **options)
            for dtype in ("float32", "float64")
            for name in ("hamiltonian", "store")
        }
        if args.nabladft:
            theirs = side("nabladft", cores, nabladft=args.nabladft, **options)
            for name, ours in list(here.items()):
                for kind in ("random", "batched"):
                    here[f"speedup_{kind}_{name}"] = theirs[kind]["median"] / ours[kind]["median"]
            here["nabladft"] = theirs
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="these comparisons alone")
    parser.add_argument("--summary", help="summary.csv.gz")
    parser.add_argument("--catalogue", help="what nablaviz convert has made of it")
    parser.add_argument("--pandas-rows", type=int, default=1_000_000)
    parser.add_argument("--pandas-whole", action="store_true")
    parser.add_argument("--energy-rows", type=int, default=100_000)
    parser.add_argument("--energy-db", help="a published energy database whose rows are used")
    parser.add_argument(
        "--hamiltonians", type=int, default=400, help="of the largest molecules of the sample"
    )
    parser.add_argument("--nabladft", help="nablaDFT's dataset/hamiltonian_dataset.py")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--work", help="a folder for what is made on the way")
    parser.add_argument("--json", action="store_true")
    for hidden in ("--side", "--energy", "--hamiltonian", "--store", "--dtype"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores[0]])
        print(json.dumps(SIDES[args.side](args)))
        return
    chosen = args.only or [part for part in PARTS if part != "catalogue" or args.catalogue]
    if "catalogue" in chosen and not (args.summary and args.catalogue):
        parser.error("the catalogue needs --summary and --catalogue")
    found: dict[str, Any] = {"cores": os.cpu_count(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory(prefix="scale-", dir=args.work) as name:
        if "catalogue" in chosen:
            found["catalogue"] = catalogue(args)
        if "energy" in chosen:
            found["energy"] = energy(args, Path(name))
        if "hamiltonian" in chosen:
            found["hamiltonian"] = hamiltonian(args, Path(name))
    print(json.dumps(found, indent=None if args.json else 1))


if __name__ == "__main__":
    main()
