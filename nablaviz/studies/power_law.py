"""How error falls with training size: ε(N) = a N^−b + c, its uncertainty, and where it is allowed to lead.

Intervals are profile-likelihood sets of the whole curve, with Student's t for the few seeds. They always
allow for an irreducible error c ≥ 0, also where the curve drawn has none: an interval that trusts the choice
c = 0 covers the true exponent far less often than it says (``benchmarks/learning_curve_fit.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nablaviz.studies.curve_region import EXPONENTS, Region, inverse, region, shape

LEVEL = 0.9
"""Of the intervals."""

HUBER = 2.0
"""Standard deviations beyond which residuals count linearly (Huber, Ann. Math. Stat. 1964, 35, 73)."""

PRECISION = 1e-3
"""Log error: a smaller scatter makes no outliers."""


@dataclass(frozen=True, eq=False)
class PowerLaw:
    """ε(N) = a N^−b + c, fitted to the errors of runs; see :func:`fit`."""

    sizes: np.ndarray
    "Training sizes, ascending, shape (K,)."
    means: np.ndarray
    "Mean log error at each size, outlying runs drawn in, shape (K,)."
    exponent: float
    "b."
    floor: float
    "c, in the unit of the errors; 0 where AICc finds that the data do not need it."
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
        return self.freedom[0] > 0

    @cached_property
    def exponent_interval(self) -> tuple[float, float]:
        """Of b; its upper end is infinite where larger exponents than ``EXPONENTS`` fit as well."""
        inside = self._set(self._quantile(None)).exponents
        low, high = inside.min(initial=np.inf), inside.max(initial=-np.inf)
        top = np.inf if high >= EXPONENTS[1] - 1e-9 else float(high)
        return min(float(low), self.exponent), max(top, self.exponent)

    @cached_property
    def floor_interval(self) -> tuple[float, float]:
        """Of c, in the unit of the errors."""
        found = self._set(self._quantile(self.sizes[-1]))
        floors = found.shares * np.exp(found.levels + found.slack)
        lowest = found.shares * np.exp(found.levels - found.slack)
        return min(float(lowest.min()), self.floor), max(float(floors.max()), self.floor)

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
        found = self._set(self._quantile(min(best, 1e3 * self.sizes[-1])))
        ends = [
            inverse(target, found.levels + sign * found.slack, found.exponents, found.shares, self.sizes[-1])
            for sign in (-1, 1)
        ]
        return best, min(float(ends[0].min()), best), max(float(ends[1].max()), best)

    def _interval(self, size: float, runs: float) -> tuple[float, float]:
        if not self.has_interval:
            return np.nan, np.nan
        quantile = self._quantile(size)
        found = self._set(quantile)
        logs = found.levels + shape(size, found.exponents, found.shares, self.sizes[-1])
        best = float(np.log(self(size)))
        below = max(best - float((logs - found.slack).min()), 0.0)
        above = max(float((logs + found.slack).max()) - best, 0.0)
        own = quantile * np.sqrt(self.scatter / runs)
        return float(np.exp(best - np.hypot(below, own))), float(np.exp(best + np.hypot(above, own)))

    def _quantile(self, size: float | None) -> float:
        """Student's t at which a curve counts as possible, by Satterthwaite's degrees of freedom.

        What concerns the curve's form alone (``None``) is known from the scatter about it; what concerns its
        height at a size, from the scatter between seeds too.
        """
        from scipy.special import stdtrit

        around, between = self.freedom
        if size is not None and between:
            x = np.log(self.sizes)
            middle = float(np.ones(len(x)) @ self.covariance @ np.ones(len(x))) / len(x) ** 2
            centred = x - x.mean()
            slope = float(centred @ self.covariance @ centred) / float(centred @ centred) ** 2
            form = slope * (np.log(size) - x.mean()) ** 2
            around = (form + middle) ** 2 / (form**2 / around + middle**2 / between)
        return float(stdtrit(around, (1 + LEVEL) / 2))

    def _set(self, quantile: float) -> Region:
        return self._widest.within(quantile)

    @cached_property
    def _widest(self) -> Region:
        from scipy.stats import t

        fewest = min(freedom for freedom in self.freedom if freedom)
        return region(self.sizes, self.means, self.covariance, float(t.ppf((1 + LEVEL) / 2, fewest)))


def fit(
    sizes: np.ndarray,
    errors: np.ndarray,
    seeds: np.ndarray,
    *,
    molecules: np.ndarray | None = None,
) -> PowerLaw:
    """Fit ε(N) = a N^−b + c, c ≥ 0, to the errors of runs, in log space.

    Outlying runs are drawn in by Huber's function. Whether c is needed is decided by AICc (Hurvich, Tsai,
    Biometrika 1989, 76, 297).

    Parameters
    ----------
    sizes, errors, seeds
        Of the runs, shape (n,): training size, positive error, seed. Training sets of one seed are nested,
        so that its errors may be high or low together.
    molecules
        Covariance of the log errors at the ascending sizes that comes from the choice of test molecules,
        shape (K, K); by default none.

    Raises
    ------
    ValueError
        If there are less than three sizes, or an error is not positive.
    """
    sizes, errors = np.asarray(sizes, dtype=float), np.asarray(errors, dtype=float)
    if not (np.isfinite(errors).all() and (errors > 0).all()):
        raise ValueError(f"errors must be positive and finite, not {errors[~(errors > 0)].tolist()}")
    unique, place = np.unique(sizes, return_inverse=True)
    if len(unique) < 3:
        raise ValueError(f"a curve needs at least 3 training sizes, not {len(unique)}")
    names, seed = np.unique(seeds, return_inverse=True)
    log, counts = np.log(errors), np.bincount(place)
    medians = np.array([np.median(log[place == i]) for i in range(len(unique))])
    drawn = _drawn_in(log, place, unique, medians)
    means = np.bincount(place, drawn) / counts

    candidates = [_least_squares(unique, means, counts, with_floor) for with_floor in (False, True)]
    within = float(np.square(drawn - means[place]).sum())
    chosen = min(candidates, key=lambda c: _aicc(within + c.misfit, len(log), c.parameters))
    scatter, freedom, between, seed_freedom = _scatter(drawn, place, seed, candidates[1].misfit)
    covariance = np.diag(scatter / counts) + between / len(names)
    if molecules is not None:
        covariance = covariance + molecules
    return PowerLaw(
        unique, means, chosen.exponent, chosen.share * float(np.exp(chosen.level)), chosen.level,
        len(log), len(names), covariance, (freedom, seed_freedom), scatter,
    )  # fmt: skip


@dataclass(frozen=True)
class _Candidate:
    exponent: float
    share: float
    level: float
    misfit: float
    "Σ counts × (mean − curve)²."
    parameters: int


def _least_squares(sizes: np.ndarray, means: np.ndarray, counts: np.ndarray, with_floor: bool) -> _Candidate:
    """Weighted least squares; with a floor, from the best point of a coarse grid."""
    from scipy.optimize import least_squares

    weights = np.sqrt(counts)
    slope, at_1 = np.polyfit(np.log(sizes), means, 1, w=weights)
    if not with_floor:
        level = at_1 + slope * np.log(sizes[-1])
        misfit = np.square(weights * (means - at_1 - slope * np.log(sizes))).sum()
        return _Candidate(-float(slope), 0.0, float(level), float(misfit), 2)
    exponents, shares = np.linspace(*EXPONENTS, 47)[1:-1], np.linspace(0.005, 0.985, 30)
    rest = means - shape(sizes, exponents[:, None, None], shares[:, None], sizes[-1])
    levels = rest @ counts / counts.sum()
    misfits = np.square(rest - levels[..., None]) @ counts
    i, j = np.unravel_index(misfits.argmin(), misfits.shape)
    best = least_squares(
        lambda p: weights * (means - p[0] - shape(sizes, p[1], p[2], sizes[-1])),
        (levels[i, j], exponents[i], shares[j]),
        bounds=((-np.inf, EXPONENTS[0], 0.0), (np.inf, EXPONENTS[1], 0.99)),
        xtol=1e-10, ftol=1e-12, gtol=1e-12,
    )  # fmt: skip
    return _Candidate(float(best.x[1]), float(best.x[2]), float(best.x[0]), 2 * float(best.cost), 3)


def _drawn_in(log: np.ndarray, place: np.ndarray, sizes: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """Pseudo-observations: ordinary least squares of these is Huber's estimate, with its variance.

    Huber, Robust Statistics (1981), section 7.
    """
    counts = np.bincount(place)
    drawn, means = log, medians
    for _ in range(3):
        curve = _least_squares(sizes, means, counts, True)
        fitted = (curve.level + shape(sizes, curve.exponent, curve.share, sizes[-1]))[place]
        rest = log - fitted
        spread = 1.4826 * np.median(np.abs(rest)) * np.sqrt(len(log) / max(len(log) - 3, 1))
        limit = HUBER * max(spread, PRECISION)
        inside = np.abs(rest) <= limit
        if inside.all():
            return log
        drawn = fitted + np.clip(rest, -limit, limit) / inside.mean()
        means = np.bincount(place, drawn) / counts
    return drawn


def _scatter(
    log: np.ndarray, place: np.ndarray, seed: np.ndarray, misfit: float
) -> tuple[float, float, float, float]:
    """Variance about the curve and between seeds, each with its degrees of freedom (two-way layout)."""
    size_columns, seed_columns = np.eye(place.max() + 1)[place], np.eye(seed.max() + 1)[seed]
    within, rank = _rest(size_columns, log)
    both, rank_both = _rest(np.hstack([size_columns, seed_columns]), log)
    freedom = len(log) - rank_both + max(rank - 3, 0)
    if not freedom:
        return np.nan, 0, np.nan, 0
    variance = (both + misfit) / freedom
    if rank_both == rank:
        return variance, freedom, 0.0, 0
    between = ((within - both) / (rank_both - rank) - variance) * seed_columns.shape[1] / len(log)
    if between <= 0:
        return variance, freedom + rank_both - rank, 0.0, 0
    return variance, freedom, between, rank_both - rank


def _rest(columns: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    solution, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    return float(np.square(values - columns @ solution).sum()), int(rank)


def _aicc(squares: float, n: int, parameters: int) -> float:
    """Corrected Akaike criterion; the variance is a parameter too."""
    p = parameters + 1
    if n - p - 1 <= 0:
        return 0.0 if parameters == 2 else np.inf
    return n * np.log(max(squares, 1e-300) / n) + 2 * p + 2 * p * (p + 1) / (n - p - 1)
