"""A DuckDB database over a dataset from which no file and no network can be reached."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from nablaviz.data.conditions import RELATIVE, CatalogError, explain
from nablaviz.data.dataset import COLUMNS, Dataset
from nablaviz.data.deadlines import deadlines
from nablaviz.data.store import Store
from nablaviz.data.validate import shown
from nablaviz.units import HARTREE2KCAL

if TYPE_CHECKING:
    import pandas as pd

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "800MB",
}


MOLECULE = ("moses_id", "smiles", "formula")
"""Conformers that agree in these are of one molecule, if they have an id or a SMILES."""


class Database:
    """An in-memory database, its configuration locked once the dataset is in it.

    The view ``plain`` has ``row`` and the columns of the dataset, read from the Parquet shards of a
    native store or loaded from the ``table`` of another source; the view ``conformers`` adds the
    relative energy and fills in computed scaffolds.

    Parameters
    ----------
    dataset
        Any source of conformers.
    timeout
        Seconds after which a query is given up.
    """

    CONFIG = CONFIG
    MOLECULE: ClassVar[tuple[str, ...]] = MOLECULE
    has_scaffolds = False
    "Whether scaffolds need not be worked out."

    def __init__(self, dataset: Dataset, timeout: float) -> None:
        import duckdb

        self.path, self.timeout = dataset.path, timeout
        self.types = {"row": "int64", **dataset.columns, RELATIVE: "float64"}
        "The columns that a filter can name and their pandas types."
        self._lock = threading.RLock()  # a notebook answers its widgets beside the cell that runs
        self._db = duckdb.connect(config=self.CONFIG)
        source = self._load(dataset)
        self._db.execute("SET enable_external_access = false; SET lock_configuration = true")
        self._db.execute(f"CREATE VIEW plain AS {source}")
        self._create_conformers("plain")

    def _load(self, dataset: Dataset) -> str:
        """Make the dataset known to the database; the query for its rows."""
        import pyarrow as pa

        if isinstance(dataset, Store):
            self._db.execute("SET allowed_paths = ?", [[str(path.resolve()) for path in dataset.shards]])
            return _shards_sql(dataset)
        frame = dataset.table.assign(row=np.arange(len(dataset)))
        self._db.register("frame", pa.Table.from_pandas(frame, preserve_index=False))
        self._db.execute("CREATE TABLE loaded AS SELECT * FROM frame")
        self._db.unregister("frame")
        return "SELECT * FROM loaded"

    def query(self, sql: str, values: Sequence[Any] = ()) -> dict[str, Any]:
        """The columns of the answer as arrays, masked where values are missing.

        Raises
        ------
        CatalogError
            If the query is wrong, reaches outside the database or takes too long.
        """
        with self._guarded():
            return self._db.execute(sql, list(values)).fetchnumpy()

    def frame(self, sql: str) -> pd.DataFrame:
        """The answer to a query for whole lines of ``conformers``, indexed by row number."""
        with self._guarded():
            frame = self._db.sql(sql).to_arrow_table().to_pandas()
        return frame.astype(self.types).set_index("row")[[name for name in self.types if name != "row"]]

    def rows(self, condition: str, values: Sequence[Any], order: str = "row") -> np.ndarray:
        """Row numbers of the conformers that pass a condition."""
        sql = f"SELECT row FROM conformers WHERE {condition} ORDER BY {order}"
        return self.query(sql, values)["row"].astype(np.int64)

    def statistics(self) -> dict[str, tuple[int, Any, Any]] | None:
        """Of each column how many rows have it, its lowest and highest value, where known beforehand."""
        return None

    def unreadable(self) -> list[str]:
        """SMILES that the database has found unreadable in searches of its own."""
        return []

    def siblings(self, row: int) -> np.ndarray:
        """Row numbers of the conformers of the molecule that a row is of."""
        same = " AND ".join(f"p.{c} IS NOT DISTINCT FROM m.{c}" for c in MOLECULE)
        found = self.query(
            "SELECT p.row FROM plain p, (SELECT * FROM plain WHERE row = ?) m WHERE p.row = ?"
            f" OR (coalesce(m.moses_id::VARCHAR, m.smiles) IS NOT NULL AND {same}) ORDER BY p.row",
            [row, row],
        )
        return found["row"].astype(np.int64)

    @contextmanager
    def wanted(self, rows: np.ndarray) -> Iterator[None]:
        """For the time being, a table ``wanted`` with these rows and their ``place`` in the sequence."""
        import pandas as pd

        with self._lock:
            self._db.register("wanted", pd.DataFrame({"row": rows, "place": np.arange(len(rows))}))
            try:
                yield
            finally:
                self._db.unregister("wanted")

    def store(self, name: str, **columns: Sequence[str | None]) -> None:
        """Create a table of strings."""
        import pandas as pd

        frame = pd.DataFrame({c: pd.Series(values, dtype="object") for c, values in columns.items()})
        names = ", ".join(f"{c}::VARCHAR AS {c}" for c in columns)
        with self._lock:
            self._db.register("strings", frame)
            self._db.execute(f"CREATE TABLE {name} AS SELECT {names} FROM strings")
            self._db.unregister("strings")

    def store_numbers(self, name: str, **columns: np.ndarray) -> None:
        """Create a table of whole numbers, in place of an older one."""
        import pandas as pd

        with self._lock:
            self._db.register("numbers", pd.DataFrame(columns))
            self._db.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM numbers")
            self._db.unregister("numbers")

    def store_scaffolds(self, smiles: Sequence[str], scaffolds: Sequence[str | None]) -> None:
        """Give ``conformers`` the scaffolds that the dataset does not hold."""
        self.store("scaffolds", smiles=smiles, scaffold=scaffolds)
        self._create_conformers(
            "(SELECT plain.* REPLACE (coalesce(plain.scaffold, s.scaffold) AS scaffold)"
            " FROM plain LEFT JOIN scaffolds s ON plain.smiles = s.smiles)"
        )

    def _create_conformers(self, source: str) -> None:
        molecule = f"OVER (PARTITION BY {', '.join(MOLECULE)})"
        cases = " ".join(
            f"WHEN {e} IS NOT NULL THEN {HARTREE2KCAL} * ({e} - min({e}) {molecule})"
            for e in ("energy", "formation_energy")
        )
        self._db.execute(
            "CREATE OR REPLACE VIEW conformers AS SELECT *,"
            f" CASE WHEN coalesce(moses_id::VARCHAR, smiles) IS NULL THEN NULL {cases} END AS {RELATIVE}"
            f" FROM {source}"
        )

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn the database's errors into clear ones, and stop a query that does not end."""
        import duckdb

        with self._lock:
            try:
                with deadlines.within(self.timeout, self._db.interrupt):
                    yield
            except duckdb.InterruptException:
                raise CatalogError(f"the query took more than {self.timeout:g} s and was stopped") from None
            except duckdb.Error as fault:
                if type(fault) is duckdb.Error or isinstance(fault, duckdb.IOException):  # of no query
                    raise CatalogError(f"{shown(self.path)}: it cannot be read: {fault}") from None
                told = explain(str(fault), self.types)
                if isinstance(fault, duckdb.InvalidInputException):  # of a query or of a file
                    told = f"{shown(self.path)}: {told}"
                raise CatalogError(told) from None


def _shards_sql(store: Store) -> str:
    import pyarrow.parquet as pq

    counts = [pq.read_metadata(shard).num_rows for shard in store.shards]
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]]).tolist()
    paths = ", ".join("'" + str(shard.resolve()).replace("'", "''") + "'" for shard in store.shards)
    return (
        f"SELECT {firsts}[file_index::BIGINT + 1] + file_row_number AS row, {', '.join(COLUMNS)}"
        f" FROM read_parquet([{paths}])"
    )
