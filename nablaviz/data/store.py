"""The native store: a folder of Parquet shards, one row per conformer.

Light columns come first, then the arrays. The Hamiltonian is stored as the bytes of its lower
triangle, row by row, float32. The overlap and core Hamiltonian follow from the geometry and are not
stored. pandas, DuckDB, pyarrow, polars and Dask read the folder as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.arrays import finite, symmetric
from nablaviz.data.dataset import COLUMNS, DataError, Dataset
from nablaviz.data.validate import located
from nablaviz.molecule import Conformer, Molecule, check_elements

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

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


def from_row(row: dict[str, Any], where: str) -> Conformer:
    """The inverse of :func:`to_row`.

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
        matrix = None if row["hamiltonian"] is None else finite(unpack_triangle(row["hamiltonian"]), "H")
        if matrix is not None and len(matrix) != basis.size(numbers):
            raise ValueError(
                f"H has {len(matrix)} rows; {molecule.formula} has {basis.size(numbers)} orbitals"
            )
    light = {name: row[name] for name in _SHARED_FIELDS}
    return Conformer(
        molecule,
        forces=forces,
        hamiltonian=matrix,
        orbital_energies=_array(row, "orbital_energies"),
        dipole=_array(row, "dipole_vector", (3,)),
        source=where,
        **light,
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
    return matrix[np.tril_indices(len(matrix))].astype("<f4").tobytes()


def unpack_triangle(data: bytes) -> np.ndarray:
    """The inverse of :func:`pack_triangle`: float64, shape (n, n).

    Raises
    ------
    ValueError
        If no n has a triangle of that many bytes.
    """
    n = (int(np.sqrt(2 * len(data) + 0.25)) - 1) // 2  # a first guess, corrected by the check below
    n = next((k for k in (n - 1, n, n + 1) if k > 0 and 2 * k * (k + 1) == len(data)), 0)
    if n == 0:
        raise ValueError(f"{len(data)} bytes are not the lower triangle of a float32 matrix")
    matrix = np.zeros((n, n))
    matrix[np.tril_indices(n)] = np.frombuffer(data, dtype="<f4")
    return matrix + np.tril(matrix, -1).T


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

    def __init__(self, path: str | Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = Path(path)
        self.shards = shard_paths(self.path)
        self._metadata = []
        for shard in self.shards:
            try:
                self._metadata.append(pq.read_metadata(shard))
            except (pa.ArrowException, OSError) as fault:
                raise DataError(f"{shard}: not a readable Parquet file: {fault}") from fault
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
        index = int(np.searchsorted(self._first_rows, row, side="right")) - 1
        where = f"{self.shards[self._groups[index][0]]}, row {row}"
        last = self._last
        if last is None or last[0] != index:
            self._last = last = index, self._read_group(index, where)
        inside = row - int(self._first_rows[index])
        return from_row(last[1].slice(inside, 1).to_pylist()[0], where)

    def _read_group(self, index: int, where: str) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        shard, group = self._groups[index]
        try:  # a handle of its own for each read: safe in threads and after a fork
            with pq.ParquetFile(self.shards[shard], metadata=self._metadata[shard]) as file:
                return file.read_row_group(group)
        except (pa.ArrowException, OSError) as fault:
            raise DataError(f"{where}: {fault}") from fault

    def _read_table(self) -> pd.DataFrame:
        import pyarrow as pa
        import pyarrow.parquet as pq

        return pa.concat_tables(pq.read_table(s, columns=list(COLUMNS)) for s in self.shards).to_pandas()

    @cached_property
    def keys(self) -> set[tuple[int, int]]:
        """(moses_id, conformation_id) of every row."""
        return _keys(self.shards)


def shard_paths(path: Path) -> list[Path]:
    """The shards of a store, in order.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    DataError
        If the folder has no shard.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path}")
    shards = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not shards:
        raise DataError(f"{path}: a folder without Parquet shards is not a store")
    return shards


def _keys(shards: Iterable[Path]) -> set[tuple[int, int]]:
    import pyarrow.parquet as pq

    keys: set[tuple[int, int]] = set()
    for shard in shards:
        columns = pq.read_table(shard, columns=["moses_id", "conformation_id"]).to_pydict()
        keys.update(zip(columns["moses_id"], columns["conformation_id"], strict=True))
    return keys
