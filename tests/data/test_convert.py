"""Conversion: exact round trips, what nablaDFT's reader expects, interruptions, what is left out."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.db import connect
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nablaviz import cli
from nablaviz.chem import basis
from nablaviz.chem.atoms import ATOM_ENERGIES, formation_energy
from nablaviz.data.convert import Summary, convert
from nablaviz.data.dataset import DataError
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.memory import Memory
from nablaviz.data.store import Store
from nablaviz.molecule import SUPPORTED, Conformer, Molecule
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"
V1, V2, METHANOL = (
    FILES / name for name in ("psi4_hamiltonians_v1.db", "psi4_hamiltonians_v2.db", "psi4_wavefunction.npy")
)
WATER = open_dataset(V2)[0]
FORMATS = ("store", "energy", "hamiltonian-v2", "hamiltonian-v1")


def records(path: Path, columns: str = "*", table: str = "data") -> list[tuple]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1").fetchall()


def floats(blob: bytes) -> np.ndarray:
    return np.frombuffer(blob, "<f4")


def assert_same(ours: Conformer, other: Conformer, *fields: str) -> None:
    assert np.array_equal(ours.molecule.numbers, other.molecule.numbers)
    assert np.array_equal(ours.molecule.positions, other.molecule.positions)
    for name in fields:
        if not np.array_equal(getattr(ours, name), getattr(other, name)):
            pytest.fail(f"{name} differs")  # an assert would print whole matrices


IDS = ("moses_id", "conformation_id")


def test_hamiltonian_databases_survive_the_way_through_a_store(tmp_path):
    convert(V2, tmp_path / "store", progress=False)
    summary = convert(tmp_path / "store", tmp_path / "h.db", to="hamiltonian-v2", progress=False)
    assert (summary.written, summary.skipped, summary.left_out) == (5, 0, {})
    exact = "id, Z, R, E, F, H"
    assert records(tmp_path / "h.db", exact) == records(V2, exact)
    for table in ("dataset_ids", "metadata", "nuclear_charges", "basisset"):
        assert records(tmp_path / "h.db", table=table) == records(V2, table=table)
    # The overlap and core Hamiltonian are computed anew.
    for ours, psi4 in zip(records(tmp_path / "h.db", "id, S, C"), records(V2, "id, S, C"), strict=True):
        assert np.abs(floats(ours[1]) - floats(psi4[1])).max() < 1e-6
        assert np.abs(floats(ours[2]) - floats(psi4[2])).max() < 1e-5


def test_version_1_has_zeros_and_no_ids(tmp_path):
    summary = convert(V1, tmp_path / "h.db", to="hamiltonian-v1", progress=False)
    assert summary.left_out == {}
    assert records(tmp_path / "h.db", "id, Z, R, E, H") == records(V1, "id, Z, R, E, H")
    for _, f, c in records(tmp_path / "h.db", "id, F, C"):
        assert not floats(f).any()
        assert not floats(c).any()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        records(tmp_path / "h.db", table="dataset_ids")
    assert [c.forces for c in open_dataset(tmp_path / "h.db")] == [None, None]


molecules = st.lists(st.sampled_from(SUPPORTED), min_size=1, max_size=4).map(
    lambda z: np.array([*z, 1] if sum(z) % 2 else z)
)
float32 = st.floats(-20, 20, width=32)


@st.composite
def conformers(draw) -> Conformer:
    """Anything that the published Hamiltonian databases could hold."""
    numbers = draw(molecules)
    n = basis.size(numbers)
    positions, forces = (draw(arrays("f4", (len(numbers), 3), elements=float32)).astype(float) for _ in "RF")
    if not forces.any():
        forces[0, 0] = 0.5  # all zero means absent
    lower = np.tril(
        np.random.default_rng(draw(st.integers(0, 99))).normal(size=(n, n)).astype("f4").astype(float)
    )
    energy = draw(st.floats(-5000, 0))
    return Conformer(
        Molecule(numbers, positions * BOHR2ANGSTROM),
        moses_id=draw(st.integers(1, 2**53)),
        conformation_id=draw(st.integers(0, 60)),
        energy=energy,
        formation_energy=formation_energy(energy, numbers),
        forces=forces / BOHR2ANGSTROM,
        hamiltonian=lower + np.tril(lower, -1).T,
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conformers())
def test_any_conformer_survives_every_format(tmp_path_factory, conformer):
    folder = tmp_path_factory.mktemp("round")
    rows = Memory([WATER, conformer])  # water tells the order of orbitals
    labels = ("energy", "formation_energy", "forces")
    source: Memory | Path = rows
    for i, to in enumerate(("hamiltonian-v2", "store", "hamiltonian-v2", "store")):
        convert(source, folder / f"{i}", to=to, progress=False)
        source = folder / f"{i}"
        assert_same(open_dataset(source)[1], conformer, *IDS, *labels, "hamiltonian")
    for i, to in enumerate(("energy", "store", "energy")):
        convert(source, folder / f"e{i}", to=to, progress=False)
        source = folder / f"e{i}"
        found = open_dataset(source)[1]
        assert_same(found, conformer, *IDS, "formation_energy", "forces")
        assert found.energy == pytest.approx(conformer.energy, abs=1e-9)  # formation energy + free atoms
    convert(rows, folder / "v1", to="hamiltonian-v1", progress=False)
    assert_same(open_dataset(folder / "v1")[1], conformer, "energy", "formation_energy", "hamiltonian")


@settings(max_examples=25, deadline=None)
@given(
    arrays(float, (3, 3), elements=st.floats(-50, 50)), arrays(float, (3, 3), elements=st.floats(0.001, 9))
)
def test_positions_and_forces_of_any_precision_are_exact_to_float32(tmp_path_factory, positions, forces):
    conformer = replace(WATER, molecule=Molecule([8, 1, 1], positions), forces=forces, moses_id=1)
    path = tmp_path_factory.mktemp("float32") / "h.db"
    convert(Memory([WATER, conformer]), path, to="hamiltonian-v2", progress=False)
    found = open_dataset(path)[1]
    ours, theirs = found.molecule.positions / BOHR2ANGSTROM, positions / BOHR2ANGSTROM
    assert np.array_equal(ours.astype("f4"), theirs.astype("f4"))
    assert found.forces == pytest.approx(forces, rel=1e-7)


def test_hamiltonian_export_is_laid_out_as_nabladft_reads_it(tmp_path):
    """Its reader takes columns by position, rows by id from 0 to N − 1, and float32 and int32 blobs."""
    path = tmp_path / "h.db"
    convert(
        Memory([WATER, replace(WATER, moses_id=7, conformation_id=3)]),
        path,
        to="hamiltonian-v2",
        progress=False,
    )
    with sqlite3.connect(path) as connection:
        names = {
            t: [c[1] for c in connection.execute(f"PRAGMA table_info({t})")] for t in ("data", "dataset_ids")
        }
        assert names["data"] == ["id", "Z", "R", "E", "F", "H", "S", "C"]
        assert names["dataset_ids"] == ["id", "MOSES_ID", "CONFORMER_ID"]
        assert connection.execute("SELECT * FROM metadata WHERE id=0").fetchone()[-1] == 2
        _, count, charges = connection.execute("SELECT * FROM nuclear_charges WHERE id=0").fetchone()
        assert (count, np.frombuffer(charges, np.int32).tolist()) == (2, [1, 8])
        for z, shells in {1: [0, 0, 1], 8: [0, 0, 0, 1, 1, 2]}.items():
            _, orbitals = connection.execute(f"SELECT * FROM basisset WHERE Z={z}").fetchone()
            assert np.frombuffer(orbitals, np.int32).tolist() == shells
        assert connection.execute("SELECT * FROM dataset_ids WHERE id=1").fetchall() == [(1, 7, 3)]
        _, z, r, e, f, h, s, c = connection.execute("SELECT * FROM data WHERE id=1").fetchone()
    assert np.frombuffer(z, np.int32).tolist() == [8, 1, 1]
    assert e == WATER.energy
    assert (len(r), len(f)) == (4 * 9, 4 * 9)
    assert [round(len(blob) / 4) for blob in (h, s, c)] == [24 * 24] * 3
    ours = {"H": (h, WATER.hamiltonian), "S": (s, WATER.overlap), "C": (c, WATER.core_hamiltonian)}
    for blob, matrix in ours.values():
        psi4 = basis.from_pyscf(matrix, WATER.molecule.numbers, "psi4")
        assert np.array_equal(np.frombuffer(blob, np.float32).reshape(24, 24), psi4.astype(np.float32))


def test_energy_export_is_laid_out_as_nabladft_reads_it(tmp_path):
    """It uses ASE: row.data["energy"] of shape (1,), row.data["forces"], metadata in SchNetPack's form."""
    conformer = replace(WATER, molecule=Molecule(WATER.molecule.numbers, WATER.molecule.positions, "O"))
    summary = convert(Memory([conformer]), tmp_path / "e.db", to="energy", progress=False)
    assert summary.left_out == {"hamiltonian": 1}
    with connect(tmp_path / "e.db", use_lock_file=False) as database:
        assert len(database) == 1
        row = next(database.select(moses_id=900000, conformation_id=0))
        metadata = database.metadata
    assert row.numbers.tolist() == [8, 1, 1]
    assert np.array_equal(row.positions, WATER.molecule.positions)
    assert row.key_value_pairs == {"moses_id": 900000, "conformation_id": 0, "smiles": "O"}
    assert np.array(row.data["energy"]).tolist() == [WATER.formation_energy]
    assert np.array_equal(row.data["forces"], WATER.forces)
    assert row.user is None
    assert metadata["_distance_unit"] == "Ang"
    assert metadata["_property_unit_dict"] == {"energy": "Hartree", "forces": "Hartree/Ang"}
    references = metadata["atomrefs"]["energy"]
    assert {z: e for z, e in enumerate(references) if e} == ATOM_ENERGIES


def test_without_total_energies_the_export_has_no_references(tmp_path):
    convert(Memory([WATER, replace(WATER, energy=None)]), tmp_path / "e.db", to="energy", progress=False)
    dataset = open_dataset(tmp_path / "e.db")
    assert [c.energy for c in dataset] == [None, None]  # rather than one that nobody computed
    assert [c.formation_energy for c in dataset] == [WATER.formation_energy] * 2


def test_a_formation_energy_of_other_references_gives_way_to_the_total(tmp_path):
    convert(Memory([replace(WATER, formation_energy=-0.2)]), tmp_path / "e.db", to="energy", progress=False)
    found = open_dataset(tmp_path / "e.db")[0]
    assert found.energy == pytest.approx(WATER.energy, abs=1e-10)
    assert found.formation_energy == pytest.approx(WATER.formation_energy, abs=1e-10)


def test_what_a_format_cannot_hold_is_in_the_summary(tmp_path):
    source = Memory(
        [
            replace(
                open_dataset(METHANOL)[0],
                forces=np.ones((6, 3)),
                moses_id=1,
                conformation_id=2,
                split="train",
            )
        ]
    )
    left_out = {to: convert(source, tmp_path / to, to=to, progress=False).left_out for to in FORMATS}
    assert left_out["store"] == {}
    others = dict.fromkeys(("orbital_energies", "dipole", "scf_iterations", "split"), 1)
    assert left_out["hamiltonian-v2"] == others
    assert left_out["energy"] == others | {"hamiltonian": 1}
    assert left_out["hamiltonian-v1"] == others | {"forces": 1, "moses_id": 1, "conformation_id": 1}


@pytest.mark.parametrize(
    ("to", "missing"),
    [
        ("energy", "forces"),
        ("hamiltonian-v2", "moses_id"),
        ("hamiltonian-v2", "hamiltonian"),
        ("hamiltonian-v1", "energy"),
    ],
)
def test_a_row_that_lacks_something_is_an_error_and_leaves_nothing(tmp_path, to, missing):
    rows = Memory([WATER, replace(WATER, source=None, conformation_id=1, **{missing: None})])
    with pytest.raises(DataError, match=f"memory, row 1: no {missing}, which an? .* requires"):
        convert(rows, tmp_path / "x", to=to, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": float("nan")}, "energy has 1 values that are not finite"),
        ({"hamiltonian": np.triu(np.ones((24, 24)))}, "hamiltonian is not symmetric"),
        ({"forces": np.full((3, 3), np.nan)}, "forces has 9 values"),
    ],
)
def test_a_faulty_conformer_is_not_written(tmp_path, to, change, message):
    rows = Memory([WATER, replace(WATER, source=None, moses_id=3, **change)])
    with pytest.raises(DataError, match=f"memory, row 1: {message}"):
        convert(rows, tmp_path / "x", to=to, progress=False)
    if to == "store":
        assert len(Store(tmp_path / "x")) == 1
    else:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", FORMATS[1:])
def test_nothing_is_overwritten(tmp_path, to):
    path = tmp_path / "x.db"
    path.write_text("precious")
    (tmp_path / ".x.db.lock").touch()  # of a process that was killed when the file had got its name
    with pytest.raises(FileExistsError, match=r"x\.db exists already"):
        convert(V2, path, to=to, progress=False)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["x.db"]


def test_a_store_goes_only_into_a_folder_of_its_own(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(FileExistsError, match="is a folder of other files"):
        convert(V2, tmp_path, progress=False)
    with pytest.raises(FileExistsError, match="is no native store"):
        convert(V2, tmp_path / "notes.txt", progress=False)
    with pytest.raises(ValueError, match="a native store is a folder"):
        convert(V2, tmp_path / "x.db", progress=False)
    with pytest.raises(
        ValueError, match="no format 'csv'; there are store, energy, hamiltonian-v2, hamiltonian-v1"
    ):
        convert(V2, tmp_path / "x", to="csv", progress=False)
    convert(V2, tmp_path / "store", progress=False)
    with pytest.raises(ValueError, match="both source and target"):
        convert(tmp_path / "store", tmp_path / "store", progress=False)


def test_a_second_conversion_into_a_store_skips_what_is_there(tmp_path):
    some, more = Memory([WATER]), Memory([WATER, replace(WATER, conformation_id=9)])
    assert convert(some, tmp_path / "s", progress=False).written == 1
    summary = convert(more, tmp_path / "s", progress=False)
    assert (summary.written, summary.skipped) == (1, 1)
    assert [c.conformation_id for c in Store(tmp_path / "s")] == [0, 9]
    with pytest.raises(DataError, match="row 0: without ids it cannot be told"):
        convert(Memory([replace(WATER, moses_id=None, source="row 0")]), tmp_path / "s", progress=False)


@pytest.mark.parametrize("before", [0, 1])
def test_ids_that_come_twice_are_an_error(tmp_path, before):
    if before:
        convert(Memory([WATER]), tmp_path / "s", progress=False)
    with pytest.raises(DataError, match="again: .*900000/0 is in the store already"):
        convert(Memory([WATER, replace(WATER, source="again")]), tmp_path / "s", progress=False)


def test_an_empty_source_gives_an_empty_target(tmp_path):
    for to in FORMATS[1:]:
        assert convert(Memory([]), tmp_path / to, to=to, progress=False).written == 0
        assert len(open_dataset(tmp_path / to)) == 0


KILLED = """
import os, signal, sys
from nablaviz.data.convert import convert
from nablaviz.data import store_writer, writers
left = int(sys.argv[4])
def killing(add):
    def add_or_die(self, conformer):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return add(self, conformer)
    return add_or_die
store_writer.StoreWriter.__init__.__kwdefaults__["shard_rows"] = 2
store_writer.StoreWriter.add = killing(store_writer.StoreWriter.add)
writers.Writer.add = killing(writers.Writer.add)
convert(sys.argv[1], sys.argv[2], to=sys.argv[3], progress=False)
"""


@pytest.mark.parametrize("to", ["store", "energy", "hamiltonian-v2"])
def test_a_killed_conversion_is_taken_up(tmp_path, to):
    target = tmp_path / "target"
    for left in (0, 3):
        command = [sys.executable, "-c", KILLED, str(V2), str(target), to, str(left)]
        assert subprocess.run(command, timeout=120).returncode == -signal.SIGKILL
        if to != "store":
            assert not target.exists()
    summary = convert(V2, target, to=to, progress=False)
    assert summary.written + summary.skipped == 5
    assert summary.skipped == (2 if to == "store" else 0)  # one whole shard
    found, source = open_dataset(target), open_dataset(V2)
    assert [c.energy for c in found] == pytest.approx([c.energy for c in source], abs=1e-9)
    assert [p.name for p in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("to", FORMATS)
def test_one_conformer_at_a_time_is_in_memory(tmp_path, to):
    alive: weakref.WeakSet[Conformer] = weakref.WeakSet()
    most = 0

    class Fresh(Memory):
        def _read(self, row):
            nonlocal most
            conformer = replace(WATER, conformation_id=row)
            alive.add(conformer)
            most = max(most, len(alive))
            return conformer

    convert(Fresh([WATER] * 50), tmp_path / "x", to=to, progress=False)
    assert most <= 2


def test_a_full_disk_is_an_error_without_a_partial_file(tmp_path, monkeypatch):
    def full(self, conformer):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("nablaviz.data.writers.HamiltonianWriter._add", full)
    with pytest.raises(OSError, match=r"h\.db: database or disk is full"):
        convert(V2, tmp_path / "h.db", to="hamiltonian-v2", progress=False)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_do_not_write_one_file(tmp_path):
    from filelock import FileLock

    with FileLock(tmp_path / ".h.db.lock"), pytest.raises(OSError, match="another process is writing it"):
        convert(V2, tmp_path / "h.db", to="hamiltonian-v2", progress=False)


def test_the_command(tmp_path, capsys):
    assert cli.main(["convert", str(V2), str(tmp_path / "e.db"), "--to", "energy"]) == 0
    out, err = capsys.readouterr()
    assert out == (
        f"{tmp_path / 'e.db'}: 5 conformers written to an energy database\n"
        "an energy database does not hold hamiltonian: left out of 5 conformers\n"
    )
    assert "5/5" in err
    assert cli.main(["convert", str(V2), str(tmp_path / "store"), "--json"]) == 0
    summary = Summary(**json.loads(capsys.readouterr().out))
    assert (summary.format, summary.written) == ("store", 5)
    assert (
        cli.main(["convert", str(tmp_path / "e.db"), str(tmp_path / "h.db"), "--to", "hamiltonian-v2"]) == 1
    )
    assert "row 0 (id 1): no hamiltonian, which" in capsys.readouterr().err
    assert cli.main(["convert", str(V2), str(tmp_path / "e.db"), "--to", "energy"]) == 1
    assert "exists already" in capsys.readouterr().err
