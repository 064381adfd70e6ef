"""Fetch a file that nablaDFT publishes; resume, verify.

An interrupted download goes on where it stopped when the same command is given again. The file gets its
name only when its size and ETag are right.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nablaviz.data.published import Registry


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="which file, for example energy/train_2k")
    parser.add_argument("--list", action="store_true", help="list what there is")
    parser.add_argument("--to", type=Path, default=Path(), metavar="DIR", help="folder to put it in")
    parser.add_argument("--base-url", metavar="URL", help="address of a mirror")
    parser.add_argument("--registry", type=Path, metavar="FILE", help="another registry of files (JSON)")
    parser.add_argument("--unverified", action="store_true", help="keep a file whose ETag cannot be verified")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> None:
    from nablaviz.data.published import BUNDLED, Registry, download

    registry = Registry.load(args.registry or BUNDLED)
    if args.list:
        show = json_list if args.json else text_list
        print(show(registry))
        return
    if not args.name:
        raise ValueError("name a file, or --list them")
    path = download(args.name, args.to, registry=registry, base_url=args.base_url, strict=not args.unverified)
    result = {"name": args.name, "path": str(path), "size": path.stat().st_size}
    print(json.dumps(result) if args.json else path)


def text_list(registry: Registry) -> str:
    """A line per file: name, size where it is known (to 8 MiB) and content."""
    width = max(len(entry.name) for entry in registry)
    return "\n".join(f"{e.name:{width}}  {_size(e.approximate_size):>10}  {e.content}" for e in registry)


def _size(bytes_: int | None) -> str:
    return "?" if bytes_ is None else f"{bytes_ / 1e9:.2f} GB" if bytes_ > 1e8 else f"{bytes_ / 1e6:.0f} MB"


def json_list(registry: Registry) -> str:
    """The same for another program, with address and ETag; sizes in bytes."""
    rows = [
        {
            "name": entry.name,
            "url": registry.url(entry),
            "etag": entry.etag,
            "approximate_size": entry.approximate_size,
            "content": entry.content,
        }
        for entry in registry
    ]
    return json.dumps(rows, indent=1)
