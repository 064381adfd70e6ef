"""The published summary of all conformers, ``summary.csv.gz``: its columns and what they are called here."""

from __future__ import annotations

from dataclasses import dataclass

from nablaviz.data.conditions import RELATIVE
from nablaviz.data.dataset import COLUMNS


@dataclass(frozen=True)
class Field:
    """A column of the summary."""

    name: str
    "What it is called here."
    dtype: str = "float64"
    required: bool = False
    "Whether a row without it is malformed."


FIELDS = {
    "MOSES id": Field("moses_id", "int64", required=True),
    "CONFORMER id": Field("conformation_id", "int64", required=True),
    "archive name": Field("archive", "string"),
    "DFT TOTAL ENERGY": Field("energy"),
    "DFT XC ENERGY": Field("xc_energy"),
    "DFT NUCLEAR REPULSION ENERGY": Field("nuclear_repulsion"),
    "DFT ONE-ELECTRON ENERGY": Field("one_electron_energy"),
    "DFT TWO-ELECTRON ENERGY": Field("two_electron_energy"),
    "DFT DIPOLE X": Field("dipole_x"),
    "DFT DIPOLE Y": Field("dipole_y"),
    "DFT DIPOLE Z": Field("dipole_z"),
    "DFT TOTAL DIPOLE": Field("dipole"),
    "DFT ROT CONSTANT A": Field("rotation_a"),
    "DFT ROT CONSTANT B": Field("rotation_b"),
    "DFT ROT CONSTANT C": Field("rotation_c"),
    "DFT HOMO": Field("homo"),
    "DFT LUMO": Field("lumo"),
    "DFT HOMO-LUMO GAP": Field("gap"),
    "DFT ATOMIC ENERGY": Field("atomic_energy"),
    "DFT FORMATION ENERGY": Field("formation_energy"),
    "SMILES": Field("smiles", "string", required=True),
    "SPLITS": Field("split", "string"),
}
"""Columns of the file; energies in Eh, dipoles in debye. Other columns are left out, and said to be."""

DERIVED = {
    "n_atoms": "int64",
    "formula": "string",
    "scaffold": "string",
}
"""What follows from the SMILES; missing where RDKit cannot read it."""

EXTRA = {
    field.name: {"int64": "Int64"}.get(field.dtype, field.dtype)
    for field in FIELDS.values()
    if field.name not in COLUMNS
}
"""Columns of a catalogue of the summary beyond those of every dataset, and their pandas types."""

ORDER = ("scaffold", "moses_id", "smiles", "conformation_id")
"""What a catalogue is sorted by, so that molecules and scaffolds stand together."""

ADDED = {"row": "int32", "molecule": "int32", "line": "int64", RELATIVE: "float64"}
"""What a conversion adds: row and molecule number from 0, the line in the file (the header is line 1)."""

MANIFEST = "catalogue.json"
"""The file that makes a folder a catalogue; written last."""

VERSION = 1
FAULTS = "faults.csv"
"""What is wrong with lines of the file, by their numbers."""

WORK = ".pending"
"""The folder of what a conversion has done so far."""
