"""Published energy databases: ASE SQLite files with formation energies and forces."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
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
IDS = ("moses_id", "conformation_id", "smiles")


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
    # SQLite picks these out of the text in less time than Python takes to parse it.
    _IDS = ", ".join(f"json_extract(key_value_pairs, '$.{name}')" for name in IDS)
    _light = f"numbers, data, {_IDS}"

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        with located(shown(self.path)):
            found = list(self._file.rows("SELECT value FROM information WHERE name = 'metadata'"))
            self._read_metadata(found[0][0] if found else "{}")

    def _read_metadata(self, value: object) -> None:
        try:
            metadata = json.loads(value) if isinstance(value, str) else None
        except (ValueError, RecursionError) as fault:
            raise ValueError(f"the metadata are damaged: {fault}") from fault
        if not isinstance(metadata, dict):
            raise ValueError("the metadata must be a JSON object")
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

    def _decode(self, row: int) -> Conformer:
        z, r, data, moses_id, conformation_id, smiles = self._fetch(
            f"numbers, positions, data, {self._IDS}", row
        )
        _check_ids(*([value] for value in (moses_id, conformation_id, smiles)))
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
        import pyarrow as pa

        numbers, blobs, moses_ids, conformation_ids, smiles = zip(*records, strict=True)
        _check_ids(moses_ids, conformation_ids, smiles)
        sizes, formulas, atomic_energies = self._compositions(numbers)
        energies, forces = ase_blob.columns(blobs, sizes.tolist())
        lengths = np.sqrt(np.einsum("ij,ij->i", forces, forces))
        means = np.add.reduceat(lengths, np.cumsum(sizes) - sizes) / sizes
        formation_energies = finite(energies, "energy") * self._energy
        return {
            "moses_id": pa.array(moses_ids, pa.int64()),
            "conformation_id": pa.array(conformation_ids, pa.int64()),
            "smiles": pa.array(smiles, pa.string()),
            "formula": formulas,
            "n_atoms": sizes,
            "energy": formation_energies + atomic_energies,
            "formation_energy": formation_energies,
            "mean_force": finite(means, "forces") * self._force,
        }


def _check_ids(moses_ids: Iterable[Any], conformation_ids: Iterable[Any], smiles: Iterable[Any]) -> None:
    identifier(*moses_ids, name="moses_id")
    identifier(*conformation_ids, name="conformation_id")
    text(*smiles, name="smiles")


def _unit(name: object, known: dict[str, float]) -> float:
    if name not in known:
        raise ValueError(f"unknown unit {name!r} in the metadata; known are {', '.join(known)}")
    return known[str(name)]
