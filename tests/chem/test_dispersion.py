"""The D2 term against Psi4 1.3.2 and against its own finite differences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.dispersion import C6, d2
from nablaviz.molecule import SUPPORTED, Molecule
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"

PSI4_PAIRS = {
    1: -1.4550084623590116e-04,
    6: -2.7673062340709398e-05,
    7: -3.0846929818297730e-05,
    8: -2.8323155679016858e-05,
    9: -4.9830370934458640e-05,
    16: -1.5024928781046154e-05,
    17: -1.8789863141291855e-05,
    35: -2.1205946035355170e-05,
}
"""Eh, two equal atoms 4 bohr apart: psi4.core.Dispersion.build("CHG", 1.0, 6.0), Psi4 1.3.2."""

PSI4_MOLECULES = [
    -2.8199827477846046e-05,
    -8.2957016860759140e-04,
    -2.6960640612550793e-03,
    -4.4658243589619790e-04,
    -2.2965266863074576e-03,
]
"""Eh, the molecules of psi4_hamiltonians_v2.db in order, from the same Psi4."""


@pytest.fixture(scope="module")
def molecules() -> list[Molecule]:
    return [conformer.molecule for conformer in nablaviz.open(FILES / "psi4_hamiltonians_v2.db")]


def pair(number: int, bohr: float) -> Molecule:
    return Molecule([number, number], [[0, 0, 0], [0, 0, bohr * BOHR2ANGSTROM]])


def test_pairs_as_in_psi4():
    assert set(PSI4_PAIRS) == set(SUPPORTED) == set(C6)
    for number, energy in PSI4_PAIRS.items():
        assert d2(pair(number, 4.0))[0] == pytest.approx(energy, rel=2e-6)


def test_molecules_as_in_psi4(molecules):
    for molecule, energy in zip(molecules, PSI4_MOLECULES, strict=True):
        assert d2(molecule)[0] == pytest.approx(energy, abs=1e-8)


def test_forces_are_finite_differences(molecules):
    step = 1e-3
    for molecule in molecules:
        slopes = np.empty((len(molecule), 3))
        for index in np.ndindex(slopes.shape):
            shift = np.zeros_like(slopes)
            shift[index] = step
            ahead, behind = (
                d2(Molecule(molecule.numbers, molecule.positions + sign * shift))[0] for sign in (1, -1)
            )
            slopes[index] = -(ahead - behind) / (2 * step)
        np.testing.assert_allclose(d2(molecule)[1], slopes, atol=1e-9)


def test_rigid_motion_turns_the_forces_and_keeps_the_energy(molecules):
    molecule = molecules[-1]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]  # may be a reflection: also right
    moved = Molecule(molecule.numbers, molecule.positions @ turn.T + [1.0, -2.0, 3.0])
    (energy, forces), (moved_energy, moved_forces) = d2(molecule), d2(moved)
    assert moved_energy == pytest.approx(energy, rel=1e-12)
    np.testing.assert_allclose(moved_forces, forces @ turn.T, atol=1e-14)
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=1e-15)


def test_far_apart_it_is_the_bare_attraction():
    energies = [d2(pair(17, bohr))[0] for bohr in (60.0, 120.0)]
    assert energies[0] / energies[1] == pytest.approx(2**6, rel=1e-6)


def test_a_lone_atom_has_none():
    energy, forces = d2(Molecule([8], [[0, 0, 0]]))
    assert energy == 0
    assert not forces.any()


def test_coinciding_atoms_are_refused():
    with pytest.raises(ValueError, match="atoms 0 and 2 coincide"):
        d2(Molecule([1, 8, 1], [[0, 0, 1], [0, 0, 0], [0, 0, 1]]))


def test_unknown_element_is_refused():
    with pytest.raises(ValueError, match=r"15 \(P\) is not supported; allowed: H, C, N"):
        d2(Molecule([15, 15], [[0, 0, 0], [0, 0, 2]]))
