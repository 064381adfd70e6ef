"""Open any dataset, recognised by what is in the file, not by its name."""

from __future__ import annotations

import difflib
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.data import sqlite, wavefunction
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.energy_db import EnergyDatabase
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.sample import sample
from nablaviz.data.store import Store
from nablaviz.data.summary import MANIFEST, WORK
from nablaviz.data.summary_file import SummaryFile
from nablaviz.data.summary_lines import GZIP
from nablaviz.data.summary_store import SummaryStore
from nablaviz.data.validate import located, real, shown
from nablaviz.data.wavefunction import WavefunctionFile

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

KNOWN = (
    "a published energy or Hamiltonian database, the published summary or a catalogue of it, a Psi4 "
    "wavefunction file or a folder of them, or a native store or one shard of it"
)
PARQUET = b"PAR1"
HEADERS = (b"MOSES id", b'"MOSES id', b",MOSES id", b"\xef\xbb\xbfMOSES id")
"""How the summary begins when it is not compressed."""


def open(source: str | Path | Dataset, *, dtype: DTypeLike = np.float64) -> Dataset:
    """Open a dataset.

    Parameters
    ----------
    source
        A path; or ``"sample"``, the sample that comes with the package (``"./sample"`` is a path). A
        dataset is returned as it is.
    dtype
        Of the Hamiltonians that are read: float64; or float32, as Hamiltonian databases and native stores
        hold them, which takes half the memory.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path; the message has the nearest names.
    DataError
        If it is of no known format, or damaged.
    ValueError
        If there is no such ``dtype``, or only float64.
    """
    if real(dtype) == np.float32:
        found = open(source)
        if not isinstance(found, (HamiltonianDatabase, Store)):
            raise ValueError(
                f"{found!r} gives float64; float32 is for Hamiltonian databases and native stores"
            )
        found = copy(found)  # the sample, and a dataset that is given, stay as they are
        found.dtype = real(dtype)
        return found
    if isinstance(source, Dataset):
        return source
    if source == "sample":
        return sample()
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no {shown(path)}{_nearest(path)}")
    return _folder(path) if path.is_dir() else _file(path)


def _folder(path: Path) -> Dataset:
    if (path / MANIFEST).is_file() or (path / WORK / "source.json").is_file():
        return SummaryStore(path)
    if any(path.glob("*.parquet")):
        return Store(path)
    if any(path.glob("*.npy")):
        return WavefunctionFile(path)
    raise DataError(f"{shown(path)}: a folder without Parquet shards or wavefunction files")


def _file(path: Path) -> Dataset:
    if not path.is_file():
        raise DataError(f"{shown(path)}: not a file")
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith(sqlite.MAGIC):
        with located(shown(path)):
            tables = sqlite.ReadOnly(path).tables()
        if "systems" in tables:
            return EnergyDatabase(path)
        if "data" in tables:
            return HamiltonianDatabase(path)
        names = ", ".join(map(shown, sorted(tables))) or "none"
        raise DataError(
            f"{shown(path)}: a SQLite database with neither table systems nor data; it has {names}"
        )
    if start.startswith(wavefunction.MAGIC):
        return WavefunctionFile(path)
    if start.startswith(PARQUET):
        return Store(path)
    if start.startswith(GZIP) or start.startswith(HEADERS):
        return SummaryFile(path)
    what = "empty" if not start else f"not {KNOWN} (it begins with {start[:8]!r})"
    raise DataError(f"{shown(path)}: {what}")


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        names = []
    close = difflib.get_close_matches(path.name, [*names, "sample"], n=3)
    return f"; did you mean {' or '.join(map(shown, close))}?" if close else ""
