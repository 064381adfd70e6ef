"""A DuckDB database over a catalogue of the summary, quick enough for its millions of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nablaviz.chem.substructure import read_smarts, read_smiles
from nablaviz.data.conditions import RELATIVE, CatalogError
from nablaviz.data.database import CONFIG, Database
from nablaviz.data.dataset import Dataset
from nablaviz.data.structures import Progress, tqdm_progress
from nablaviz.data.summary_store import SummaryStore

MOST_SEARCHED = 400_000
"""At most so many molecules are searched for a substructure at once, about a minute's work."""

SPAN = 20_000
"""Molecules that are searched at a time."""


class SummaryDatabase(Database):
    """The shards as they are: relative energies, scaffolds and the numbers of molecules are in them.

    Parameters
    ----------
    dataset
        The catalogue.
    timeout
        Seconds after which a query is given up.
    """

    CONFIG = CONFIG | {"memory_limit": "600MB"}
    MOLECULE = ("molecule",)
    has_scaffolds = True
    _dataset: SummaryStore

    def _load(self, dataset: Dataset) -> str:
        assert isinstance(dataset, SummaryStore)
        self._dataset = dataset
        self._searches: dict[str, Search] = {}
        held = dataset.held if dataset.shards else []
        empty = {n: t for n, t in dataset.columns.items() if n not in held}
        kinds = {"string": "VARCHAR", "float64": "DOUBLE", "Int64": "BIGINT", "int64": "BIGINT"}
        columns = [
            f"NULL::{kinds[empty[name]]} AS {name}" if name in empty else name for name in dataset.columns
        ]
        if not dataset.shards:  # every line of the summary was malformed
            added = f"0::INTEGER AS row, 0::DOUBLE AS {RELATIVE}, 0::INTEGER AS molecule"
            return f"SELECT {', '.join(columns)}, {added} WHERE FALSE"
        paths = [str(shard.resolve()) for shard in dataset.shards]
        self._db.execute("SET allowed_paths = ?", [paths])
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        return f"SELECT row, {', '.join(columns)}, {RELATIVE}, molecule FROM read_parquet([{listed}])"

    def _create_conformers(self, source: str) -> None:
        self._db.execute(f"CREATE VIEW conformers AS SELECT * FROM {source}")

    def rows(self, condition: str, values: Sequence[Any], order: str = "row") -> np.ndarray:
        if order != "row":
            return self.query(f"SELECT row FROM conformers WHERE {condition} ORDER BY {order}", values)["row"]
        if condition == "TRUE":
            return np.arange(self._dataset.about["rows"], dtype=np.int32)
        # The shards are read in their order, so that there is nothing to sort.
        found = self.query(f"SELECT row FROM conformers WHERE {condition}", values)["row"]
        return found if (found[1:] > found[:-1]).all() else np.sort(found)

    def statistics(self) -> dict[str, tuple[int, Any, Any]]:
        empty = dict.fromkeys(self.types, (0, None, None))
        return empty | self._dataset.statistics

    def siblings(self, row: int) -> np.ndarray:
        molecule = int(self.query("SELECT molecule FROM plain WHERE row = ?", [row])["molecule"][0])
        return self.query("SELECT row FROM plain WHERE molecule = ? ORDER BY row", [molecule])["row"]

    def unreadable(self) -> list[str]:
        return sorted({smiles for search in self._searches.values() for smiles in search.unreadable})

    def match(
        self, smarts: str, condition: str, values: list[Any], progress: Progress = tqdm_progress
    ) -> str:
        """A condition on the molecules that have the substructure, of those that pass another condition.

        Raises
        ------
        CatalogError
            If the SMARTS does not parse, or too many molecules would be searched.
        """
        if smarts not in self._searches:
            try:
                query = read_smarts(smarts)
            except ValueError as fault:
                raise CatalogError(str(fault)) from None
            name = f"match_{len(self._searches)}"
            self._searches[smarts] = Search(name, query, self._dataset.about["molecules"])
        search = self._searches[smarts]
        sql = f"SELECT DISTINCT molecule FROM conformers WHERE {condition}"
        wanted = np.zeros(len(search.hit), dtype=bool)
        wanted[self.query(sql, values)["molecule"]] = True
        wanted &= ~search.tested
        count = int(wanted.sum())
        if count > MOST_SEARCHED:
            raise CatalogError(
                f"the substructure would be searched in {count:,} molecules; narrow them down to"
                f" {MOST_SEARCHED:,} first, by a range, a scaffold or a condition"
            )
        if count:
            numbers, texts = zip(*self._smiles(wanted), strict=True)
            for number, smiles in zip(numbers, progress(texts, "Searching molecules"), strict=True):
                search.test(number, smiles)
            self.store_numbers(search.name, molecule=np.flatnonzero(search.hit))
        elif not search.tested.any():
            return "FALSE"
        return f"molecule IN (SELECT molecule FROM {search.name})"

    def _smiles(self, wanted: np.ndarray) -> Iterator[tuple[int, str]]:
        """(molecule, SMILES) of the molecules marked."""
        for low in range(0, len(wanted), SPAN):
            chosen = np.flatnonzero(wanted[low : low + SPAN]) + low
            if len(chosen):
                found = self.query(
                    "SELECT molecule, first(smiles) AS smiles FROM plain WHERE molecule BETWEEN ? AND ?"
                    " GROUP BY molecule",
                    [int(chosen[0]), int(chosen[-1])],
                )
                keep = wanted[found["molecule"]]
                yield from zip(found["molecule"][keep].tolist(), found["smiles"][keep].tolist(), strict=True)


class Search:
    """What is known of a substructure in the molecules of a catalogue."""

    def __init__(self, name: str, query: Any, molecules: int) -> None:
        self.name, self.query = name, query
        self.tested = np.zeros(molecules, dtype=bool)
        self.hit = np.zeros(molecules, dtype=bool)
        self.unreadable: list[str] = []

    def test(self, number: int, smiles: str) -> None:
        molecule = read_smiles(smiles)
        self.tested[number] = True
        if molecule is None:
            self.unreadable.append(smiles)
        else:
            self.hit[number] = molecule.HasSubstructMatch(self.query)
