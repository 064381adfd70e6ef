"""Energies of the free atoms, which turn a total energy into a formation energy."""

from __future__ import annotations

import math

import numpy as np

from nablaviz.molecule import check_elements

ATOM_ENERGIES = {
    1: -0.5024932583661139,
    6: -37.79809934247253,
    7: -54.522414832380626,
    8: -74.97667809850873,
    9: -99.61446950401614,
    16: -397.9719278356063,
    17: -459.98864965660516,
    35: -2573.8571719614743,
}
"""Energy of each free atom, Eh, by atomic number (published ∇²DFT energy databases, metadata
``atomrefs``; ωB97X-D/def2-SVP)."""


def atomic_energy(numbers: np.ndarray) -> float:
    """Sum of the free atoms' energies, Eh.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's.
    """
    check_elements(numbers)
    # The exact sum, which the order of the atoms cannot change.
    return math.fsum(ATOM_ENERGIES[z] for z in np.asarray(numbers).tolist())


def formation_energy(energy: float, numbers: np.ndarray) -> float:
    """Total energy less the energies of the free atoms, Eh.

    Parameters
    ----------
    energy
        Total energy, Eh.
    numbers
        Atomic numbers, shape (N,).
    """
    return energy - atomic_energy(numbers)
