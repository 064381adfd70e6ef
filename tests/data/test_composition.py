"""Formulas and free-atom energies of many molecules at once, against one at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nablaviz.chem.atoms import ATOM_ENERGIES, atomic_energy
from nablaviz.data.composition import Compositions, atomic_numbers
from nablaviz.molecule import SUPPORTED, hill_formula

ENERGIES = np.array([ATOM_ENERGIES.get(z, np.nan) for z in range(119)])
even = st.lists(st.sampled_from(SUPPORTED), min_size=1, max_size=400).map(
    lambda z: [*z, 1] if sum(z) % 2 else z
)


def blob(numbers) -> bytes:
    return np.array(numbers, "<i4").tobytes()


@given(st.lists(even, min_size=1, max_size=8))
def test_many_are_as_one_at_a_time(molecules):
    sizes, formulas, energies = Compositions(ENERGIES)([blob(z) for z in molecules])
    assert sizes.tolist() == [len(z) for z in molecules]
    assert formulas == [hill_formula(np.array(z)) for z in molecules]
    assert energies == pytest.approx([atomic_energy(np.array(z)) for z in molecules], rel=1e-12)


def test_more_atoms_than_a_counter_holds():
    sizes, formulas, _ = Compositions(ENERGIES)([blob([6] * 255 + [1] * 256), blob([1, 1])])
    assert (sizes.tolist(), formulas) == ([511, 2], ["C255H256", "H2"])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (b"", "int32"),
        (b"\0\0\0", "int32"),
        (None, "int32"),
        ("text", "int32"),
        (blob([14]), r"14 \(Si\)"),
        (blob([0]), "0 "),
        (blob([-1]), "-1"),
        (blob([2**31 - 1]), "2147483647"),
        (blob([256 + 8]), "264"),
        (blob([7]), "odd number of electrons"),
    ],
)
def test_bad_numbers_are_refused_both_ways(numbers, message):
    with pytest.raises(ValueError, match=message):
        atomic_numbers(numbers)
    with pytest.raises(ValueError, match=message):
        Compositions(ENERGIES)([blob([8, 1, 1]), numbers])
