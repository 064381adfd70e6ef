"""Search for a substructure among molecules given as SMILES."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

MAX_SMILES = 2000
"""Longer strings are not molecules of this kind; RDKit would take minutes over some of them."""


def read_smiles(smiles: str | None) -> Any:
    """RDKit molecule of a SMILES, ``None`` where it cannot be read.

    What follows a blank is not read: a name, or an extension that could carry any text.
    """
    from rdkit import Chem, rdBase

    words = (smiles or "").split(maxsplit=1)
    if not words or len(words[0]) > MAX_SMILES:
        return None
    parameters: Any = Chem.SmilesParserParams()
    parameters.allowCXSMILES = parameters.parseName = False
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(words[0], parameters)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def read_smarts(smarts: str) -> Any:
    """RDKit query of a SMARTS.

    Raises
    ------
    ValueError
        If it does not parse.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        query = Chem.MolFromSmarts(smarts) if 0 < len(smarts) <= MAX_SMILES else None
    if query is None or query.GetNumAtoms() == 0:
        raise ValueError(
            f"not a SMARTS that can be read: {smarts[:80]!r} (one that can: c1ccncc1, a pyridine)"
        )
    return query


class SubstructureIndex:
    """A growing set of distinct SMILES, parsed once, that can be searched by SMARTS again and again.

    Molecules are kept in RDKit's binary form, about 0.3 kB each, and searched on all cores.
    """

    def __init__(self) -> None:
        from rdkit.Chem.rdSubstructLibrary import CachedMolHolder, SubstructLibrary

        self._library = SubstructLibrary(CachedMolHolder())
        self._smiles: list[str] = []
        self.unreadable: list[str] = []
        "SMILES that RDKit cannot read: they match nothing."

    def add(self, smiles: Iterable[str]) -> None:
        """Parse more SMILES."""
        for text in smiles:
            molecule = read_smiles(text)
            if molecule is None:
                self.unreadable.append(text)
            else:
                self._library.AddMol(molecule)
                self._smiles.append(text)

    def search(self, query: Any) -> list[str]:
        """The SMILES that have the substructure, in the order in which they were added."""
        if not self._smiles:
            return []
        hits = self._library.GetMatches(query, numThreads=-1, maxResults=len(self._smiles))
        return [self._smiles[i] for i in sorted(hits)]
