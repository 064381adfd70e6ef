"""Relaxing down a surface whose minimum is known."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz import Molecule
from nablaviz.chem.relaxation import CONVERGED, DIVERGED, FLAT, STEPS, calculator, relax, rmsd
from nablaviz.units import HARTREE2EV, HARTREE2KCAL

WATER = Molecule([8, 1, 1], [[0, 0, 0.2], [0, 0.9, -0.5], [0, -0.7, -0.4]], "O")
LENGTH, STIFFNESS = 1.1, 0.5  # Å, Eh/Å²


def springs(molecule: Molecule) -> tuple[float, np.ndarray]:
    """All atoms LENGTH apart: an equilateral triangle."""
    vectors = molecule.positions[:, None] - molecule.positions
    lengths = np.linalg.norm(vectors, axis=2) + np.eye(3)
    stretch = (lengths - LENGTH) * (1 - np.eye(3))
    energy = STIFFNESS / 4 * (stretch**2).sum()
    return energy - 7.0, -STIFFNESS * ((stretch / lengths)[:, :, None] * vectors).sum(axis=1)


def test_it_ends_in_the_minimum() -> None:
    told: list[tuple[int, float, float]] = []
    found = relax(WATER, springs, flat=1e-6, tell=lambda *state: told.append(state))
    assert found.reason == CONVERGED and found.converged
    assert found.start.smiles == found.molecule.smiles == "O"
    distances = np.linalg.norm(found.molecule.positions[:, None] - found.molecule.positions, axis=2)
    assert distances[np.triu_indices(3, 1)] == pytest.approx(LENGTH, abs=1e-5)
    assert found.energies[0] == pytest.approx(springs(WATER)[0])
    assert found.energies[-1] == pytest.approx(-7.0, abs=1e-10)
    assert found.released == pytest.approx((springs(WATER)[0] + 7.0) * HARTREE2KCAL)
    assert found.forces[-1] < 1e-6 < found.forces[0]
    assert found.rmsd[0] == pytest.approx(0, abs=1e-7)
    assert found.rmsd[-1] == rmsd(found.molecule, WATER) > 0.05
    assert [step for step, *_ in told] == list(range(len(found.path)))
    table = found.table
    assert list(table.columns) == ["step", "energy", "force", "rmsd"] and len(table) == len(found.path)
    assert table.energy.iloc[-1] == pytest.approx(-found.released)
    assert f"{len(table) - 1} steps, converged" in repr(found)


def test_turning_and_moving_is_no_distance() -> None:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    assert rmsd(Molecule(WATER.numbers, WATER.positions @ turn + 3.0), WATER) == pytest.approx(0, abs=1e-7)
    stretched = Molecule([1, 1], [[0, 0, 0], [0, 0, 1.2]])
    assert rmsd(stretched, Molecule([1, 1], [[0, 0, 0], [0, 0, 1.0]])) == pytest.approx(0.1)


def test_it_stops_after_as_many_steps_as_allowed() -> None:
    found = relax(WATER, springs, flat=1e-9, steps=2)
    assert (found.reason, len(found.path)) == (STEPS, 3)
    with pytest.raises(ValueError, match="flat must be positive and steps at least 1, not 0.0004 and 0"):
        relax(WATER, springs, flat=FLAT, steps=0)


def test_what_falls_apart_or_has_no_number_has_diverged() -> None:
    def repulsion(molecule: Molecule) -> tuple[float, np.ndarray]:
        away = np.linalg.norm(molecule.positions, axis=1)[:, None]
        return -float(np.log(away).sum()), molecule.positions / away**2

    found = relax(WATER, repulsion)
    assert found.reason == DIVERGED and "the bond between atoms 0 and" in found.note
    asked = 0

    def fails(molecule: Molecule) -> tuple[float, np.ndarray]:
        nonlocal asked
        asked += 1
        return (np.nan if asked > 3 else -asked), springs(molecule)[1]

    found = relax(WATER, fails)
    assert (found.reason, found.note) == (DIVERGED, "the energy or a force is not finite")
    assert len(found.path) == 3 and np.isfinite(found.energies).all()


def test_a_surface_that_knows_nothing_says_so_at_once() -> None:
    def unknown(molecule: Molecule) -> tuple[float, np.ndarray]:
        raise ValueError("no such element")

    with pytest.raises(ValueError, match="no such element"):
        relax(WATER, unknown)


def test_it_can_be_stopped() -> None:
    def stop(step: int, energy: float, force: float) -> None:
        if step == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        relax(WATER, springs, flat=1e-9, tell=stop)


def test_the_calculator_has_the_units_of_ase() -> None:
    from ase import Atoms

    atoms = Atoms(numbers=WATER.numbers, positions=WATER.positions)
    atoms.calc = calculator(springs)
    energy, forces = springs(WATER)
    assert atoms.get_potential_energy() == pytest.approx(energy * HARTREE2EV)
    assert np.allclose(atoms.get_forces(), forces * HARTREE2EV)
