"""Open any dataset, recognised by what is in the file, not by its name."""

from __future__ import annotations

import difflib
from pathlib import Path

from nablaviz.data import sqlite, wavefunction
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.energy_db import EnergyDatabase
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.sample import sample
from nablaviz.data.store import Store
from nablaviz.data.validate import located, shown
from nablaviz.data.wavefunction import WavefunctionFile

KNOWN = (
    "a published energy or Hamiltonian database, a Psi4 wavefunction file or a folder of them, "
    "or a native store or one shard of it"
)
PARQUET = b"PAR1"


def open(source: str | Path | Dataset) -> Dataset:
    """Open a dataset.

    Parameters
    ----------
    source
        A path; or ``"sample"``, the sample that comes with the package (``"./sample"`` is a path). A
        dataset is returned as it is.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path; the message has the nearest names.
    DataError
        If it is of no known format, or damaged.
    """
    if isinstance(source, Dataset):
        return source
    if source == "sample":
        return sample()
    path = Path(source).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"there is no {shown(path)}{_nearest(path)}")
    return _folder(path) if path.is_dir() else _file(path)


def _folder(path: Path) -> Dataset:
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
    what = "empty" if not start else f"not {KNOWN} (it begins with {start[:8]!r})"
    raise DataError(f"{shown(path)}: {what}")


def _nearest(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        names = []
    close = difflib.get_close_matches(path.name, [*names, "sample"], n=3)
    return f"; did you mean {' or '.join(map(shown, close))}?" if close else ""
