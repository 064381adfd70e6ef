from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablaviz.chem.functional_groups import GROUPS, functional_groups

NAMES = list(GROUPS)

EXAMPLES = {
    "CCO": {"alcohols"},
    "Oc1ccccc1": {"phenols", "benzene rings"},
    "COC": {"ethers"},
    "COc1ccccc1": {"aryl ethers", "benzene rings"},
    "CC=O": {"aldehydes"},
    "C=O": {"aldehydes"},
    "CC(C)=O": {"ketones"},
    "CC(=O)O": {"carboxylic acids"},
    "CC(=O)OC": {"esters"},
    "COC(=O)OC": {"carbonates and carbamates"},
    "COC(=O)NC": {"carbonates and carbamates"},
    "CC(N)=O": {"amides"},
    "CC(=O)N(C)C": {"amides"},
    "NC=O": {"amides"},
    "CC(=O)NO": {"amides"},
    "NC(N)=O": {"ureas"},
    "CN": {"primary amines"},
    "CNC": {"secondary amines"},
    "CN(C)C": {"tertiary amines"},
    "Nc1ccccc1": {"primary amines", "benzene rings"},
    "CC(=N)N": {"amidines and guanidines"},
    "NC(=N)N": {"amidines and guanidines"},
    "CC(N)=S": {"thioamides and thioureas"},
    "NC(N)=S": {"thioamides and thioureas"},
    "CC(=O)Cl": {"acyl and sulfonyl halides"},
    "CS(=O)(=O)F": {"acyl and sulfonyl halides"},
    "CC=NC": {"imines and oximes"},
    "CC=NO": {"imines and oximes"},
    "CC#N": {"nitriles"},
    "C[N+](=O)[O-]": {"nitro compounds"},
    "CNN": {"hydrazines and azo compounds"},
    "CN=NC": {"hydrazines and azo compounds"},
    "C=CC": {"alkenes"},
    "CC#C": {"alkynes"},
    "C1CC1": {"three-membered rings"},
    "C1COC1": {"four-membered rings", "ethers"},
    "c1ccncc1": {"aromatic N heterocycles"},
    "c1ccsc1": {"aromatic O and S heterocycles"},
    "c1cocn1": {"aromatic N heterocycles", "aromatic O and S heterocycles"},
    "CS": {"thiols"},
    "CSC": {"thioethers"},
    "CS(C)=O": {"sulfoxides"},
    "CS(C)(=O)=O": {"sulfones"},
    "CS(N)(=O)=O": {"sulfonamides"},
    "CF": {"alkyl fluorides"},
    "Fc1ccccc1": {"aryl fluorides", "benzene rings"},
    "CCl": {"alkyl chlorides"},
    "Clc1ccccc1": {"aryl chlorides", "benzene rings"},
    "CBr": {"alkyl bromides"},
    "Brc1ccccc1": {"aryl bromides", "benzene rings"},
    "CC": set(),
    "O": set(),
}


@pytest.mark.parametrize("smiles", EXAMPLES)
def test_known_molecules(smiles):
    (found,) = functional_groups([smiles])
    assert {name for name, there in zip(NAMES, found, strict=True) if there} == EXAMPLES[smiles]


def test_every_group_has_an_example():
    assert set().union(*EXAMPLES.values()) == set(GROUPS)


def test_nicotine():
    (found,) = functional_groups(["CN1CCCC1c1cccnc1"])
    assert set(np.array(NAMES)[found]) == {"tertiary amines", "aromatic N heterocycles"}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=20), st.sampled_from(list(EXAMPLES))), max_size=5))
def test_what_cannot_be_read_has_no_group(smiles):
    found = functional_groups(smiles)
    assert found.shape == (len(smiles), len(GROUPS))
    for text, line in zip(smiles, found, strict=True):
        if text in EXAMPLES:
            assert set(np.array(NAMES)[line]) == EXAMPLES[text]
        if not text or not text.strip():
            assert not line.any()
