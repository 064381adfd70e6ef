"""Bemis–Murcko scaffolds."""

from __future__ import annotations

from typing import Any


def murcko(smiles: str) -> str:
    """Canonical SMILES of the scaffold, empty for a molecule without rings.

    Bemis and Murcko, J. Med. Chem. 1996, 39, 2887, as RDKit has it: atoms doubly bonded to the
    scaffold belong to it.

    Raises
    ------
    ValueError
        If the SMILES does not parse.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"not a SMILES string that RDKit can parse: {smiles!r}")
    return scaffold_of(molecule)


def scaffold_of(molecule: Any) -> str:
    """The same of an RDKit molecule."""
    from rdkit import Chem

    return Chem.MolToSmiles(Chem.MurckoDecompose(molecule))
