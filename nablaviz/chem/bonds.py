"""Which atoms are bonded, from the geometry; and how, from the SMILES."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.molecule import Molecule

if TYPE_CHECKING:
    from rdkit import Chem

COVALENT_RADII = np.array([
    np.nan, 0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58,
    1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02, 1.06, 2.03, 1.76, 1.70, 1.60, 1.53, 1.39, 1.39, 1.32, 1.26,
    1.24, 1.32, 1.22, 1.22, 1.20, 1.19, 1.20, 1.20, 1.16, 2.20, 1.95, 1.90, 1.75, 1.64, 1.54, 1.47, 1.46,
    1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39, 1.40,
])  # fmt: skip
"""Single-bond radii in Å by atomic number up to xenon: Cordero et al., Dalton Trans. 2008, 2832."""

AROMATIC = 4
"""The order that stands for an aromatic bond, as in MDL files."""

TOLERANCE = 0.30
"""Atoms are bonded when nearer than the sum of their radii plus this, Å.

Stretched bonds of strained geometries (C-C to 1.82 Å) stay, the 1.87 Å across bicyclo[1.1.1]pentane
does not become one.
"""


def find_bonds(molecule: Molecule) -> np.ndarray:
    """Bonds and their orders.

    Pairs come from the distances. Orders come from the SMILES where its atoms can be matched to the
    geometry; they are 1 elsewhere.

    Returns
    -------
    ndarray
        Shape (n_bonds, 3), int64: first atom < second atom, order 1, 2, 3 or 4 for aromatic.
    """
    pairs = bonded_pairs(molecule)
    orders = np.ones(len(pairs), dtype=np.int64)
    if molecule.smiles:
        found = _orders(molecule.smiles, tuple(molecule.numbers.tolist()), tuple(map(tuple, pairs.tolist())))
        orders = orders if found is None else np.array(found, dtype=np.int64)
    return np.column_stack([pairs, orders])


def bonded_pairs(molecule: Molecule) -> np.ndarray:
    """Pairs of atoms nearer than their covalent radii allow, shape (n_bonds, 2), first < second."""
    radii = COVALENT_RADII[molecule.numbers]
    between = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=-1)
    return np.argwhere(np.triu(between < radii[:, None] + radii + TOLERANCE, k=1))


def smiles_atoms(molecule: Molecule) -> tuple[int, ...] | None:
    """For each atom of the SMILES the atom of the geometry; ``None`` where they cannot be matched."""
    if not molecule.smiles:
        return None
    pairs = tuple(map(tuple, bonded_pairs(molecule).tolist()))
    matched = _match(molecule.smiles, tuple(molecule.numbers.tolist()), pairs)
    return None if matched is None else matched[1]


@lru_cache(maxsize=1024)
def _match(
    smiles: str, numbers: tuple[int, ...], pairs: tuple[tuple[int, int], ...]
) -> tuple[Chem.Mol, tuple[int, ...]] | None:
    """The SMILES with its hydrogens, and the bonded atom that each of its atoms is.

    Kept, as the conformers of a molecule share their answer.
    """
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        known = Chem.MolFromSmiles(smiles)
    if known is None:
        return None
    known = Chem.AddHs(known)
    if (known.GetNumAtoms(), known.GetNumBonds()) != (len(numbers), len(pairs)):
        return None
    plain = Chem.RWMol()
    for z in numbers:
        plain.AddAtom(Chem.Atom(z))
    for i, j in pairs:
        plain.AddBond(int(i), int(j), Chem.BondType.SINGLE)
    pattern = Chem.RWMol()
    for atom in known.GetAtoms():
        pattern.AddAtom(Chem.Atom(atom.GetAtomicNum()))
    for bond in known.GetBonds():
        pattern.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.SINGLE)
    match = plain.GetSubstructMatch(pattern)
    return (known, match) if match else None


def _orders(
    smiles: str, numbers: tuple[int, ...], pairs: tuple[tuple[int, int], ...]
) -> tuple[int, ...] | None:
    """Bond orders of ``pairs``, ``None`` where the SMILES does not match."""
    matched = _match(smiles, numbers, pairs)
    if matched is None:
        return None
    known, match = matched
    order = {}
    for bond in known.GetBonds():
        ends = frozenset((match[bond.GetBeginAtomIdx()], match[bond.GetEndAtomIdx()]))
        order[ends] = AROMATIC if bond.GetIsAromatic() else int(bond.GetBondTypeAsDouble())
    return tuple(order[frozenset(pair)] for pair in pairs)
