"""Conformers from SMILES and thermal displacements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from nablaviz.chem.conformers import BOLTZMANN, _hessian, displace, embed, parse
from nablaviz.chem.geometry import torsion


def test_conformers_are_distinct_and_the_seed_decides_them():
    first, second = embed("OCCCN", 10, seed=3), embed("OCCCN", 10, seed=3)
    assert len(first) > 2
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, second, strict=True))
    assert not np.allclose(pdist(first[0].positions), pdist(first[1].positions), atol=0.1)
    other = embed("OCCCN", 10, seed=40)  # of near seeds older RDKit makes some conformers alike
    assert not all(np.array_equal(a.positions, b.positions) for a, b in zip(first, other, strict=False))


@pytest.mark.parametrize("seed", [0, 1])
def test_butane_is_anti_or_gauche(seed):
    angles = [abs(torsion(m.positions, 0, 1, 2, 3)) for m in embed("CCCC", 12, seed)]
    assert angles[0] == pytest.approx(180, abs=2)
    assert all(angle == pytest.approx(65, abs=5) for angle in angles[1:])
    assert len(angles) > 1


def test_a_rigid_molecule_has_one_conformer():
    assert len(embed("c1ccccc1", 20)) == 1


@pytest.mark.parametrize("smiles", ["CCO", "CS(N)(=O)=O", "C=CBr", "C#N"])
def test_a_relaxed_conformer_is_a_minimum(smiles):
    molecule = embed(smiles)[0]
    values = np.linalg.eigvalsh(_hessian(molecule))
    rigid = 5 if smiles == "C#N" else 6
    assert np.abs(np.sort(np.abs(values))[:rigid]).max() < 1e-4
    assert np.sort(values)[rigid:].min() > 1e-4


def test_displacements_obey_equipartition():
    molecule, temperature = embed("C=CBr")[0], 50.0
    hessian = _hessian(molecule)
    steps = [displace(molecule, temperature, seed).positions - molecule.positions for seed in range(400)]
    energies = [s.ravel() @ hessian @ s.ravel() / 2 for s in steps]
    expected = (3 * len(molecule) - 6) * BOLTZMANN * temperature / 2
    assert np.mean(energies) == pytest.approx(expected, rel=0.1)
    assert np.allclose(np.mean(steps, axis=1), 0, atol=1e-6)  # the centroid stays


def test_displacement_needs_a_smiles_and_keeps_its_seed():
    molecule = embed("CCO")[0]
    assert np.array_equal(displace(molecule, 300, 1).positions, displace(molecule, 300, 1).positions)
    with pytest.raises(ValueError, match="SMILES"):
        displace(type(molecule)(molecule.numbers, molecule.positions), 300, 1)


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("", "cannot|can parse"),
        ("C1CC", "can parse"),
        ("<img src=x onerror=alert(1)>", "can parse"),
        ("[Na+].[Cl-]", "Na"),
        ("[NH4+]", r"charge \+1"),
        ("[CH3]", "odd number of electrons"),
        ("[CH2]", "unpaired"),
        ("C[Si](C)C", "Si"),
    ],
)
def test_unsupported_molecules_are_refused_by_name(smiles, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(smiles)
    assert repr(smiles) in str(caught.value)


def test_a_molecule_that_cannot_be_embedded_is_refused():
    with pytest.raises(ValueError, match="does not embed"):
        embed("C1C[C@H]2CC[C@H]1C2")  # norbornane with one bridgehead inside out


@given(st.text(max_size=12))
def test_any_text_parses_or_is_refused_with_its_name(text):
    try:
        molecule = parse(text)
    except ValueError as fault:
        assert repr(text) in str(fault)
    else:
        assert molecule.GetNumAtoms() > 0
