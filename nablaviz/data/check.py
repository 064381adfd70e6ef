"""Checking every row of a dataset."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import NotFinite, finite, symmetric
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.energy_db import EnergyDatabase
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.store import FORMAT, Store
from nablaviz.data.validate import shown
from nablaviz.data.wavefunction import WavefunctionFile
from nablaviz.molecule import SYMBOLS, Conformer, check_closed_shell, check_elements

SHORTEST, LONGEST = 0.65, 1.7
"""Å. No two atoms are nearer than the first, and hydrogen is nearer to some atom than the second: what
is outside is most likely in another unit."""

LARGEST_FORMATION_ENERGY = 1.0
"""Eh per atom; beyond it an energy is in another unit or relative to other references."""

MOST_FAULTS = 1000
"""So many faults are kept in words; all are counted."""

_LABELS = ("energy", "formation_energy", "forces", "hamiltonian", "orbital_energies", "dipole")
_HOLDINGS = ("ids", *_LABELS)


@dataclass(frozen=True)
class Report:
    """What a check has found."""

    path: str
    format: str
    rows: int = 0
    elements: tuple[str, ...] = ()
    units: str = ""
    "As the file holds them."
    convention: str | None = None
    "Order of orbitals in the file, where it holds matrices."
    overlap_mismatch: float | None = None
    "max |S − S_ref| over all rows, where the file holds S; S_ref is PySCF's."
    asymmetry: float | None = None
    "max |H − Hᵀ| over all rows, Eh."
    not_finite: int = 0
    "Numbers that are NaN or infinite."
    duplicates: int = 0
    "Rows whose (moses_id, conformation_id) an earlier row has."
    absent: dict[str, int] = field(default_factory=dict)
    "What rows do not hold: field of ``Conformer``, number of rows."
    fault_count: int = 0
    faults: tuple[str, ...] = ()
    "A line each, with file and row; the first ``MOST_FAULTS``."

    @property
    def ok(self) -> bool:
        """Whether there is no fault."""
        return self.fault_count == 0

    def __str__(self) -> str:
        def quantity(value: float | None, unit: str = "") -> str:
            return "–" if value is None else f"{value:.1e}{unit}"

        held = [name for name in _HOLDINGS if self.absent.get(name, 0) < self.rows]
        absent = [f"{name} in {self.absent[name]} rows" for name in held if name in self.absent]
        lines = {
            "file": self.path,
            "format": self.format,
            "rows": str(self.rows),
            "holds": ", ".join(held) or "–",
            "absent": ", ".join(absent) or "–",
            "elements": " ".join(self.elements),
            "units": self.units,
            "order of orbitals": self.convention or "–",
            "max |S − S_ref|": quantity(self.overlap_mismatch),
            "max |H − Hᵀ|": quantity(self.asymmetry, " Eh"),
            "not finite": str(self.not_finite),
            "duplicate ids": str(self.duplicates),
            "faults": str(self.fault_count),
        }
        if not self.rows:  # nothing was read
            lines = {name: lines[name] for name in ("file", "format", "rows", "faults")}
        text = [f"{name + ':':19}{value}" for name, value in lines.items()]
        text += self.faults
        if self.fault_count > len(self.faults):
            text.append(f"… and {self.fault_count - len(self.faults)} more")
        return "\n".join(text)


def check(source: str | Path | Dataset, *, progress: bool = True) -> Report:
    """Read and check every row of a dataset, one at a time.

    Parameters
    ----------
    source
        Anything that :func:`nablaviz.open` opens.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    FileNotFoundError
        If there is nothing at the path.
    DataError
        If it is the published summary, which holds no geometries.
    """
    from tqdm import tqdm

    try:
        dataset = open_dataset(source)
    except DataError as fault:
        return Report(shown(str(source)), "not readable", fault_count=1, faults=(str(fault),))
    if not dataset.geometries:
        raise DataError(f"{shown(dataset.path)}: no geometries to check; a conversion finds malformed lines")
    checker = _Checker(dataset)
    for row in tqdm(range(len(dataset)), unit="row", file=sys.stderr, disable=not progress):
        checker.row(row)
    return checker.report()


class _Checker:
    """What is known after the rows so far."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.fault_count = self.not_finite = 0
        self.faults: list[str] = []
        self.elements: set[int] = set()
        self.absent: Counter[str] = Counter()
        self.asymmetry: float | None = None
        self.overlap_mismatch: float | None = None
        self.ids = array("q"), array("q"), array("q")  # moses_id, conformation_id, row

    def fault(self, text: str) -> None:
        self.fault_count += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(text)

    def row(self, row: int) -> None:
        """Check one row."""
        try:
            conformer = self.dataset[row]
        except DataError as fault:
            if isinstance(fault.__cause__, NotFinite):
                self.not_finite += fault.__cause__.count
            self.fault(str(fault))
            return
        where = conformer.source or f"{shown(self.dataset.path)}, row {row}"
        self.elements.update(conformer.molecule.numbers.tolist())
        self.absent.update(name for name in _LABELS if getattr(conformer, name) is None)
        if conformer.moses_id is None or conformer.conformation_id is None:
            self.absent["ids"] += 1
        else:
            for column, value in zip(
                self.ids, (conformer.moses_id, conformer.conformation_id, row), strict=True
            ):
                column.append(value)
        tests: list[Callable[[Conformer], None]] = [
            *(_elements, _distances, _formation_energy),
            *(partial(self._finite, name=name) for name in _LABELS),
            *(self._hamiltonian, partial(self._overlap, row=row)),
        ]
        for test in tests:
            try:
                test(conformer)
            except DataError as fault:  # has its place already
                self.fault(str(fault))
            except ValueError as fault:
                self.fault(f"{where}: {fault}")

    def _finite(self, conformer: Conformer, name: str) -> None:
        if (value := getattr(conformer, name)) is not None:
            try:
                finite(np.asarray(value), name)
            except NotFinite as fault:
                self.not_finite += fault.count
                raise

    def _hamiltonian(self, conformer: Conformer) -> None:
        matrix = conformer.hamiltonian
        if matrix is None:
            return
        n = basis.size(conformer.molecule.numbers)
        if matrix.shape != (n, n):
            raise ValueError(f"hamiltonian has shape {matrix.shape}, its atoms have {n} orbitals")
        self.asymmetry = max(self.asymmetry or 0.0, float(np.abs(matrix - matrix.T).max()))
        symmetric(matrix, "hamiltonian")

    def _overlap(self, conformer: Conformer, row: int) -> None:
        if not isinstance(self.dataset, (HamiltonianDatabase, WavefunctionFile)):
            return
        gap = float(np.abs(self.dataset.overlap(row) - conformer.overlap).max())
        self.overlap_mismatch = max(self.overlap_mismatch or 0.0, gap)
        if gap > basis.MATCH:
            raise ValueError(f"the overlap matrix differs from PySCF's by {gap:.1e}")

    def report(self) -> Report:
        """What was found."""
        path = shown(self.dataset.path)
        if isinstance(self.dataset, HamiltonianDatabase):
            for text in self.dataset.faults():
                self.fault(f"{path}: {text}")
        duplicates = 0
        for row, first in _duplicates(*self.ids):
            duplicates += 1
            self.fault(f"{path}, row {row}: has the ids of row {first}")
        return Report(
            path=path,
            **_description(self.dataset),
            rows=len(self.dataset),
            elements=tuple(SYMBOLS[z] for z in sorted(self.elements)),
            overlap_mismatch=self.overlap_mismatch,
            asymmetry=self.asymmetry,
            not_finite=self.not_finite,
            duplicates=duplicates,
            absent=dict(self.absent),
            fault_count=self.fault_count,
            faults=tuple(self.faults),
        )


def _description(dataset: Dataset) -> dict[str, Any]:
    if isinstance(dataset, EnergyDatabase):
        return {"format": "energy database", "units": ", ".join(dataset.units)}
    if isinstance(dataset, HamiltonianDatabase):
        match = dataset.match
        units = f"{match.length}, Eh, Eh/{match.length}" if match else ""
        return {
            "format": f"Hamiltonian database, version {dataset.version}",
            "units": units,
            "convention": match.convention if match else None,
        }
    if isinstance(dataset, WavefunctionFile):
        return {"format": "Psi4 wavefunction", "units": "Å, Eh, Eh/bohr", "convention": _convention(dataset)}
    if isinstance(dataset, Store):
        return {
            "format": "native store",
            "units": f"{FORMAT['length']}, {FORMAT['energy']}, {FORMAT['forces']}",
        }
    return {"format": type(dataset).__name__}


def _convention(dataset: WavefunctionFile) -> str | None:
    try:
        return dataset.match(0).convention
    except DataError:  # a fault of that row, found before
        return None


def _elements(conformer: Conformer) -> None:
    check_elements(conformer.molecule.numbers)
    check_closed_shell(conformer.molecule.numbers)


def _distances(conformer: Conformer) -> None:
    positions, hydrogens = conformer.molecule.positions, conformer.molecule.numbers == 1
    if len(positions) < 2:
        return
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    np.fill_diagonal(distances, np.inf)
    i, j = np.unravel_index(int(distances.argmin()), distances.shape)
    if distances[i, j] < SHORTEST:
        raise ValueError(f"atoms {i} and {j} are {distances[i, j]:.2f} Å apart")
    if hydrogens.any() and distances[hydrogens].min() > LONGEST:
        raise ValueError(f"no hydrogen is nearer than {distances[hydrogens].min():.2f} Å to another atom")


def _formation_energy(conformer: Conformer) -> None:
    energy, atoms = conformer.formation_energy, len(conformer.molecule)
    if energy is not None and abs(energy) > LARGEST_FORMATION_ENERGY * atoms:
        raise ValueError(f"a formation energy of {energy:.3f} Eh for {atoms} atoms")


def _duplicates(moses_ids: array, conformation_ids: array, rows: array) -> Iterator[tuple[int, int]]:
    """Each row whose ids an earlier row has, and the first of those."""
    a, b, at = (np.frombuffer(column, np.int64) for column in (moses_ids, conformation_ids, rows))
    order = np.lexsort((at, b, a))
    first = None
    for here, before in zip(order[1:], order[:-1], strict=True):
        if a[here] == a[before] and b[here] == b[before]:
            first = at[before] if first is None else first
            yield int(at[here]), int(first)
        else:
            first = None
