"""Published energy databases: ASE SQLite files with formation energies and forces."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nablaviz.chem.arrays import finite
from nablaviz.data import ase_blob
from nablaviz.data.composition import Compositions, atomic_numbers
from nablaviz.data.sqlite import SqliteDataset
from nablaviz.data.validate import from_blob, identifier, located, number, shown, text
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import BOHR2ANGSTROM, HARTREE2EV

LENGTH_UNITS = {"Ang": 1.0, "Angstrom": 1.0, "Bohr": BOHR2ANGSTROM}
ENERGY_UNITS = {"Hartree": 1.0, "Ha": 1.0, "eV": 1 / HARTREE2EV}
IDS = {"moses_id": "int64", "conformation_id": "int64", "smiles": "string"}


class EnergyDatabase(SqliteDataset):
    """A published energy database, read lazily.

    ``data.energy`` is the formation energy; with the atomic energies of the file's metadata it gives
    the total energy, which is ``None`` where the metadata hold none.

    Parameters
    ----------
    path
        The file.

    Attributes
    ----------
    units
        Of length, energy and force in the file.
    atom_energies
        Energy of each free atom by atomic number, Eh, shape (119,); NaN where the file has none.

    Raises
    ------
    DataError
        If it is not such a database.
    """

    TABLE = "systems"
    REQUIRED: ClassVar = {
        "systems": ("id", "numbers", "positions", "key_value_pairs", "data"),
        "information": ("name", "value"),
    }
    _light = "numbers, data, key_value_pairs"
    _whole = "numbers, positions, data, key_value_pairs"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        with located(shown(self.path)):
            found = list(self._file.rows("SELECT value FROM information WHERE name = 'metadata'"))
            self._read_metadata(found[0][0] if found else "{}")

    def _read_metadata(self, value: object) -> None:
        metadata = _object(value, "the metadata")
        units = metadata.get("_property_unit_dict", {})
        references = metadata.get("atomrefs", {})
        if not isinstance(units, dict) or not isinstance(references, dict):
            raise ValueError("the metadata's _property_unit_dict and atomrefs must be JSON objects")
        length, energy = metadata.get("_distance_unit", "Ang"), units.get("energy", "Hartree")
        force = str(units.get("forces", "Hartree/Ang"))
        self.units = (length, energy, force)
        self._length, self._energy = _unit(length, LENGTH_UNITS), _unit(energy, ENERGY_UNITS)
        self._force = _unit(force.partition("/")[0], ENERGY_UNITS) / _unit(
            force.partition("/")[2], LENGTH_UNITS
        )
        listed = references.get("energy", [])
        if not isinstance(listed, list) or len(listed) > 119:
            raise ValueError("the metadata's atomrefs must be a list by atomic number")
        self.atom_energies = np.full(119, np.nan)
        for z, value in enumerate(listed):
            energy_of_z = number(value, f"atomrefs of {z}")
            self.atom_energies[z] = energy_of_z * self._energy if energy_of_z else np.nan
        self._compositions = Compositions(self.atom_energies)

    def _decode(self, row: int, record: tuple[Any, ...]) -> Conformer:
        z, r, data, pairs = record
        moses_id, conformation_id, smiles = _ids(pairs)
        numbers = atomic_numbers(z)
        positions = finite(from_blob(r, "<f8", (len(numbers), 3), "positions"), "positions") * self._length
        entries = ase_blob.contents(data)
        missing = [name for name in ("energy", "forces") if name not in entries]
        if missing:
            raise ValueError(f"data has no {' and no '.join(missing)}")
        formation = ase_blob.array(data, entries["energy"], (), "energy")
        forces = ase_blob.array(data, entries["forces"], positions.shape, "forces")
        formation_energy = float(finite(formation, "energy")) * self._energy
        total = formation_energy + float(self.atom_energies[numbers].sum())
        return Conformer(
            Molecule(numbers, positions, smiles),
            moses_id=moses_id,
            conformation_id=conformation_id,
            energy=None if math.isnan(total) else total,
            formation_energy=formation_energy,
            forces=finite(forces, "forces") * self._force,
            source=self.where(row),
        )

    def _columns(self, records: list[tuple[Any, ...]]) -> dict[str, Any]:
        numbers, blobs, pairs = zip(*records, strict=True)
        sizes, formulas, atomic_energies = self._compositions(numbers)
        energies, forces = ase_blob.columns(blobs, sizes.tolist())
        lengths = np.sqrt(np.einsum("ij,ij->i", forces, forces))
        means = np.add.reduceat(lengths, np.cumsum(sizes) - sizes) / sizes
        formation_energies = finite(energies, "energy") * self._energy
        return {
            **_id_columns(pairs),
            "formula": formulas,
            "n_atoms": sizes,
            "energy": formation_energies + atomic_energies,
            "formation_energy": formation_energies,
            "mean_force": finite(means, "forces") * self._force,
        }


def _object(value: object, what: str) -> dict[str, Any]:
    """A JSON object, from its text."""
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{what} are damaged: {fault}") from fault
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a JSON object")
    return found


def _ids(pairs: object) -> tuple[int | None, int | None, str | None]:
    """What identifies a row, from the JSON of its key-value pairs."""
    found = _object(pairs, "key_value_pairs")
    for name, kind in IDS.items():
        value = found.get(name)
        (identifier if kind == "int64" else text)(value, name=name)
        if kind == "int64" and value is not None and not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{name} has more than 64 bits")
    return found.get("moses_id"), found.get("conformation_id"), found.get("smiles")


def _id_columns(pairs: Sequence[Any]) -> dict[str, Any]:
    """The same of many rows, as Arrow arrays."""
    import pyarrow as pa
    from pyarrow import json as arrow

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in IDS.items()])
    try:
        lines = "\n".join(pairs)
        # Then each line holds an object, and only one if there are as many as lines.
        if lines.count("\n") == len(pairs) - 1 and all(p[:1] == "{" and p[-1:] == "}" for p in pairs):
            whole = lines.encode()
            table = arrow.read_json(
                pa.BufferReader(whole),
                read_options=arrow.ReadOptions(use_threads=False, block_size=len(whole) + 1),
                parse_options=arrow.ParseOptions(schema, unexpected_field_behavior="ignore"),
            )
            if len(table) == len(pairs):
                return {name: table[name].combine_chunks() for name in IDS}
    except (TypeError, ValueError):  # the rows one by one say what is wrong
        pass
    columns = zip(*map(_ids, pairs), strict=True)
    return {f.name: pa.array(values, f.type) for f, values in zip(schema, columns, strict=True)}


def _unit(name: object, known: dict[str, float]) -> float:
    if name not in known:
        raise ValueError(f"unknown unit {name!r} in the metadata; known are {', '.join(known)}")
    return known[str(name)]
