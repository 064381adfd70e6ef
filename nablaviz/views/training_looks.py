"""What a model makes of a conformer while it is trained, and a record of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.comparison import Comparison, Solution, compare, solution
from nablaviz.models.interface import Model

if TYPE_CHECKING:
    import pandas as pd

ORBITALS = ("HOMO−3", "HOMO−2", "HOMO−1", "HOMO", "LUMO", "LUMO+1", "LUMO+2", "LUMO+3")
"""What can be looked at."""

COLUMNS = [
    "row", "step", "seconds", "orbital", "overlap", "level_error", "gap_error", "hamiltonian_mae",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Look:
    """What a model makes of one conformer at one moment."""

    row: int
    step: int
    seconds: float
    comparison: Comparison

    def errors(self) -> list[dict[str, Any]]:
        """A line for each of ``ORBITALS`` that the molecule has; energies in Eh."""
        pair = self.comparison
        common = {
            "row": self.row,
            "step": self.step,
            "seconds": self.seconds,
            "gap_error": pair.other.orbitals.gap - pair.reference.orbitals.gap,
            "hamiltonian_mae": float(np.abs(pair.difference).mean()),
        }
        levels = pair.levels[pair.levels["orbital"].isin(ORBITALS)]
        lines = levels[["orbital", "overlap", "difference"]].rename(columns={"difference": "level_error"})
        return [common | line for line in lines.to_dict("records")]


def look(model: Model, row: int, reference: Solution, step: int = 0, seconds: float = 0.0) -> Look:
    """Predict a conformer and compare with DFT.

    Raises
    ------
    ValueError
        If the model does not know an element, or its prediction is no Hamiltonian.
    """
    predicted = model.predict(reference.molecule).hamiltonian
    assert predicted is not None
    other = solution(reference.molecule, predicted, model.card.name)
    return Look(row, step, seconds, compare(reference, other))


class Record:
    """All that was seen in a run, and what of it was seen last."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], list[dict[str, Any]]] = {}

    def add(self, seen: Look) -> None:
        """Take a look in; a second one at the same step replaces the first."""
        self._lines[seen.row, seen.step] = seen.errors()

    @property
    def table(self) -> pd.DataFrame:
        """See :attr:`nablaviz.views.training.TrainingPanel.table`."""
        import pandas as pd

        return pd.DataFrame(list(chain(*self._lines.values())), columns=COLUMNS)
