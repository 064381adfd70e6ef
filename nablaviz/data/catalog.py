"""The catalogue: filter, sort, count and sample the conformers of any dataset."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.conditions import CatalogError, check_expression, column_condition, known_column
from nablaviz.data.database import Database
from nablaviz.data.dataset import Dataset

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[Sequence[str], str], Iterable[str]]
"""Wraps a sequence that takes long to go through, and says what is being done."""


def tqdm_progress(items: Sequence[str], what: str) -> Iterable[str]:
    """Progress bar on stderr, or in the notebook, once it takes more than two seconds."""
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, delay=2)


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
        self.progress = progress
        self._db = Database(dataset, timeout)
        self._index: Any = None
        self._matches: dict[str, str] = {}
        self._has_scaffolds = False

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
            Row numbers, int64.

        Raises
        ------
        CatalogError
            If a filter cannot be applied.
        """
        condition, values = self._condition(where, smarts, scaffold, columns)
        order = "row"
        if order_by is not None:
            self._prepare(known_column(order_by))
            order = f"{order_by} {'DESC' if descending else 'ASC'} NULLS LAST, row"
        sql = f"SELECT row FROM conformers WHERE {condition} ORDER BY {order}"
        return self._db.query(sql, values)["row"].astype(np.int64)

    def table(self, rows: Sequence[int] | np.ndarray | None = None) -> pd.DataFrame:
        """The columns of some conformers (all by default), in that order, indexed by row number."""
        if rows is None:
            return self._db.frame("SELECT * FROM conformers ORDER BY row")
        with self._db.wanted(self._inside(rows)):
            return self._db.frame("SELECT c.* FROM conformers c JOIN wanted USING (row) ORDER BY place")

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
        all_there = len(chosen) == len(rows)
        table.attrs["sampled"] = None if all_there else f"{len(chosen)} of {len(rows)} conformers"
        return table

    def values(self, column: str, rows: Sequence[int] | np.ndarray | None = None) -> np.ndarray:
        """One column of some conformers or of all; missing numbers are NaN, missing strings ``None``."""
        self._prepare(known_column(column))
        if rows is None:
            found = self._db.query(f"SELECT {column} FROM conformers ORDER BY row")[column]
        else:
            with self._db.wanted(self._inside(rows)):
                sql = f"SELECT c.{column} FROM conformers c JOIN wanted USING (row) ORDER BY place"
                found = self._db.query(sql)[column]
        if found.dtype.kind not in "iuf":
            return np.ma.filled(found.astype(object), None)
        return np.ma.filled(found.astype(np.float64), np.nan) if np.ma.is_masked(found) else np.asarray(found)

    def distinct(self, column: str) -> pd.Series:
        """How often each value of a column occurs, the most frequent first; missing ones left out."""
        import pandas as pd

        self._prepare(known_column(column))
        found = self._db.query(
            f"SELECT {column} AS value, count(*) AS n FROM conformers WHERE {column} IS NOT NULL"
            " GROUP BY value ORDER BY n DESC, value"
        )
        return pd.Series(found["n"], index=pd.Index(found["value"], name=column), name="conformers")

    def siblings(self, row: int) -> np.ndarray:
        """Row numbers of all conformers of the molecule that row ``row`` is of, itself among them."""
        self._inside([row])
        found = self._db.query(
            "SELECT p.row FROM plain p, (SELECT moses_id, smiles FROM plain WHERE row = ?) m"
            " WHERE p.row = ? OR (coalesce(m.moses_id::VARCHAR, m.smiles) IS NOT NULL"
            " AND p.moses_id IS NOT DISTINCT FROM m.moses_id AND p.smiles IS NOT DISTINCT FROM m.smiles)"
            " ORDER BY p.row",
            [row, row],
        )
        return found["row"].astype(np.int64)

    @property
    def unreadable(self) -> list[str]:
        """SMILES met in a search for substructures that RDKit cannot read: they match nothing."""
        return [] if self._index is None else list(self._index.unreadable)

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
            columns = {**columns, "scaffold": _canonical(scaffold)}
        for name, value in columns.items():
            self._prepare(known_column(name))
            sql, used = column_condition(name, value)
            parts.append(sql)
            values.extend(used)
        if where and where.strip():
            check_expression(where)
            self._prepare(where)
            parts.append(f"(\n{where}\n)")
        if smarts and smarts.strip():
            parts.append(f"smiles IN (SELECT smiles FROM {self._match(smarts.strip())})")
        return " AND ".join(parts), values

    def _match(self, smarts: str) -> str:
        """Name of the table of the distinct SMILES that have the substructure."""
        from nablaviz.chem.substructure import SubstructureIndex, read_smarts

        if smarts not in self._matches:
            try:
                query = read_smarts(smarts)
            except ValueError as fault:
                raise CatalogError(str(fault)) from None
            if self._index is None:
                index = SubstructureIndex()
                index.add(self.progress(self._distinct_smiles(), "Reading SMILES"))
                self._index = index
            name = f"match_{len(self._matches)}"
            self._db.store(name, smiles=self._index.search(query))
            self._matches[smarts] = name
        return self._matches[smarts]

    def _prepare(self, text: str) -> None:
        """Compute the scaffolds that the source does not hold, if the text names that column."""
        if self._has_scaffolds or not re.search(r"\bscaffold\b", text, re.IGNORECASE):
            return
        smiles = self._distinct_smiles("scaffold IS NULL")
        if smiles:
            found = [_scaffold(s) for s in self.progress(smiles, "Computing scaffolds")]
            self._db.store_scaffolds(smiles, found)
        self._has_scaffolds = True

    def _distinct_smiles(self, where: str = "TRUE") -> list[str]:
        sql = f"SELECT DISTINCT smiles FROM plain WHERE smiles IS NOT NULL AND {where} ORDER BY smiles"
        return self._db.query(sql)["smiles"].tolist()


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


def _canonical(scaffold: str) -> str:
    from rdkit import Chem

    from nablaviz.chem.substructure import read_smiles

    if not scaffold.strip():
        return ""
    molecule = read_smiles(scaffold.strip())
    if molecule is None:
        raise CatalogError(f"the scaffold is not a SMILES that can be read: {scaffold[:80]!r}")
    return Chem.MolToSmiles(molecule)


def _scaffold(smiles: str) -> str | None:
    from nablaviz.chem.scaffold import murcko
    from nablaviz.chem.substructure import MAX_SMILES

    try:
        return murcko(smiles) if len(smiles) <= MAX_SMILES else None
    except ValueError:
        return None
