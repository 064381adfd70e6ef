"""Packages that are optional: imported when a model needs them, leaving the process as it was."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from contextlib import redirect_stdout
from typing import Any

import torch


def optional(module: str, extra: str) -> Any:
    """A module of an optional package.

    mace sets ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD`` when it is imported, after which ``torch.load`` runs
    what a file asks for; e3nn 0.4 needs it for a table of its own, which holds nothing worse than slices.
    So slices are allowed here, the environment is put back, and what is printed goes to stderr.

    Parameters
    ----------
    extra
        The extra of nablaviz that installs it, which is the model's name too.

    Raises
    ------
    ImportError
        If it is not installed, or cannot be imported.
    """
    before = dict(os.environ)
    try:
        with torch.serialization.safe_globals([slice]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with redirect_stdout(sys.stderr):
                return importlib.import_module(module)
    except ImportError as fault:
        package = module.partition(".")[0]
        raise ImportError(
            f"{extra} needs {package}, which is not installed ({fault}): pip install 'nablaviz[{extra}]'"
        ) from fault
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
