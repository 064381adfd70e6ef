"""How error falls with training size: ε(N) = a N^−b + c, its uncertainty, and where it leads.

Intervals are profile-likelihood sets of the whole curve (:mod:`nablaviz.studies.calibration`). They always
allow for an irreducible error c ≥ 0, also where the curve drawn has none: an interval that trusts the choice
c = 0 covers the true exponent far less often than it says (``benchmarks/learning_curve_fit.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nablaviz.studies.calibration import ROUNDS, SIDES, critical, outermost, student
from nablaviz.studies.curve_region import Region, inverse, shape

KNOTS = np.array([-1, -0.5, 0, 0.5, 1, 2])
"""Sizes for which intervals are calibrated: 0 is the largest, −1 the smallest one, on a logarithmic scale."""


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """ε(N) = a N^−b + c, fitted to the errors of runs by :func:`nablaviz.studies.curve_fit.fit`."""

    sizes: np.ndarray
    "Training sizes, ascending, shape (K,)."
    means: np.ndarray
    "Mean log error at each size, outlying runs drawn in, shape (K,)."
    exponent: float
    "b."
    floor: float
    "c, in the unit of the errors; 0 where the data do not need it."
    level: float
    "log ε at the largest size."
    runs: int
    seeds: int
    covariance: np.ndarray
    "Of ``means``: seeds, initial weights and test molecules, shape (K, K); NaN where it cannot be known."
    freedom: tuple[float, float]
    "Degrees of freedom of the scatter about the curve, and of that between seeds (0: not told apart)."
    scatter: float
    "Variance of the log error of a run about the curve; NaN where it cannot be known."
    exponent_interval: tuple[float, float]
    "Of b; infinite above where larger ones than ``EXPONENTS`` fit as well; NaN without ``has_interval``."
    region: Region | None
    "Curves near the data; ``None`` without ``has_interval``."

    @property
    def factor(self) -> float:
        """a, in the unit of the errors."""
        return float((np.exp(self.level) - self.floor) * self.sizes[-1] ** self.exponent)

    def __call__(self, size: np.ndarray | float) -> np.ndarray:
        """Error of a typical run at some training sizes, in the unit of the errors."""
        return self.factor * np.asarray(size, dtype=float) ** -self.exponent + self.floor

    @property
    def has_interval(self) -> bool:
        """Whether there are enough sizes or seeds to say how uncertain the curve is."""
        return self.region is not None

    @cached_property
    def floor_interval(self) -> tuple[float, float]:
        """Of c, in the unit of the errors."""
        ends = []
        for side in SIDES:
            levels, _, shares = self._possible(np.inf, side)
            ends.append(outermost(shares * np.exp(levels), side))
        return min(ends[0], self.floor), max(ends[1], self.floor)

    def band(self, sizes: np.ndarray, runs: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
        """Interval of the error at each of some training sizes.

        Parameters
        ----------
        runs
            Whose geometric mean is meant; by default so many that they are a typical run.

        Returns
        -------
        tuple of ndarray
            Lower and upper ends, each of the shape of ``sizes``; NaN without ``has_interval``.
        """
        flat = np.atleast_1d(np.asarray(sizes, dtype=float))
        ends = np.array([self._interval(size, runs) for size in flat])
        return ends[:, 0], ends[:, 1]

    def needed(self, target: float) -> tuple[float, float, float]:
        """Training size at which the error falls to a target.

        Parameters
        ----------
        target
            In the unit of the errors.

        Returns
        -------
        tuple of float
            The size, and the ends of its interval; infinite where the target is not reached.
        """
        best = float(
            inverse(target, self.level, self.exponent, self.floor / np.exp(self.level), self.sizes[-1])
        )
        if not self.has_interval:
            return best, np.nan, np.nan
        low, high = (self._reached(target, best, side) for side in SIDES)
        return best, min(low, best), max(high, best)

    def _reached(self, target: float, size: float, side: int) -> float:
        """The end of the sizes at which possible errors are the target, from a first guess."""
        for _ in range(ROUNDS):
            curves = self._possible(size, side)
            size = outermost(inverse(target, *curves, self.sizes[-1]), side)
        return size

    def _interval(self, size: float, runs: float) -> tuple[float, float]:
        if not self.has_interval:
            return np.nan, np.nan
        best = float(self(size))
        own = student(self._freedom(size)) * np.sqrt(self.scatter / runs)
        ends = []
        for side in SIDES:
            levels, exponents, shares = self._possible(size, side)
            logs = levels + shape(size, exponents, shares, self.sizes[-1])
            away = max(side * (outermost(logs, side) - np.log(best)), 0.0)
            ends.append(best * float(np.exp(side * np.hypot(away, own))))
        return ends[0], ends[1]

    def _possible(self, size: float, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Levels, exponents and shares of curves that are possible at one end of the errors at a size."""
        assert self.region is not None
        size = np.clip(size, *self._knots[[0, -1]])
        limit = np.interp(np.log(size), np.log(self._knots), self._limits[side])
        inside, off = self.region.heights(side, float(limit))
        return self.region.levels[inside] + off, self.region.exponents[inside], self.region.shares[inside]

    @cached_property
    def _limits(self) -> dict[int, list[float]]:
        """At ``_knots``, because simulations take long."""
        assert self.region is not None
        return {
            side: [critical(self.region, size, side, self._freedom(size)) for size in self._knots]
            for side in SIDES
        }

    @property
    def _knots(self) -> np.ndarray:
        return self.sizes[-1] * (self.sizes[-1] / self.sizes[0]) ** KNOTS

    def _freedom(self, size: float) -> float:
        """Satterthwaite's degrees of freedom of the error at a size.

        The form of the curve is known from the scatter about it, its height from that between seeds too.
        """
        around, between = self.freedom
        if not between:
            return around
        x = np.log(self.sizes)
        middle = float(np.ones(len(x)) @ self.covariance @ np.ones(len(x))) / len(x) ** 2
        centred = x - x.mean()
        slope = float(centred @ self.covariance @ centred) / float(centred @ centred) ** 2
        form = slope * (np.log(size) - x.mean()) ** 2
        return (form + middle) ** 2 / (form**2 / around + middle**2 / between)
