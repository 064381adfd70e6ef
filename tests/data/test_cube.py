"""Cube files: what is written is read back, by us and by PySCF; damaged files are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz.chem.grid import DENSITY_UNIT, ORBITAL_UNIT, Box, Field
from nablaviz.data.cube import read_cube, write_cube
from nablaviz.data.dataset import DataError
from nablaviz.molecule import Molecule
from nablaviz.units import BOHR2ANGSTROM

WATER = Molecule(np.array([8, 1, 1]), np.array([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.76, -0.5]]))
BOX = Box([-1.1, 0.3, -2.2], [0.2, 0.15, 0.31], (3, 4, 8))
VALUES = np.random.default_rng(0).normal(size=BOX.shape)


def by_hand(atoms="    1", counts=(2, 1, 3), extra="", data="1 2 3 4 5 6\n", step=0.5) -> str:
    steps = np.eye(3) * step
    axes = "".join(f"{n} {v[0]} {v[1]} {v[2]}\n" for n, v in zip(counts, steps, strict=True))
    return f"one\ntwo\n{atoms} 0.0 1.0 2.0\n{axes}1 1.0 0.0 0.0 1.0\n{extra}{data}"


def test_there_and_back(tmp_path):
    path = tmp_path / "water.cube"
    for unit in (ORBITAL_UNIT, DENSITY_UNIT):
        write_cube(path, WATER, Field(BOX, VALUES, unit), title="water, <b>HOMO</b>")
        cube = read_cube(path)
        (field,) = cube.fields
        assert field.unit == unit and cube.comments[0] == "water, <b>HOMO</b>" and cube.orbitals == ()
        assert np.allclose(field.values, VALUES, rtol=1e-5)
        assert field.box.shape == BOX.shape
        assert np.allclose(field.box.origin, BOX.origin, atol=1e-7)
        assert np.allclose(field.box.spacing, BOX.spacing, atol=1e-7)
        assert cube.molecule.numbers.tolist() == [8, 1, 1]
        assert np.allclose(cube.molecule.positions, WATER.positions, atol=1e-7)
    assert [p.name for p in tmp_path.iterdir()] == ["water.cube"]  # no temporary file is left
    assert max(map(len, path.read_text().splitlines())) <= 80


def test_pyscf_reads_what_is_written(tmp_path):
    from pyscf import gto
    from pyscf.tools.cubegen import Cube

    write_cube(tmp_path / "water.cube", WATER, Field(BOX, VALUES, ORBITAL_UNIT))
    peer = Cube(gto.M(atom="O 0 0 0", verbose=0), *BOX.shape)
    values = peer.read(str(tmp_path / "water.cube"))
    assert np.allclose(values, VALUES, rtol=1e-5)
    assert np.allclose(peer.boxorig * BOHR2ANGSTROM, BOX.origin, atol=1e-6)
    assert np.allclose(peer.mol.atom_coords() * BOHR2ANGSTROM, WATER.positions, atol=1e-6)


def test_what_pyscf_writes_is_read(tmp_path):
    from pyscf import gto
    from pyscf.tools import cubegen

    mol = gto.M(atom="O 0 0 0.1; H 0 0.76 -0.5; H 0 -0.76 -0.5", basis="def2-svp", verbose=0)
    values = cubegen.orbital(mol, str(tmp_path / "a.cube"), np.eye(mol.nao)[2], nx=7, ny=8, nz=9)
    cube = read_cube(tmp_path / "a.cube")
    assert np.allclose(cube.fields[0].values, values, atol=1e-5 * np.abs(values).max())
    assert np.allclose(cube.molecule.positions, WATER.positions, atol=1e-5)


def test_lengths_in_angstrom_and_several_orbitals(tmp_path):
    path = tmp_path / "orbitals.cube"
    path.write_text(by_hand("-1", (-2, -1, -3), "2 7\n 9\n", "1 10 2 20 3 30\n4 40 5 50 6 60\n"))
    cube = read_cube(path)
    assert cube.orbitals == (7, 9) and [f.unit for f in cube.fields] == [ORBITAL_UNIT] * 2
    assert cube.fields[0].values.ravel().tolist() == [1, 2, 3, 4, 5, 6]
    assert cube.fields[1].values.ravel().tolist() == [10, 20, 30, 40, 50, 60]
    assert cube.fields[0].box.spacing.tolist() == [0.5] * 3  # Å
    assert cube.molecule.positions.tolist() == [[0, 0, 1]]
    path.write_text(by_hand())
    assert read_cube(path).fields[0].box.spacing[0] == pytest.approx(0.5 * BOHR2ANGSTROM)
    assert read_cube(path).fields[0].unit == "unknown"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 3: the file ends"),
        ("one\ntwo\nthree\n", "line 3: 'three' is not the number of atoms"),
        (by_hand(atoms="1.5"), "line 3: 1.5 is not a whole number"),
        (by_hand(atoms="0"), "line 3: there is no atom"),
        (
            by_hand().replace("1 1.0 0.0 0.0 1.0", "119 1.0 0.0 0.0 1.0"),
            "lines 7 to 7: atomic numbers",
        ),
        (by_hand(atoms="99"), "line 8: '1 2 3 4 5 6' is not .*|line 9: the file ends where an atom"),
        (by_hand(counts=(2, -1, 3)), "must all be positive or all negative"),
        (by_hand(counts=(2, 0, 3)), "must all be positive or all negative"),
        (by_hand(step=-0.5), "only axes along x, y and z"),
        (by_hand().replace("0.5 0.0 0.0", "0.5 0.1 0.0"), "only axes along x, y and z"),
        (by_hand(data="1 2 3\n4 5\n"), "5 values, where the header announces 6"),
        (by_hand(data="1 2 3\n4 5 6 7\n"), "7 values, where the header announces 6"),
        (by_hand(data="1 2 3\n4 x 6\n"), "line 9: '4 x 6' is not a row of finite numbers"),
        (by_hand(data="1 2 3\n4 nan 6\n"), "line 9: '4 nan 6' is not a row of finite numbers"),
        (by_hand(data="1 2 3\n4 1e99 6\n"), "too large for single precision"),
        (by_hand("-1", extra="3 1\n"), "numbers of orbitals, where 3 are announced|orbitals should be"),
        (by_hand(counts=(10**9, 10**9, 10**9)), "6 values, where the header announces 10"),
    ],
)
def test_damage_is_located(tmp_path, text, message):
    path = tmp_path / "broken.cube"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as fault:
        read_cube(path)
    assert "broken.cube" in str(fault.value)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "water.cube"
    path.write_text("old")
    with pytest.raises(ValueError, match="one line"):
        write_cube(path, WATER, Field(BOX, VALUES, ORBITAL_UNIT), title="a\nb")
    with pytest.raises(UnicodeEncodeError):
        write_cube(path, WATER, Field(BOX, VALUES, ORBITAL_UNIT), title="\ud800")
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileNotFoundError):
        read_cube(tmp_path / "none.cube")
