"""Whether a rung of the ladder fits the time and the memory there are, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nablaviz.chem.method import BASES, Settings
from nablaviz.chem.rung_cost import Cost, Limits, Size, cost, write_bytes, write_seconds
from nablaviz.chem.rungs import RUNGS, Rung
from nablaviz.chem.workbench import Workbench
from nablaviz.molecule import Molecule


@dataclass(frozen=True)
class Forecast:
    """What a rung is expected to take for some molecules, and whether it will be begun."""

    rung: Rung
    cost: Cost
    "Seconds of all, memory of the largest."
    reason: str
    "Why it will not be begun for one of them; empty where it will for all."


def forecast(
    molecules: Iterable[Molecule], rungs: Sequence[Rung], settings: Settings, limits: Limits
) -> list[Forecast]:
    """What each rung is expected to take.

    Raises
    ------
    ValueError
        If a molecule has an odd number of electrons.
    """
    benches = [Workbench(molecule, settings) for molecule in molecules]
    found = []
    for rung in rungs:
        seconds, memory, reason = 0.0, 0.0, rung.missing
        for bench in benches:
            try:
                expected = estimate(rung, bench)
                reason = reason or refusal(rung, expected, bench, limits)
            except ValueError as fault:
                expected, reason = Cost(0.0, 0.0), reason or str(fault)
            seconds, memory = seconds + expected.seconds, max(memory, expected.memory)
        found.append(Forecast(rung, Cost(seconds, memory), reason))
    return found


def estimate(rung: Rung, bench: Workbench) -> Cost:
    """What a rung is expected to take for a molecule; of models next to nothing.

    Raises
    ------
    ValueError
        If an element or the basis is unknown to PySCF, and the rung is one of PySCF's.
    """
    if not rung.stages:
        return Cost(0.1, 1e8)
    if rung.stages == ("tight binding",):
        return cost(rung.stages, Size(len(bench.molecule), 0, 0, 0))
    return cost(rung.stages, bench.size)


def refusal(rung: Rung, expected: Cost, bench: Workbench, limits: Limits) -> str:
    """Why a rung is not begun and what to do instead; empty where it fits."""
    reasons = []
    if expected.memory > limits.bytes:
        reasons.append(
            f"{write_bytes(expected.memory)} of memory, and {write_bytes(limits.bytes)} may be used"
        )
    if expected.seconds > limits.seconds:
        reasons.append(
            f"about {write_seconds(expected.seconds)}, and {write_seconds(limits.seconds)} are allowed"
        )
    if not reasons:
        return ""
    size = bench.size
    what = f"{size.electrons} electrons in {size.functions} functions"
    if "fci" in rung.stages:
        what += f" make {size.determinants:.1e} determinants"
    return f"{what}: it takes {'; '.join(reasons)}. Instead: {_instead(rung, bench, limits)}."


def _instead(rung: Rung, bench: Workbench, limits: Limits) -> str:
    """A smaller basis that fits, or the highest rung below that does."""
    for basis in reversed(BASES):
        smaller = Workbench(bench.molecule, Settings(basis))
        if smaller.size.functions < bench.size.functions and _fits(rung, smaller, limits):
            return f"the basis {basis} ({write_seconds(cost(rung.stages, smaller.size).seconds)})"
    below = list(RUNGS.values())
    below = below[: below.index(rung)] if rung in below else []
    for other in reversed(below):
        if not other.missing and _fits(other, bench, limits):
            return f"{other.title} ({write_seconds(estimate(other, bench).seconds)})"
    return "a smaller molecule"


def _fits(rung: Rung, bench: Workbench, limits: Limits) -> bool:
    expected = estimate(rung, bench)
    return expected.memory <= limits.bytes and expected.seconds <= limits.seconds
