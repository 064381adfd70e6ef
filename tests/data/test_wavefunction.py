"""Psi4 wavefunction files: the published layout, and files that want more than to be read."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from nablaviz.chem import basis
from nablaviz.data import unpickle
from nablaviz.data.dataset import DataError
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.wavefunction import WavefunctionFile
from nablaviz.units import AU2DEBYE, BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"
METHANOL = FILES / "psi4_wavefunction.npy"


def contents() -> dict:
    return unpickle.load(METHANOL.read_bytes()[128:])


def save(path: Path, value: object) -> Path:
    np.save(path, np.array(value, dtype=object), allow_pickle=True)
    return path


@pytest.fixture
def changed(tmp_path):
    """Methanol's file with some entries changed: section, name, value."""

    def change(*changes: tuple[str, str, object]) -> WavefunctionFile:
        value = contents()
        for section, name, new in changes:
            value[section][name] = new
        return WavefunctionFile(save(tmp_path / "900000_1.npy", value))

    return change


def test_methanol_is_what_psi4_computed():
    dataset = WavefunctionFile(METHANOL)
    assert len(dataset) == 1
    conformer = dataset[0]
    twin = HamiltonianDatabase(FILES / "psi4_hamiltonians_v2.db")[1]
    assert conformer.molecule.formula == "CH4O"
    assert conformer.molecule.positions == pytest.approx(twin.molecule.positions, abs=1e-6)
    assert conformer.energy == pytest.approx(twin.energy, abs=1e-7)
    assert conformer.formation_energy == pytest.approx(twin.formation_energy, abs=1e-7)
    assert np.abs(conformer.hamiltonian - twin.hamiltonian).max() < 2e-5
    assert (conformer.forces, conformer.scf_iterations) == (None, 7)
    assert np.linalg.norm(conformer.dipole) == pytest.approx(1.756, abs=1e-3)
    levels = scipy.linalg.eigh(conformer.hamiltonian, conformer.overlap, eigvals_only=True)
    assert np.abs(levels - conformer.orbital_energies).max() < 1e-7
    assert np.abs(dataset.overlap(0) - conformer.overlap).max() < 1e-8
    assert dataset.match(0).convention == "psi4"


def test_the_dipole_is_that_of_the_density():
    conformer, density = WavefunctionFile(METHANOL)[0], contents()["matrix"]["Da"]
    mol = basis.mole(conformer.molecule)
    electrons = 2 * basis.to_pyscf(density, conformer.molecule.numbers, "psi4")
    dipole = mol.atom_charges() @ mol.atom_coords() - np.einsum("xij,ji->x", mol.intor("int1e_r"), electrons)
    assert conformer.dipole == pytest.approx(dipole * AU2DEBYE, abs=1e-5)


def test_table_describes_the_row():
    row, conformer = WavefunctionFile(METHANOL).table.iloc[0], WavefunctionFile(METHANOL)[0]
    assert (row.formula, row.n_atoms, row.energy) == ("CH4O", 6, conformer.energy)
    assert (row.homo, row.lumo) == (conformer.orbital_energies[8], conformer.orbital_energies[9])
    assert row.gap == pytest.approx(row.lumo - row.homo)
    assert row.dipole == pytest.approx(np.linalg.norm(conformer.dipole))


def test_a_folder_is_one_dataset_with_ids_from_the_names(tmp_path):
    for name in ("50000_2.npy", "50000_10.npy", "7_0.npy"):
        shutil.copy(METHANOL, tmp_path / name)
    dataset = WavefunctionFile(tmp_path)
    assert [(c.moses_id, c.conformation_id) for c in dataset] == [(7, 0), (50000, 2), (50000, 10)]
    assert dataset[1].source == f"{tmp_path / '50000_2.npy'}, row 1"
    assert dataset.table.moses_id.tolist() == [7, 50000, 50000]


def test_gradients_and_lengths_are_converted(changed):
    sound = WavefunctionFile(METHANOL)[0]
    gradient = np.arange(18.0).reshape(6, 3) / 1000
    conformer = changed(
        ("matrix", "gradient", gradient),
        ("molecule", "units", "Bohr"),
        ("molecule", "geom", sound.molecule.positions.ravel() / BOHR2ANGSTROM),
    )[0]
    assert (conformer.moses_id, conformer.conformation_id) == (900000, 1)
    assert conformer.forces == pytest.approx(-gradient / BOHR2ANGSTROM)
    assert conformer.molecule.positions == pytest.approx(sound.molecule.positions)


def test_a_dipole_in_atomic_units_is_converted(tmp_path):
    value = contents()
    atomic = np.array([value["floatvar"].pop(f"SCF DIPOLE {k}") for k in "XYZ"]) / AU2DEBYE
    value["matrixarr"]["SCF DIPOLE"] = atomic
    found = WavefunctionFile(save(tmp_path / "w.npy", value))[0].dipole
    assert found == pytest.approx(WavefunctionFile(METHANOL)[0].dipole)


MATRIX = contents()["matrix"]["Fa"]


@pytest.mark.parametrize(
    ("section", "name", "value", "message"),
    [
        ("molecule", "elez", np.array([14, 8, 1, 1, 1, 1]), r"atomic number 14 \(Si\)"),
        ("molecule", "elez", np.array([7, 8, 1, 1, 1, 1]), "odd number of electrons"),
        ("molecule", "elez", np.array([6, 8, 1, 1]), r"molecule.geom has shape \(18,\), not \(4, 3\)"),
        ("molecule", "geom", np.full(18, np.nan), "molecule.geom has 18 values that are not finite"),
        ("molecule", "geom", np.arange(18.0) ** 1.5, "agrees with no known order and unit"),
        ("molecule", "units", "furlong", "unknown unit 'furlong'; known are Angstrom, Bohr"),
        ("molecule", "molecular_charge", 1.0, "charge 1.0, multiplicity 1: only neutral closed shells"),
        ("molecule", "molecular_multiplicity", 3, "charge 0.0, multiplicity 3"),
        ("matrix", "Fa", MATRIX[:47, :47], r"matrix.Fa has shape \(47, 47\), not \(48, 48\)"),
        ("matrix", "Fa", np.where(np.eye(48), np.nan, MATRIX), "matrix.Fa has 48 values that are not finite"),
        ("matrix", "Fa", np.triu(MATRIX), "Fa is not symmetric"),
        ("matrix", "Fa", MATRIX.tolist(), "matrix.Fa must be an array of numbers, not list"),
        ("matrix", "Fa", None, "matrix.Fa must be an array of numbers, not NoneType"),
        ("matrix", "S", np.eye(48), "agrees with no known order and unit"),
        ("float", "energy", "low", "energy must be a number, not str"),
        ("float", "energy", float("nan"), "energy has 1 values that are not finite"),
        ("vector", "epsilon_a", np.zeros(3), r"vector.epsilon_a has shape \(3,\), not \(48,\)"),
        ("floatvar", "SCF ITERATIONS", 1.4e19, "SCF ITERATIONS must be a count, not 1.4e.19"),
        ("floatvar", "SCF ITERATIONS", 7.5, "SCF ITERATIONS must be a count, not 7.5"),
    ],
)
def test_damage_is_named(changed, section, name, value, message):
    dataset = changed((section, name, value))
    with pytest.raises(DataError, match=f"{dataset.path}, row 0: .*{message}"):
        dataset[0]


@pytest.mark.parametrize("missing", ["molecule", "matrix", "float", "vector"])
def test_a_missing_section_is_named(tmp_path, missing):
    value = contents()
    del value[missing]
    with pytest.raises(DataError, match=f"there is no {missing}"):
        WavefunctionFile(save(tmp_path / "w.npy", value))[0]


@pytest.mark.parametrize("section", ["floatvar", "matrixarr"])
@pytest.mark.parametrize("value", [True, [1, 2]])
def test_a_section_that_is_no_dictionary_is_named(tmp_path, section, value):
    changed = contents() | {section: value}
    with pytest.raises(DataError, match=f"{section} must be a dictionary, not {type(value).__name__}"):
        WavefunctionFile(save(tmp_path / "w.npy", changed))[0]


@pytest.mark.parametrize("value", [3, [1, 2], None, "text", {}, {"molecule": 3}, {"molecule": []}])
def test_another_object_is_refused(tmp_path, value):
    path = tmp_path / "w.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        file.write(pickle.dumps(value))
    with pytest.raises(DataError, match="there is no molecule"):
        WavefunctionFile(path)[0]


class Hostile:
    def __reduce__(self):
        return os.system, ("touch hacked",)


def test_code_in_the_pickle_is_named_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = contents()
    value["molecule"]["provenance"] = Hostile()
    path = save(tmp_path / "w.npy", value)
    with pytest.raises(
        DataError, match=r"w.npy, row 0: the pickle asks for \w+.system, which is not array data"
    ):
        WavefunctionFile(path)[0]
    assert os.listdir(tmp_path) == ["w.npy"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a NumPy file"),
        (b"PK\x03\x04", "not a NumPy file"),
        (METHANOL.read_bytes()[:20], "header|EOF"),
        (b"\x93NUMPY\x09\x00v\x00", "header is damaged"),
        (b"\x93NUMPY\x01\x00\x0c\x00{'descr': 1}\n", "descr"),
        (b"\x93NUMPY\x01\x00\x14\x00__import__('os').x()", "malformed node"),
    ],
)
def test_a_file_that_is_no_wavefunction_is_refused(tmp_path, data, message):
    path = tmp_path / "w.npy"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        WavefunctionFile(path)


def test_arrays_of_numbers_are_refused(tmp_path):
    np.save(tmp_path / "w.npy", np.eye(3))
    with pytest.raises(DataError, match=r"an array of float64 and shape \(3, 3\), not a wavefunction"):
        WavefunctionFile(tmp_path / "w.npy")


@pytest.mark.parametrize("length", [200, 5_000, 100_000, -1])
def test_a_truncated_file_is_an_error(tmp_path, length):
    path = tmp_path / "w.npy"
    path.write_bytes(METHANOL.read_bytes()[:length])
    with pytest.raises(DataError, match=f"{path}, row 0: "):
        WavefunctionFile(path)[0]
