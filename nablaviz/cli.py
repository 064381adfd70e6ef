"""The ``nablaviz`` command: finds the subcommands, runs one, makes one line of an expected error."""

from __future__ import annotations

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module

import nablaviz
from nablaviz import commands

EXPECTED = (ValueError, OSError, MemoryError, ImportError)
"""Errors that come from the input or the machine, not from a fault in nablaviz."""


def parser() -> argparse.ArgumentParser:
    """The argument parser, with every module of :mod:`nablaviz.commands` as a subcommand."""
    root = argparse.ArgumentParser(prog="nablaviz", description=(nablaviz.__doc__ or "").splitlines()[0])
    root.add_argument("--version", action="version", version=f"nablaviz {nablaviz.__version__}")
    root.add_argument("--traceback", action="store_true", help="show the whole traceback of an error")
    subparsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for info in pkgutil.iter_modules(commands.__path__):
        module = import_module(f"{commands.__name__}.{info.name}")
        text = (module.__doc__ or info.name).strip()
        sub = subparsers.add_parser(
            info.name,
            help=text.splitlines()[0].rstrip("."),
            description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return root


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``nablaviz argv…`` (the process's own arguments by default) and return its exit status."""
    args = parser().parse_args(argv)
    try:
        status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # The reader of a pipe (head, less) has gone: nothing is left to say, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        message, status = "stopped", 130
    except EXPECTED as error:
        if args.traceback:
            raise
        message, status = one_line(error), 1
    print(f"nablaviz {args.command}: {message}", file=sys.stderr)
    return status


def one_line(error: BaseException) -> str:
    """The message of an error on one line, with control characters escaped."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
