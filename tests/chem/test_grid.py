"""Orbitals, densities and potentials on a grid, against PySCF; boxes that cut nothing."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.basis import mole
from nablaviz.chem.grid import Box, Field, density_values, fit_box, orbital_values, potential_values
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.chem.points import density_at, orbitals_at, potential_at
from nablaviz.molecule import SUPPORTED, Molecule
from nablaviz.units import ANGSTROM2BOHR

CLUSTER = Molecule(  # an unphysical one, with every element
    np.array([*SUPPORTED, 1]), np.random.default_rng(0).normal(size=(9, 3)) * 2.0
)


def points_of(box: Box) -> np.ndarray:
    return np.stack(np.meshgrid(*box.axes(), indexing="ij"), axis=-1).reshape(-1, 3)


def around(molecule: Molecule, shape: tuple[int, int, int], margin: float = 2.0) -> Box:
    low, high = molecule.positions.min(axis=0) - margin, molecule.positions.max(axis=0) + margin
    return Box(low, (high - low) / (np.array(shape) - 1), shape)


@pytest.fixture(scope="module")
def brominated():
    """A 29-atom molecule with bromine, and its orbitals."""
    table = nablaviz.sample().table
    row = int(np.flatnonzero(table["formula"] == "C14H10BrN3O")[0])
    conformer = nablaviz.sample()[row]
    return conformer.molecule, orbitals_of(conformer.molecule, conformer.hamiltonian)


def test_every_atomic_orbital_of_every_element_is_pyscfs():
    box = around(CLUSTER, (31, 23, 27))
    n = mole(CLUSTER).nao
    exact = mole(CLUSTER).eval_gto("GTOval_sph", points_of(box) * ANGSTROM2BOHR)
    ours = orbital_values(CLUSTER, np.eye(n), box)
    assert ours.dtype == np.float32 and ours.shape == (n, *box.shape)
    errors = np.abs(ours.reshape(n, -1).T - exact).max(axis=0)
    assert (errors <= 1e-6 * np.abs(exact).max(axis=0)).all()


def test_molecular_orbitals_are_right_to_1e5_of_their_largest_value(brominated):
    """From bromine's 1s, a spike at one grid point, to the last virtual."""
    molecule, orbitals = brominated
    bromine = molecule.positions[molecule.numbers.tolist().index(35)]
    box = around(molecule, (24, 22, 20))
    nearest = np.linalg.norm(points_of(box) - bromine, axis=1).argmin()
    box = Box(box.origin + bromine - points_of(box)[nearest], box.spacing, box.shape)
    exact = orbitals_at(molecule, orbitals.coefficients, points_of(box))
    ours = orbital_values(molecule, orbitals.coefficients, box).reshape(len(orbitals), -1)
    largest = np.abs(exact).max(axis=0)
    assert (np.abs(ours.T - exact).max(axis=0) <= 1e-5 * largest).all()
    assert largest[0] > 50  # the core is there


def test_a_box_away_from_the_molecule_and_one_far_from_it():
    box = Box(CLUSTER.positions.max(axis=0) + 2.0, [0.3] * 3, (12, 12, 12))
    exact = orbitals_at(CLUSTER, np.eye(mole(CLUSTER).nao), points_of(box))
    ours = orbital_values(CLUSTER, np.eye(mole(CLUSTER).nao), box)
    assert np.abs(ours.reshape(len(ours), -1).T - exact).max() <= 1e-5 * np.abs(exact).max()
    far = Box([200.0] * 3, [0.3] * 3, (5, 5, 5))
    assert not orbital_values(CLUSTER, np.ones((mole(CLUSTER).nao, 1)), far).any()


def test_many_orbitals_in_one_call_are_those_of_single_calls(brominated):
    molecule, orbitals = brominated
    box = around(molecule, (41, 22, 30))
    chosen = orbitals.coefficients[:, orbitals.homo - 2 : orbitals.homo + 3]
    together = orbital_values(molecule, chosen, box)
    apart = np.concatenate([orbital_values(molecule, c[:, None], box) for c in chosen.T])
    assert np.abs(together - apart).max() <= 1e-6 * np.abs(apart).max()


def test_density_and_difference_of_two(brominated):
    molecule, orbitals = brominated
    box = around(molecule, (30, 28, 26))
    density = orbitals.density_matrix
    c = orbitals.coefficients
    hole = -np.outer(c[:, orbitals.homo], c[:, orbitals.homo])
    particle = np.outer(c[:, orbitals.lumo], c[:, orbitals.lumo])
    for matrix in (density, hole + particle):
        exact = density_at(molecule, matrix, points_of(box))
        ours = density_values(molecule, matrix, box).ravel()
        assert np.abs(ours - exact).max() <= 1e-5 * np.abs(exact).max()
    assert density_at(molecule, density, molecule.positions).min() > 0.3


def test_potential_is_that_of_the_integrals():
    """Against one operator 1/|r − R| at a time, from int1e_rinv."""
    conformer = nablaviz.sample()[0]
    molecule = conformer.molecule
    density = orbitals_of(molecule, conformer.hamiltonian).density_matrix
    box = Box(molecule.positions[0] + 0.4, [1.1, 0.9, 1.3], (2, 3, 2))
    mol, expected = mole(molecule), []
    for point in points_of(box) * ANGSTROM2BOHR:
        with mol.with_rinv_origin(point):
            electrons = np.einsum("ij,ij->", mol.intor("int1e_rinv"), density)
        expected.append(
            (molecule.numbers / np.linalg.norm(mol.atom_coords() - point, axis=1)).sum() - electrons
        )
    done: list[float] = []
    assert (
        np.abs(potential_at(molecule, density, points_of(box), progress=done.append) - expected).max() < 1e-10
    )
    assert done[-1] == 1.0
    assert np.allclose(potential_values(molecule, density, box).ravel(), expected, atol=1e-6)
    # Far away a neutral molecule is its dipole: nothing of 1/r is left.
    assert abs(potential_at(molecule, density, np.array([[500.0, 0, 0]]))[0]) < 1e-5
    with pytest.raises(ValueError, match="nucleus of atom 1"):
        potential_at(molecule, density, molecule.positions[1:2])


LEVELS = (0.005, 0.02, 0.08)


@pytest.mark.parametrize("row", [0, 40, 149, 151])
def test_a_fitted_box_cuts_nothing(row):
    """Core, occupied, frontier and diffuse virtual orbitals, against a grid far beyond the molecule."""
    conformer = nablaviz.sample()[row]
    molecule = conformer.molecule
    orbitals = orbitals_of(molecule, conformer.hamiltonian)
    picked = [0, 3, orbitals.homo // 2, orbitals.homo, orbitals.lumo, orbitals.lumo + 4, len(orbitals) - 1]
    wide = around(molecule, (110, 100, 90), margin=5.0)
    values = np.abs(orbital_values(molecule, orbitals.coefficients[:, picked], wide))
    for k, value in zip(picked, values, strict=True):
        for level in LEVELS:
            box = fit_box(molecule, orbitals.coefficients[:, k], level=level)
            beyond = points_of(wide)[(value > level).ravel()]
            if len(beyond):
                assert (beyond.min(axis=0) > box.origin).all(), (k, level)
                assert (beyond.max(axis=0) < [axis[-1] for axis in box.axes()]).all(), (k, level)
            # The faces are themselves outside, so no surface is open.
            inside = np.abs(orbital_values(molecule, orbitals.coefficients[:, [k]], box)[0])
            inside[1:-1, 1:-1, 1:-1] = 0
            assert inside.max() < level, (k, level)


def test_a_fitted_box_is_that_of_the_orbital(brominated):
    molecule, orbitals = brominated
    core = fit_box(molecule, orbitals.coefficients[:, 0], level=0.02)
    bromine = molecule.positions[molecule.numbers.tolist().index(35)]
    middle = core.origin + core.spacing * (np.array(core.shape) - 1) / 2
    assert np.abs(middle - bromine).max() < 0.05
    assert (core.spacing * core.shape < 1.0).all()  # bromine's 1s is under 1 Å wide
    assert max(core.shape) == 48
    small = fit_box(molecule, orbitals.coefficients[:, orbitals.homo], level=0.05, points=40)
    large = fit_box(molecule, orbitals.coefficients[:, orbitals.homo], level=0.01, points=40)
    assert max(small.shape) == max(large.shape) == 40
    assert (small.spacing < large.spacing).all()
    both = fit_box(molecule, orbitals.coefficients[:, [0, orbitals.homo]], level=0.05, points=40)
    for box in (core, small):
        assert (both.origin < box.origin + 0.1).all()
    nothing = fit_box(molecule, orbitals.coefficients[:, orbitals.homo], level=1e3)
    assert (nothing.origin < molecule.positions.min(axis=0)).all()


def test_bad_input_is_named():
    n = mole(CLUSTER).nao
    box = Box([0, 0, 0], [0.1] * 3, (4, 4, 4))
    with pytest.raises(ValueError, match=rf"shape \({n}, k\), not \({n - 1}, 2\)"):
        orbital_values(CLUSTER, np.ones((n - 1, 2)), box)
    with pytest.raises(ValueError, match="coefficients has 1 values that are not finite"):
        orbital_values(CLUSTER, np.where(np.arange(n) == 3, np.nan, 1.0)[:, None], box)
    with pytest.raises(ValueError, match="not symmetric"):
        density_values(CLUSTER, np.triu(np.ones((n, n))), box)
    with pytest.raises(ValueError, match=rf"shape \({n}, {n}\)"):
        density_values(CLUSTER, np.ones((n, 2)), box)
    with pytest.raises(ValueError, match="level must be a positive number, not 0"):
        fit_box(CLUSTER, np.ones(n), level=0)
    with pytest.raises(ValueError, match="8 or more, not 3"):
        fit_box(CLUSTER, np.ones(n), level=0.1, points=3)
    with pytest.raises(ValueError, match="spacing must be three positive numbers"):
        Box([0, 0, 0], [0.1, 0, 0.1], (4, 4, 4))
    with pytest.raises(ValueError, match="shape must be three positive integers"):
        Box([0, 0, 0], [0.1] * 3, (4, 0, 4))
    with pytest.raises(ValueError, match="origin must be three finite numbers"):
        Box([0, np.inf, 0], [0.1] * 3, (4, 4, 4))
    with pytest.raises(ValueError, match=r"values of shape \(2, 2, 2\) on a box of shape \(4, 4, 4\)"):
        Field(box, np.zeros((2, 2, 2)), "")
