"""Functional groups of molecules given as SMILES, by a list of SMARTS."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

from nablaviz.chem.substructure import read_smarts, read_smiles

GROUPS = {
    "alcohols": "[OX2H][CX4;!$(C([OX2H])[O,S,#7])]",
    "phenols": "[OX2H]c",
    "ethers": "[OD2;!$(OC=[O,S,N]);!$(O[O,N,S]);!$(Oc)]([#6;!$(C=O)])[#6]",
    "aryl ethers": "[OD2;!$(OC=O)](c)[#6]",
    "aldehydes": "[CX3;H1,H2;!$(C[#7,#8])]=[OX1]",
    "ketones": "[#6][CX3](=O)[#6]",
    "carboxylic acids": "[CX3](=O)[OX2H1]",
    "esters": "[CX3;!$(C(=O)(O)[O,N])](=O)[OX2H0][#6]",
    "carbonates and carbamates": "[OX2][CX3](=O)[OX2,NX3]",
    "amides": "[NX3;!$(NS(=O)=O)][CX3;!$(C(=O)(N)[N,O,S])]=[OX1]",
    "thioamides and thioureas": "[NX3][CX3]=[SX1]",
    "ureas": "[NX3][CX3](=[OX1])[NX3]",
    "primary amines": "[NX3;H2;!$(NC=[!#6]);!$(NC#[!#6]);!$(N[!#6])][#6]",
    "secondary amines": "[NX3;H1;!$(NC=[!#6]);!$(NC#[!#6]);!$(N[!#6])]([#6])[#6]",
    "tertiary amines": "[NX3;H0;!$(NC=[!#6]);!$(NC#[!#6]);!$(N[!#6])]([#6])([#6])[#6]",
    "amidines and guanidines": "[NX3][CX3]=[NX2]",
    "imines and oximes": "[CX3;!$(C[NX3])]=[NX2][#6,H,OX2]",
    "nitriles": "[CX2]#[NX1]",
    "nitro compounds": "[$([NX3](=O)=O),$([NX3+](=O)[O-])]",
    "hydrazines and azo compounds": "[NX3,NX2;!$(NC=O);!R]~[NX3,NX2;!R]",
    "alkenes": "[CX3;!$(C=[!#6])]=[CX3]",
    "alkynes": "[CX2]#[CX2]",
    "three-membered rings": "[r3]",
    "four-membered rings": "[r4]",
    "benzene rings": "c1ccccc1",
    "aromatic N heterocycles": "[n]",
    "aromatic O and S heterocycles": "[o,s]",
    "acyl and sulfonyl halides": "[$(C=O),$(S(=O)=O)][F,Cl,Br]",
    "thiols": "[SX2H]",
    "thioethers": "[SX2;!$(SS)]([#6])[#6]",
    "sulfoxides": "[SX3](=O)([#6])[#6]",
    "sulfones": "[SX4](=O)(=O)([#6])[#6]",
    "sulfonamides": "[SX4](=O)(=O)([#6])[NX3]",
    "alkyl fluorides": "[FX1][CX4]",
    "aryl fluorides": "[FX1]c",
    "alkyl chlorides": "[ClX1][CX4]",
    "aryl chlorides": "[ClX1]c",
    "alkyl bromides": "[BrX1][CX4]",
    "aryl bromides": "[BrX1]c",
}
"""Names, in the plural, and SMARTS. A molecule may have several of them, or none."""


@cache
def _queries() -> tuple[Any, ...]:
    return tuple(read_smarts(smarts) for smarts in GROUPS.values())


def functional_groups(smiles: Iterable[str | None]) -> np.ndarray:
    """Which of ``GROUPS`` molecules have.

    Parameters
    ----------
    smiles
        n of them; one that cannot be read has no group.

    Returns
    -------
    numpy.ndarray
        Boolean, shape (n, groups).
    """
    found = []
    for text in smiles:
        molecule = read_smiles(text)
        found.append([molecule is not None and molecule.HasSubstructMatch(q) for q in _queries()])
    return np.array(found, dtype=bool).reshape(-1, len(GROUPS))
