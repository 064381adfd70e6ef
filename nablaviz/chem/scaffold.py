"""Bemis–Murcko scaffolds."""

from __future__ import annotations


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
    from rdkit.Chem.Scaffolds import MurckoScaffold

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None:
        raise ValueError(f"not a SMILES string that RDKit can parse: {smiles!r}")
    return Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(molecule))
