"""Published Hamiltonian databases, versions 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import finite, symmetric
from nablaviz.chem.atoms import ATOM_ENERGIES, atomic_energy, formation_energy
from nablaviz.data.composition import Compositions, atomic_numbers
from nablaviz.data.dataset import DataError, Key
from nablaviz.data.reorder import reordered
from nablaviz.data.sqlite import SqliteDataset
from nablaviz.data.validate import from_blob, identifier, located, number, shown
from nablaviz.molecule import Conformer, Molecule

MOST_COMPOSITIONS = 4096
"""Compositions whose order of orbitals and energy of free atoms are remembered."""

SAMPLES = 32
"""At most so many rows are looked at to find the order of orbitals."""

_ENERGIES = np.array([ATOM_ENERGIES.get(z, np.nan) for z in range(119)])


class HamiltonianDatabase(SqliteDataset):
    """A published Hamiltonian database, read lazily.

    The order of orbitals and the unit of length are not in the file: they are found by comparing its
    overlap matrices with PySCF's, for a few rows; :func:`nablaviz.data.check.check` does it for all.

    Forces that are all zero are absent (version 1 holds none), never zero.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    version
        1 or 2; version 1 holds no ids.
    match
        The order and unit found, and how well the rows looked at agree.

    Raises
    ------
    DataError
        If it is not such a database, or its overlap matrices agree with no known order and unit.
    """

    TABLE = "data"
    REQUIRED: ClassVar = {"data": ("id", "Z", "R", "E", "F", "H", "S", "C")}

    dtype: np.dtype[Any] = np.dtype(np.float64)
    "Of the Hamiltonians that are read: see :func:`nablaviz.open`."

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._compositions: dict[bytes, tuple[np.ndarray, float]] = {}
        self.match = self._detect() if len(self) else None

    @property
    def version(self) -> int:
        return 2 if "dataset_ids" in self._tables else 1

    @property
    def _source(self) -> str:
        return "data LEFT JOIN dataset_ids USING (id)" if self.version == 2 else "data"

    @property
    def _ids_columns(self) -> str:
        return "MOSES_ID, CONFORMER_ID, dataset_ids.id" if self.version == 2 else "NULL, NULL, 0"

    @property
    def _light(self) -> str:
        # In the order they are stored, so that SQLite does not read on to the matrices.
        return f"Z, E, F, {self._ids_columns}"

    def _count(self, span: int) -> int:
        # Counting the main table reads a page of every row; the ids stand in a small table too.
        if self.version == 2 and next(self._file.rows("SELECT count(*) FROM dataset_ids")) == (span,):
            return span
        return super()._count(span)

    def _detect(self) -> basis.Match:
        rows = np.linspace(0, len(self) - 1, min(len(self), SAMPLES)).astype(int)
        tried: list[int] = []
        unreadable: DataError | None = None

        def samples() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
            nonlocal unreadable
            for row in np.random.default_rng(0).permutation(rows).tolist():
                try:
                    with located(self.where(row)):
                        sample = self._overlap_as_stored(row)
                except DataError as fault:  # that row raises it again when it is read
                    unreadable = fault
                    continue
                tried.append(row)
                yield sample

        try:
            return basis.detect(samples())
        except ValueError as fault:
            if not tried and unreadable:
                raise unreadable from None
            raise DataError(f"{shown(self.path)}: row {', '.join(map(str, tried))}: {fault}") from fault

    def _overlap_as_stored(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        z, r, s = self._fetch("Z, R, S", row)
        numbers = atomic_numbers(z)
        return numbers, _positions(r, len(numbers)), _matrix(s, numbers, "S")

    def overlap(self, row: int) -> np.ndarray:
        """The overlap matrix that the file holds, shape (n, n), in PySCF's order.

        Raises
        ------
        DataError
            If it is damaged.
        """
        assert self.match is not None
        with located(self.where(row)):
            numbers, _, stored = self._overlap_as_stored(row)
            return basis.to_pyscf(stored, numbers, self.match.convention).astype(np.float64)

    @property
    def _whole(self) -> str:
        return f"Z, R, E, F, typeof(H), {self._ids_columns}"

    def _decode(self, row: int, record: tuple[Any, ...]) -> Conformer:
        assert self.match is not None
        angstrom = basis.LENGTH_UNITS[self.match.length]
        z, r, e, f, h, *ids = record
        numbers = atomic_numbers(z)
        _check_ids([ids])
        energy = None if e is None else number(e, "E")
        forces = _forces(f, len(numbers))
        if h is not None and not isinstance(h, np.ndarray):
            h = self._matrix(z, h)
        return Conformer(
            Molecule(numbers, _positions(r, len(numbers)) * angstrom),
            moses_id=ids[0],
            conformation_id=ids[1],
            energy=energy,
            formation_energy=None if energy is None else formation_energy(energy, numbers),
            forces=forces / angstrom if forces.any() else None,
            hamiltonian=h,
            source=self.where(row),
        )

    def _decode_together(self, rows: list[int], records: list[tuple[Any, ...]]) -> list[Conformer]:
        assert self.match is not None
        angstrom = basis.LENGTH_UNITS[self.match.length]
        z, r, e, f, h, *ids = zip(*records, strict=True)
        if not all(isinstance(matrix, np.ndarray) for matrix in h):
            raise ValueError("H of some molecule is missing or damaged")
        _check_ids([record[5:] for record in records])
        numbers = np.frombuffer(b"".join(z), "<i4").astype(np.int64)
        sizes = np.array([len(each) // 4 for each in z])
        positions, forces = _joined(r, sizes, "R") * angstrom, _joined(f, sizes, "F") / angstrom
        energies = [number(energy, "E") for energy in e]
        ends = np.cumsum(sizes).tolist()
        found = []
        for k, matrix in enumerate(h):
            atoms = slice(ends[k] - int(sizes[k]), ends[k])
            found.append(
                Conformer(
                    Molecule(numbers[atoms], positions[atoms]),
                    moses_id=ids[0][k],
                    conformation_id=ids[1][k],
                    energy=energies[k],
                    formation_energy=energies[k] - self._composition(z[k])[1],
                    forces=forces[atoms].copy() if forces[atoms].any() else None,
                    hamiltonian=matrix,
                    source=self.where(rows[k]),
                )
            )
        return found

    def _ready(self, record_id: int, record: tuple[Any, ...]) -> tuple[Any, ...]:
        z, r, e, f, kind, *ids = record
        h: Any
        if kind == "blob" and self._id_is_rowid:
            h = self._file.blob(self.TABLE, "H", record_id)
        else:
            ((h,),) = self._file.rows(f"SELECT H FROM {self.TABLE} WHERE id = ?", record_id)
        with suppress(ValueError, TypeError):  # decoding the record on its own says what is wrong
            h = self._matrix(z, h)
        return (z, r, e, f, h, *ids)

    def _matrix(self, z: bytes, h: object) -> np.ndarray:
        """The Hamiltonian in PySCF's order."""
        assert self.match is not None
        index, _ = self._composition(z)
        matrix = symmetric(from_blob(h, "<f4", (len(index), len(index)), "H"), "H")
        return reordered(matrix, index, self.dtype)

    def _composition(self, z: bytes) -> tuple[np.ndarray, float]:
        """Order of the orbitals, and energy of the free atoms, Eh."""
        assert self.match is not None
        if z not in self._compositions:
            if len(self._compositions) >= MOST_COMPOSITIONS:
                self._compositions.clear()
            numbers = atomic_numbers(z)
            order = basis.order(numbers, self.match.convention)
            self._compositions[z] = found = order, atomic_energy(numbers)
            return found
        return self._compositions[z]

    def _columns(self, records: list[tuple[Any, ...]]) -> dict[str, Any]:
        import pyarrow as pa

        assert self.match is not None
        numbers, energies, forces, moses_ids, conformation_ids, _ = zip(*records, strict=True)
        _check_ids([record[3:] for record in records])
        sizes, formulas, atomic_energies = Compositions(_ENERGIES)(numbers)
        total = np.array([np.nan if e is None else number(e, "E") for e in energies])
        vectors = [_forces(f, n) for f, n in zip(forces, sizes.tolist(), strict=True)]
        means = [np.linalg.norm(f, axis=1).mean() if f.any() else np.nan for f in vectors]
        return {
            "moses_id": pa.array(moses_ids, pa.int64()),
            "conformation_id": pa.array(conformation_ids, pa.int64()),
            "formula": formulas,
            "n_atoms": sizes,
            "energy": total,
            "formation_energy": total - atomic_energies,
            "mean_force": np.array(means) / basis.LENGTH_UNITS[self.match.length],
        }

    def keys_by_row(self) -> Sequence[Key] | None:
        if self.version == 1:
            return None
        with located(shown(self.path)):
            listed = list(self._file.rows("SELECT id, MOSES_ID, CONFORMER_ID FROM dataset_ids"))
        found = {i: (moses_id, conformation_id) for i, moses_id, conformation_id in listed}
        return [found.get(int(i), (None, None)) for i in self._ids]

    def faults(self) -> list[str]:
        """What is wrong with the tables beside the main one.

        nablaDFT's own reader takes the number of rows from ``metadata``.
        """
        found = []
        if "N" in self._tables.get("metadata", []):
            count = [n for (n,) in self._file.rows("SELECT N FROM metadata WHERE id = 0")]
            if count != [len(self)]:
                found.append(
                    f"table metadata says N = {count[0] if count else 'nothing'}, there are {len(self)}"
                )
        else:
            found.append("there is no table metadata with a column N")
        return found


def _joined(blobs: Sequence[bytes], sizes: np.ndarray, name: str) -> np.ndarray:
    """Vectors of all atoms of several molecules, shape (Σ N, 3)."""
    if [len(blob) for blob in blobs] != (12 * sizes).tolist():
        raise ValueError(f"{name} of some molecule is not as long as it should be")
    return finite(np.frombuffer(b"".join(blobs), "<f4"), name).astype(np.float64).reshape(-1, 3)


def _positions(blob: object, atoms: int) -> np.ndarray:
    return finite(from_blob(blob, "<f4", (atoms, 3), "R"), "R").astype(np.float64)


def _forces(blob: object, atoms: int) -> np.ndarray:
    if blob is None:
        return np.zeros((atoms, 3))
    return finite(from_blob(blob, "<f4", (atoms, 3), "F"), "F").astype(np.float64)


def _matrix(blob: object, numbers: np.ndarray, name: str) -> np.ndarray:
    n = basis.size(numbers)
    return symmetric(from_blob(blob, "<f4", (n, n), name), name)


def _check_ids(ids: list[Any]) -> None:
    moses_ids, conformation_ids, entries = zip(*ids, strict=True)
    if None in entries:
        raise ValueError("there is no entry for it in dataset_ids")
    identifier(*moses_ids, name="MOSES_ID")
    identifier(*conformation_ids, name="CONFORMER_ID")
