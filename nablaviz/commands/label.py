"""Compute DFT labels (ωB97X-D/def2-SVP) into a native store.

INPUT is a recipe (TOML), a file of SMILES (one a line, then optionally an id), geometries (xyz, SDF
or any dataset that nablaviz opens), or a SMILES string. A run that was stopped or killed goes on
where it was when the same command is given again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("input", metavar="INPUT", help="what to label")
    parser.add_argument(
        "--out", "-o", type=Path, required=True, metavar="DIR", help="the native store to write"
    )
    parser.add_argument(
        "--conformers", type=int, default=1, metavar="N", help="conformers per SMILES (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the conformers (default: 0)")
    parser.add_argument("--workers", type=int, metavar="N", help="local processes (default: one per core)")
    parser.add_argument(
        "--address", "--scheduler", metavar="ADDRESS", help="a running Dask scheduler, e.g. tcp://host:8786"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> int:
    from nablaviz.data.inputs import read_input
    from nablaviz.data.labelling import connect, label_all

    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers must be at least 1, not {args.workers}")
    source = read_input(args.input, conformers=args.conformers, seed=args.seed)
    with connect(args.address, args.workers) as client:
        summary = label_all(source, args.out, client)
    if args.json:
        print(json.dumps(asdict(summary) | {"path": str(summary.path)}))
    else:
        print(
            f"{summary.path}: {summary.done} labelled, {summary.failed} failed, {summary.before} were there"
        )
    for moses_id, reason in summary.not_embedded.items():
        print(f"molecule {moses_id}: {reason}", file=sys.stderr)
    if summary.failed:
        print("the column 'error' of the store says why a calculation failed", file=sys.stderr)
    return 1 if summary.failed or summary.not_embedded else 0
