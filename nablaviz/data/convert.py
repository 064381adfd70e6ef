"""Streaming any dataset into the native store or a published format."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nablaviz.chem.arrays import finite, symmetric
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.store_writer import StoreWriter, check_target
from nablaviz.data.summary import FAULTS
from nablaviz.data.summary_convert import convert_summary, tqdm_tell
from nablaviz.data.summary_file import SummaryFile
from nablaviz.data.validate import shown
from nablaviz.data.writers import EnergyWriter, HamiltonianWriter
from nablaviz.molecule import Conformer


@dataclass(frozen=True)
class Target:
    """What a format holds of a conformer, and what each conformer must have."""

    name: str
    requires: tuple[str, ...] = ()
    holds: tuple[str, ...] | None = None
    "Fields of ``Conformer``; None for all."


TARGETS = {
    "store": Target("a native store"),
    "energy": Target(
        "an energy database",
        requires=("formation_energy", "forces"),
        holds=("moses_id", "conformation_id", "smiles", "energy", "formation_energy", "forces"),
    ),
    "hamiltonian-v2": Target(
        "a Hamiltonian database of version 2",
        requires=("moses_id", "conformation_id", "energy", "forces", "hamiltonian"),
        holds=("moses_id", "conformation_id", "energy", "formation_energy", "forces", "hamiltonian"),
    ),
    "hamiltonian-v1": Target(
        "a Hamiltonian database of version 1",
        requires=("energy", "hamiltonian"),
        holds=("energy", "formation_energy", "hamiltonian"),
    ),
    "catalogue": Target("a catalogue"),
}
"""Formats that can be written. The matrices of all and the geometry of Hamiltonian databases are float32."""

_FIELDS = (
    *("moses_id", "conformation_id", "smiles", "energy", "formation_energy", "forces", "hamiltonian"),
    *(
        "orbital_energies",
        "dipole",
        "scf_iterations",
        "wall_time",
        "scaffold",
        "split",
        "train_size",
        "error",
    ),
)


@dataclass(frozen=True)
class Summary:
    """What a conversion did."""

    source: str
    target: str
    format: str
    written: int
    skipped: int = 0
    "Conformers that the target held before."
    left_out: dict[str, int] = field(default_factory=dict)
    "What the target cannot hold: field of ``Conformer``, number of conformers that had it."
    faults: dict[str, int] = field(default_factory=dict)
    "Of a summary: lines that are malformed, and rows of which something is to be said."

    def __str__(self) -> str:
        lines = [f"{self.target}: {self.written} conformers written to {TARGETS[self.format].name}"]
        if self.skipped:
            lines.append(f"{self.skipped} conformers were there already")
        for name, count in self.left_out.items():
            lines.append(f"{TARGETS[self.format].name} does not hold {name}: left out of {count} conformers")
        for what, count in self.faults.items():
            lines.append(f"{count} {what}: each by its line in {Path(self.target) / FAULTS}")
        return "\n".join(lines)


def convert(
    source: str | Path | Dataset, target: str | Path, *, to: str = "store", progress: bool = True
) -> Summary:
    """Write a dataset in another format, one conformer at a time.

    A published format appears under its name only when it is complete. A native store may be there
    already: conformers that it holds, by (moses_id, conformation_id), are skipped, so that an interrupted
    conversion goes on where it stopped.

    Parameters
    ----------
    source
        Anything that :func:`nablaviz.open` opens.
    target
        The file, or for a store the folder, to write.
    to
        One of ``TARGETS``.
    progress
        Show a progress bar on stderr.

    Raises
    ------
    FileExistsError
        If the target is there already and is no native store.
    DataError
        If a conformer lacks what the format requires, is faulty, or comes twice; it names the row.
    ValueError
        If there is no such format, or source and target are the same.
    """
    from tqdm import tqdm

    if to not in TARGETS:
        raise ValueError(f"no format {to!r}; there are {', '.join(TARGETS)}")
    dataset, path = open_dataset(source), Path(target)
    if not dataset.geometries or to == "catalogue":
        return _convert_summary(dataset, path, to, progress)
    if path.exists() and path.resolve() == dataset.path.resolve():
        raise ValueError(f"{shown(path)} is both source and target")
    if to == "store":
        _check_store(path)
    left_out: Counter[str] = Counter()
    skipped = 0
    with _writer(path, to) as writer:
        before = set(getattr(writer, "keys", ()))
        resumed = getattr(writer, "rows", 0) > 0
        known = dataset.keys_by_row() if resumed else None
        for row in tqdm(range(len(dataset)), unit="conformer", file=sys.stderr, disable=not progress):
            if known is not None and known[row] in before:  # need not be read
                before.remove(known[row])
                skipped += 1
                continue
            conformer = dataset[row]
            where = conformer.source or f"{shown(dataset.path)}, row {row}"
            key = (conformer.moses_id, conformer.conformation_id)
            if key in before:
                before.remove(key)  # once: a second row with these ids is a fault, which the writer finds
                skipped += 1
                continue
            if resumed and None in key:
                raise DataError(
                    f"{where}: without ids it cannot be told whether {shown(path)} holds it already"
                )
            try:
                _check(conformer, to)
                writer.add(conformer)
            except ValueError as fault:
                raise DataError(f"{where}: {fault}") from fault
            left_out.update(_not_held(conformer, to))
    return Summary(str(dataset.path), str(path), to, len(dataset) - skipped, skipped, dict(left_out))


def _convert_summary(dataset: Dataset, path: Path, to: str, progress: bool) -> Summary:
    if not isinstance(dataset, SummaryFile):
        what = "has geometries" if dataset.geometries else "is a catalogue already"
        raise ValueError(f"{shown(dataset.path)} {what}: only the published summary becomes a catalogue")
    if to not in ("store", "catalogue"):
        raise ValueError(
            f"the summary holds no geometries: it can become a catalogue, not {TARGETS[to].name}"
        )
    found = convert_summary(dataset.path, path, tell=tqdm_tell(progress))
    faults = {"malformed lines left out": found["malformed"], "rows kept with a remark": found["noted"]}
    left_out = dict.fromkeys(found["columns not read"], found["rows"])
    there = {what: count for what, count in faults.items() if count}
    return Summary(str(dataset.path), str(path), "catalogue", found["rows"], 0, left_out, there)


def _writer(path: Path, to: str) -> AbstractContextManager[Any]:
    if to == "store":
        return StoreWriter(path)
    if to == "energy":
        return EnergyWriter(path)
    return HamiltonianWriter(path, version=int(to[-1]))


def _check_store(path: Path) -> None:
    if path.suffix in (".db", ".npy"):
        raise ValueError(
            f"a native store is a folder, {path.suffix} a file: name the format of {shown(path)}"
        )
    check_target(path)


def _value(conformer: Conformer, name: str) -> Any:
    return conformer.molecule.smiles if name == "smiles" else getattr(conformer, name)


def _check(conformer: Conformer, to: str) -> None:
    missing = [name for name in TARGETS[to].requires if _value(conformer, name) is None]
    if missing:
        raise ValueError(f"no {' and no '.join(missing)}, which {TARGETS[to].name} requires")
    for name in ("energy", "formation_energy", "forces"):
        if (value := _value(conformer, name)) is not None:
            finite(np.asarray(value), name)
    if conformer.hamiltonian is not None:
        symmetric(conformer.hamiltonian, "hamiltonian")


def _not_held(conformer: Conformer, to: str) -> list[str]:
    holds = TARGETS[to].holds
    return [n for n in _FIELDS if holds is not None and n not in holds and _value(conformer, n) is not None]
