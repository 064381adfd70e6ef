"""The native store: a folder of Parquet shards, one row per conformer.

Light columns come first, then the arrays. The Hamiltonian is stored as the bytes of its lower
triangle, row by row, float32. The overlap and core Hamiltonian follow from the geometry and are not
stored. pandas, DuckDB, pyarrow, polars and Dask read the folder as it is.
"""

from __future__ import annotations

import json
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import finite, symmetric
from nablaviz.data.dataset import COLUMNS, DataError, Dataset, Key
from nablaviz.data.shards import read_columns, read_keys, read_metadata, shard_paths
from nablaviz.data.validate import located, number
from nablaviz.molecule import Conformer, Molecule, check_elements

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import DTypeLike

FORMAT = {"nablaviz": 1, "length": "Å", "energy": "Eh", "forces": "Eh/Å", "dipole": "debye"}
ROW_GROUP_BYTES = 1 << 20


@cache
def schema() -> pa.Schema:
    """The Arrow schema of every shard."""
    import pyarrow as pa

    light = {"string": pa.string(), "int64": pa.int64(), "Int64": pa.int64(), "float64": pa.float64()}
    arrays = {
        "numbers": pa.list_(pa.int16()),
        "positions": pa.list_(pa.float64()),
        "forces": pa.list_(pa.float64()),
        "dipole_vector": pa.list_(pa.float64()),
        "orbital_energies": pa.list_(pa.float64()),
        "hamiltonian": pa.binary(),
    }
    fields = [(name, light[dtype]) for name, dtype in COLUMNS.items()] + list(arrays.items())
    return pa.schema(fields, metadata={"nablaviz": json.dumps(FORMAT, ensure_ascii=False)})


def to_row(conformer: Conformer) -> dict[str, Any]:
    """One row of the store.

    Raises
    ------
    DataError
        If a label is not finite or the Hamiltonian is not symmetric.
    """
    molecule, c = conformer.molecule, conformer
    where = f"conformer {c.moses_id}/{c.conformation_id}"
    labels = {name: getattr(c, name) for name in ("energy", "formation_energy", "forces", "hamiltonian")}
    for name, value in labels.items():
        if value is not None and not np.isfinite(value).all():
            raise DataError(f"{where}: {name} is not finite")
    levels = c.orbital_energies
    occupied = int(molecule.numbers.sum()) // 2
    homo = lumo = None
    if levels is not None and 0 < occupied < len(levels):
        homo, lumo = float(levels[occupied - 1]), float(levels[occupied])
    return {
        "moses_id": c.moses_id,
        "conformation_id": c.conformation_id,
        "smiles": molecule.smiles,
        "formula": molecule.formula,
        "n_atoms": len(molecule),
        "scaffold": c.scaffold,
        "split": c.split,
        "train_size": c.train_size,
        "energy": c.energy,
        "formation_energy": c.formation_energy,
        "mean_force": None if c.forces is None else float(np.linalg.norm(c.forces, axis=1).mean()),
        "homo": homo,
        "lumo": lumo,
        "gap": None if homo is None or lumo is None else lumo - homo,
        "dipole": None if c.dipole is None else float(np.linalg.norm(c.dipole)),
        "scf_iterations": c.scf_iterations,
        "wall_time": c.wall_time,
        "error": c.error,
        "numbers": molecule.numbers.astype(np.int16),
        "positions": molecule.positions.ravel(),
        "forces": None if c.forces is None else np.asarray(c.forces, dtype=np.float64).ravel(),
        "dipole_vector": None if c.dipole is None else np.asarray(c.dipole, dtype=np.float64),
        "orbital_energies": None if levels is None else np.asarray(levels, dtype=np.float64),
        "hamiltonian": None if c.hamiltonian is None else pack_triangle(c.hamiltonian, where),
    }


def from_row(row: dict[str, Any], where: str, dtype: DTypeLike = np.float64) -> Conformer:
    """The inverse of :func:`to_row`; the Hamiltonian as ``dtype``.

    Raises
    ------
    DataError
        If an array does not have the length that the atoms ask for or is not finite, or an element
        is not one of nablaDFT's.
    """
    with located(where):
        if row["numbers"] is None or row["positions"] is None:
            raise ValueError("no atoms or no coordinates")
        numbers = np.asarray(row["numbers"], dtype=np.int64)
        check_elements(numbers)
        positions, forces = (_array(row, name, (len(numbers), 3)) for name in ("positions", "forces"))
        molecule = Molecule(numbers, positions, row["smiles"])
        packed = row["hamiltonian"]
        matrix = None if packed is None else finite(unpack_triangle(packed, dtype), "H")
        if matrix is not None and len(matrix) != basis.size(numbers):
            raise ValueError(
                f"H has {len(matrix)} rows; {molecule.formula} has {basis.size(numbers)} orbitals"
            )
        if (row["formula"], row["n_atoms"]) != (molecule.formula, len(molecule)):
            said = f"{row['n_atoms']} atoms, {row['formula']!r:.80}"
            raise ValueError(f"the row says {said}; its atoms are {len(molecule)}, {molecule.formula}")
        for name in ("energy", "formation_energy", "wall_time"):
            if row[name] is not None:
                number(row[name], name)
        return Conformer(
            molecule,
            forces=forces,
            hamiltonian=matrix,
            orbital_energies=_array(row, "orbital_energies"),
            dipole=_array(row, "dipole_vector", (3,)),
            source=where,
            **{name: row[name] for name in _SHARED_FIELDS},
        )


_SHARED_FIELDS = (
    "moses_id",
    "conformation_id",
    "energy",
    "formation_energy",
    "scf_iterations",
    "wall_time",
    "scaffold",
    "split",
    "train_size",
    "error",
)


def _array(row: dict[str, Any], name: str, shape: tuple[int, ...] = (-1,)) -> Any:
    if row[name] is None:
        return None
    values = finite(np.asarray(row[name], dtype=np.float64), name)
    if -1 not in shape and len(values) != np.prod(shape):
        raise ValueError(f"{name} has {len(values)} values where {np.prod(shape)} are due")
    return values.reshape(shape)


def pack_triangle(matrix: np.ndarray, where: str = "matrix") -> bytes:
    """Lower triangle of a symmetric (n, n) matrix as float32 bytes, row by row.

    Raises
    ------
    DataError
        If the matrix is not square, finite and symmetric.
    """
    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise DataError(f"{where}: the Hamiltonian must be square, not {matrix.shape}")
    with located(where):
        symmetric(matrix, "the Hamiltonian")
    return matrix[np.tri(len(matrix), dtype=bool)].astype("<f4").tobytes()


def unpack_triangle(data: bytes, dtype: DTypeLike = np.float64) -> np.ndarray:
    """The inverse of :func:`pack_triangle`: shape (n, n).

    Raises
    ------
    ValueError
        If no n has a triangle of that many bytes.
    """
    n = (int(np.sqrt(2 * len(data) + 0.25)) - 1) // 2  # a first guess, corrected by the check below
    n = next((k for k in (n - 1, n, n + 1) if k > 0 and 2 * k * (k + 1) == len(data)), 0)
    if n == 0:
        raise ValueError(f"{len(data)} bytes are not the lower triangle of a float32 matrix")
    values, lower = np.frombuffer(data, dtype="<f4"), np.tri(n, dtype=bool)
    matrix = np.empty((n, n), dtype)
    matrix[lower] = matrix.T[lower] = values
    return matrix


class Store(Dataset):
    """A native store, read lazily.

    Parameters
    ----------
    path
        The folder of shards, or one shard.

    Raises
    ------
    DataError
        If there is no shard, or a file is not a shard of a native store.
    """

    dtype: np.dtype[Any] = np.dtype(np.float64)
    "Of the Hamiltonians that are read: see :func:`nablaviz.open`."

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.shards = shard_paths(self.path)
        self._metadata = []
        for shard in self.shards:
            self._metadata.append(read_metadata(shard))
            have = self._metadata[-1].schema.to_arrow_schema()
            wrong = [
                f.name for f in schema() if f.name not in have.names or have.field(f.name).type != f.type
            ]
            if wrong:
                raise DataError(
                    f"{shard}: not a native store: columns missing or of another type: {', '.join(wrong)}"
                )
        groups = [m.row_group(g).num_rows for m in self._metadata for g in range(m.num_row_groups)]
        self._first_rows = np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])
        self._groups = [(s, g) for s, m in enumerate(self._metadata) for g in range(m.num_row_groups)]
        self._last: tuple[int, pa.Table] | None = None  # the group read last: rows are read in turn

    def __len__(self) -> int:
        return int(self._first_rows[-1])

    def _read(self, row: int) -> Conformer:
        return self._read_many([row])[0]

    def _read_many(self, rows: list[int]) -> list[Conformer]:
        indices = (np.searchsorted(self._first_rows, rows, side="right") - 1).tolist()
        found: dict[int, Conformer] = {}
        for row, index in sorted(set(zip(rows, indices, strict=True))):  # each group is read once
            where = f"{self.shards[self._groups[index][0]]}, row {row}"
            last = self._last
            if last is None or last[0] != index:
                self._last = last = index, self._read_group(index, where)
            inside = row - int(self._first_rows[index])
            found[row] = from_row(last[1].slice(inside, 1).to_pylist()[0], where, self.dtype)
        return [found[row] for row in rows]

    def _read_group(self, index: int, where: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        shard, group = self._groups[index]
        try:  # a handle of its own for each read: safe in threads and after a fork
            with pq.ParquetFile(
                self.shards[shard], metadata=self._metadata[shard], page_checksum_verification=True
            ) as file:
                return file.read_row_group(group)
        except (pa.ArrowException, OSError) as fault:
            raise DataError(f"{where}: {fault}") from fault

    def _read_table(self) -> pd.DataFrame:
        import pyarrow as pa

        return pa.concat_tables(read_columns(shard, COLUMNS) for shard in self.shards).to_pandas()

    @cached_property
    def keys(self) -> set[Key]:
        """(moses_id, conformation_id) of every row."""
        return read_keys(self.shards)
