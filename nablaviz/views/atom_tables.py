"""What two Hamiltonians say of each atom and bond, as HTML tables: pure functions, every string escaped."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nablaviz.chem.comparison import Comparison
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say
from nablaviz.views.property_table import STYLE

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """How a column of a table is shown."""

    label: str
    decimals: int | None = None
    "Digits after the point; ``None`` for text and whole numbers."
    scale: float = 1.0
    "To multiply with, where the unit shown is another."
    signed: bool = False

    def write(self, value: Any) -> str:
        """A value as text."""
        return (
            str(value)
            if self.decimals is None
            else write_number(value * self.scale, self.decimals, self.signed)
        )


def atoms_html(comparison: Comparison) -> str:
    """Charges of the atoms and the error of their rows of the Hamiltonian."""
    ours, theirs = comparison.names
    table = comparison.atoms.reset_index()
    table["change"] = table.other_lowdin - table.reference_lowdin
    columns = {
        "atom": Column(say("atoms.atom")), "element": Column(""),
        "reference_lowdin": Column(say("atoms.lowdin", name=ours), 3, signed=True),
        "other_lowdin": Column(f"{theirs} (e)", 3, signed=True), "change": Column("Δ (e)", 3, signed=True),
        "reference_mulliken": Column(say("atoms.mulliken", name=ours), 3, signed=True),
        "other_mulliken": Column(f"{theirs} (e)", 3, signed=True),
        "hamiltonian_error": Column(say("atoms.error"), 2, 1000.0),
    }  # fmt: skip
    return table_html(table, columns)


def bonds_html(comparison: Comparison) -> str:
    """Lengths and Mayer orders of the bonds."""
    ours, theirs = comparison.names
    table = comparison.bonds
    table = table.assign(bond=[f"{i}–{j}" for i, j in zip(table.atom_i, table.atom_j, strict=True)])
    columns = {
        "bond": Column(say("atoms.bond")), "elements": Column(""),
        "distance": Column(say("atoms.length"), 3),
        "reference_order": Column(say("atoms.mayer", name=ours), 3), "other_order": Column(theirs, 3),
        "difference": Column("Δ", 3, signed=True),
    }  # fmt: skip
    return table_html(table, columns)


def table_html(table: pd.DataFrame, columns: dict[str, Column]) -> str:
    """Some columns of a table."""
    head = "".join(f'<th scope="col">{html.escape(column.label)}</th>' for column in columns.values())
    lines = table[list(columns)].itertuples(index=False, name=None)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(c.write(value))}</td>" for c, value in zip(columns.values(), line, strict=True)
        )
        + "</tr>"
        for line in lines
    )
    whole = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    return f'{STYLE}<table class="nablaviz-properties">{whole}</table>'
