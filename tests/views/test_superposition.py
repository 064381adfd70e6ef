from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.superposition import FAINT, STRONG, VIRIDIS, force_colors, superposition

NUMBERS = [6, 8, 1, 1, 1, 1]
POSITIONS = np.array([
    [0.0, 0, 0], [1.4, 0, 0], [-0.4, 1, 0], [-0.4, -0.5, 0.9], [-0.4, -0.5, -0.9], [1.7, 0.9, 0]
])  # fmt: skip


def conformer(energy: float | None = None, positions: np.ndarray = POSITIONS) -> Conformer:
    return Conformer(Molecule(NUMBERS, positions, "CO"), energy=energy)


def test_conformers_are_moved_onto_the_active_one() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    found = superposition(conformer(), [conformer(positions=POSITIONS @ turn + 3)])
    assert_allclose(found.molecules[0].positions, POSITIONS)
    assert_allclose(found.molecules[1].positions, POSITIONS, atol=1e-10)
    assert found.left_out == 0


def test_the_higher_in_energy_the_fainter() -> None:
    others = [conformer(-10 + kcal / HARTREE2KCAL) for kcal in (0.0, 3.0, 300.0)]
    opacity = superposition(conformer(-10), others).opacity
    assert opacity[0] == 1
    assert_allclose(opacity[1:], [STRONG, FAINT + (STRONG - FAINT) / np.e, FAINT])


def test_without_energies_all_are_equally_faint() -> None:
    opacity = superposition(conformer(), [conformer(), conformer()]).opacity
    assert opacity[1] == opacity[2] == pytest.approx((FAINT + STRONG) / 2)


def test_formation_energies_serve_too() -> None:
    others = [Conformer(conformer().molecule, formation_energy=e) for e in (-1.0, -0.5)]
    opacity = superposition(conformer(), others).opacity
    assert opacity[1] > opacity[2]


def test_other_molecules_are_left_out_and_counted() -> None:
    water = Conformer(Molecule([8, 1, 1], POSITIONS[:3]))
    found = superposition(conformer(), [water, conformer()])
    assert (len(found.molecules), found.left_out) == (2, 1)


def test_force_colours_run_from_dark_to_yellow() -> None:
    forces = np.array([[0, 0, 0], [0, 0.05, 0], [0.03, 0, -0.04], [0, 0, 0.1], [9, 9, 9]])
    colors = force_colors(forces, 0.1)
    assert colors[0] == VIRIDIS[0]
    assert colors[3] == colors[4] == VIRIDIS[-1]
    assert colors[1] == colors[2]
    assert force_colors(np.zeros((2, 3)), 0.0) == [VIRIDIS[0]] * 2
