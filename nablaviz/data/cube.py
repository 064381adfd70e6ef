"""Cube files: a molecule and fields on a box, for Avogadro, VMD, IQmol and others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nablaviz.chem.grid import DENSITY_UNIT, ORBITAL_UNIT, POTENTIAL_UNIT, Box, Field
from nablaviz.data.atomic import replacing
from nablaviz.data.dataset import DataError
from nablaviz.data.validate import located, shown
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR, BOHR2ANGSTROM

UNKNOWN_UNIT = "unknown"
LARGEST = 1 << 28
"""Largest file that is read, bytes."""


@dataclass(frozen=True, eq=False)
class Cube:
    """What a cube file holds."""

    molecule: Molecule
    fields: tuple[Field, ...]
    "One, or one for each orbital of a file of several."
    comments: tuple[str, str]
    "The two lines of free text."
    orbitals: tuple[int, ...] = ()
    "Numbers of the orbitals, from 1, where the file says that it holds orbitals."


def write_cube(path: str | Path, molecule: Molecule, field: Field, *, title: str = "") -> None:
    """Write a field and the molecule, in bohr; the file is there only once it is complete.

    Parameters
    ----------
    title
        Free text for the first line.

    Raises
    ------
    ValueError
        If the title has more than one line.
    """
    if len(title.splitlines()) > 1:
        raise ValueError(f"the title must be one line, not {title!r}")
    _, ny, nz = field.box.shape
    origin, spacing = field.box.origin * ANGSTROM2BOHR, field.box.spacing * ANGSTROM2BOHR
    with replacing(path) as file:
        file.write(f"{title or molecule.formula}\n{field.unit}, written by nablaviz\n")
        file.write(f"{len(molecule):5d}" + _floats(origin))
        for axis, n in enumerate(field.box.shape):
            file.write(f"{n:5d}" + _floats(np.eye(3)[axis] * spacing[axis]))
        for number, position in zip(molecule.numbers, molecule.positions * ANGSTROM2BOHR, strict=True):
            file.write(f"{number:5d}" + _floats(np.array([number, *position])))
        # One format for a whole plane: a line break after each six values and at the end of each row.
        row = "".join("%13.5E" + "\n" * (k % 6 == 5 or k == nz - 1) for k in range(nz))
        plane = row * ny
        for values in field.values:
            file.write(plane % tuple(values.ravel().tolist()))


def _floats(values: np.ndarray) -> str:
    return "".join(f"{value:14.8f}" for value in values) + "\n"


def read_cube(path: str | Path) -> Cube:
    """Read a cube file.

    A negative number of atoms, which means that a line of orbital numbers follows them, and negative numbers
    of points, which mean lengths in Å, are understood.

    Raises
    ------
    DataError
        If the file is no cube file or damaged, with file and line; if its axes are not along x, y and z.
    FileNotFoundError
        If there is no such file.
    """
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise DataError(f"{shown(path)}: {path.stat().st_size} bytes are too many for a cube file")
    with located(shown(path)):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return _parse(lines)


def _parse(lines: list[str]) -> Cube:
    count, *rest = _numbers(lines, 2, 4, "the number of atoms and the origin")
    n_atoms, origin = _whole(count, 2), np.array(rest[:3])
    shape, vectors = [], []
    for line in (3, 4, 5):
        points, *vector = _numbers(lines, line, 4, "an axis: its number of points and its step")
        shape.append(_whole(points, line))
        vectors.append(vector[:3])
    if not (all(n > 0 for n in shape) or all(n < 0 for n in shape)):
        raise ValueError(
            f"lines 4 to 6: the numbers of points, {shape}, must all be positive or all negative"
        )
    unit = BOHR2ANGSTROM if shape[0] > 0 else 1.0
    steps = np.array(vectors)
    spacing = steps.diagonal()
    if not (spacing > 0).all() or np.abs(steps - np.diag(spacing)).max() > 1e-6 * spacing.max():
        raise ValueError("lines 4 to 6: only axes along x, y and z are supported")
    atoms = np.array(
        [
            _numbers(lines, 6 + i, 5, "an atom: number, charge and position")[:5]
            for i in range(min(abs(n_atoms), len(lines)))
        ]
    )
    if not len(atoms):
        raise ValueError("line 3: there is no atom")
    if not ((atoms[:, 0] >= 0) & (atoms[:, 0] < 119)).all():
        raise ValueError(f"lines 7 to {6 + len(atoms)}: atomic numbers are 0 to 118")
    start = 6 + len(atoms)
    orbitals: list[int] = []
    if n_atoms < 0:
        orbitals = [_whole(x, start) for x in _numbers(lines, start, 1, "the numbers of the orbitals")]
        many = orbitals.pop(0)
        start += 1
        while len(orbitals) < many:  # they go on over several lines
            orbitals += [_whole(x, start) for x in _numbers(lines, start, 1, "numbers of orbitals")]
            start += 1
        if len(orbitals) != many or many < 1:
            raise ValueError(f"line {start}: {len(orbitals)} numbers of orbitals, where {many} are announced")
    k = len(orbitals) or (_whole(rest[3], 2) if len(rest) > 3 else 1)
    shape = [abs(n) for n in shape]
    values = _values(lines, start, k * shape[0] * shape[1] * shape[2]).reshape(*shape, k)
    box = Box(origin * unit, spacing * unit, (shape[0], shape[1], shape[2]))
    name = ORBITAL_UNIT if orbitals else _unit(lines[0] + " " + lines[1])
    return Cube(
        molecule=Molecule(atoms[:, 0].astype(np.int64), atoms[:, 2:] * unit),
        fields=tuple(Field(box, values[..., i], name) for i in range(k)),
        comments=(lines[0], lines[1]),
        orbitals=tuple(orbitals),
    )


def _numbers(lines: list[str], index: int, least: int, what: str) -> list[float]:
    """The numbers in a line, of which there must be so many."""
    if index >= len(lines):
        raise ValueError(f"line {index + 1}: the file ends where {what} should be")
    try:
        numbers = [float(word) for word in lines[index].split()]
    except ValueError:
        numbers = []
    if len(numbers) < least or not np.isfinite(numbers).all():
        raise ValueError(f"line {index + 1}: {lines[index][:60]!r} is not {what}")
    return numbers


def _whole(value: float, index: int) -> int:
    if value != int(value):
        raise ValueError(f"line {index + 1}: {value} is not a whole number")
    return int(value)


def _values(lines: list[str], start: int, count: int) -> np.ndarray:
    """The data from a line on, float32."""
    words = " ".join(lines[start:]).split()
    try:
        with np.errstate(over="ignore"):
            values = np.array(words, dtype=np.float32)
        sound = bool(np.isfinite(values).all())
    except ValueError:
        sound = False
    if not sound:
        for index in range(start, len(lines)):
            if lines[index].strip():
                _numbers(lines, index, 1, "a row of finite numbers")
        raise ValueError(f"line {start + 1} on: a value is too large for single precision")
    if len(values) != count:
        raise ValueError(f"line {start + 1} on: {len(values)} values, where the header announces {count}")
    return values


def _unit(comments: str) -> str:
    """The unit as we write it into the second line; the format itself has no place for it."""
    known = (ORBITAL_UNIT, DENSITY_UNIT, POTENTIAL_UNIT)
    return next((unit for unit in known if unit in comments), UNKNOWN_UNIT)
