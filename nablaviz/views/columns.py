"""What the columns of a dataset are called on the screen, their units, and how their values are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nablaviz.data.conditions import RELATIVE, TYPES


@dataclass(frozen=True)
class Column:
    """How one column is shown."""

    label: str
    unit: str = ""
    decimals: int | None = None
    "Digits after the point; ``None`` for whole numbers and text."

    @property
    def title(self) -> str:
        """Label with unit, such as ``"Gap (Eh)"``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


SHOWN = {
    "row": Column("Row"),
    "moses_id": Column("MOSES id"),
    "conformation_id": Column("Conformer"),
    "smiles": Column("SMILES"),
    "formula": Column("Formula"),
    "n_atoms": Column("Atoms"),
    "scaffold": Column("Scaffold"),
    "split": Column("Split"),
    "train_size": Column("Training set"),
    "energy": Column("Energy", "Eh", 5),
    "formation_energy": Column("Formation energy", "Eh", 5),
    RELATIVE: Column("Relative energy", "kcal/mol", 2),
    "mean_force": Column("Mean force", "Eh/Å", 4),
    "homo": Column("HOMO", "Eh", 4),
    "lumo": Column("LUMO", "Eh", 4),
    "gap": Column("Gap", "Eh", 4),
    "dipole": Column("Dipole", "D", 2),
    "scf_iterations": Column("SCF iterations"),
    "wall_time": Column("Wall time", "s", 1),
    "error": Column("Error"),
}
"""Every column of the catalogue, in the order in which a table shows them."""

NUMERIC = [name for name in SHOWN if TYPES[name] != "string" and name != "row"]
TEXT = [name for name in SHOWN if TYPES[name] == "string"]
assert set(SHOWN) == set(TYPES)


def is_missing(value: Any) -> bool:
    """Whether a value of a table is ``None``, NaN or NA."""
    import pandas as pd

    return value is None or value is pd.NA or value != value


def write(column: str, value: Any) -> str:
    """A value as text, with a true minus sign; a dash where it is missing."""
    if is_missing(value):
        return "–"
    if column in TEXT:
        return "no rings" if column == "scaffold" and value == "" else str(value)
    decimals = SHOWN[column].decimals
    text = f"{int(value)}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace("-", "−")
