"""The catalogue: filter, sort, count and sample the conformers of any dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.conditions import CatalogError, check_expression, column_condition, known_column
from nablaviz.data.database import Database
from nablaviz.data.dataset import Dataset
from nablaviz.data.structures import Progress, Structures, canonical, tqdm_progress
from nablaviz.data.summary_database import SummaryDatabase
from nablaviz.data.summary_store import SummaryStore

if TYPE_CHECKING:
    import pandas as pd


class Catalog:
    """The light columns of a dataset, and filters on them.

    Row numbers are those of the dataset: ``dataset[row]`` is the conformer, ``table.loc[row]`` its
    line. To the dataset's columns it adds ``relative_energy_kcal``, the energy above the molecule's
    best conformer in kcal/mol, and scaffolds where the source holds none. The filters are the same
    for every method:

    where
        A condition in SQL on the columns, such as ``"n_atoms < 12 AND gap > 0.3"``. It cannot change
        anything, nor reach any file or the network.
    smarts
        A substructure that the molecule must have.
    scaffold
        SMILES of its Bemis–Murcko scaffold, ``""`` for molecules without rings.
    any column
        A value, a range ``(lowest, highest)`` with ``None`` for an open end, or a list of values;
        ``None`` for missing.

    Parameters
    ----------
    dataset
        Any source of conformers.
    progress
        Shows how far the reading of many SMILES has come.
    timeout
        Seconds after which a query is given up.
    """

    def __init__(
        self, dataset: Dataset, *, progress: Progress = tqdm_progress, timeout: float = 60.0
    ) -> None:
        self.dataset = dataset
        kind = SummaryDatabase if isinstance(dataset, SummaryStore) else Database
        self._db = kind(dataset, timeout)
        self._structures = Structures(self._db, progress)
        self._progress = progress
        self.types = self._db.types
        "The columns that a filter can name and their pandas types."

    def __len__(self) -> int:
        return len(self.dataset)

    def __repr__(self) -> str:
        return f"<Catalog of {self.dataset!r}>"

    def rows(
        self,
        where: str | None = None,
        *,
        smarts: str | None = None,
        scaffold: str | None = None,
        order_by: str | None = None,
        descending: bool = False,
        **columns: Any,
    ) -> np.ndarray:
        """Row numbers of the conformers that pass the filters.

        Parameters
        ----------
        order_by
            A column to sort by, missing values last; the dataset's own order where ``None``.

        Returns
        -------
        ndarray
            Row numbers, int64; int32 of a catalogue of the summary.

        Raises
        ------
        CatalogError
            If a filter cannot be applied.
        """
        condition, values = self._condition(where, smarts, scaffold, columns)
        if order_by is None:
            return self._db.rows(condition, values)
        order = f"{self.known(order_by)} {'DESC' if descending else 'ASC'} NULLS LAST, row"
        return self._db.rows(condition, values, order)

    def table(self, rows: Sequence[int] | np.ndarray | None = None) -> pd.DataFrame:
        """The columns of some conformers (all by default), in that order, indexed by row number."""
        columns = ", ".join(f"c.{name}" for name in self.types)
        if rows is None:
            return self._db.frame(f"SELECT {columns} FROM conformers c ORDER BY row")
        with self._db.wanted(self._inside(rows)):
            sql = f"SELECT {columns} FROM conformers c JOIN wanted USING (row) ORDER BY place"
            return self._db.frame(sql)

    def query(self, where: str | None = None, **filters: Any) -> pd.DataFrame:
        """The columns of the conformers that pass the filters, as :meth:`rows` has them."""
        return self.table(self.rows(where, **filters))

    def sample(self, n: int, seed: int = 0, where: str | None = None, **filters: Any) -> pd.DataFrame:
        """At most ``n`` of the conformers that pass the filters, drawn uniformly.

        The same seed gives the same rows. ``table.attrs["sampled"]`` says of how many they are, such
        as ``"5000 of 1000000 conformers"``; it is ``None`` where all are there.
        """
        rows = self.rows(where, **filters)
        chosen = sample_rows(rows, n, seed)
        table = self.table(chosen)
        sampled = f"{len(chosen)} of {len(rows)} conformers"
        table.attrs["sampled"] = sampled if len(chosen) < len(rows) else None
        return table

    def values(self, column: str, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """One column of some conformers or of all; missing numbers are NaN, missing strings ``None``."""
        self.known(column)
        if rows is None:
            found = self._db.query(f"SELECT {column} FROM conformers ORDER BY row")[column]
        else:
            with self._db.wanted(self._inside(rows)):
                sql = f"SELECT c.{column} FROM conformers c JOIN wanted USING (row) ORDER BY place"
                found = self._db.query(sql)[column]
        if found.dtype.kind not in "iuf":
            return np.ma.filled(found.astype(object), None)
        return np.ma.filled(found.astype(np.float64), np.nan) if np.ma.is_masked(found) else np.asarray(found)

    def distinct(self, column: str, limit: int | None = None) -> pd.Series:
        """How often each value of a column occurs, the most frequent first, at most ``limit`` of them.

        Missing values are left out.
        """
        import pandas as pd

        found = self._db.query(
            f"SELECT {self.known(column)} AS value, count(*) AS n FROM conformers WHERE {column} IS NOT NULL"
            f" GROUP BY value ORDER BY n DESC, value LIMIT {'ALL' if limit is None else int(limit)}"
        )
        return pd.Series(found["n"], index=pd.Index(found["value"], name=column), name="conformers")

    def summary(self) -> pd.DataFrame:
        """Of each column how many conformers have it, and the lowest and highest value where numeric."""
        import pandas as pd

        known = self._db.statistics()
        if known is not None:
            lines = {c: _numbers(dtype, *known[c]) for c, dtype in self.types.items()}
            return pd.DataFrame.from_dict(lines, orient="index", columns=["count", "min", "max"])
        parts = [f"count({c}) AS {c}__count" for c in self.types]
        for c, dtype in self.types.items():
            if dtype != "string":
                parts += [f"min({c}) AS {c}__min", f"max({c}) AS {c}__max"]
        found = self._db.query(f"SELECT {', '.join(parts)} FROM conformers")
        number = {key: np.ma.filled(value.astype(np.float64), np.nan)[0] for key, value in found.items()}
        ends = ("count", "min", "max")
        rows = {c: [number.get(f"{c}__{end}", np.nan) for end in ends] for c in self.types}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["count", "min", "max"])

    def histogram(
        self, column: str, edges: Sequence[float] | np.ndarray, where: str | None = None, **filters: Any
    ) -> np.ndarray:
        """How many conformers that pass the filters have a value in each of some equal intervals.

        Parameters
        ----------
        column
            A numeric column.
        edges
            Shape (n + 1,), ascending and equally spaced; the last interval includes its end.

        Returns
        -------
        ndarray
            Shape (n,), int64.
        """
        low, high, n = float(edges[0]), float(edges[-1]), len(edges) - 1
        found = self.aggregate(
            f"floor(({self.known(column)} - ?) * ?)::INTEGER AS bin, count(*) AS n",
            [low, n / (high - low)],
            within=f"{column} BETWEEN ? AND ?",
            bounds=[low, high],
            then="GROUP BY bin",
            where=where,
            **filters,
        )
        return np.bincount(np.minimum(found["bin"], n - 1), found["n"], minlength=n).astype(np.int64)

    def known(self, column: str) -> str:
        """A column's name, made ready to be used in a query.

        Raises
        ------
        CatalogError
            If there is no such column.
        """
        self._structures.prepare(known_column(column, self.types))
        return column

    @property
    def molecule(self) -> str:
        """The columns that tell molecules apart, in SQL."""
        return ", ".join(self._db.MOLECULE)

    def aggregate(
        self,
        what: str,
        values: Sequence[Any] = (),
        *,
        within: str = "TRUE",
        bounds: Sequence[Any] = (),
        then: str = "",
        where: str | None = None,
        smarts: str | None = None,
        scaffold: str | None = None,
        **columns: Any,
    ) -> dict[str, Any]:
        """``SELECT what FROM conformers WHERE within … then`` over the conformers that pass the filters.

        Only ``where`` is checked: the other parts of the query are the program's own.
        """
        condition, used = self._condition(where, smarts, scaffold, columns)
        query = f"SELECT {what} FROM conformers WHERE {within} AND {condition} {then}"
        return self._db.query(query, [*values, *bounds, *used])

    def count_molecules(self, where: str | None = None, **filters: Any) -> int:
        """How many molecules the conformers that pass the filters are of."""
        return int(self.aggregate(f"count(DISTINCT ({self.molecule})) AS n", where=where, **filters)["n"][0])

    def siblings(self, row: int) -> np.ndarray:
        """Row numbers of all conformers of the molecule that row ``row`` is of, itself among them."""
        self._inside([row])
        return self._db.siblings(row)

    @property
    def unreadable(self) -> list[str]:
        """SMILES met in a search for substructures that RDKit cannot read: they match nothing."""
        return self._structures.unreadable + self._db.unreadable()

    def _inside(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        numbers = np.asarray(rows, dtype=np.int64)
        if len(numbers) and not (0 <= numbers.min() and numbers.max() < len(self)):
            raise CatalogError(f"rows must lie in 0…{len(self) - 1}, not {numbers.min()}…{numbers.max()}")
        return numbers

    def _condition(
        self, where: str | None, smarts: str | None, scaffold: str | None, columns: dict[str, Any]
    ) -> tuple[str, list[Any]]:
        parts: list[str] = ["TRUE"]
        values: list[Any] = []
        if scaffold is not None:
            columns = {**columns, "scaffold": canonical(scaffold)}
        for name, value in columns.items():
            sql, used = column_condition(self.known(name), value)
            parts.append(sql)
            values.extend(used)
        if where and where.strip():
            check_expression(where, self.types)
            self._structures.prepare(where)
            parts.append(f"(\n{where}\n)")
        if smarts and smarts.strip():
            parts.append(self._match(smarts.strip(), " AND ".join(parts), values))
        return " AND ".join(parts), values

    def _match(self, smarts: str, others: str, values: list[Any]) -> str:
        if isinstance(self._db, SummaryDatabase):
            return self._db.match(smarts, others, values, self._progress)
        return self._structures.match(smarts)


def sample_rows(rows: np.ndarray, n: int, seed: int = 0) -> np.ndarray:
    """At most ``n`` of ``rows``, drawn uniformly without replacement, in their order.

    Raises
    ------
    CatalogError
        If ``n`` is negative.
    """
    if n < 0:
        raise CatalogError(f"the size of a sample cannot be negative: {n}")
    if len(rows) <= n:
        return rows
    return rows[np.sort(np.random.default_rng(seed).choice(len(rows), n, replace=False))]


def _numbers(dtype: str, count: int, low: Any, high: Any) -> list[float]:
    numeric = dtype != "string" and low is not None
    return [float(count), float(low) if numeric else np.nan, float(high) if numeric else np.nan]
