"""What a rung of the ladder will cost, from the size of the molecule and the speed of this machine.

The work of each stage is a polynomial in the numbers of basis functions n, of occupied orbitals o and of
virtual ones v that take part; the numbers before it were fitted to measurements of 2 to 14 atoms
(``benchmarks/ladder.py`` repeats them). Estimates are meant to be right within a factor of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np

from nablaviz.chem.free_memory import free_memory

ITERATIONS = 12
"""Of an SCF, of coupled-cluster equations, of a diagonalisation by Davidson's method."""

POINTS = 12_000
"""Of the integration grid, per atom."""

SHARE = 0.8
"""Part of the free memory that may be used."""


@dataclass(frozen=True)
class Size:
    """What the cost of a molecule depends on."""

    atoms: int
    electrons: int
    functions: int
    "Basis functions."
    frozen: int
    "Doubly occupied core orbitals that are left uncorrelated."

    @property
    def occupied(self) -> int:
        """Occupied orbitals that are correlated."""
        return self.electrons // 2 - self.frozen

    @property
    def virtual(self) -> int:
        """Empty orbitals."""
        return self.functions - self.electrons // 2

    @property
    def determinants(self) -> int:
        """Of full configuration interaction among the correlated electrons."""
        return comb(self.occupied + self.virtual, self.occupied) ** 2


@dataclass(frozen=True)
class Cost:
    """What something takes, on one core."""

    seconds: float
    memory: float
    "Bytes."


@dataclass(frozen=True)
class Limits:
    """What one rung may take for one molecule.

    Raises
    ------
    ValueError
        If one is not positive.
    """

    seconds: float = 600.0
    memory: float | None = None
    "Bytes; by default most of the memory that is free."

    def __post_init__(self) -> None:
        if not self.seconds > 0 or (self.memory is not None and not self.memory > 0):
            raise ValueError(f"limits must be positive, not {self.seconds} s and {self.memory} bytes")

    @property
    def bytes(self) -> float:
        """The memory that may be used."""
        if self.memory is not None:
            return self.memory
        return SHARE * free_memory()


@cache
def machine_rate() -> float:
    """Floating-point operations per second of a matrix product on one core, measured once in 50 ms."""
    a = np.random.default_rng(0).normal(size=(500, 500))
    times = []
    for _ in range(8):
        began = time.process_time()  # what else runs on the machine does not count
        a @ a
        times.append(time.process_time() - began)
    return 2 * 500**3 / float(np.median(times))


def _mean_field(size: Size) -> tuple[float, float]:
    n = size.functions
    return 0.03, 900 * n**4


def _functional(size: Size) -> tuple[float, float]:
    overhead, work = _mean_field(size)
    return overhead + 0.2, work + 80 * ITERATIONS * POINTS * size.atoms * size.functions**1.6


def _mp2(size: Size) -> tuple[float, float]:
    return 0.02, (700 + 4 * size.occupied) * size.functions**4


def _ccsd(size: Size) -> tuple[float, float]:
    o, v, n = size.occupied, size.virtual, size.functions
    return 0.1, 30 * n**5 + ITERATIONS * (6 * o**2 * v**4 + 50 * o**3 * v**3)


def _triples(size: Size) -> tuple[float, float]:
    o, v = size.occupied, size.virtual
    return 0.05, 30 * size.functions**5 + 12 * o**3 * v**3 * (o + v)


def _fci(size: Size) -> tuple[float, float]:
    pairs = (size.occupied + size.virtual) * (size.occupied + size.virtual + 1) / 2
    return 0.1, ITERATIONS * size.determinants * pairs * (2 * pairs + 40)


def _vmc(size: Size) -> tuple[float, float]:
    return 6.0 * size.electrons, 0.0


def _tight_binding(size: Size) -> tuple[float, float]:
    return 0.01 + 2e-5 * size.atoms**2, 0.0


WORK: dict[str, Callable[[Size], tuple[float, float]]] = {
    "tight binding": _tight_binding,
    "mean field": _mean_field,
    "functional": _functional,
    "mp2": _mp2,
    "ccsd": _ccsd,
    "triples": _triples,
    "fci": _fci,
    "vmc": _vmc,
}
"""Of each stage: seconds that do not depend on the machine's rate, and floating-point operations."""


def _memory(stage: str, size: Size) -> float:
    n, o, v = size.functions, size.occupied, size.virtual
    integrals = 8 * (n * (n + 1) / 2) ** 2 / 2
    if stage == "mp2":
        return integrals + 8 * (o * v) ** 2 + 8 * o * n**3
    if stage in ("ccsd", "triples"):  # of PySCF's code that keeps all integrals in memory
        return 8 * (o + v) ** 4 + 2 * integrals + 8 * 14 * (o * v) ** 2 + 8 * 2 * o * v**3
    if stage == "fci":
        return integrals + 8 * 30.0 * size.determinants
    if stage == "functional" or stage == "mean field":
        return min(integrals, 4e9) + 8 * 60 * n**2 + 2e8
    return 1e8


def cost(stages: tuple[str, ...], size: Size, rate: float | None = None) -> Cost:
    """What some stages take one after the other.

    Parameters
    ----------
    stages
        Keys of `WORK`; stages of another name are taken to cost next to nothing.
    rate
        Of the machine, floating-point operations per second; by default it is measured.
    """
    rate = machine_rate() if rate is None else rate
    seconds, memory = 0.0, 0.0
    for stage in stages:
        fixed, work = WORK[stage](size) if stage in WORK else (0.0, 0.0)
        seconds += fixed + work / rate
        memory = max(memory, _memory(stage, size))
    return Cost(seconds, memory)


def write_seconds(seconds: float) -> str:
    """A time in a handy unit."""
    for limit, unit, factor in ((120, "s", 1), (7200, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            return (
                f"{seconds / factor:.2g} {unit}"
                if seconds / factor < 10
                else f"{seconds / factor:.0f} {unit}"
            )
    days = seconds / 86_400
    return f"{days:.0f} days" if days < 1000 else f"{days / 365.25:.2g} years"


def write_bytes(memory: float) -> str:
    """An amount of memory in a handy unit."""
    for limit, unit in ((1e9, "MB"), (1e12, "GB"), (1e15, "TB")):
        if memory < limit:
            value = memory / (limit / 1e3)
            return f"{value:.2g} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{memory / 1e12:.0e} TB"
