"""Distances, angles, torsions and superposition, against RDKit, SciPy and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nablaviz.chem.geometry import angle, distance, principal_axes, superpose, torsion
from nablaviz.molecule import Molecule

seeds = st.integers(0, 2**32 - 1)


def heavy_rmsd(a: Molecule, b: Molecule) -> float:
    heavy = a.numbers > 1
    return float(np.sqrt(((a.positions - b.positions)[heavy] ** 2).sum(axis=1).mean()))


def random_molecule(seed: int, numbers=(6, 7, 8, 6, 1, 1, 17)) -> Molecule:
    return Molecule(np.array(numbers), np.random.default_rng(seed).normal(scale=2, size=(len(numbers), 3)))


def moved(molecule: Molecule, seed: int) -> Molecule:
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    shift = np.random.default_rng(seed).normal(scale=5, size=3)
    return Molecule(molecule.numbers, molecule.positions @ turn.T + shift)


@given(seeds)
@settings(deadline=None)
def test_measurements_equal_rdkit(seed):
    from rdkit.Chem import Conformer
    from rdkit.Chem import rdMolTransforms as rdkit

    molecule = random_molecule(seed)
    conformer = Conformer(len(molecule))
    conformer.SetPositions(np.array(molecule.positions))
    p = molecule.positions
    assert distance(p, 0, 3) == pytest.approx(rdkit.GetBondLength(conformer, 0, 3))
    assert angle(p, 0, 3, 2) == pytest.approx(rdkit.GetAngleDeg(conformer, 0, 3, 2))
    difference = torsion(p, 1, 0, 3, 2) - rdkit.GetDihedralDeg(conformer, 1, 0, 3, 2)
    assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_sign_of_the_torsion():
    # seen along the middle bond (towards +z) the far atom lies clockwise of the near one
    points = np.array([[1.0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 1, 1]])
    assert torsion(points, 0, 1, 2, 3) == pytest.approx(90)
    assert torsion(points * [1, -1, 1], 0, 1, 2, 3) == pytest.approx(-90)


def test_angles_near_the_ends_keep_their_digits():
    bent = np.array([[1.0, 0, 0], [0, 0, 0], [np.cos(1e-7), np.sin(1e-7), 0]])
    assert angle(bent, 0, 1, 2) == pytest.approx(np.degrees(1e-7), rel=1e-6)


def test_undefined_measurements_are_refused():
    line = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [2, 1, 0]])
    with pytest.raises(ValueError, match="torsion 0, 1, 2, 3 is undefined"):
        torsion(line, 0, 1, 2, 3)
    with pytest.raises(ValueError, match="angle 0, 1, 1 is undefined"):
        angle(line, 0, 1, 1)


@given(seeds)
@settings(deadline=None)
def test_superpose_undoes_a_rigid_motion(seed):
    reference = random_molecule(seed)
    back = superpose([moved(reference, seed + 1)], reference)[0]
    np.testing.assert_allclose(back.positions, reference.positions, atol=1e-9)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_superpose_finds_the_least_rmsd(seed):
    reference, other = random_molecule(seed), moved(random_molecule(seed + 1), seed)
    best = superpose([other], reference)[0]
    heavy = reference.numbers > 1
    a = reference.positions[heavy] - reference.positions[heavy].mean(axis=0)
    b = other.positions[heavy] - other.positions[heavy].mean(axis=0)
    expected = Rotation.align_vectors(a, b)[1] / np.sqrt(heavy.sum())
    assert heavy_rmsd(best, reference) == pytest.approx(expected, abs=1e-7)


@given(seeds)
@settings(deadline=None)
def test_superpose_moves_rigidly_and_never_mirrors(seed):
    reference = random_molecule(seed)
    mirrored = Molecule(reference.numbers, reference.positions * [1, 1, -1], "CC")
    best = superpose([mirrored], reference)[0]
    before, after = mirrored.positions, best.positions
    np.testing.assert_allclose(
        np.linalg.norm(after[:, None] - after, axis=-1), np.linalg.norm(before[:, None] - before, axis=-1)
    )
    volume = np.linalg.det(before[1:4] - before[0])
    assert np.linalg.det(after[1:4] - after[0]) == pytest.approx(volume)
    assert best.smiles == "CC"


@pytest.mark.parametrize("numbers", [(8, 1, 1), (6, 1, 1, 1, 1), (6, 6, 1, 1), (6, 8, 8)])
def test_superpose_with_few_or_collinear_heavy_atoms(numbers):
    reference = random_molecule(1, numbers)
    if numbers == (6, 8, 8):
        reference = Molecule(np.array(numbers), [[0, 0, 0], [1.2, 0, 0], [-1.2, 0, 0]])
    back = superpose([moved(reference, 2)], reference)[0]
    np.testing.assert_allclose(back.positions, reference.positions, atol=1e-9)


def test_superpose_names_the_molecule_that_differs():
    water, other = random_molecule(0, (8, 1, 1)), random_molecule(0, (1, 8, 1))
    with pytest.raises(ValueError, match="molecule 1 .* order differ"):
        superpose([water, other], water)


@given(seeds)
@settings(deadline=None)
def test_principal_axes(seed):
    points = np.random.default_rng(seed).normal(size=(9, 3)) * [1, 3, 2]
    axes = principal_axes(points)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1)
    spread = (axes @ (points - points.mean(axis=0)).T).std(axis=1)
    assert list(spread) == sorted(spread, reverse=True)
