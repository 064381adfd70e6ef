"""The atomic orbitals of def2-SVP and their order, against PySCF and Psi4."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablaviz.chem import basis
from nablaviz.molecule import SUPPORTED, Molecule
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"

ALL_ELEMENTS = Molecule(  # an unphysical cluster with every element and an even number of electrons
    np.array([1, 6, 7, 8, 9, 16, 17, 35, 1]),
    np.random.default_rng(0).normal(size=(9, 3)) * 2.5,
)


def psi4_rows():
    connection = sqlite3.connect(f"file:{FILES / 'psi4_hamiltonians_v2.db'}?mode=ro", uri=True)
    for z, r, s in connection.execute("SELECT Z, R, S FROM data"):
        numbers = np.frombuffer(z, "<i4").astype(np.int64)
        stored = np.frombuffer(s, "<f4").astype(float)
        n = int(np.sqrt(len(stored)))
        yield numbers, np.frombuffer(r, "<f4").reshape(-1, 3).astype(float), stored.reshape(n, n)


def test_layout_is_pyscfs():
    layout, mol = basis.layout(ALL_ELEMENTS.numbers), basis.mole(ALL_ELEMENTS)
    assert len(layout) == mol.nao == basis.size(ALL_ELEMENTS.numbers)
    assert layout.shell_offsets.tolist() == mol.ao_loc_nr().tolist()
    assert layout.shell_l.tolist() == [mol.bas_angular(k) for k in range(mol.nbas)]
    assert layout.shell_atom.tolist() == [mol.bas_atom(k) for k in range(mol.nbas)]
    labels = mol.ao_labels(fmt=None)
    assert layout.ao_atom.tolist() == [atom for atom, *_ in labels]
    ours = [layout.shell_labels[k] for k in layout.ao_shell]
    assert ours == [f"{atom} {symbol} {shell}" for atom, symbol, shell, _ in labels]
    for i, block in enumerate(mol.aoslice_by_atom()):
        assert (layout.atom(i).start, layout.atom(i).stop) == tuple(block[2:])


def test_conventions_order_the_magnetic_quantum_numbers():
    m_of = {
        "psi4": {"p": [0, 1, -1], "d": [0, 1, -1, 2, -2]},
        "m-ordered": {"p": [-1, 0, 1], "d": [*range(-2, 3)]},
    }
    in_pyscf = {"p": [1, -1, 0], "d": [*range(-2, 3)]}
    for convention, shells in m_of.items():
        for shell, stored in shells.items():
            index = basis.CONVENTIONS[convention][shell]
            assert [stored[k] for k in index] == in_pyscf[shell]


@given(st.lists(st.sampled_from(SUPPORTED), min_size=1, max_size=6), st.sampled_from(list(basis.CONVENTIONS)))
@settings(max_examples=50, deadline=None)
def test_reordering_there_and_back(numbers, convention):
    numbers = np.array(numbers)
    matrix = np.arange(basis.size(numbers) ** 2, dtype=float).reshape(basis.size(numbers), -1)
    there = basis.from_pyscf(matrix, numbers, convention)
    assert np.array_equal(basis.to_pyscf(there, numbers, convention), matrix)
    assert sorted(basis.order(numbers, convention)) == list(range(len(matrix)))


def test_psi4_overlaps_are_recognised():
    match = basis.detect(psi4_rows())
    assert (match.convention, match.length) == ("psi4", "bohr")
    assert match.mismatch < 1e-6


@pytest.mark.parametrize("convention", basis.CONVENTIONS)
@pytest.mark.parametrize("length", basis.LENGTH_UNITS)
def test_every_order_and_unit_is_recognised(convention, length):
    stored = basis.from_pyscf(basis.overlap(ALL_ELEMENTS), ALL_ELEMENTS.numbers, convention)
    positions = ALL_ELEMENTS.positions / basis.LENGTH_UNITS[length]
    match = basis.detect([(ALL_ELEMENTS.numbers, positions, stored)])
    assert (match.convention, match.length) == (convention, length)


def test_an_unknown_order_is_refused_with_every_mismatch():
    numbers, positions, stored = next(psi4_rows())
    swapped = stored.copy()
    swapped[[3, 5]] = swapped[[5, 3]]
    swapped[:, [3, 5]] = swapped[:, [5, 3]]
    with pytest.raises(ValueError, match="agrees with no known order") as refusal:
        basis.detect([(numbers, positions, swapped)])
    for convention in basis.CONVENTIONS:
        for length in basis.LENGTH_UNITS:
            assert f"{convention}, {length}: " in str(refusal.value)


def test_a_row_of_another_order_is_refused():
    rows = list(psi4_rows())
    numbers, positions, stored = rows[1]
    rows[1] = numbers, positions, basis.to_pyscf(stored, numbers, "psi4")
    with pytest.raises(ValueError, match="agrees with no known order"):
        basis.detect(rows)


def test_symmetric_samples_tell_orders_apart_only_with_help():
    axis = np.array([[0.0, 0, 0], [1, 1, 1]]) * 0.43  # along (1, 1, 1) every order of x, y, z looks the same
    hydrogen = Molecule(np.array([1, 1]), axis)
    sample = hydrogen.numbers, axis / BOHR2ANGSTROM, basis.overlap(hydrogen)
    with pytest.raises(ValueError, match="do not tell these orders and units apart"):
        basis.detect([sample] * 5)
    numbers, positions, stored = next(psi4_rows())
    water = numbers, positions, basis.to_pyscf(stored, numbers, "psi4")
    assert basis.detect([sample] * 5 + [water]).convention == "pyscf"


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"atomic number 14 \(Si\) is not supported"):
        basis.layout(np.array([14, 1]))
    with pytest.raises(ValueError, match="no convention 'orca'; there are psi4, pyscf, m-ordered"):
        basis.order(np.array([1]), "orca")
    with pytest.raises(ValueError, match="odd number of electrons"):
        basis.mole(Molecule(np.array([1]), np.zeros((1, 3))))
