"""What can be labelled: a recipe, SMILES, or geometries from a file."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.conformers import parse
from nablaviz.data.dataset import DataError, Dataset, Key
from nablaviz.data.recipe import Entry, Recipe, read_recipe
from nablaviz.data.validate import read_text
from nablaviz.molecule import Conformer, Molecule, check_closed_shell, check_elements

if TYPE_CHECKING:
    from rdkit import Chem

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
    for line, text in enumerate(read_text(path).splitlines(), start=1):
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
    from ase.io import read

    for place, lines in _frames(path):
        try:
            _check_columns(*lines[1:3])
            # Text and a format: of a file's name ASE would take what follows an @ for an index, and guess.
            frame: Any = read(StringIO("\n".join(lines) + "\n"), format="extxyz")
            yield Molecule(frame.numbers, frame.positions)
        except Exception as fault:  # ASE's readers raise whatever their parsing meets
            raise DataError(f"{path}, line {place}: no geometry that ASE can read: {fault}") from fault


def _check_columns(comment: str, first: str) -> None:
    """Raise ``ValueError`` if an extended xyz frame announces more columns than its first atom has.

    ASE would make a list of them all.
    """
    from ase.io.extxyz import key_val_str_to_dict

    announced = str(key_val_str_to_dict(comment).get("Properties", "")).split(":")[2::3]
    columns, there = sum(max(0, int(count)) for count in announced), len(first.split())
    if columns > there:
        raise ValueError(f"{columns:.6g} columns are announced, the first atom has {there}")


def _frames(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of each frame of an xyz file, and the number of the first of them."""
    lines = read_text(path).split("\n")
    at = 0
    while at < len(lines) and lines[at].strip():
        try:
            count = int(lines[at])
        except ValueError:
            raise DataError(f"{path}, line {at + 1}: {lines[at]!r:.80} is no number of atoms") from None
        if not 0 < count <= len(lines) - at - 2:  # ASE would look for so many
            left = len(lines) - at - 2
            raise DataError(
                f"{path}, line {at + 1}: {count} atoms are announced, {max(left, 0)} lines follow"
            )
        yield at + 1, lines[at : at + 2 + count]
        at += 2 + count
    if any(line.strip() for line in lines[at:]):
        raise DataError(f"{path}, line {at + 1}: a blank line where a number of atoms should be")


def _read_sdf(path: Path) -> Iterator[Molecule]:
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        for frame, mol in enumerate(Chem.SDMolSupplier(str(path), removeHs=False), start=1):
            if mol is None or mol.GetNumConformers() == 0:
                raise DataError(f"{path}, frame {frame}: not a molecule with coordinates that RDKit can read")
            try:
                _check_whole(mol)
                smiles = Chem.MolToSmiles(Chem.RemoveHs(mol))
                numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()])
                yield Molecule(numbers, mol.GetConformer().GetPositions(), smiles)
            except (ValueError, RuntimeError) as fault:
                raise DataError(f"{path}, frame {frame}: {fault}") from fault


def _check_whole(mol: Chem.Mol) -> None:
    """Raise ``ValueError`` unless it is neutral, closed-shell, three-dimensional, with all its hydrogens."""
    from rdkit import Chem

    if charge := Chem.GetFormalCharge(mol):
        raise ValueError(f"charge {charge:+d}: only neutral molecules are supported")
    if radicals := sum(atom.GetNumRadicalElectrons() for atom in mol.GetAtoms()):
        raise ValueError(f"{radicals} unpaired electrons: only closed shells are supported")
    if missing := sum(atom.GetTotalNumHs() for atom in mol.GetAtoms()):
        raise ValueError(f"{missing} hydrogens are not among the atoms: add them, with coordinates")
    if mol.GetNumAtoms() > 1 and not mol.GetConformer().Is3D():
        raise ValueError("a drawing in two dimensions, not a geometry")
