"""Which bonds turn, and turning them: nothing but the torsion changes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nablaviz
from nablaviz.chem.bonds import find_bonds
from nablaviz.chem.conformers import embed
from nablaviz.chem.torsion import advice, dihedral, rotor, rotors, set_dihedral, turn, wrapped
from nablaviz.molecule import Molecule


def bonds_of(smiles: str) -> list[str]:
    return [found.name for found in rotors(embed(smiles)[0])]


def test_single_bonds_first_between_the_larger_sides_and_no_others():
    assert bonds_of("C=CC=O") == ["C1–C2", "C0=C1"]  # C=C can be turned, but comes last; C=O cannot
    assert bonds_of("CCO") == ["C0–C1", "C1–O2"]
    assert bonds_of("Cc1ccccc1") == ["C0–C1"]
    assert bonds_of("c1ccccc1") == bonds_of("CC#N") == bonds_of("C") == []


def test_bonds_are_those_of_rdkit():
    """Those that RDKit calls rotatable come first; after them methyl groups and the like."""
    from rdkit import Chem

    pattern = Chem.MolFromSmarts("[!$([D1]);!$(*#*)]-&!@[!$([D1]);!$(*#*)]")
    sample = nablaviz.sample()
    for row in sample.table.index[sample.table["split"] == "larger_molecules"][::4]:
        molecule = sample[int(row)].molecule
        numbers = molecule.numbers
        found = [r for r in rotors(molecule) if r.order == 1]
        sides = [(set(range(len(numbers))) - set(r.moving) - {r.j}, set(r.moving) - {r.k}) for r in found]
        proper = [all((numbers[list(side)] > 1).any() for side in pair) for pair in sides]
        assert molecule.smiles
        rdkit = Chem.MolFromSmiles(molecule.smiles).GetSubstructMatches(pattern)
        assert sum(proper) == len(rdkit) > 0
        assert proper == sorted(proper, reverse=True)


@given(st.sampled_from(["C=CC=O", "OCCO", "CC(C)CO", "NCC(=O)O"]), st.floats(-720, 720), st.integers(0, 9))
@settings(deadline=None, max_examples=25)
def test_only_the_torsion_changes(smiles, degrees, number):
    molecule = embed(smiles)[0]
    found = rotors(molecule)
    chosen = found[number % len(found)]
    turned = set_dihedral(molecule, chosen, degrees)
    assert abs(wrapped(dihedral(turned, chosen) - degrees)) < 1e-8
    moving = list(chosen.moving)
    still = sorted(set(range(len(molecule))) - set(moving))
    assert np.array_equal(turned.positions[still], molecule.positions[still])
    for side in (moving, [*still, chosen.k], [*moving, chosen.j]):
        before, after = (
            np.linalg.norm(m.positions[side][:, None] - m.positions[side], axis=2) for m in (molecule, turned)
        )
        assert np.allclose(before, after, atol=1e-10)
    matrix = turn(molecule, chosen, degrees - dihedral(molecule, chosen))
    origin = molecule.positions[chosen.k]
    assert np.allclose((molecule.positions[moving] - origin) @ matrix.T, turned.positions[moving] - origin)
    assert len(moving) <= len(molecule) / 2 + 1
    assert turned.smiles == smiles


def test_four_atoms_choose_what_is_measured():
    molecule = embed("CCO")[0]
    hydrogen = next(b for a, b, _ in find_bonds(molecule).tolist() if a == 2)
    other = next(b for a, b, _ in find_bonds(molecule).tolist() if a == 1 and b > 2)
    chosen = rotor(molecule, (other, 1, 2, hydrogen))
    assert set(chosen.atoms) == {other, 1, 2, hydrogen}
    assert dihedral(set_dihedral(molecule, chosen, 30.0), chosen) == pytest.approx(30)
    assert rotor(molecule, (2, 1)) == rotor(molecule, (1, 2))


@pytest.mark.parametrize(
    ("smiles", "atoms", "message"),
    [
        ("Cc1ccccc1", (1, 2), "C1–C2 is part of a ring, .* Can be turned: C0–C1"),
        ("CCO", (0, 2), "C0–O2 is not a bond. Can be turned: C"),
        ("CC=O", (1, 2), "Nothing turns about C1–O2: O2 has no other neighbour"),
        ("OCC#N", (2, 3), "Nothing turns about C2–N3"),
        ("OCC#N", (1, 2), "Nothing turns about C1–C2: N3 lies on its line"),
        ("c1ccccc1", (0, 1), "no bond that can be turned: take one with a chain, such as C=CC=O"),
        ("CCO", (0, 99), "there is no atom 99: atoms are 0 to 8"),
        ("CCO", (0, 0), r"the two atoms of a bond, or the four of a torsion, not \[0, 0\]"),
        ("CCO", (0, 1, 2, 3), "atom 3 is not bonded to atom 2"),
    ],
)
def test_what_cannot_be_turned_is_explained(smiles, atoms, message):
    with pytest.raises(ValueError, match=message):
        rotor(embed(smiles)[0], atoms)


def test_many_bonds_are_not_all_named():
    assert "and 3 more" in advice(embed("CCCCCCCCCC")[0])


def test_an_angle_that_is_none():
    molecule = embed("CCO")[0]
    with pytest.raises(ValueError, match="finite number of degrees, not nan"):
        set_dihedral(molecule, rotors(molecule)[0], float("nan"))


def test_without_a_smiles():
    molecule = embed("C=CC=O")[0]
    bare = Molecule(molecule.numbers, molecule.positions)
    assert {r.name for r in rotors(bare)} == {"C1–C2", "C0–C1"}
