"""Published Hamiltonian databases: Psi4's rows, every order and unit, with every kind of damage."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from nablaviz.chem import basis
from nablaviz.chem.atoms import formation_energy
from nablaviz.data.dataset import DataError
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.wavefunction import WavefunctionFile
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"
V1, V2 = FILES / "psi4_hamiltonians_v1.db", FILES / "psi4_hamiltonians_v2.db"


@pytest.fixture
def database(tmp_path):
    """A copy of the version-2 rows that a test may damage."""
    return Path(shutil.copy(V2, tmp_path / "h.db"))


def records(path: Path) -> list[tuple]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return connection.execute("SELECT Z, R, E, F, H, S, C FROM data ORDER BY id").fetchall()


def damage(path: Path, row_id: int, **columns) -> None:
    with sqlite3.connect(path) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE data SET {name} = ? WHERE id = ?", (value, row_id))


def floats(blob: bytes) -> np.ndarray:
    return np.frombuffer(blob, "<f4").astype(float)


def rewrite(path: Path, convention: str, length: str) -> None:
    """Bring Psi4's rows into another order and unit."""
    factor = BOHR2ANGSTROM / basis.LENGTH_UNITS[length]
    for row_id, (z, r, _, f, h, s, _) in enumerate(records(path)):
        numbers = np.frombuffer(z, "<i4")
        new = {"R": floats(r) * factor, "F": floats(f) / factor}
        for name, blob in (("H", h), ("S", s)):
            n = basis.size(numbers)
            matrix = basis.to_pyscf(floats(blob).reshape(n, n), numbers, "psi4")
            new[name] = basis.from_pyscf(matrix, numbers, convention)
        damage(path, row_id, **{name: array.astype("<f4").tobytes() for name, array in new.items()})


def test_version_2_rows_are_converted_at_the_boundary():
    dataset = HamiltonianDatabase(V2)
    assert (len(dataset), dataset.version) == (5, 2)
    assert (dataset.match.convention, dataset.match.length) == ("psi4", "bohr")
    assert dataset.match.mismatch < 1e-6
    formulas = ["H2O", "CH4O", "C2H6S", "CH2ClF", "C2H5NO"]
    ids = [(900000, 0), (900000, 1), (900001, 0), (900001, 1), (900002, 0)]
    for i, (conformer, (z, r, e, f, *_)) in enumerate(zip(dataset, records(V2), strict=True)):
        assert conformer.molecule.formula == formulas[i]
        assert (conformer.moses_id, conformer.conformation_id) == ids[i]
        assert conformer.molecule.numbers.tolist() == np.frombuffer(z, "<i4").tolist()
        assert np.array_equal(conformer.molecule.positions.ravel(), floats(r) * BOHR2ANGSTROM)
        assert np.array_equal(conformer.forces.ravel(), floats(f) / BOHR2ANGSTROM)
        assert conformer.energy == e
        assert conformer.formation_energy == formation_energy(e, conformer.molecule.numbers)
        assert conformer.source == f"{V2}, row {i} (id {i})"
        assert np.abs(dataset.overlap(i) - conformer.overlap).max() < 1e-6


def test_the_core_hamiltonian_of_the_file_is_pyscfs():
    dataset = HamiltonianDatabase(V2)
    for conformer, (*_, c) in zip(dataset, records(V2), strict=True):
        numbers, n = conformer.molecule.numbers, len(conformer.overlap)
        stored = basis.to_pyscf(floats(c).reshape(n, n), numbers, dataset.match.convention)
        assert np.abs(stored - conformer.core_hamiltonian).max() < 1e-5


def test_orbital_energies_are_those_that_psi4_found():
    """The Hamiltonian of methanol, float32 and reordered, has Psi4's own orbital energies."""
    methanol = HamiltonianDatabase(V2)[1]
    reference = WavefunctionFile(FILES / "psi4_wavefunction.npy")[0].orbital_energies
    ours = scipy.linalg.eigh(methanol.hamiltonian, methanol.overlap, eigvals_only=True)
    assert np.abs(ours - reference).max() < 1e-4


def test_version_1_zeros_mean_absent():
    dataset = HamiltonianDatabase(V1)
    assert (len(dataset), dataset.version) == (2, 1)
    for old, new in zip(dataset, HamiltonianDatabase(V2), strict=False):
        assert (old.forces, old.moses_id, old.conformation_id) == (None, None, None)
        assert old.energy == new.energy
        assert np.array_equal(old.hamiltonian, new.hamiltonian)
    assert dataset.table.mean_force.isna().all()
    assert dataset.table.moses_id.isna().all()


@pytest.mark.parametrize("path", [V1, V2])
def test_table_describes_the_rows(path):
    dataset = HamiltonianDatabase(path)
    for row, conformer in zip(dataset.table.itertuples(), dataset, strict=True):
        assert (row.formula, row.n_atoms) == (conformer.molecule.formula, len(conformer.molecule))
        assert row.energy == conformer.energy
        assert row.formation_energy == pytest.approx(conformer.formation_energy, abs=1e-9)
        if path == V2:
            assert (row.moses_id, row.conformation_id) == (conformer.moses_id, conformer.conformation_id)
            assert row.mean_force == pytest.approx(np.linalg.norm(conformer.forces, axis=1).mean())


@pytest.mark.parametrize("convention", basis.CONVENTIONS)
@pytest.mark.parametrize("length", basis.LENGTH_UNITS)
def test_every_order_and_unit_gives_the_same_conformers(database, convention, length):
    rewrite(database, convention, length)
    dataset = HamiltonianDatabase(database)
    assert (dataset.match.convention, dataset.match.length) == (convention, length)
    for ours, reference in zip(dataset, HamiltonianDatabase(V2), strict=True):
        assert np.array_equal(ours.hamiltonian, reference.hamiltonian)
        assert ours.molecule.positions == pytest.approx(reference.molecule.positions, abs=1e-6)
        assert ours.forces == pytest.approx(reference.forces, abs=1e-7)
    assert dataset.table.mean_force.to_numpy() == pytest.approx(
        HamiltonianDatabase(V2).table.mean_force.to_numpy()
    )


def test_an_unknown_order_is_refused_with_the_mismatch_of_each(database):
    for row_id, (z, *_, s, _) in enumerate(records(database)):
        n = basis.size(np.frombuffer(z, "<i4"))
        damage(database, row_id, S=floats(s).reshape(n, n)[::-1, ::-1].astype("<f4").tobytes())
    with pytest.raises(DataError, match="agrees with no known order and unit") as refusal:
        HamiltonianDatabase(database)
    assert str(database) in str(refusal.value)
    for convention in basis.CONVENTIONS:
        for length in basis.LENGTH_UNITS:
            assert f"{convention}, {length}: " in str(refusal.value)


MATRIX = np.eye(24, dtype="<f4")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"Z": np.array([14, 1, 1], "<i4").tobytes()}, r"atomic number 14 \(Si\) is not supported"),
        ({"Z": np.array([7, 1, 1], "<i4").tobytes()}, "odd number of electrons"),
        ({"Z": None}, "the atomic numbers must be a blob of int32"),
        ({"R": b"\0" * 35}, r"R has 35 bytes; shape \(3, 3\) asks for 36"),
        ({"R": np.full(9, np.nan, "<f4").tobytes()}, "R has 9 values that are not finite"),
        ({"E": "low"}, "E must be a number, not str"),
        ({"E": float("inf")}, "E has 1 values that are not finite"),
        ({"F": b"\0" * 40}, "F has 40 bytes"),
        ({"F": np.full(9, np.nan, "<f4").tobytes()}, "F has 9 values that are not finite"),
        ({"H": b"\0" * 2300}, r"H has 2300 bytes; shape \(24, 24\) asks for 2304"),
        ({"H": np.eye(23, dtype="<f4").tobytes()}, "H has 2116 bytes"),
        ({"H": np.where(MATRIX, np.nan, 0).astype("<f4").tobytes()}, "H has 24 values that are not finite"),
        (
            {"H": np.triu(np.ones((24, 24), "<f4")).tobytes()},
            r"H is not symmetric: elements \(0, 1\) and \(1, 0\)",
        ),
        ({"H": "text"}, "H must be a blob, not str"),
    ],
)
def test_a_damaged_row_is_named_and_the_others_are_read(database, columns, message):
    damage(database, 0, **columns)
    dataset = HamiltonianDatabase(database)  # finds the order from the other rows
    where = f"{database}, row 0 \\(id 0\\): "
    with pytest.raises(DataError, match=where + message):
        dataset[0]
    assert dataset[1].molecule.formula == "CH4O"
    if set(columns) & {"Z", "E", "F"}:
        with pytest.raises(DataError, match=where + message):
            _ = dataset.table


def test_a_row_without_ids_is_a_fault(database):
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM dataset_ids WHERE id = 3")
    dataset = HamiltonianDatabase(database)
    with pytest.raises(DataError, match=r"row 3 \(id 3\): there is no entry for it in dataset_ids"):
        dataset[3]


def test_a_missing_record_is_a_fault_and_not_skipped(database):
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM data WHERE id = 2")  # dataset_ids still says that there are five
    dataset = HamiltonianDatabase(database)
    with pytest.raises(DataError, match=r"row 2 \(id 2\): 0 records with this id"):
        dataset[2]
    with pytest.raises(DataError, match="4 records were read, 5 are there"):
        _ = dataset.table


def test_absent_labels_are_none(database):
    damage(database, 1, E=None, F=None, H=None)
    conformer = HamiltonianDatabase(database)[1]
    assert (conformer.energy, conformer.formation_energy, conformer.forces, conformer.hamiltonian) == (
        None,
    ) * 4
    assert HamiltonianDatabase(database).table.energy.isna().tolist() == [False, True, False, False, False]


def test_only_the_rows_that_are_asked_for_are_decoded(database, monkeypatch):
    dataset = HamiltonianDatabase(database)
    decoded = []
    decode = dataset._decode_together
    monkeypatch.setattr(
        dataset, "_decode_together", lambda rows, records: decoded.append(rows) or decode(rows, records)
    )
    assert dataset[3].molecule.formula == "CH2ClF"
    assert decoded == [[3]]


def test_an_empty_database_has_no_rows(database):
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM data")
        connection.execute("DELETE FROM dataset_ids")
    assert len(HamiltonianDatabase(database)) == len(HamiltonianDatabase(database).table) == 0
