"""Substructures and scaffolds of the molecules in a catalogue, worked out once per distinct SMILES."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nablaviz.chem.scaffold import murcko
from nablaviz.chem.substructure import MAX_SMILES, SubstructureIndex, read_smarts, read_smiles
from nablaviz.data.conditions import CatalogError
from nablaviz.data.database import Database

Progress = Callable[[Sequence[str], str], Iterable[str]]
"""Wraps a sequence that takes long to go through, and says what is being done."""


def tqdm_progress(items: Sequence[str], what: str) -> Iterable[str]:
    """Progress bar on stderr, or in the notebook, once it takes more than two seconds."""
    from tqdm.auto import tqdm

    return tqdm(items, desc=what, delay=2)


class Structures:
    """Adds to a database what SQL cannot find out by itself.

    Parameters
    ----------
    database
        Its view ``plain`` has the SMILES.
    progress
        Shows how far the reading of many SMILES has come.
    """

    def __init__(self, database: Database, progress: Progress) -> None:
        self._db = database
        self._progress = progress
        self._index: SubstructureIndex | None = None
        self._matches: dict[str, str] = {}
        self._has_scaffolds = database.has_scaffolds

    @property
    def unreadable(self) -> list[str]:
        """SMILES met in a search for substructures that RDKit cannot read."""
        return [] if self._index is None else list(self._index.unreadable)

    def match(self, smarts: str) -> str:
        """A condition on the molecules that have the substructure.

        Raises
        ------
        CatalogError
            If the SMARTS does not parse.
        """
        if smarts not in self._matches:
            try:
                query: Any = read_smarts(smarts)
            except ValueError as fault:
                raise CatalogError(str(fault)) from None
            if self._index is None:
                index = SubstructureIndex()
                index.add(self._progress(self._distinct(), "Reading SMILES"))
                self._index = index
            name = f"match_{len(self._matches)}"
            self._db.store(name, smiles=self._index.search(query))
            self._matches[smarts] = f"smiles IN (SELECT smiles FROM {name})"
        return self._matches[smarts]

    def prepare(self, text: str) -> None:
        """Compute the scaffolds that the source does not hold, if the text names that column."""
        if self._has_scaffolds or not re.search(r"\bscaffold\b", text, re.IGNORECASE):
            return
        smiles = self._distinct("scaffold IS NULL")
        if smiles:
            found = [_scaffold(s) for s in self._progress(smiles, "Computing scaffolds")]
            self._db.store_scaffolds(smiles, found)
        self._has_scaffolds = True

    def _distinct(self, where: str = "TRUE") -> list[str]:
        sql = f"SELECT DISTINCT smiles FROM plain WHERE smiles IS NOT NULL AND {where} ORDER BY smiles"
        return self._db.query(sql)["smiles"].tolist()


def canonical(scaffold: str) -> str:
    """The scaffold as it is stored, whatever form of SMILES was given.

    Raises
    ------
    CatalogError
        If it cannot be read.
    """
    from rdkit import Chem

    if not scaffold.strip():
        return ""
    molecule = read_smiles(scaffold.strip())
    if molecule is None:
        raise CatalogError(f"the scaffold is not a SMILES that can be read: {scaffold[:80]!r}")
    return Chem.MolToSmiles(molecule)


def _scaffold(smiles: str) -> str | None:
    try:
        return murcko(smiles) if len(smiles) <= MAX_SMILES else None
    except ValueError:
        return None
