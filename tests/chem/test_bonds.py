"""Bonds found from geometries that RDKit built, for every element of nablaDFT."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablaviz.chem.bonds import AROMATIC, bonded_pairs, find_bonds
from nablaviz.molecule import Molecule

SMILES = [
    "CCO", "C#N", "CS(=O)(=O)N", "Brc1ccc(Cl)cc1F", "BrCBr", "ClC(Cl)(Cl)Cl", "FC(F)(F)F", "SS", "CSC",
    "c1ccsc1", "C1CC1", "C12CC(C1)C2", "OO", "NN", "O=C=O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "BrBr",
    "ClS(=O)(=O)c1ccccc1", "CC(=O)NCCc1c[nH]c2ccc(OC)cc12", "C=C=C", "CC#CC",
]  # fmt: skip


def embedded(smiles: str, seed: int = 7, sigma: float = 0.0):
    """RDKit's molecule with hydrogens, and ours with the atoms shuffled and shaken."""
    from rdkit import Chem
    from rdkit.Chem import AllChem

    known = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rng = np.random.default_rng(seed)
    known = Chem.RenumberAtoms(known, rng.permutation(known.GetNumAtoms()).tolist())
    relaxed = Chem.Mol(known)  # MMFF has its own idea of what is aromatic
    assert AllChem.EmbedMolecule(relaxed, randomSeed=7) == 0
    AllChem.MMFFOptimizeMolecule(relaxed)
    positions = relaxed.GetConformer().GetPositions()
    positions = positions + rng.normal(scale=sigma, size=positions.shape)
    return known, Molecule(np.array([a.GetAtomicNum() for a in known.GetAtoms()]), positions, smiles)


def expected(known) -> dict[tuple[int, int], int]:
    return {
        tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))): (
            AROMATIC if b.GetIsAromatic() else int(b.GetBondTypeAsDouble())
        )
        for b in known.GetBonds()
    }


@pytest.mark.parametrize("smiles", SMILES)
def test_pairs_and_orders(smiles):
    known, molecule = embedded(smiles)
    found = {(i, j): order for i, j, order in find_bonds(molecule).tolist()}
    assert set(found) == set(expected(known))
    # equal up to the symmetry of the molecule

    def kinds(orders):
        return Counter((*sorted(molecule.numbers[list(pair)]), order) for pair, order in orders.items())

    assert kinds(found) == kinds(expected(known))


@given(st.sampled_from(SMILES), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_pairs_in_shaken_geometries(smiles, seed):
    known, molecule = embedded(smiles, seed, sigma=0.03)
    assert set(map(tuple, bonded_pairs(molecule).tolist())) == set(expected(known))


@pytest.mark.parametrize("smiles", [None, "not a smiles", "CCC", "<img src=x onerror=alert(1)>", "C" * 300])
def test_smiles_that_do_not_match_leave_single_bonds(smiles):
    _, ethene = embedded("C=C")
    bonds = find_bonds(Molecule(ethene.numbers, ethene.positions, smiles))
    assert bonds.shape == (5, 3)
    assert set(bonds[:, 2].tolist()) == {1}


def test_one_atom_has_no_bonds():
    assert find_bonds(Molecule([18], [[0.0, 0, 0]])).shape == (0, 3)
