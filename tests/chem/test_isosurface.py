"""Surfaces against spheres and against the orbital itself; isovalues against what encloses analytically."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import erf

import nablaviz
from nablaviz.chem.basis import layout
from nablaviz.chem.grid import ORBITAL_UNIT, Box, Field, fit_box, orbital_values
from nablaviz.chem.isosurface import enclosing_isovalue, isosurface, sample
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.chem.points import orbitals_at
from nablaviz.units import ANGSTROM2BOHR

ISOVALUES = (0.02, 0.04, 0.08)


def gaussian(shape=(40, 44, 36), half=3.0, centre=(0.1, -0.2, 0.05)) -> Field:
    box = Box([-half] * 3, 2 * half / (np.array(shape) - 1), shape)
    x, y, z = np.meshgrid(*box.axes(), indexing="ij")
    r2 = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2
    return Field(box, np.exp(-r2), ORBITAL_UNIT)


def closed(mesh) -> bool:
    """Whether each edge of the mesh belongs to two faces that run along it in opposite directions."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    forth = {tuple(e) for e in edges.tolist()}
    return len(forth) == len(edges) and all((b, a) in forth for a, b in forth)


def volume(mesh) -> float:
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(float) for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sphere(sign):
    field = gaussian()
    field = Field(field.box, sign * field.values, field.unit)
    mesh = isosurface(field, sign * 0.2)
    centre, radius = np.array([0.1, -0.2, 0.05]), np.sqrt(-np.log(0.2))
    from_centre = mesh.vertices - centre
    r = np.linalg.norm(from_centre, axis=1)
    assert np.abs(r - radius).max() < 2e-4  # the straight line is off by 2e-3
    assert (np.einsum("ij,ij->i", mesh.normals, from_centre) / r).min() > 0.9999
    assert np.abs(np.linalg.norm(mesh.normals, axis=1) - 1).max() < 1e-6
    assert closed(mesh)
    assert volume(mesh) == pytest.approx(4 / 3 * np.pi * radius**3, rel=0.01)  # > 0: faces turn outwards
    assert (mesh.vertices.dtype, mesh.normals.dtype, mesh.faces.dtype) == (np.float32, np.float32, np.uint32)


def test_a_surface_at_the_faces_of_the_box():
    """Where it leaves the box the cubic has its four points on one side, and is as good."""
    mesh = isosurface(gaussian(half=1.3), 0.2)
    r = np.linalg.norm(mesh.vertices - np.array([0.1, -0.2, 0.05]), axis=1)
    assert np.abs(r - np.sqrt(-np.log(0.2))).max() < 1e-4
    assert not closed(mesh)


def test_no_surface_is_an_empty_mesh():
    for isovalue in (1.5, -0.1):
        mesh = isosurface(gaussian(), isovalue)
        assert mesh.vertices.shape == mesh.normals.shape == mesh.faces.shape == (0, 3)
        assert mesh.nbytes == 0


@pytest.fixture(scope="module")
def orbitals():
    """By kind: a molecule, coefficients and the level a surface is drawn at."""
    found = {}
    for row, kinds in ((40, ("s", "p", "virtual")), (149, ("d", "p"))):
        conformer = nablaviz.sample()[row]
        solved = orbitals_of(conformer.molecule, conformer.hamiltonian)
        weight = solved.coefficients**2
        ell = layout(conformer.molecule.numbers).ao_l
        for kind in kinds:
            if kind == "virtual":
                k = solved.lumo + 3
            else:
                k = int((weight[ell == "spd".index(kind)].sum(axis=0) / weight.sum(axis=0)).argmax())
            found[kind, row] = conformer.molecule, solved.coefficients[:, k]
    return found


@pytest.mark.parametrize("kind", [("s", 40), ("p", 40), ("virtual", 40), ("d", 149), ("p", 149)])
def test_the_orbital_has_the_isovalue_at_the_vertices(orbitals, kind):
    """99 % of the vertices to 1 % on the default grid; without the exact function 98 % away from nuclei."""
    molecule, c = orbitals[kind]
    exact = partial(orbitals_at, molecule, c)
    for isovalue in ISOVALUES:
        box = fit_box(molecule, c, level=isovalue)
        field = Field(box, orbital_values(molecule, c[:, None], box)[0], ORBITAL_UNIT)
        for level in (isovalue, -isovalue):
            mesh = isosurface(field, level, exact)
            if not len(mesh.faces):
                continue
            assert (np.abs(exact(mesh.vertices) / level - 1) < 0.01).mean() >= 0.99
            plain = isosurface(field, level)
            assert np.array_equal(plain.faces, mesh.faces)
            heavy = molecule.positions[molecule.numbers > 1]
            away = np.linalg.norm(plain.vertices[:, None] - heavy, axis=2).min(axis=1) > 8 * box.spacing[0]
            assert (np.abs(exact(plain.vertices)[away] / level - 1) < 0.01).mean() >= 0.98 or not away.any()


def test_sample_between_the_points():
    field = gaussian()
    points = np.random.default_rng(0).uniform(-2.9, 2.9, size=(200, 3))
    expected = np.exp(-((points - [0.1, -0.2, 0.05]) ** 2).sum(axis=1))
    assert np.abs(sample(field, points) - expected).max() < 5e-4
    corners = np.array([[axis[i] for axis in field.box.axes()] for i in (0, -1)])
    assert sample(field, corners) == pytest.approx(field.values[[0, -1], [0, -1], [0, -1]])
    with pytest.raises(ValueError, match="1 of 2 points are outside the box"):
        sample(field, [[0, 0, 0], [0, 0, 3.1]])


@pytest.mark.parametrize("fraction", [0.5, 0.8, 0.95])
def test_isovalue_that_encloses_a_fraction_of_a_gaussian(fraction):
    """ψ = (2α/π)^¾ exp(−αr²) has erf(x) − 2x exp(−x²)/√π of its electron within r, x = r √(2α)."""
    alpha = 0.4
    box = Box([-4.0] * 3, [0.16] * 3, (51, 51, 51))
    x, y, z = np.meshgrid(*(axis * ANGSTROM2BOHR for axis in box.axes()), indexing="ij")
    r2 = (x - 0.03) ** 2 + (y + 0.07) ** 2 + (z - 0.05) ** 2
    psi = (2 * alpha / np.pi) ** 0.75 * np.exp(-alpha * r2)
    radius = brentq(lambda t: erf(t) - 2 * t * np.exp(-(t**2)) / np.sqrt(np.pi) - fraction, 0, 9)
    expected = (2 * alpha / np.pi) ** 0.75 * np.exp(-(radius**2) / 2)
    assert enclosing_isovalue(Field(box, -psi, ORBITAL_UNIT), fraction) == pytest.approx(expected, rel=0.01)
    density = Field(box, 2 * psi**2, "e/bohr^3")
    assert enclosing_isovalue(density, fraction, electrons=2) == pytest.approx(2 * expected**2, rel=0.02)


def test_bad_input_is_named():
    for isovalue in (0.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="isovalue must be a finite number other than 0"):
            isosurface(gaussian(), isovalue)
    flat = Field(Box([0, 0, 0], [1, 1, 1], (5, 5, 3)), np.zeros((5, 5, 3)), ORBITAL_UNIT)
    with pytest.raises(ValueError, match=r"4 points or more along each axis, not \(5, 5, 3\)"):
        isosurface(flat, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1, not 1.2"):
        enclosing_isovalue(gaussian(), 1.2)
    with pytest.raises(ValueError, match="the box holds 0.0% of the electrons"):
        enclosing_isovalue(
            Field(Box([0, 0, 0], [1, 1, 1], (5, 5, 5)), np.zeros((5, 5, 5)), ORBITAL_UNIT), 0.8
        )
