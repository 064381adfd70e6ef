"""From SMILES to geometries: RDKit conformers, and thermal displacements around them.

1. ETKDGv3 embeds up to ``count`` conformers (Riniker and Landrum, J. Chem. Inf. Model. 2015, 55,
   2562), MMFF94s relaxes them, and those closer than ``rmsd`` to a better one are dropped.
2. Where geometries away from equilibrium are wanted, :func:`displace` draws them from the harmonic
   Boltzmann distribution of the force field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.substructure import MAX_SMILES
from nablaviz.molecule import Molecule, check_closed_shell, check_elements
from nablaviz.units import HARTREE2EV, HARTREE2KCAL

if TYPE_CHECKING:
    from rdkit import Chem

BOLTZMANN = 8.617333262e-5 / HARTREE2EV
"""Boltzmann constant in Eh/K (CODATA 2018)."""

INSTEAD_OF_ZERO = 1_618_033
"""RDKit multiplies the seed with a conformer's number: with 0 all conformers would be the same."""


def parse(smiles: str) -> Chem.Mol:
    """The molecule a SMILES string stands for, with explicit hydrogens.

    Raises
    ------
    ValueError
        If the string does not parse, is empty, or stands for a charged or open-shell molecule or
        one with other elements than nablaDFT's.
    """
    from rdkit import Chem, rdBase

    if len(smiles) > MAX_SMILES:
        raise ValueError(
            f"a SMILES of {len(smiles)} characters; at most {MAX_SMILES} are read: {smiles[:40]!r}…"
        )
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise ValueError(f"not a SMILES string that RDKit can parse: {smiles!r}")
    molecule = Chem.AddHs(molecule)
    charge = Chem.GetFormalCharge(molecule)
    if charge:
        raise ValueError(f"{smiles!r} has charge {charge:+d}: only neutral molecules are supported")
    radicals = sum(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms())
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    try:
        check_elements(numbers)
        check_closed_shell(numbers)
    except ValueError as fault:
        raise ValueError(f"{smiles!r}: {fault}") from None
    if radicals:
        raise ValueError(f"{smiles!r} has {radicals} unpaired electrons: only closed shells are supported")
    return molecule


def embed(smiles: str, count: int = 1, seed: int = 0, *, rmsd: float = 0.3) -> list[Molecule]:
    """Distinct conformers of a molecule, best force-field energy first.

    Parameters
    ----------
    smiles
        What to embed.
    count
        How many to try; fewer come back when they are alike.
    seed
        Seed of the embedding: the same seed gives the same conformers.
    rmsd
        Conformers closer than this to a better one are dropped, Å over heavy atoms, symmetry
        taken into account.

    Raises
    ------
    ValueError
        If the SMILES is not supported (see :func:`parse`) or does not embed.
    """
    from rdkit.Chem import rdDistGeom

    if count < 1:
        raise ValueError(f"count must be at least 1, not {count}")
    mol = parse(smiles)
    options: Any = rdDistGeom.ETKDGv3()
    options.randomSeed = INSTEAD_OF_ZERO if seed == 0 and count > 1 else seed
    if not list(rdDistGeom.EmbedMultipleConfs(mol, count, options)):
        options.useRandomCoords = True
        if not list(rdDistGeom.EmbedMultipleConfs(mol, count, options)):
            raise ValueError(f"{smiles!r} does not embed: RDKit finds no 3D geometry for it")
    energies = _relax(mol)
    kept = _prune(mol, np.argsort(energies, kind="stable"), rmsd)
    numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
    return [Molecule(numbers, mol.GetConformer(int(k)).GetPositions(), smiles) for k in kept]


def _relax(mol: Chem.Mol) -> np.ndarray:
    """Relax every conformer in place; their force-field energies, kcal/mol."""
    energies = []
    for conformer in mol.GetConformers():
        field = _force_field(mol, conformer.GetId())
        field.Minimize(maxIts=2000)
        energies.append(field.CalcEnergy())
    return np.array(energies)


def _prune(mol: Chem.Mol, order: np.ndarray, rmsd: float) -> list[int]:
    from rdkit import Chem
    from rdkit.Chem import rdMolAlign

    heavy = Chem.RemoveHs(mol)
    kept: list[int] = []
    for k in map(int, order):
        if all(rdMolAlign.GetBestRMS(heavy, heavy, k, j) > rmsd for j in kept):
            kept.append(k)
    return kept


def _force_field(mol: Chem.Mol, conformer: int) -> Any:
    """MMFF94s, or UFF where MMFF has no parameters."""
    import rdkit.ForceField.rdForceField  # noqa: F401  has the classes of what the next one returns
    from rdkit.Chem import rdForceFieldHelpers as ff

    parameters = ff.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
    if parameters is not None:
        return ff.MMFFGetMoleculeForceField(mol, parameters, confId=conformer)
    return ff.UFFGetMoleculeForceField(mol, confId=conformer)


def displace(molecule: Molecule, temperature: float, seed: int, *, largest: float = 0.25) -> Molecule:
    """A geometry drawn from the harmonic Boltzmann distribution around ``molecule``.

    With H the Hessian of the force field, H u = k u, the displacement along each mode u is normal
    with variance k_B T / k. Soft modes, where the harmonic picture fails, are held to a standard
    deviation of ``largest``; translations and rotations are left out.

    Parameters
    ----------
    molecule
        A relaxed conformer as :func:`embed` gives it, atoms in the order of its SMILES.
    temperature
        In K.
    seed
        Seed of the draw.
    largest
        In Å.

    Raises
    ------
    ValueError
        If the molecule has no SMILES.
    """
    if molecule.smiles is None:
        raise ValueError("only a molecule with a SMILES string has a force field")
    values, modes = np.linalg.eigh(_hessian(molecule))
    vibrations = np.argsort(np.abs(values))[_rigid_modes(molecule.positions) :]
    stiffness = np.maximum(values[vibrations], BOLTZMANN * temperature / largest**2)
    draw = np.random.default_rng(seed).normal(size=len(vibrations))
    step = modes[:, vibrations] @ (draw * np.sqrt(BOLTZMANN * temperature / stiffness))
    return Molecule(molecule.numbers, molecule.positions + step.reshape(-1, 3), molecule.smiles)


def _rigid_modes(positions: np.ndarray) -> int:
    """Number of translations and rotations: 6, or 5 for a linear molecule."""
    spread = np.linalg.svd(positions - positions.mean(axis=0), compute_uv=False)
    return 5 if spread[1] < 1e-2 else 6


def _hessian(molecule: Molecule, step: float = 1e-3) -> np.ndarray:
    """Second derivatives of the force-field energy, shape (3N, 3N), Eh/Å²."""
    from rdkit import Chem

    mol = parse(molecule.smiles or "")
    mol.AddConformer(Chem.Conformer(mol.GetNumAtoms()), assignId=True)
    field = _force_field(mol, 0)

    def gradient(x: np.ndarray) -> np.ndarray:
        field.CalcEnergy(x.tolist())  # CalcGrad alone reuses the distances of the geometry before
        return np.array(field.CalcGrad(x.tolist())) / HARTREE2KCAL

    x = molecule.positions.ravel()
    shifts = np.eye(x.size) * step
    hessian = np.array([gradient(x + s) - gradient(x - s) for s in shifts]) / (2 * step)
    return (hessian + hessian.T) / 2
