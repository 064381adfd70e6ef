"""Variational Monte Carlo with pyqmc: a Slater determinant of Hartree–Fock times a Jastrow factor.

1. A factor of electron-electron and electron-nucleus distances is optimised by stochastic reconfiguration
   with line searches.
2. The local energy is averaged over a Metropolis walk; its error follows from means of blocks.

pyqmc draws from NumPy's global generator, which is put back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

WARM_UP = 5
"""Blocks that are left out before averaging."""


def variational(
    mole: Any,
    field: Any,
    *,
    walkers: int,
    blocks: int,
    optimisation: int,
    seed: int,
    tell: Callable[[str], None],
) -> tuple[float, float]:
    """Energy and its standard error, Eh.

    Parameters
    ----------
    mole, field
        PySCF's molecule and its converged Hartree–Fock.
    walkers, blocks, optimisation, seed
        As in :class:`nablaviz.chem.workbench.Settings`.
    tell
        Told what is being done; what it raises ends the walk.
    """
    import pyqmc.api as pyqmc

    with _seeded(seed):
        wave, free = pyqmc.generate_wf(mole, field)
        places = pyqmc.initial_guess(mole, walkers)
        gradient = pyqmc.gradient_generator(mole, wave, free)
        blocks_of_a_step = {"warmup_options": {"nblocks": 1}, "vmcoptions": {"nblocks": 5}}
        tell("walking to where electrons are")
        _, places = pyqmc.vmc(wave, places, nblocks=WARM_UP, accumulators={})
        for step in range(optimisation):
            tell(f"optimising the Jastrow factor, step {step + 1} of {optimisation}")
            wave, _ = pyqmc.line_minimization(wave, places, gradient, 0.2, 1, **blocks_of_a_step)
        energies = []
        meter = {"energy": pyqmc.EnergyAccumulator(mole)}
        for block in range(WARM_UP + blocks):
            tell(f"block {block + 1} of {WARM_UP + blocks}")
            seen, places = pyqmc.vmc(wave, places, nblocks=1, accumulators=meter)
            energies.append(float(np.asarray(seen["energytotal"]).mean()))
    return _mean(np.array(energies[WARM_UP:]))


def _mean(blocks: np.ndarray) -> tuple[float, float]:
    """Mean and error of correlated blocks: pairs are joined until the error stops growing."""
    errors, parts = [], blocks
    while len(parts) >= 8:
        errors.append(parts.std(ddof=1) / np.sqrt(len(parts)))
        parts = (parts[0 : len(parts) // 2 * 2 : 2] + parts[1 : len(parts) // 2 * 2 : 2]) / 2
    return float(blocks.mean()), float(max(errors))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before = np.random.get_state()  # noqa: NPY002  # pyqmc draws from the global generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
