"""The ladder of methods, climbed: energies, times, and how far each rung is from the best one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.ladder_guard import estimate, refusal
from nablaviz.chem.method import MethodError, Settings, finite
from nablaviz.chem.reactions import Comparison
from nablaviz.chem.rung_cost import Cost, Limits
from nablaviz.chem.rungs import RUNGS, Rung
from nablaviz.chem.workbench import Workbench
from nablaviz.units import HARTREE2KCAL

if TYPE_CHECKING:
    import pandas as pd

DONE, REFUSED, MISSING, FAILED = "done", "refused", "not installed", "failed"
STATES = (DONE, REFUSED, MISSING, FAILED)

WAVE_FUNCTIONS = ("mean field", "correlated", "exact", "Monte Carlo")
"""Families whose total energies are of one Hamiltonian, so that lower is better."""

DEFAULT_SETTINGS, DEFAULT_LIMITS = Settings(), Limits()

Tell = Callable[[str, float], None]
"""Told what is being done and what part of all is done, 0 to 1; what it raises ends the climb."""


@dataclass(frozen=True)
class Step:
    """One rung for one molecule."""

    rung: Rung
    place: int
    "Of the molecule."
    state: str
    "One of `STATES`."
    energy: float = np.nan
    "Eh."
    error: float = 0.0
    "Standard error, Eh, of Monte Carlo."
    wall: float = np.nan
    "s, with all that the rung is built on."
    processor: float = np.nan
    "The same as processor time of this process, s."
    estimate: Cost | None = None
    "What was expected before."
    note: str = ""
    "Why there is no energy, and what to do instead."
    functions: int = 0
    "Of the molecule in the basis chosen; 0 where there is no such basis."


def climb(
    comparison: Comparison,
    rungs: Sequence[Rung],
    settings: Settings = DEFAULT_SETTINGS,
    limits: Limits = DEFAULT_LIMITS,
    tell: Tell = lambda text, part: None,
) -> Iterator[Step]:
    """Compute rung by rung, from the lowest, each for all molecules; what would not fit is refused.

    Parameters
    ----------
    comparison
        The molecules.
    rungs
        See :func:`nablaviz.chem.rungs.choose`.
    limits
        Of one rung for one molecule.

    Raises
    ------
    ValueError
        If PySCF has no basis of the name in ``settings`` at all.
    """
    said = ""

    def say(text: str) -> None:
        tell(f"{said}: {text}", done / total)

    benches = [Workbench(molecule, settings, say) for molecule in comparison.molecules]
    total, done = len(rungs) * len(benches), 0
    for rung in rungs:
        for place, bench in enumerate(benches):
            said = f"{rung.title}, {comparison.names[place]}"
            say("begins")
            yield _step(rung, place, bench, limits)
            done += 1


def _step(rung: Rung, place: int, bench: Workbench, limits: Limits) -> Step:
    if rung.missing:
        return Step(rung, place, MISSING, note=rung.missing)
    expected = None
    try:
        expected = estimate(rung, bench)
        if reason := refusal(rung, expected, bench, limits):
            return Step(rung, place, REFUSED, estimate=expected, note=reason)
        found = finite(rung.compute(bench))
    except ValueError as fault:  # an element or a basis that the method does not know
        return Step(rung, place, REFUSED, estimate=expected, note=str(fault))
    except (MethodError, ImportError, MemoryError, np.linalg.LinAlgError) as fault:
        return Step(rung, place, FAILED, estimate=expected, note=str(fault) or type(fault).__name__)
    wall, processor = np.sum([bench.times[stage] for stage in rung.timed], axis=0).tolist()
    try:
        functions = bench.size.functions
    except ValueError:  # the method needs no basis
        functions = 0
    return Step(rung, place, DONE, found.value, found.error, wall, processor, expected, found.note, functions)


def energies(comparison: Comparison, steps: Iterable[Step]) -> pd.DataFrame:
    """One line per rung and molecule, with energies in Eh, times in s and memory in bytes."""
    import pandas as pd

    columns = "rung title family molecule formula atoms functions state energy error wall processor".split()
    columns += ["expected_seconds", "expected_memory", "note"]
    rows = [
        (
            step.rung.key, step.rung.title, step.rung.family, comparison.names[step.place],
            comparison.molecules[step.place].formula, len(comparison.molecules[step.place]), step.functions,
            step.state, step.energy, step.error, step.wall, step.processor,
            step.estimate.seconds if step.estimate else np.nan,
            step.estimate.memory if step.estimate else np.nan, step.note,
        )
        for step in steps
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def differences(comparison: Comparison, steps: Iterable[Step], reference: str | None = None) -> pd.DataFrame:
    """One line per rung that ran and energy difference, in kcal/mol; times are sums over the molecules, s.

    ``value``, its standard error ``error``, ``reference`` (a rung's key), and ``deviation`` from that one.
    Of a molecule alone it is the total energy, of the rungs that can be compared: those of wave functions.

    Parameters
    ----------
    reference
        The rung that others are judged by; by default the highest that ran for all molecules.

    Raises
    ------
    ValueError
        If ``reference`` did not run for all molecules.
    """
    import pandas as pd

    columns = "rung title family difference value error reference deviation wall processor".split()
    found: dict[str, list[Step]] = {}
    for step in steps:
        if step.state == DONE:
            found.setdefault(step.rung.key, []).append(step)
    everywhere = {
        key: sorted(own, key=lambda step: step.place)
        for key, own in found.items()
        if len(own) == len(comparison.molecules)
        and (comparison.same_atoms or not own[0].rung.same_atoms)
        and (own[0].rung.family in WAVE_FUNCTIONS or not comparison.total)
    }
    best = best_rung(list(everywhere)) if reference is None else reference
    if reference is not None and reference not in everywhere:
        raise ValueError(
            f"{reference!r} did not run for all molecules; {', '.join(everywhere) or 'none'} did"
        )
    values = {
        key: comparison.coefficients @ [step.energy for step in own] * HARTREE2KCAL
        for key, own in everywhere.items()
    }
    rows = []
    for key, own in everywhere.items():
        error = np.sqrt(comparison.coefficients**2 @ [step.error**2 for step in own]) * HARTREE2KCAL
        deviation = values[key] - values[best] if best else np.full(len(comparison), np.nan)
        wall, processor = (sum(getattr(step, name) for step in own) for name in ("wall", "processor"))
        rung = own[0].rung
        for k, label in enumerate(comparison.labels):
            numbers = values[key][k], error[k], best, deviation[k], wall, processor
            rows.append((key, rung.title, rung.family, label, *numbers))
    return pd.DataFrame(rows, columns=columns)


def best_rung(keys: Iterable[str]) -> str | None:
    """The highest of some rungs that others may be judged by, or ``None``."""
    there = set(keys)
    return next((key for key in reversed(RUNGS) if key in there and RUNGS[key].reference), None)
