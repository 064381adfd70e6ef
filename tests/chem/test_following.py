"""An orbital is followed along a torsion: past crossings, phase and all, whichever way one came."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from nablaviz.chem.baselines import baseline
from nablaviz.chem.comparison import Solution, solution
from nablaviz.chem.conformers import embed
from nablaviz.chem.following import Followed, begin, follow, orbitals_of
from nablaviz.chem.torsion import rotors, set_dihedral, turn
from nablaviz.molecule import Molecule

START = embed("C=CC=O")[0]
ROTOR = rotors(START)[0]


@cache
def at(degrees: float) -> Solution:
    molecule = set_dihedral(START, ROTOR, degrees)
    return solution(molecule, baseline("sap-fit", molecule), "sap-fit")


def along(angles: list[float]) -> list[Followed]:
    found = [begin(at(angles[0]))]
    for before, now in pairwise(angles):
        turned = turn(found[-1].solution.molecule, ROTOR, now - before)
        found.append(follow(found[-1], at(now), turned, ROTOR.moving))
    return found


def test_coefficients_are_those_of_the_hamiltonian():
    last = along([180, 170, 160])[-1]
    orbitals = orbitals_of(last)
    s, h = last.solution.overlap, last.solution.hamiltonian
    assert np.allclose(orbitals.coefficients.T @ s @ orbitals.coefficients, np.eye(len(s)), atol=1e-8)
    residual = h @ orbitals.coefficients - s @ orbitals.coefficients * orbitals.energies
    assert np.abs(residual).max() < 1e-3  # degenerate ones may be mixed
    assert np.array_equal(last.energies(), orbitals.energies[last.order])


def test_the_same_orbital_with_the_same_phase():
    path = along([180.0 - 10 * step for step in range(37)])
    homo = at(180).orbitals.homo
    for now in path[1:]:
        assert now.overlaps[homo] > 0.9
        assert sorted(now.order) == list(range(len(now.order)))
    # once around: the same geometry, the same orbital, the same sign
    first, last = path[0], path[-1]
    cosines = first.coefficients.T @ first.solution.overlap @ last.coefficients
    valence = range(4, homo + 2)
    for a in valence:
        assert abs(cosines[a, last.order[a]]) > 0.99
    # energies of a followed orbital move in small steps, which those of the k-th level do at least as well
    levels = np.array([f.energies()[homo] for f in path])
    assert np.abs(np.diff(levels)).max() < 0.02


def test_turning_the_whole_molecule_changes_nothing():
    from scipy.spatial.transform import Rotation

    matrix = Rotation.from_euler("xyz", [20, 70, 130], degrees=True).as_matrix()
    molecule = at(120).molecule
    moved = Molecule(molecule.numbers, molecule.positions @ matrix.T)
    other = solution(moved, baseline("sap-fit", moved), "sap-fit")
    followed = follow(begin(at(120)), other, matrix, tuple(range(len(molecule))))
    assert np.array_equal(followed.order, np.arange(len(followed.order)))
    assert followed.overlaps.min() > 1 - 1e-6


def test_other_molecules_are_refused():
    molecule = embed("CCO")[0]
    other = solution(molecule, baseline("sap-fit", molecule), "sap-fit")
    with pytest.raises(ValueError, match="has other atoms than"):
        follow(begin(at(180)), other, np.eye(3), ())
