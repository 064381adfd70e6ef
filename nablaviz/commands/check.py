"""Check every row of a dataset.

Prints what the file holds, then a line for each fault with its row; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a file or folder that nablaviz opens")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def run(args: argparse.Namespace) -> int:
    from nablaviz.data.check import check

    report = check(args.file)
    print(json.dumps(asdict(report), ensure_ascii=False) if args.json else report)
    return 0 if report.ok else 1
