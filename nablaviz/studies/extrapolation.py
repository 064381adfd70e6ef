"""What a fitted learning curve says in words: its exponent, and how many conformers a target needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.studies.calibration import LEVEL
from nablaviz.studies.curve_fit import fit
from nablaviz.studies.power_law import PowerLaw

if TYPE_CHECKING:
    from nablaviz.studies.learning_curves import Curve

FEWEST = 4
"""Training sizes that an extrapolation needs."""


@dataclass(frozen=True)
class Extrapolation:
    """Where a curve reaches a target, or why that cannot be said."""

    size: float
    "Conformers; NaN where it is refused."
    low: float
    high: float
    "Ends of the interval; infinite where the curve may never reach the target."
    refusal: str = ""
    "Why there is none; empty where there is one."

    def __str__(self) -> str:
        if self.refusal:
            return f"no extrapolation: {self.refusal}"
        upper = (
            f" to {number(self.high)}"
            if np.isfinite(self.high)
            else " or more; an error that stays above the target cannot be excluded"
        )
        return f"needs {number(self.size)} conformers ({LEVEL:.0%}: {number(self.low)}{upper})"


def extrapolate(curve: PowerLaw, target: float, unit: str) -> Extrapolation:
    """The training size at which the error falls to a target.

    It is refused where the data do not support it: too few sizes or seeds, an error that does not surely
    fall or that rises, a floor above the target, or a target farther away than the sizes span.

    Parameters
    ----------
    target
        In the unit of the errors.
    unit
        Its name.
    """
    best, low, high = curve.needed(target)
    refusal = _refusal(curve, target, unit, best)
    return Extrapolation(np.nan if refusal else best, low, high, refusal)


@dataclass(frozen=True)
class HeldOut:
    """What the smaller training sizes say of the largest one, and what was measured there."""

    size: int
    "The largest, conformers."
    predicted: float
    low: float
    high: float
    "Ends of the interval of the mean of as many runs."
    measured: float
    "Geometric mean of the runs."
    runs: int
    unit: str

    def __str__(self) -> str:
        return (
            f"at {self.size:,} conformers {self.predicted:.3g} {self.unit} ({LEVEL:.0%}: {self.low:.3g} to "
            f"{self.high:.3g}) predicted from the smaller sizes, {self.measured:.3g} measured "
            f"(mean of {self.runs})"
        )


def hold_out(curve: Curve) -> HeldOut:
    """Predict the error at the largest training size from the other ones.

    Raises
    ------
    ValueError
        If there are less than four sizes, or no curve can be fitted to the measure.
    """
    if curve.fit is None:
        raise ValueError(curve.refusal)
    runs, last = curve.runs, curve.runs["size"].max()
    largest, others = runs[runs["size"] == last], runs[runs["size"] < last]
    if others["size"].nunique() < FEWEST - 1:
        raise ValueError(f"leaving one out needs {FEWEST} training sizes, not {len(curve.fit.sizes)}")
    molecules = None if curve.molecules is None else curve.molecules[:-1, :-1]
    law = fit(*(others[name].to_numpy() for name in ("size", "value", "seed")), molecules=molecules)
    (low,), (high,) = law.band(np.array([last]), runs=len(largest))
    measured = float(np.exp(np.log(largest["value"]).mean()))
    return HeldOut(int(last), float(law(last)), low, high, measured, len(largest), curve.unit)


def _refusal(curve: PowerLaw, target: float, unit: str, best: float) -> str:
    sizes = curve.sizes
    if len(sizes) < FEWEST:
        return f"it needs {FEWEST} training sizes, there are {len(sizes)}"
    if not curve.has_interval:
        return f"{curve.runs} runs do not tell how uncertain the curve is; more seeds or sizes do"
    if rise := _rise(curve):
        return rise
    if curve.exponent_interval[1] <= 0:
        return "the error does not fall: the interval of the exponent lies below 0"
    if curve.exponent_interval[0] <= 0:
        return "the error does not surely fall: the interval of the exponent includes 0"
    if curve.floor_interval[0] >= target:
        return (
            f"more data alone will not reach {target:.3g} {unit}: the curve levels off at "
            f"{curve.floor:.3g} {unit} (at least {curve.floor_interval[0]:.3g})"
        )
    if not np.isfinite(best):
        return (
            f"the curve levels off at {curve.floor:.3g} {unit} ({LEVEL:.0%}: {curve.floor_interval[0]:.3g} "
            f"to {curve.floor_interval[1]:.3g}), above {target:.3g} {unit}"
        )
    if best <= sizes[0]:
        return f"{target:.3g} {unit} is reached with the smallest training set already"
    beyond, span = np.log10([best / sizes[-1], sizes[-1] / sizes[0]])
    if beyond > span:
        return (
            f"{target:.3g} {unit} is {beyond:.1f} decades of training size away, and the sizes span "
            f"{span:.1f} only"
        )
    return ""


def _rise(curve: PowerLaw) -> str:
    """Between which sizes the error rises by more than chance explains."""
    from scipy.stats import t

    for i in range(len(curve.sizes) - 1):
        pair = curve.covariance[i : i + 2, i : i + 2]
        deviation = np.sqrt(pair[0, 0] + pair[1, 1] - 2 * pair[0, 1])
        if curve.means[i + 1] - curve.means[i] > t.ppf(0.99, curve.freedom[0]) * deviation:
            return f"the error rises from {curve.sizes[i]:,.0f} to {curve.sizes[i + 1]:,.0f} conformers"
    return ""


def number(value: float) -> str:
    """A count with two figures, such as ``"1,200"``."""
    if not np.isfinite(value):
        return "∞"
    digits = max(0, int(np.floor(np.log10(max(value, 1)))) - 1)
    return f"{round(value, -digits):,.0f}" if value < 1e7 else f"{value:.1e}"


def described(curve: PowerLaw, unit: str) -> str:
    """The fit in words."""
    low, high = curve.exponent_interval
    upper = f"to {high:.2f}" if np.isfinite(high) else "or more"
    interval = f" ({LEVEL:.0%}: {low:.2f} {upper})" if curve.has_interval else ""
    floor = f" + {curve.floor:.3g} {unit}" if curve.floor else ""
    return f"ε = a N^−b{floor}, b = {curve.exponent:z.2f}{interval}".replace("-", "−")
