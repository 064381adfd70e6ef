"""Convert a dataset into another format or a catalogue.

SOURCE is anything that nablaviz opens: a published energy or Hamiltonian database, a Psi4 wavefunction
file or a folder of them, a native store; or the published summary, summary.csv.gz, which becomes a
catalogue, its malformed lines listed in faults.csv. A conversion into a store or a catalogue that was
stopped goes on where it was when the same command is given again; nothing that is there is overwritten.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help="what to convert")
    parser.add_argument("target", type=Path, metavar="TARGET", help="the file, or for a store the folder")
    parser.add_argument(
        "--to",
        default="store",
        metavar="FORMAT",
        help="store (default; of a summary: catalogue), energy, hamiltonian-v2 or hamiltonian-v1",
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(args: argparse.Namespace) -> None:
    from nablaviz.data.convert import convert

    summary = convert(args.source, args.target, to=args.to)
    print(json.dumps(asdict(summary)) if args.json else summary)
