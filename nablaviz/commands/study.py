"""Learning curves: models on training sets of growing size.

A study is a folder. "create" makes it from a specification (TOML: a file, or the name of one that comes with
nablaviz); "run" does what has not been done, "start" the same in the background; "pause", "stop" and "resume"
may be given at any time, from anywhere. "status" says where the runs are, "report" what they have found;
"pack" makes a small copy to hand on. Nothing is lost when a run is stopped or killed, and what is finished is
not done again.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, what in ACTIONS.items():
        action = actions.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        action.add_argument("folder", metavar="FOLDER", type=Path)
        if name == "pack":
            action.add_argument("out", metavar="OUT", type=Path, help="a new folder")
        if name == "create":
            action.add_argument("specification", metavar="SPEC", help="a TOML file, or a name")
            action.add_argument("--device", help="auto, cpu or cuda (default: the specification's)")
        if name in ("run", "start"):
            action.add_argument("--workers", type=int, metavar="N", help="processes on this machine")
            action.add_argument("--address", metavar="ADDRESS", help="a Dask scheduler, e.g. tcp://host:8786")
        if name in ("status", "report", "create"):
            action.add_argument("--json", action="store_true", help="print the table as JSON")


ACTIONS = {
    "create": "make the folder of a study",
    "run": "do what is to be done, and wait for it",
    "start": "do what is to be done in the background",
    "pause": "let the runs wait where they are",
    "stop": "let the runs save their state and end",
    "resume": "go on with a study that was paused, stopped or killed",
    "status": "say where the runs are",
    "report": "say what the finished runs have found",
    "pack": "copy a finished study without what only training needs",
}

HEADLINES = (("energy_mae", "kcal/mol"), ("force_mae", "Eh/Å"), ("hamiltonian_mae", "Eh"), ("gap_mae", "Eh"))
"""What report prints; with --json it gives all."""


def run(args: argparse.Namespace) -> int | None:
    from nablaviz.studies import engine, results, study

    if getattr(args, "workers", None) is not None and args.workers < 1:
        raise ValueError(f"--workers must be at least 1, not {args.workers}")
    if args.action == "create":
        made = study.specification(args.specification)
        made = replace(made, device=args.device or made.device)
        study.create(args.folder, made)
        show(results.progress(args.folder)[["run", "state"]], args.json)
    elif args.action == "run":
        shown = sys.stderr.isatty()
        engine.run(args.folder, address=args.address, workers=args.workers, progress=shown)
        failed = engine.failed(args.folder)
        for name, message in failed.items():
            print(f"{name}: {message}", file=sys.stderr)
        counts = results.progress(args.folder)["state"].value_counts()
        print(", ".join(f"{count} {state}" for state, count in counts.items()))
        return 1 if failed else 0
    elif args.action == "start":
        engine.start(args.folder, address=args.address, workers=args.workers)
    elif args.action == "status":
        table = results.progress(args.folder)
        if not args.json:
            reason = engine.fault(args.folder)
            running = engine.is_running(args.folder)
            print("running" if running else f"not running{reason and f': {reason}'}", file=sys.stderr)
        show(table.drop(columns=["model", "size", "seed"]), args.json)
    elif args.action == "report":
        table = results.results(args.folder)
        show(table if args.json else headlines(table), args.json)
        if not args.json:
            print(f"trained on {', '.join(sorted(set(table['device']))) or 'nothing yet'}")
    elif args.action == "pack":
        from nablaviz.studies.pack import pack

        pack(args.folder, args.out)
    else:
        getattr(engine, args.action)(args.folder)
    return None


def headlines(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of the most telling measures; a column for each split."""
    wanted = table[[pair in HEADLINES for pair in zip(table["metric"], table["unit"], strict=True)]]
    rows = ["model", "metric", "unit", "size"]
    found = wanted.pivot_table(index=rows, columns="split", values="value", sort=False)
    return found.sort_index(level=rows).reset_index().rename_axis(columns=None)


def show(table: pd.DataFrame, as_json: bool) -> None:
    """Print a table."""
    if as_json:
        print(table.to_json(orient="records", double_precision=15))
    else:
        print(table.to_string(index=False, float_format="{:.4g}".format, na_rep="–"))
