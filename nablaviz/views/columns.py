"""What the columns of a dataset are called on the screen, their units, and how their values are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nablaviz.data.conditions import RELATIVE, TYPES
from nablaviz.data.summary import EXTRA
from nablaviz.views.language import say


@dataclass(frozen=True)
class Column:
    """How one column is shown."""

    name: str
    unit: str = ""
    decimals: int | None = None
    "Digits after the point; ``None`` for whole numbers and text."

    @property
    def label(self) -> str:
        """What it is called, in the language that is set."""
        return say(f"columns.{self.name}")

    @property
    def title(self) -> str:
        """Label with unit, such as ``"Gap (Eh)"``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


SHOWN = {
    "row": Column("row"),
    "moses_id": Column("moses_id"),
    "conformation_id": Column("conformation_id"),
    "smiles": Column("smiles"),
    "formula": Column("formula"),
    "n_atoms": Column("n_atoms"),
    "scaffold": Column("scaffold"),
    "split": Column("split"),
    "train_size": Column("train_size"),
    "energy": Column("energy", "Eh", 5),
    "formation_energy": Column("formation_energy", "Eh", 5),
    RELATIVE: Column(RELATIVE, "kcal/mol", 2),
    "mean_force": Column("mean_force", "Eh/Å", 4),
    "homo": Column("homo", "Eh", 4),
    "lumo": Column("lumo", "Eh", 4),
    "gap": Column("gap", "Eh", 4),
    "dipole": Column("dipole", "D", 2),
    "scf_iterations": Column("scf_iterations"),
    "wall_time": Column("wall_time", "s", 1),
    "error": Column("error"),
    "xc_energy": Column("xc_energy", "Eh", 5),
    "nuclear_repulsion": Column("nuclear_repulsion", "Eh", 5),
    "one_electron_energy": Column("one_electron_energy", "Eh", 5),
    "two_electron_energy": Column("two_electron_energy", "Eh", 5),
    "atomic_energy": Column("atomic_energy", "Eh", 5),
    "dipole_x": Column("dipole_x", "D", 2),
    "dipole_y": Column("dipole_y", "D", 2),
    "dipole_z": Column("dipole_z", "D", 2),
    "rotation_a": Column("rotation_a", decimals=2),
    "rotation_b": Column("rotation_b", decimals=2),
    "rotation_c": Column("rotation_c", decimals=2),
    "archive": Column("archive"),
}
"""Every column that a catalogue can have, in the order in which a table shows them."""

_KINDS = {**TYPES, **EXTRA}
NUMERIC = [name for name in SHOWN if _KINDS[name] != "string" and name != "row"]
TEXT = [name for name in SHOWN if _KINDS[name] == "string"]
assert set(SHOWN) == set(_KINDS)


def is_missing(value: Any) -> bool:
    """Whether a value of a table is ``None``, NaN or NA."""
    import pandas as pd

    return value is None or value is pd.NA or value != value


def write(column: str, value: Any) -> str:
    """A value as text, with a true minus sign; a dash where it is missing."""
    if is_missing(value):
        return "–"
    if column in TEXT:
        return say("columns.no_rings") if column == "scaffold" and value == "" else str(value)
    decimals = SHOWN[column].decimals
    text = f"{int(value)}" if decimals is None else f"{value:.{decimals}f}"
    return text.replace("-", "−")
