"""Which bonds of a molecule can be turned, which atoms turn with them, and turning them: pure geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.bonds import find_bonds
from nablaviz.chem.geometry import angle, torsion
from nablaviz.molecule import Molecule

STRAIGHT = 175.0
"""Degrees: atoms at a larger angle lie on a line, and a torsion about it is not defined."""

OFFERED = 6
"""At most so many bonds are named where one was refused."""


@dataclass(frozen=True)
class Rotor:
    """A bond j–k that can be turned, measured by the torsion i–j–k–m; the side of k moves."""

    i: int
    j: int
    k: int
    m: int
    moving: tuple[int, ...]
    "The atoms that turn, ascending: those on the side of k, and k."
    order: int
    "Of the bond: 1, 2, 3, as `nablaviz.chem.bonds.find_bonds` has it."
    name: str
    "For example ``C1–C2``."

    @property
    def atoms(self) -> tuple[int, int, int, int]:
        """The four atoms of the torsion."""
        return self.i, self.j, self.k, self.m


def rotors(molecule: Molecule) -> list[Rotor]:
    """The bonds that can be turned: single ones first, of those the ones between larger sides."""
    bonds = find_bonds(molecule)
    found = []
    for j, k, _ in bonds.tolist():
        try:
            found.append(_rotor(molecule, bonds, j, k))
        except ValueError:
            continue
    heavy = molecule.numbers > 1

    def rank(rotor: Rotor) -> tuple[bool, int, int, int, int]:
        size = int(heavy[list(rotor.moving)].sum())
        return rotor.order > 1, -size, -len(rotor.moving), min(rotor.j, rotor.k), max(rotor.j, rotor.k)

    return sorted(found, key=rank)


def rotor(molecule: Molecule, atoms: Sequence[int]) -> Rotor:
    """The bond between two atoms, or the middle one of four, if it can be turned.

    Parameters
    ----------
    atoms
        Two bonded atoms, in any order, or the four of a torsion.

    Raises
    ------
    ValueError
        If there is no such bond, it is in a ring, one of its atoms has no other neighbour, or all
        neighbours of an end lie on its line; the message names bonds that can be turned.
    """
    chosen = [int(atom) for atom in atoms]
    if len(chosen) not in (2, 4) or len(set(chosen)) < len(chosen):
        raise ValueError(f"choose the two atoms of a bond, or the four of a torsion, not {chosen}")
    if wrong := [atom for atom in chosen if not 0 <= atom < len(molecule)]:
        raise ValueError(f"there is no atom {wrong[0]}: atoms are 0 to {len(molecule) - 1}")
    j, k = chosen if len(chosen) == 2 else chosen[1:3]
    try:
        return _rotor(molecule, find_bonds(molecule), j, k, (chosen[0], chosen[3]) if chosen[2:] else None)
    except ValueError as fault:
        raise ValueError(f"{fault}. {advice(molecule)}") from None


def advice(molecule: Molecule) -> str:
    """Which bonds can be turned, as a sentence."""
    if not (names := [rotor.name for rotor in rotors(molecule)]):
        return "This molecule has no bond that can be turned: take one with a chain, such as C=CC=O or CCO"
    more = f" and {len(names) - OFFERED} more" if len(names) > OFFERED else ""
    return f"Can be turned: {', '.join(names[:OFFERED])}{more}"


def dihedral(molecule: Molecule, rotor: Rotor) -> float:
    """The torsion about a bond, degrees, −180 to 180."""
    return torsion(molecule.positions, *rotor.atoms)


def set_dihedral(molecule: Molecule, rotor: Rotor, degrees: float) -> Molecule:
    """The molecule with a bond turned until its torsion has a value; nothing else changes.

    Parameters
    ----------
    degrees
        Any angle; those that differ by 360 are the same.

    Raises
    ------
    ValueError
        If the angle is not finite, or four atoms of the torsion define none.
    """
    if not np.isfinite(degrees):
        raise ValueError(f"the dihedral must be a finite number of degrees, not {degrees}")
    matrix = turn(molecule, rotor, degrees - dihedral(molecule, rotor))
    positions, moving = np.array(molecule.positions), list(rotor.moving)
    origin = molecule.positions[rotor.k]
    positions[moving] = (molecule.positions[moving] - origin) @ matrix.T + origin
    return Molecule(molecule.numbers, positions, molecule.smiles)


def turn(molecule: Molecule, rotor: Rotor, degrees: float) -> np.ndarray:
    """The rotation of the atoms that turn when the torsion grows by so much, shape (3, 3)."""
    from scipy.spatial.transform import Rotation

    axis = molecule.positions[rotor.k] - molecule.positions[rotor.j]
    return Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix()


def wrapped(degrees: float) -> float:
    """The same angle within −180 (included) and 180 (excluded)."""
    return (degrees + 180.0) % 360.0 - 180.0


def _rotor(
    molecule: Molecule, bonds: np.ndarray, j: int, k: int, ends: tuple[int, int] | None = None
) -> Rotor:
    """The rotor of a bond; which of its sides moves is decided here, the smaller one."""
    name = "–".join(f"{molecule.symbols[atom]}{atom}" for atom in sorted((j, k)))
    neighbours: dict[int, list[int]] = {atom: [] for atom in range(len(molecule))}
    for a, b, _ in bonds.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    if k not in neighbours[j]:
        raise ValueError(f"{name} is not a bond")
    side = _side(neighbours, j, k)
    if j in side:
        raise ValueError(f"The bond {name} is part of a ring, which turning it would break")
    for atom, other in ((j, k), (k, j)):
        if neighbours[atom] == [other]:
            symbol = molecule.symbols[atom]
            raise ValueError(f"Nothing turns about {name}: {symbol}{atom} has no other neighbour")
    i, m = ends or (_end(molecule, neighbours, j, k, name), _end(molecule, neighbours, k, j, name))
    for end, near, far in ((i, j, k), (m, k, j)):
        if end not in neighbours[near] or end == far:
            raise ValueError(f"atom {end} is not bonded to atom {near}, as in a torsion about {name}")
        if angle(molecule.positions, end, near, far) > STRAIGHT:
            raise ValueError(f"Atoms {end}, {near} and {far} lie on a line, about which nothing turns")
    order = int(next(o for a, b, o in bonds.tolist() if {a, b} == {j, k}))
    opposite = _side(neighbours, k, j)
    weights = [(int((molecule.numbers[list(s)] > 1).sum()), len(s)) for s in (side, opposite)]
    if weights[1] < weights[0]:
        (i, j, k, m), side = (m, k, j, i), opposite
    written = name.replace("–", "=") if order == 2 else name
    return Rotor(i, j, k, m, tuple(sorted(side)), order, written)


def _side(neighbours: dict[int, list[int]], j: int, k: int) -> set[int]:
    """The atoms that hang on k, k too, without going over the bond to j; j is among them in a ring."""
    found, todo = {k}, [atom for atom in neighbours[k] if atom != j]
    while todo:
        atom = todo.pop()
        if atom not in found:
            found.add(atom)
            todo += neighbours[atom]
    return found


def _end(molecule: Molecule, neighbours: dict[int, list[int]], near: int, far: int, name: str) -> int:
    """The heaviest neighbour of an end of the bond that is not on its line, the first of equals."""
    others = [atom for atom in neighbours[near] if atom != far]
    bent = [atom for atom in others if angle(molecule.positions, atom, near, far) <= STRAIGHT]
    if not bent:
        line = f"{molecule.symbols[others[0]]}{others[0]}"
        raise ValueError(f"Nothing turns about {name}: {line} lies on its line")
    return max(bent, key=lambda atom: (molecule.numbers[atom], -atom))
