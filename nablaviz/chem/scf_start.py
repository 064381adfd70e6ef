"""What an SCF gains from a guess of the Hamiltonian: iterations and time, the guess's own included."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.dft import label
from nablaviz.chem.scf import Progress, sharing
from nablaviz.molecule import Molecule


@dataclass(frozen=True)
class Start:
    """An SCF without forces, from the guess on."""

    iterations: int
    energy: float
    "Converged total energy, Eh."
    wall: float
    "s, with what the guess took."
    processor: float
    "The same as processor time of this process, s."
    guess: float
    "s of ``wall`` that the guess took."


def start_from(
    molecule: Molecule, guess: Callable[[], np.ndarray] | None = None, progress: Progress | None = None
) -> Start:
    """Converge the SCF of the labels from a guess.

    Integrals that the guess needs too, as a minao baseline does, are computed once.

    Parameters
    ----------
    guess
        Gives the Kohn–Sham matrix, shape (n, n), Eh, PySCF order; by default the SCF starts from
        superposed atomic densities.
    progress
        As for :func:`nablaviz.chem.dft.label`.

    Raises
    ------
    ValueError, SCFError
        As :func:`nablaviz.chem.dft.label`, and whatever ``guess`` raises.
    """
    wall, processor = time.perf_counter(), time.process_time()
    with sharing():
        matrix = None if guess is None else guess()
        guessed = time.perf_counter() - wall
        found = label(molecule, forces=False, guess=matrix, progress=progress)
    assert found.scf_iterations is not None
    assert found.energy is not None
    spent = time.perf_counter() - wall, time.process_time() - processor
    return Start(found.scf_iterations, found.energy, *spent, guessed)
