"""What the methods of the ladder are told, and what they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BASES = ("sto-3g", "6-31g", "def2-svp", "cc-pvdz", "def2-tzvp", "cc-pvtz")
"""Basis sets that are offered, small ones first; PySCF knows more."""


class MethodError(RuntimeError):
    """A method failed for a molecule: it did not converge, or a program of others gave up."""


@dataclass(frozen=True)
class Settings:
    """How exactly the methods compute.

    Parameters
    ----------
    basis
        One of `BASES` or another one that PySCF knows.
    frozen_core
        Whether the innermost electrons of each atom are left out of correlation, as is usual.
    grid
        PySCF's level of the integration grid, 0 to 9.
    walkers, blocks, optimisation
        Of variational Monte Carlo: electron configurations, blocks of ten steps that are averaged, steps of
        the optimisation of the Jastrow factor.
    seed
        Of Monte Carlo.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    basis: str = "def2-svp"
    frozen_core: bool = True
    grid: int = 3
    walkers: int = 200
    blocks: int = 60
    optimisation: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.grid <= 9:
            raise ValueError(f"grid must be from 0 to 9, not {self.grid}")
        for name, least in (("walkers", 2), ("blocks", 10), ("optimisation", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")


@dataclass(frozen=True)
class Energy:
    """What a method gives."""

    value: float
    "Eh."
    error: float = 0.0
    "Standard error, Eh, of methods that draw random numbers."
    note: str = ""


def finite(energy: Energy) -> Energy:
    """The energy.

    Raises
    ------
    MethodError
        If it is not finite.
    """
    if not np.isfinite([energy.value, energy.error]).all():
        raise MethodError(f"the energy is not finite: {energy.value}")
    return energy
