"""Serve the panels as an app, with Voilà.

Every visitor has a kernel of their own, which works as you and in this folder: the app is for this machine,
or for a JupyterHub. Arguments after -- go to Voilà as they are: nablaviz app -- --no-browser --port 9999
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
from pathlib import Path

import nablaviz

PACKAGE = Path(nablaviz.__file__).parent
NOTEBOOKS = [PACKAGE / "views" / "voila" / "app.ipynb", PACKAGE.parent / "notebooks" / "app" / "app.ipynb"]
"""Where the app's notebook is: in an installed package, in a checkout."""

IDLE = 600
"""Seconds after which the kernel of a page that does nothing is ended."""

OPTIONS = [
    "--template=nablaviz",
    "--MappingKernelManager.cull_interval=60",
    f"--MappingKernelManager.cull_idle_timeout={IDLE}",
]
"""A page that is closed ends its kernel itself, unless the browser dies or the network does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="sample", help="what nablaviz opens (default: %(default)s)")
    parser.add_argument("--against", default="hamiltonian-fast", help="what orbitals are compared with")
    parser.add_argument("--model", default="energy", help="whose errors are shown: a name or a file")
    parser.add_argument("--study", type=Path, default=Path("runs/study"), help="default: %(default)s")
    parser.add_argument("--language", default="en", help="en or zh (default: %(default)s)")
    parser.add_argument("voila", nargs="*", metavar="-- ARGUMENT", help="arguments for Voilà")


def run(args: argparse.Namespace) -> int:
    notebook = next((path for path in NOTEBOOKS if path.is_file()), None)
    if notebook is None:
        raise FileNotFoundError(f"the notebook of the app is missing: {NOTEBOOKS[0]}")
    if importlib.util.find_spec("voila") is None:
        raise ImportError("Voilà is not installed: pip install 'nablaviz[app]'")
    command = [sys.executable, "-m", "voila", str(notebook), *OPTIONS, *args.voila]
    os.execve(sys.executable, command, os.environ | environment(args))


def environment(args: argparse.Namespace) -> dict[str, str]:
    """What the app's kernels are told, and where Voilà finds the template of the page.

    Raises
    ------
    OSError, ValueError
        If the data, a model or the language is not there.
    """
    from nablaviz.data.formats import open as open_dataset
    from nablaviz.models.library import load_model, names
    from nablaviz.views.app import SETTINGS
    from nablaviz.views.language import set_language

    set_language(args.language)
    open_dataset(args.data)
    if args.model not in names():
        load_model(args.model)
    settings = {
        "folder": str(Path.cwd()),
        "data": args.data,
        "against": args.against,
        "model": args.model,
        "study": str(args.study),
        "language": args.language,
    }
    paths = [str(PACKAGE / "views"), os.environ.get("JUPYTER_PATH")]
    return {SETTINGS: json.dumps(settings), "JUPYTER_PATH": os.pathsep.join(filter(None, paths))}
