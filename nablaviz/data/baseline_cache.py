"""Baseline Hamiltonians kept on disk, so that preparing the same conformers again takes no time.

A file's name is a hash of the geometry, the baseline and the code that computes it: a file is never
out of date, and any number of processes may read and write one folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from nablaviz.chem import baselines, basis
from nablaviz.data.atomic import taking_its_place
from nablaviz.molecule import Molecule

SLOW = (*baselines.MINAO, "sap")
"""Baselines worth a file; the others take less time than reading one."""

SOURCES = (
    *(
        f"nablaviz.chem.{name}"
        for name in "baselines basis dft diis dispersion free_memory jk quadrature scf xc".split()
    ),
    "nablaviz.molecule",
    "nablaviz.units",
)
"""The modules that decide what a baseline is."""

MATRIX = "lower"
"""Name of the tensor in a file: the lower triangle, row by row, Eh, float64."""


@cache
def version() -> str:
    """A hash of the code that computes baselines, PySCF's version included."""
    import pyscf

    digest = hashlib.sha256(pyscf.__version__.encode())
    for name in SOURCES:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        digest.update(Path(found.origin).read_bytes())
    return digest.hexdigest()


def default_folder() -> Path:
    """Where baselines are kept unless another folder is named: in the user's cache directory."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache"
    return Path(home) / "nablaviz" / "baselines"


@dataclass(frozen=True)
class BaselineCache:
    """A folder of baselines, about 30 kB for 10 atoms; it may be deleted at any time."""

    folder: Path
    processes: int | None = None
    "That compute what is missing; by default as many as there are processors for us."

    def path(self, name: str, molecule: Molecule) -> Path:
        """The file of one baseline of one molecule."""
        digest = hashlib.sha256(f"{version()} {name} ".encode())
        for part in (molecule.numbers.astype("<i8"), molecule.positions.astype("<f8")):
            digest.update(np.ascontiguousarray(part).tobytes())
        key = digest.hexdigest()[:40]
        return self.folder / key[:2] / f"{key}.safetensors"

    def baseline(self, name: str, molecule: Molecule) -> np.ndarray:
        """:func:`nablaviz.chem.baselines.baseline`, read if it is here, else computed and kept if slow.

        A damaged file is replaced, with a warning.
        """
        if name not in SLOW:
            return baselines.baseline(name, molecule)
        path = self.path(name, molecule)
        if path.exists():
            try:
                return _read(path, basis.size(molecule.numbers))
            except ValueError as fault:
                warnings.warn(f"{path}: {fault}; computed again", stacklevel=2)
        matrix = baselines.baseline(name, molecule)
        _write(path, matrix)
        return (matrix + matrix.T) / 2  # as it will be read

    def fill(self, name: str, molecules: Iterable[Molecule], *, progress: bool = True) -> int:
        """Compute what is missing, several molecules at once; returns how many there were.

        What is finished is on disk: a call that was interrupted goes on where it was.

        Parameters
        ----------
        progress
            Whether to show a bar.
        """
        from tqdm.auto import tqdm

        if name not in SLOW:
            return 0
        # Largest first, so that none is left alone at the end.
        missing = {self.path(name, m): m for m in sorted(molecules, key=len, reverse=True)}
        missing = {path: m for path, m in missing.items() if not path.exists()}
        count = min(self.processes or _processors(), len(missing))
        with tqdm(
            total=len(missing), desc=f"{name} baselines", unit="conformer", disable=not (progress and missing)
        ) as bar:
            for _ in self._computed(name, list(missing.values()), count):
                bar.update()
        return len(missing)

    def _computed(self, name: str, molecules: list[Molecule], processes: int) -> Iterator[None]:
        if processes <= 1:
            for molecule in molecules:
                self.baseline(name, molecule)
                yield
            return
        with _single_threaded(), ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            try:
                for done in as_completed([pool.submit(_keep, self, name, m) for m in molecules]):
                    done.result()
                    yield
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _keep(cache: BaselineCache, name: str, molecule: Molecule) -> None:
    """What a worker does."""
    cache.baseline(name, molecule)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes that are started inside use one thread each."""
    from nablaviz.data.labelling import WORKER_ENVIRONMENT

    kept = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    os.environ.update(WORKER_ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _write(path: Path, matrix: np.ndarray) -> None:
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    lower = ((matrix + matrix.T) / 2)[np.tril_indices(len(matrix))]
    with taking_its_place(path) as part:
        part.write_bytes(save({MATRIX: lower}))


def _read(path: Path, size: int) -> np.ndarray:
    """The matrix in a file, shape (size, size); ``ValueError`` if the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        lower = load_file(path)[MATRIX]
    except (SafetensorError, KeyError) as fault:
        raise ValueError(f"damaged ({fault})") from fault
    if lower.shape != (size * (size + 1) // 2,) or lower.dtype != np.float64 or not np.isfinite(lower).all():
        raise ValueError(f"damaged ({lower.dtype} of shape {lower.shape}, or not finite)")
    matrix = np.zeros((size, size))
    rows, columns = np.tril_indices(size)
    matrix[rows, columns] = matrix[columns, rows] = lower
    return matrix
