"""What the 3D view of the browser panel shows, as plain data: conformers superposed, forces as colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.geometry import superpose
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.atom_paint import VIRIDIS, along

FAINT, STRONG = 0.08, 0.4
"""Opacity of the conformers around the active one, from high energy to low."""


@dataclass(frozen=True)
class Superposition:
    """Conformers of one molecule, moved onto the active one.

    ``molecules[0]`` is the active one, where it was; ``opacity`` has a number for each; ``left_out`` is
    how many had other atoms or another order of them.
    """

    molecules: tuple[Molecule, ...]
    opacity: tuple[float, ...]
    left_out: int


def superposition(active: Conformer, others: Sequence[Conformer]) -> Superposition:
    """Superpose conformers on the active one, the fainter the higher their energy.

    The opacity falls by e for each 3 kcal/mol above the best of them; without energies it is the same
    for all.
    """
    same = [c for c in others if np.array_equal(c.molecule.numbers, active.molecule.numbers)]
    moved = superpose([c.molecule for c in same], active.molecule)
    energies = [_energy(c) for c in same]
    best = min((e for e in energies if e is not None), default=0.0)
    opacity = [
        FAINT + (STRONG - FAINT) * (0.5 if e is None else float(np.exp((best - e) * HARTREE2KCAL / 3)))
        for e in energies
    ]
    return Superposition((active.molecule, *moved), (1.0, *opacity), len(others) - len(same))


def _energy(conformer: Conformer) -> float | None:
    return conformer.formation_energy if conformer.energy is None else conformer.energy


def force_colors(forces: np.ndarray, largest: float) -> list[str]:
    """Colour of each atom by the magnitude of its force, dark for none to yellow for ``largest``.

    Parameters
    ----------
    forces
        Shape (N, 3), Eh/Å.
    largest
        Eh/Å; larger forces have its colour.

    Returns
    -------
    list of str
        ``#rrggbb``.
    """
    return along(VIRIDIS, np.linalg.norm(forces, axis=1) / (largest or 1.0))
