"""How much worse than the best curve one may explain the data and still count as possible.

The limits of profile-likelihood intervals, simulated: for each end of an interval, data are drawn from the
curve that lies there (Chuang, Lai, Stat. Sinica 2000, 10, 1). Student's t in their place would hold the truth
in 88 % of the cases where c = 0, and in 97 % where it is small, instead of 90 %: c ≥ 0 is a bound, and c and
b are hard to tell apart.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from nablaviz.studies.curve_region import EXPONENTS, Region, shape

LEVEL = 0.9
"""Of the intervals."""

DRAWS = 8
"""Power of two: simulated data sets; they make the limits uncertain by some per cent."""

STRATA = 16
"""Of the variance as it might have been measured."""

SIDES = -1, 1
"""Lower and upper ends of intervals."""

REACH = 3.0
"""Standard deviations by which a region must reach beyond an interval's ends, where data are simulated."""

ROUNDS = 3
"""Of finding an end and simulating there."""


def student(freedom: float) -> float:
    """Half width of an interval in standard deviations, without bounds."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + LEVEL) / 2))


def outermost(values: np.ndarray, side: int) -> float:
    """The least (side −1) or largest (1) value."""
    return float(values.max() if side > 0 else values.min())


def exponents(region: Region, freedom: float) -> tuple[float, float]:
    """Interval of the exponent; infinite above where larger ones than ``EXPONENTS`` fit as well."""
    low, high = (region.exponent(side, critical(region, None, side, freedom)) for side in SIDES)
    return low, high if high < EXPONENTS[1] else np.inf


def critical(region: Region, size: float | None, side: int, freedom: float) -> float:
    """Deviance at one end of an interval.

    Parameters
    ----------
    size
        Of the error at this size; without, of the exponent.
    side
        −1 for the lower, 1 for the upper end.
    freedom
        Degrees of freedom of the standard deviations.
    """
    from scipy.special import chdtri

    normal = _draws(len(region.sizes))
    variances = chdtri(freedom, (np.arange(STRATA) + 0.5) / STRATA) / freedom
    limit = student(freedom) ** 2
    for _ in range(ROUNDS):
        if size is None:
            deviances = _of_exponent(region, side, limit, normal)
        else:
            deviances = _of_error(region, size, side, limit, normal)
        limit = float(np.quantile(deviances[:, None] / variances, LEVEL))
    return limit


def _of_exponent(region: Region, side: int, limit: float, normal: np.ndarray) -> np.ndarray:
    """Deviances of the exponent from which data are drawn, shape (B,)."""
    rest, deviance = region.line(region.exponent(side, limit))
    shift = normal - rest[:, deviance.argmin()]
    own = (deviance + 2 * shift @ rest).min(axis=1)
    return own - np.minimum(own, _squares(region, shift).min(axis=1))


def _of_error(region: Region, size: float, side: int, limit: float, normal: np.ndarray) -> np.ndarray:
    """Deviances of the error at a size from which data are drawn, shape (B,)."""
    logs = region.levels + shape(size, region.exponents, region.shares, region.sizes[-1])
    inside, off = region.heights(side, limit)
    place = (side * (logs[inside] + off)).argmax()
    end, curve = logs[inside][place] + off[place], inside[place]
    # the data's level is above that of the curve they are drawn from by −off
    shift = normal - region.rest[:, curve] + region.up * (off[place] / region.spread)
    squares = _squares(region, shift)
    away = (logs - end) / region.spread + (shift @ region.up)[:, None]
    return (squares + np.square(away)).min(axis=1) - squares.min(axis=1)


def _squares(region: Region, shift: np.ndarray) -> np.ndarray:
    """Squared distances of shifted data from the curves, less what all have in common, shape (B, P)."""
    return region.deviance + 2 * shift @ region.rest


@lru_cache
def _draws(numbers: int) -> np.ndarray:
    """Normal numbers, shape (B, K); quasi-random, so that few do."""
    from scipy.special import ndtri
    from scipy.stats.qmc import Sobol

    return ndtri(Sobol(numbers, seed=0).random_base2(DRAWS))
