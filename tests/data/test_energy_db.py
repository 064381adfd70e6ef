"""Published energy databases: against ASE, with every kind of damage."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.db import connect
from ase.db.core import object_to_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nablaviz.chem.atoms import ATOM_ENERGIES
from nablaviz.data.dataset import DataError
from nablaviz.data.energy_db import EnergyDatabase
from nablaviz.molecule import SUPPORTED
from nablaviz.units import BOHR2ANGSTROM, HARTREE2EV

PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "nabladft_published_rows.db"

WATER = np.array([8, 1, 1]), np.array([[0.0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]])
FORCES = np.array([[0.01, 0, -0.02], [0, 0.03, 0], [-0.01, -0.03, 0.02]])
METADATA = {
    "_distance_unit": "Ang",
    "_property_unit_dict": {"energy": "Hartree", "forces": "Hartree/Ang"},
    "atomrefs": {"energy": [ATOM_ENERGIES.get(z, 0.0) for z in range(54)]},
}


def write(path: Path, rows: int = 3, metadata: dict | None = METADATA, inline: bool = False) -> Path:
    """A database as nablaDFT makes them, with ASE; ``inline`` energies are lists, which some files hold."""
    numbers, positions = WATER
    with connect(path, type="db", use_lock_file=False) as database:
        for i in range(rows):
            energy = [-0.3 - i] if inline else np.array([-0.3 - i])
            database.write(
                Atoms(numbers, positions + 0.01 * i),
                key_value_pairs={"moses_id": 10 + i, "conformation_id": i, "smiles": "O"},
                data={"energy": energy, "forces": FORCES * (i + 1)},
            )
        if metadata is not None:
            database.metadata = metadata
    return path


def damage(path: Path, row_id: int, **columns) -> None:
    with sqlite3.connect(path) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE systems SET {name} = ? WHERE id = ?", (value, row_id))


@pytest.mark.parametrize("inline", [False, True])
def test_reads_what_ase_wrote(tmp_path, inline):
    dataset = EnergyDatabase(write(tmp_path / "e.db", inline=inline))
    assert len(dataset) == 3
    for i, conformer in enumerate(dataset):
        assert np.array_equal(conformer.molecule.numbers, WATER[0])
        assert np.array_equal(conformer.molecule.positions, WATER[1] + 0.01 * i)
        assert conformer.molecule.smiles == "O"
        assert (conformer.moses_id, conformer.conformation_id) == (10 + i, i)
        assert conformer.formation_energy == -0.3 - i
        assert conformer.energy == pytest.approx(
            -0.3 - i + ATOM_ENERGIES[8] + 2 * ATOM_ENERGIES[1], abs=1e-12
        )
        assert np.array_equal(conformer.forces, FORCES * (i + 1))
        assert conformer.hamiltonian is None
        assert conformer.source == f"{tmp_path / 'e.db'}, row {i} (id {i + 1})"


@pytest.mark.parametrize("inline", [False, True])
def test_table_describes_the_rows(tmp_path, inline):
    dataset = EnergyDatabase(write(tmp_path / "e.db", rows=5, inline=inline))
    assert len(dataset.table) == 5
    for row, conformer in zip(dataset.table.itertuples(), dataset, strict=True):
        assert (row.moses_id, row.conformation_id, row.smiles) == (
            conformer.moses_id,
            conformer.conformation_id,
            conformer.molecule.smiles,
        )
        assert (row.formula, row.n_atoms) == ("H2O", 3)
        assert row.energy == pytest.approx(conformer.energy, abs=1e-11)
        assert row.formation_energy == conformer.formation_energy
        assert row.mean_force == pytest.approx(np.linalg.norm(conformer.forces, axis=1).mean(), rel=1e-12)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published rows are not part of the project")
def test_published_rows_are_what_ase_reads():
    dataset = EnergyDatabase(PUBLISHED)
    rows = list(connect(PUBLISHED, use_lock_file=False).select())
    assert len(dataset) == len(rows) == len(dataset.table) == 21
    for conformer, row, line in zip(dataset, rows, dataset.table.itertuples(), strict=True):
        assert np.array_equal(conformer.molecule.numbers, row.numbers)
        assert np.array_equal(conformer.molecule.positions, row.positions)
        assert np.array_equal(conformer.forces, row.data["forces"])
        assert conformer.formation_energy == line.formation_energy == row.data["energy"][0]
        assert line.energy == pytest.approx(conformer.energy, abs=1e-9)
        assert (line.moses_id, line.conformation_id, line.smiles) == (
            row.moses_id,
            row.conformation_id,
            row.smiles,
        )
        # About −0.17 Eh an atom, and the total is the sum of the free atoms and that.
        assert -0.3 < conformer.formation_energy / row.natoms < -0.1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_molecule_round_trips(tmp_path_factory, data):
    numbers = np.array(data.draw(st.lists(st.sampled_from(SUPPORTED), min_size=1, max_size=9)))
    if numbers.sum() % 2:
        numbers = np.append(numbers, 1)
    floats = st.floats(-100, 100)
    positions = data.draw(arrays(float, (len(numbers), 3), elements=floats))
    forces = data.draw(arrays(float, (len(numbers), 3), elements=floats))
    ids = {"moses_id": data.draw(st.integers(0, 2**53)), "conformation_id": data.draw(st.integers(0, 100))}
    path = tmp_path_factory.mktemp("energy") / "e.db"
    with connect(path, use_lock_file=False) as database:
        energy = np.array([data.draw(floats)])
        database.write(
            Atoms(numbers, positions), key_value_pairs=ids, data={"energy": energy, "forces": forces}
        )
    dataset = EnergyDatabase(path)
    conformer, line = dataset[0], dataset.table.iloc[0]
    assert np.array_equal(conformer.molecule.numbers, numbers)
    assert np.array_equal(conformer.molecule.positions, positions)
    assert np.array_equal(conformer.forces, forces)
    assert conformer.formation_energy == line.formation_energy == energy[0]
    assert conformer.moses_id == line.moses_id == ids["moses_id"]
    assert conformer.energy is None  # without atomrefs nothing is guessed
    assert np.isnan(line.energy)
    assert (line.formula, line.n_atoms) == (conformer.molecule.formula, len(numbers))


def test_rows_follow_the_ids_when_some_were_deleted(tmp_path):
    path = write(tmp_path / "e.db", rows=5)
    with connect(path, use_lock_file=False) as database:
        database.delete([1, 3])
    dataset = EnergyDatabase(path)
    assert [c.moses_id for c in dataset] == dataset.table.moses_id.tolist() == [11, 13, 14]
    assert dataset[1].source.endswith("row 1 (id 4)")
    assert [c.moses_id for c in dataset[::-1]] == [14, 13, 11]


def test_units_of_the_metadata_are_converted(tmp_path):
    units = {"energy": "eV", "forces": "eV/Bohr"}
    metadata = METADATA | {
        "_distance_unit": "Bohr",
        "_property_unit_dict": units,
        "atomrefs": {"energy": [0, -13.6, *[0] * 6, -2000]},
    }
    dataset = EnergyDatabase(write(tmp_path / "e.db", metadata=metadata))
    conformer = dataset[0]
    assert conformer.molecule.positions == pytest.approx(WATER[1] * BOHR2ANGSTROM)
    assert conformer.formation_energy == pytest.approx(-0.3 / HARTREE2EV)
    assert conformer.energy == pytest.approx((-0.3 - 2027.2) / HARTREE2EV)
    assert conformer.forces == pytest.approx(FORCES / HARTREE2EV / BOHR2ANGSTROM)
    assert dataset.table.energy[0] == pytest.approx(conformer.energy)
    assert dataset.table.mean_force[0] == pytest.approx(np.linalg.norm(conformer.forces, axis=1).mean())


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"_distance_unit": "furlong"}, "unknown unit 'furlong'"),
        ({"_property_unit_dict": {"forces": "Hartree"}}, "unknown unit ''"),
        ({"atomrefs": {"energy": ["x"]}}, "atomrefs of 0 must be a number"),
        ({"atomrefs": {"energy": {}}}, "must be a list"),
        ({"atomrefs": 3}, "must be JSON objects"),
    ],
)
def test_metadata_that_make_no_sense_are_refused(tmp_path, metadata, message):
    path = write(tmp_path / "e.db", metadata=metadata)
    with pytest.raises(DataError, match=message) as refusal:
        EnergyDatabase(path)
    assert str(path) in str(refusal.value)


NAN_FORCES = np.where(FORCES == 0.03, np.nan, FORCES)
GOOD = {"energy": np.array([-0.3]), "forces": FORCES}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"positions": b"\0" * 71}, r"positions has 71 bytes; shape \(3, 3\) asks for 72"),
        ({"positions": np.full(9, np.nan).tobytes()}, "positions has 9 values that are not finite"),
        ({"positions": None}, "positions must be a blob"),
        ({"numbers": np.array([8, 1], "<i4").tobytes()}, "odd number of electrons|asks for 48"),
        ({"numbers": np.array([14, 1, 1], "<i4").tobytes()}, r"atomic number 14 \(Si\) is not supported"),
        ({"numbers": np.array([-8, 1, 1], "<i4").tobytes()}, r"atomic number -8 \(no element\)"),
        ({"numbers": np.array([7, 1, 1], "<i4").tobytes()}, "odd number of electrons"),
        ({"numbers": b""}, "must be a blob of int32"),
        ({"numbers": b"\0\0\0"}, "must be a blob of int32"),
        ({"data": object_to_bytes(GOOD)[:-9]}, "data is damaged"),
        ({"data": object_to_bytes(GOOD)[8:]}, "data is damaged"),
        ({"data": b"\xff" * 200}, "data is damaged"),
        ({"data": b""}, "data is damaged"),
        ({"data": "{}"}, "must be a blob as ASE's database version 9 writes it"),
        ({"data": object_to_bytes({"energy": np.array([-0.3])})}, "no forces|forces must be numbers"),
        ({"data": object_to_bytes({"forces": FORCES})}, "no energy|energy must be numbers"),
        (
            {"data": object_to_bytes(GOOD | {"forces": FORCES[:2]})},
            r"forces must have shape \(3, 3\), not \(2, 3\)",
        ),
        ({"data": object_to_bytes(GOOD | {"forces": NAN_FORCES})}, "forces has . values that are not finite"),
        (
            {"data": object_to_bytes(GOOD | {"energy": np.array([np.inf])})},
            "energy has 1 values that are not finite",
        ),
        (
            {"data": object_to_bytes(GOOD | {"energy": [float("nan")]})},
            "energy has 1 values that are not finite",
        ),
        ({"data": object_to_bytes(GOOD | {"energy": np.array([1.0, 2.0])})}, "energy must have shape"),
        ({"data": object_to_bytes(GOOD | {"energy": "low"})}, "energy must be numbers, not str"),
        ({"data": object_to_bytes(GOOD | {"energy": ["-0.3"]})}, "energy must be numbers"),
        ({"data": object_to_bytes(GOOD | {"energy": True})}, "energy must be numbers"),
        ({"key_value_pairs": "{'moses_id': 1}"}, "key_value_pairs are damaged: Expecting property name"),
        ({"key_value_pairs": "[1]"}, "key_value_pairs must be a JSON object"),
        ({"key_value_pairs": '{"moses_id": 73786976294838206464}'}, "moses_id has more than 64 bits"),
        ({"key_value_pairs": '{"moses_id": "1"}'}, "moses_id must be a whole number, not str"),
        (
            {"key_value_pairs": '{"conformation_id": 1.5}'},
            "conformation_id must be a whole number, not float",
        ),
        ({"key_value_pairs": '{"smiles": 7}'}, "smiles must be text, not int"),
    ],
)
def test_a_damaged_row_is_named_and_the_others_are_read(tmp_path, columns, message):
    path = write(tmp_path / "e.db")
    damage(path, 2, **columns)
    dataset = EnergyDatabase(path)
    where = f"{path}, row 1 \\(id 2\\): "
    with pytest.raises(DataError, match=where + f".*({message})"):
        dataset[1]
    if "positions" not in columns:  # which no column of the table needs
        with pytest.raises(DataError, match=where + f".*({message})"):
            _ = dataset.table
    assert dataset[0].formation_energy == -0.3
    assert dataset[2].formation_energy == -2.3


def test_hostile_array_positions_are_refused(tmp_path):
    path = write(tmp_path / "e.db")
    for shape, dtype, offset in [
        ([3, 3], "float64", -16),
        ([3, 3], "float64", 10**18),
        ([2**62, 2**62], "float64", 8),
        ([-1, 3], "float64", 16),
        ([3, 3], "object", 16),
        ([3, 3], "V1000000", 16),
        (["3", 3], "float64", 16),
        (3, "float64", 16),
    ]:
        text = json.dumps({"energy": [-0.3], "forces": {"__ndarray__": [shape, dtype, offset]}}).encode()
        damage(path, 1, data=(8 + 96).to_bytes(8, "little") + b"\0" * 96 + text)
        with pytest.raises(DataError, match="row 0 .*forces"):
            EnergyDatabase(path)[0]
    nested = b'{"energy":' + b"[" * 100_000
    damage(path, 1, data=(8).to_bytes(8, "little") + nested)
    with pytest.raises(DataError, match="row 0 .*damaged"):
        EnergyDatabase(path)[0]


def test_an_atom_without_reference_leaves_the_total_out(tmp_path):
    metadata = METADATA | {"atomrefs": {"energy": [0.0, -0.5, 0, 0, 0, 0, -37.8]}}  # no oxygen
    dataset = EnergyDatabase(write(tmp_path / "e.db", metadata=metadata))
    assert dataset[0].energy is None
    assert dataset.table.energy.isna().all()
    assert dataset[0].formation_energy == -0.3


def test_an_empty_database_has_no_rows(tmp_path):
    path = write(tmp_path / "e.db", rows=1)
    with connect(path, use_lock_file=False) as database:
        database.delete([1])
    dataset = EnergyDatabase(path)
    assert len(dataset) == len(dataset.table) == 0
    with pytest.raises(IndexError):
        dataset[0]


def test_a_database_without_the_columns_is_refused(tmp_path):
    path = tmp_path / "e.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE systems (id INTEGER PRIMARY KEY, numbers BLOB)")
    with pytest.raises(DataError, match="table systems lacks positions, key_value_pairs, data"):
        EnergyDatabase(path)
