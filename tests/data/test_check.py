"""The check reads every row and names each fault."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nablaviz import cli
from nablaviz.chem import basis
from nablaviz.data.check import check
from nablaviz.data.convert import convert
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.memory import Memory
from nablaviz.molecule import Molecule
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"
V1, V2, METHANOL = (
    FILES / name for name in ("psi4_hamiltonians_v1.db", "psi4_hamiltonians_v2.db", "psi4_wavefunction.npy")
)


@pytest.fixture
def database(tmp_path):
    return Path(shutil.copy(V2, tmp_path / "h.db"))


def sql(path: Path, statement: str, *values) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)


def test_sound_files_have_no_fault(tmp_path):
    for source in (V1, V2, METHANOL):
        report = check(source, progress=False)
        assert report.ok
        assert report.faults == ()
        assert report.convention == "psi4"
        assert report.overlap_mismatch < 1e-6
        assert report.asymmetry < 1e-6
        assert (report.not_finite, report.duplicates) == (0, 0)
    report = check(V2, progress=False)
    assert (report.rows, report.units) == (5, "bohr, Eh, Eh/bohr")
    assert report.elements == ("H", "C", "N", "O", "F", "S", "Cl")
    assert report.absent == {"orbital_energies": 5, "dipole": 5}
    for to in ("store", "energy"):
        convert(V2, tmp_path / to, to=to, progress=False)
        assert check(tmp_path / to, progress=False).ok


def test_every_fault_has_a_line_with_its_row(database):
    sql(database, "UPDATE data SET F = ? WHERE id = 1", np.full(18, np.nan, "<f4").tobytes())
    sql(database, "UPDATE data SET H = x'00' WHERE id = 2")
    sql(database, "UPDATE dataset_ids SET MOSES_ID = 900001, CONFORMER_ID = 1 WHERE id = 4")
    sql(database, "UPDATE metadata SET N = 7")
    sql(database, "UPDATE data SET E = E * 27.2 WHERE id = 0")
    report = check(database, progress=False)
    assert not report.ok
    assert [line.removeprefix(str(database)) for line in report.faults] == [
        ", row 0 (id 0): a formation energy of -2000.382 Eh for 3 atoms",
        ", row 1 (id 1): F has 18 values that are not finite (the first at 0, 0)",
        ", row 2 (id 2): H has 1 bytes; shape (76, 76) asks for 23104",
        ": table metadata says N = 7, there are 5",
        ", row 4: has the ids of row 3",
    ]
    assert (report.not_finite, report.duplicates, report.fault_count) == (18, 1, 5)


def test_one_row_in_another_order_is_found_among_many(tmp_path):
    """Opening looks at a few rows; the check looks at all."""
    path = tmp_path / "h.db"
    rows = [replace(c, moses_id=k) for k in range(40) for c in [open_dataset(V2)[0]]]
    convert(Memory(rows), path, to="hamiltonian-v2", progress=False)
    looked_at = np.linspace(0, 39, 32).astype(int)
    row = next(k for k in range(40) if k not in looked_at)
    overlap = basis.from_pyscf(rows[0].overlap, rows[0].molecule.numbers, "m-ordered").astype("<f4")
    sql(path, "UPDATE data SET S = ? WHERE id = ?", overlap.tobytes(), row)
    report = check(path, progress=False)
    assert report.fault_count == 1
    assert report.faults[0].startswith(
        f"{path}, row {row} (id {row}): the overlap matrix differs from PySCF's by "
    )
    assert report.overlap_mismatch > 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"energy": float("nan")}, "energy has 1 values that are not finite"),
        ({"forces": np.full((3, 3), np.inf)}, "forces has 9 values that are not finite"),
        ({"dipole": np.array([0, np.nan, 0])}, "dipole has 1 values"),
        ({"orbital_energies": np.full(24, np.nan)}, "orbital_energies has 24 values"),
        ({"hamiltonian": np.eye(23)}, r"hamiltonian has shape (23, 23), its atoms have 24 orbitals"),
        ({"hamiltonian": np.triu(np.ones((24, 24)))}, "hamiltonian is not symmetric"),
        ({"formation_energy": -76.3}, "a formation energy of -76.300 Eh for 3 atoms"),
        ({"molecule": Molecule([8, 1, 1], np.eye(3) * 0.2)}, "atoms 0 and 1 are 0.28 Å apart"),
        ({"molecule": Molecule([8, 1], [[0, 0, 0], [0, 0, 0.96]])}, "odd number of electrons (9)"),
        ({"molecule": Molecule([14, 1, 1], np.eye(3) * 1.5)}, "atomic number 14 (Si) is not supported"),
    ],
)
def test_conformers_of_any_source_are_checked(change, message):
    water = open_dataset(V2)[0]
    report = check(Memory([water, replace(water, conformation_id=1, source=None, **change)]), progress=False)
    assert not report.ok
    assert report.faults[0].startswith(f"memory, row 1: {message}")


@pytest.mark.parametrize(
    ("factor", "message"), [(BOHR2ANGSTROM, "0.51 Å apart"), (1 / BOHR2ANGSTROM, "nearer than 1.8")]
)
def test_a_geometry_in_another_unit_is_a_fault(factor, message):
    water = open_dataset(V2)[0]
    molecule = Molecule(water.molecule.numbers, water.molecule.positions * factor)
    report = check(Memory([replace(water, molecule=molecule, hamiltonian=None)]), progress=False)
    assert message in report.faults[0]


def test_hydrogen_is_not_asked_of_molecules_without_it():
    bromine = Molecule([35, 35], [[0, 0, 0], [0, 0, 2.28]])
    assert check(
        Memory([replace(open_dataset(V2)[0], molecule=bromine, hamiltonian=None)]), progress=False
    ).ok


def test_many_faults_are_counted_and_the_first_are_kept(monkeypatch):
    monkeypatch.setattr("nablaviz.data.check.MOST_FAULTS", 3)
    water = open_dataset(V2)[0]
    report = check(Memory([replace(water, energy=float("nan"))] * 5), progress=False)
    assert (report.fault_count, len(report.faults), report.duplicates) == (9, 3, 4)
    assert str(report).endswith("… and 6 more")


def test_duplicates_name_the_first_row():
    water = open_dataset(V2)[0]
    other, nameless = replace(water, moses_id=5), replace(water, moses_id=None)
    report = check(Memory([other, water, nameless, other, water, nameless, other]), progress=False)
    assert [line.partition("memory, ")[2] for line in report.faults] == [
        "row 3: has the ids of row 0",
        "row 6: has the ids of row 0",
        "row 4: has the ids of row 1",
    ]
    assert report.absent["ids"] == 2


def test_the_command_prints_the_report_and_its_status(database, capsys):
    assert cli.main(["check", str(database)]) == 0
    out, err = capsys.readouterr()
    for line in (
        "rows:              5",
        "order of orbitals: psi4",
        "units:             bohr, Eh, Eh/bohr",
        "faults:            0",
    ):
        assert line in out.splitlines()
    assert "5/5" in err
    sql(database, "UPDATE data SET E = 'x' WHERE id = 3")
    assert cli.main(["check", str(database)]) == 1
    assert (
        f"{database}, row 3 (id 3): E must be a number, not str 'x'" in capsys.readouterr().out.splitlines()
    )


def test_the_command_as_json(capsys):
    assert cli.main(["check", "--json", str(V1)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["rows"], report["fault_count"], report["faults"]) == (2, 0, [])


def test_files_that_do_not_open(tmp_path, capsys):
    path = tmp_path / "<b>x<b>.db"
    path.write_bytes(V2.read_bytes()[:9000])
    assert cli.main(["check", str(path)]) == 1
    assert f"{path}: truncated: 9000 bytes of 249856" in capsys.readouterr().out.splitlines()
    assert cli.main(["check", str(tmp_path / "none.db")]) == 1
    assert capsys.readouterr().err.startswith("nablaviz check: there is no ")
