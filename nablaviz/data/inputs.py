"""What can be labelled: a recipe, SMILES, or geometries from a file."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nablaviz.chem.conformers import parse
from nablaviz.data.dataset import DataError, Dataset, Key
from nablaviz.data.recipe import Entry, Recipe, read_recipe
from nablaviz.molecule import Conformer, Molecule, check_closed_shell, check_elements

SMILES_SUFFIXES = (".smi", ".smiles", ".txt")
GEOMETRY_SUFFIXES = (".xyz", ".extxyz", ".sdf", ".mol")


@dataclass(frozen=True)
class Geometries:
    """Geometries to label as they are; those without ids get their place in the file."""

    items: list[Conformer] | Dataset

    def __len__(self) -> int:
        return len(self.items)

    def conformers(self, skip: AbstractSet[Key], failures: dict[int, str]) -> Iterator[Conformer]:
        for row, c in enumerate(self.items):
            key = (
                (row, 0)
                if c.moses_id is None or c.conformation_id is None
                else (c.moses_id, c.conformation_id)
            )
            if key not in skip:  # without the labels it may have: those of the source are not ours
                yield Conformer(c.molecule, *key, scaffold=c.scaffold, split=c.split, train_size=c.train_size)


def read_input(text: str, *, conformers: int = 1, seed: int = 0) -> Recipe | Geometries:
    """What ``text`` stands for: a file, recognised by its ending, or a SMILES string.

    Raises
    ------
    DataError
        If the file holds something that cannot be labelled; the message names the file and the line.
    ValueError
        If ``text`` is neither a file nor a SMILES string, or ``conformers`` is below 1.
    """
    if conformers < 1:
        raise ValueError(f"the number of conformers must be at least 1, not {conformers}")
    path = Path(text)
    if not path.exists():
        try:
            parse(text)
        except ValueError as fault:
            raise ValueError(f"{text!r} is neither a file nor a SMILES string to label: {fault}") from None
        return Recipe((Entry(0, text, ("",) * conformers, None),), seed)
    if path.suffix == ".toml":
        return read_recipe(path)
    if path.suffix in SMILES_SUFFIXES:
        return Recipe(tuple(_read_smiles(path, conformers)), seed)
    if path.suffix in GEOMETRY_SUFFIXES:
        return Geometries(list(_read_geometries(path)))
    from nablaviz.data.formats import open as open_dataset

    dataset = open_dataset(path)
    _refuse_duplicates(dataset)
    return Geometries(dataset)


def _refuse_duplicates(dataset: Dataset) -> None:
    ids = dataset.table[["moses_id", "conformation_id"]].dropna()
    twice = ids[ids.duplicated()]
    if len(twice):
        row, (moses_id, conformation_id) = twice.index[0], twice.iloc[0]
        raise DataError(f"{dataset.path}, row {row}: the ids {moses_id}/{conformation_id} are there already")


def _read_smiles(path: Path, conformers: int) -> Iterator[Entry]:
    """One molecule a line: the SMILES, then optionally its id; ``#`` starts a comment."""
    seen: dict[int, int] = {}
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = text.split()
        if not words or text.startswith("#"):
            continue
        try:
            parse(words[0])
            moses_id = _whole_number(words[1]) if len(words) > 1 else len(seen)
        except ValueError as fault:
            raise DataError(f"{path}, line {line}: {fault}") from fault
        if moses_id in seen:
            raise DataError(f"{path}, line {line}: id {moses_id} is on line {seen[moses_id]} already")
        seen[moses_id] = line
        yield Entry(moses_id, words[0], ("",) * conformers, None)
    if not seen:
        raise DataError(f"{path}: no SMILES in it")


def _whole_number(word: str) -> int:
    if not word.isascii() or not word.isdigit():
        raise ValueError(f"the id after the SMILES must be a whole number, not {word!r}")
    return int(word)


def _read_geometries(path: Path) -> Iterator[Conformer]:
    """Every frame of an xyz or SDF file, with its place as id.

    An SDF frame brings its bonds, from which the SMILES follows.
    """
    frames = _read_sdf(path) if path.suffix in (".sdf", ".mol") else _read_xyz(path)
    count = 0
    for count, molecule in enumerate(frames, start=1):
        try:
            check_elements(molecule.numbers)
            check_closed_shell(molecule.numbers)
        except ValueError as fault:
            raise DataError(f"{path}, frame {count}: {fault}") from fault
        yield Conformer(molecule, moses_id=count - 1, conformation_id=0)
    if count == 0:
        raise DataError(f"{path}: no geometry in it")


def _read_xyz(path: Path) -> Iterator[Molecule]:
    from ase.io import iread

    try:
        for frame in iread(path, index=":"):
            yield Molecule(frame.numbers, frame.positions)
    except Exception as fault:  # ASE's readers raise whatever their parsing meets
        raise DataError(f"{path}: not an xyz file that ASE can read: {fault}") from fault


def _read_sdf(path: Path) -> Iterator[Molecule]:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for frame, mol in enumerate(Chem.SDMolSupplier(str(path), removeHs=False), start=1):
            if mol is None or mol.GetNumConformers() == 0:
                raise DataError(f"{path}, frame {frame}: not a molecule with coordinates that RDKit can read")
            numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
            smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
            yield Molecule(numbers, mol.GetConformer().GetPositions(), smiles)
