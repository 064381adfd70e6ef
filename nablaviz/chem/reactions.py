"""Energy differences that methods are compared by: between conformers, or of a reaction."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nablaviz.molecule import SYMBOLS, Molecule, check_closed_shell, hill_formula

ARROW = "->"

ALIKE = 0.05
"""Å: conformers whose heavy atoms are as far apart, to this, are the same or mirror images."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """M molecules, and D differences of their energies.

    Raises
    ------
    ValueError
        If there is no molecule, one has an odd number of electrons, shapes disagree, or a difference does
        not have the same atoms on both sides.
    """

    molecules: tuple[Molecule, ...]
    names: tuple[str, ...]
    "Of the molecules, each another."
    labels: tuple[str, ...]
    "Of the differences."
    coefficients: np.ndarray
    "How many of each molecule are in a difference, negative for what vanishes, shape (D, M)."
    total: bool = False
    "Whether it is no difference but the energy of a molecule: only wave functions in one basis compare."

    def __post_init__(self) -> None:
        if not self.molecules:
            raise ValueError("there is no molecule to compute")
        coefficients = np.array(self.coefficients, dtype=np.float64).reshape(-1, len(self.molecules))
        object.__setattr__(self, "coefficients", coefficients)
        if len(self.labels) != len(coefficients) or len(self.names) != len(self.molecules):
            raise ValueError(
                f"{len(self.molecules)} molecules and {len(coefficients)} differences need as many names and "
                f"labels, not {len(self.names)} and {len(self.labels)}"
            )
        for name, molecule in zip(self.names, self.molecules, strict=True):
            try:
                check_closed_shell(molecule.numbers)
            except ValueError as fault:
                raise ValueError(
                    f"{name}: {fault}; add or take away a hydrogen atom, or compute a closed-shell relative"
                ) from None
        for label, row in zip(self.labels, coefficients, strict=True):
            if self.total:
                break
            left = _atoms(self.molecules, np.maximum(-row, 0))
            right = _atoms(self.molecules, np.maximum(row, 0))
            if left != right:
                raise ValueError(
                    f"{label}: {_written(left)} on the left and {_written(right)} on the right; "
                    "an energy difference means something only between the same atoms"
                )

    def __len__(self) -> int:
        return len(self.coefficients)

    @property
    def same_atoms(self) -> bool:
        """Whether all molecules have the same atoms, so that each difference is between two isomers."""
        return len({molecule.formula for molecule in self.molecules}) == 1


def conformers(molecules: Iterable[Molecule]) -> Comparison:
    """Energies of conformers or isomers less that of the first; of one molecule its total energy.

    Raises
    ------
    ValueError
        If the molecules have different atoms.
    """
    found = tuple(molecules)
    alike = len({molecule.smiles for molecule in found}) < 2
    if len(found) == 1:
        return Comparison(found, (found[0].smiles or found[0].formula,), ("total energy",), np.ones(1), True)
    names = _distinct([m.formula if alike or not m.smiles else m.smiles for m in found])
    labels = tuple(f"{name} − {names[0]}" for name in names[1:])
    coefficients = np.eye(len(found))[1:] - np.eye(len(found))[:1]
    return Comparison(found, names, labels, coefficients)


def reaction(text: str, seed: int = 0) -> Comparison:
    """The energy of a reaction of SMILES, such as ``C=C + [H][H] -> CC`` or ``2 O -> …``.

    The geometries are the best of RDKit's force field (ten tries each).

    Raises
    ------
    ValueError
        If there is not one arrow, a SMILES is not supported, or the sides have different atoms.
    """
    from nablaviz.chem.conformers import embed

    sides = text.split(ARROW)
    if len(sides) != 2:
        raise ValueError(f"a reaction has one {ARROW!r} between its two sides, as in 'C=C + [H][H] -> CC'")
    counts: Counter[str] = Counter()
    for sign, side in zip((-1, 1), sides, strict=True):
        for term in re.split(r"\s\+\s", side):
            found = re.fullmatch(r"\s*(?:(\d+)\s+)?(\S+)\s*", term)
            if found is None:
                raise ValueError(f"{term.strip()!r} in {text!r} is not a SMILES with a number before it")
            counts[found[2]] += sign * int(found[1] or 1)
    molecules = tuple(embed(smiles, 10, seed)[0] for smiles in counts)
    written = f" {ARROW} ".join(side.strip() for side in sides)
    return Comparison(molecules, tuple(counts), (written,), np.array([list(counts.values())]))


def apart(smiles: Iterable[str], seed: int = 0) -> Comparison:
    """Molecules without energy differences, for instance a series of growing ones whose times are compared.

    Raises
    ------
    ValueError
        If there is none, or a SMILES is not supported.
    """
    from nablaviz.chem.conformers import embed

    names = tuple(smiles)
    molecules = tuple(embed(name, 1, seed)[0] for name in names)
    return Comparison(molecules, _distinct(names), (), np.zeros((0, len(names))))


def comparison(what: str | Molecule | Sequence[Molecule] | Comparison, count: int = 4) -> Comparison:
    """What is compared: a reaction as text, a SMILES (its conformers), or molecules.

    Parameters
    ----------
    count
        Conformers of a SMILES at most.

    Raises
    ------
    ValueError
        As :func:`conformers` and :func:`reaction`.
    """
    if isinstance(what, Comparison):
        return what
    if isinstance(what, str) and ARROW in what:
        return reaction(what)
    if isinstance(what, str):
        from nablaviz.chem.conformers import embed

        return conformers(_unlike(embed(what, 8 * count))[:count])
    return conformers([what] if isinstance(what, Molecule) else what)


def _unlike(molecules: Sequence[Molecule]) -> list[Molecule]:
    """Without mirror images of one before: their distances, and so their energies, are the same."""
    kept: list[Molecule] = []
    seen: list[np.ndarray] = []
    for molecule in molecules:
        heavy = molecule.positions[molecule.numbers > 1]
        distances = np.linalg.norm(heavy[:, None] - heavy, axis=2)
        if not any(np.abs(distances - other).max(initial=0) < ALIKE for other in seen):
            kept.append(molecule)
            seen.append(distances)
    return kept


def _atoms(molecules: Sequence[Molecule], counts: np.ndarray) -> dict[int, float]:
    """How many atoms of each element some molecules have."""
    found: Counter[int] = Counter()
    for molecule, count in zip(molecules, counts.tolist(), strict=True):
        for z in molecule.numbers.tolist():
            found[z] += count
    return {z: count for z, count in sorted(found.items()) if count}


def _written(atoms: dict[int, float]) -> str:
    if all(float(count).is_integer() for count in atoms.values()):
        return hill_formula(np.repeat(list(atoms), [int(count) for count in atoms.values()])) or "nothing"
    return " ".join(f"{count:g} {SYMBOLS[z]}" for z, count in atoms.items())


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """The names, numbered where one occurs twice."""
    twice = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} #{seen[name]}" if name in twice else name)
    return tuple(found)
