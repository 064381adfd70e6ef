"""Open JupyterLab on a notebook.

Arguments after -- go to JupyterLab as they are, for example: nablaviz lab -- --no-browser --port 9999
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path
from urllib.parse import quote

import nablaviz

DEFAULT = Path("notebooks/01_browse_conformers.ipynb")

QUIET = [
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]
"""Nothing is asked of the internet."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--notebook", type=Path, help=f"the notebook to open (default: {DEFAULT})")
    parser.add_argument("jupyter", nargs="*", metavar="-- ARGUMENT", help="arguments for JupyterLab")


def run(args: argparse.Namespace) -> int:
    notebook = find_notebook(args.notebook)
    if importlib.util.find_spec("jupyterlab") is None:
        raise ImportError("JupyterLab is not installed: pip install 'nablaviz[lab]'")
    command = [sys.executable, "-m", "jupyterlab", *QUIET, *opening(notebook), *args.jupyter]
    if os.geteuid() == 0:  # a container: there is no other user to be
        command.append("--allow-root")
    os.execv(sys.executable, command)


def opening(notebook: Path) -> list[str]:
    """Options with which JupyterLab opens a notebook and also prints an address that does.

    Its file browser shows the current folder, or the notebook's where that is elsewhere.
    """
    notebook = notebook.resolve()
    root = Path.cwd() if notebook.is_relative_to(Path.cwd()) else notebook.parent
    address = quote(f"/lab/tree/{notebook.relative_to(root).as_posix()}")
    return [f"--ServerApp.root_dir={root}", f"--LabApp.default_url={address}"]


def find_notebook(path: Path | None) -> Path:
    """The notebook to open: ``path``, else the default one, here or in the checkout.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    candidates = [path] if path else [DEFAULT, Path(nablaviz.__file__).parents[1] / DEFAULT]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f"no notebook {path or DEFAULT} here: name one with --notebook PATH")
