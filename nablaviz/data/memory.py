"""A dataset of conformers that are in memory: results of a calculation, geometries of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nablaviz.data.dataset import COLUMNS, Dataset
from nablaviz.data.store import to_row
from nablaviz.molecule import Conformer, Molecule

if TYPE_CHECKING:
    import pandas as pd


class Memory(Dataset):
    """Conformers, or bare molecules without labels, as a dataset.

    Raises
    ------
    TypeError
        If one is neither a ``Conformer`` nor a ``Molecule``.
    """

    path = Path("memory")

    def __init__(self, conformers: Iterable[Conformer | Molecule]) -> None:
        self._conformers = [Conformer(c) if isinstance(c, Molecule) else c for c in conformers]
        for place, conformer in enumerate(self._conformers):
            if not isinstance(conformer, Conformer):
                raise TypeError(f"item {place} is a {type(conformer).__name__}, not a Conformer or Molecule")

    def __len__(self) -> int:
        return len(self._conformers)

    def _read(self, row: int) -> Conformer:
        return self._conformers[row]

    def _read_table(self) -> pd.DataFrame:
        import pandas as pd

        rows = (to_row(replace(c, hamiltonian=None)) for c in self._conformers)  # no column is made of it
        return pd.DataFrame([{name: row[name] for name in COLUMNS} for row in rows], columns=list(COLUMNS))
