"""Fits of learning curves to the errors of runs: robust, with the variances that their intervals need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablaviz.studies.calibration import REACH, exponents, student
from nablaviz.studies.curve_region import EXPONENTS, SHARES, Region, shape
from nablaviz.studies.power_law import PowerLaw

HUBER = 2.0
"""Standard deviations beyond which residuals count linearly (Huber, Ann. Math. Stat. 1964, 35, 73)."""

PRECISION = 1e-3
"""Log error: a smaller scatter makes no outliers."""

LEAST = 1e-6
"""Log error: no scatter counts as smaller, also where runs agree to the last digit."""


def fit(
    sizes: np.ndarray,
    errors: np.ndarray,
    seeds: np.ndarray,
    *,
    molecules: np.ndarray | None = None,
) -> PowerLaw:
    """Fit ε(N) = a N^−b + c, c ≥ 0, to the errors of runs, in log space.

    Outlying runs are drawn in by Huber's function. The curve has c = 0 unless its exponent were outside the
    interval then.

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

    straight, bent = (_least_squares(unique, means, counts, with_floor) for with_floor in (False, True))
    scatter, freedom, between, seed_freedom = _scatter(drawn, place, seed, bent.misfit)
    covariance = np.diag(scatter / counts) + between / len(names)
    if molecules is not None:
        covariance = covariance + molecules
    chosen, region, low, high = straight, None, np.nan, np.nan
    if freedom:
        fewest = min(freedom, seed_freedom or freedom)
        region = Region(unique, means, covariance, student(fewest) + REACH)
        low, high = exponents(region, freedom)
        if min(low, bent.exponent) > max(straight.exponent, EXPONENTS[0]):
            chosen = bent
        low, high = min(low, chosen.exponent), max(high, chosen.exponent)
    return PowerLaw(
        unique, means, chosen.exponent, chosen.share * float(np.exp(chosen.level)), chosen.level,
        len(log), len(names), covariance, (freedom, seed_freedom), scatter, (low, high), region,
    )  # fmt: skip


@dataclass(frozen=True)
class _Candidate:
    exponent: float
    share: float
    level: float
    misfit: float
    "Σ counts × (mean − curve)²."


def _least_squares(sizes: np.ndarray, means: np.ndarray, counts: np.ndarray, with_floor: bool) -> _Candidate:
    """Weighted least squares; with a floor, from the best point of a coarse grid."""
    from scipy.optimize import least_squares

    weights = np.sqrt(counts)
    slope, at_1 = np.polyfit(np.log(sizes), means, 1, w=weights)
    if not with_floor:
        level = at_1 + slope * np.log(sizes[-1])
        misfit = np.square(weights * (means - at_1 - slope * np.log(sizes))).sum()
        return _Candidate(-float(slope), 0.0, float(level), float(misfit))
    powers, shares = np.linspace(*EXPONENTS, 47)[1:-1], np.linspace(0.005, 0.985, 30)
    rest = means - shape(sizes, powers[:, None, None], shares[:, None], sizes[-1])
    levels = rest @ counts / counts.sum()
    misfits = np.square(rest - levels[..., None]) @ counts
    i, j = np.unravel_index(misfits.argmin(), misfits.shape)
    best = least_squares(
        lambda p: weights * (means - p[0] - shape(sizes, p[1], p[2], sizes[-1])),
        (levels[i, j], powers[i], shares[j]),
        bounds=tuple(zip((-np.inf, np.inf), EXPONENTS, SHARES, strict=True)),
        xtol=1e-10, ftol=1e-12, gtol=1e-12,
    )  # fmt: skip
    return _Candidate(float(best.x[1]), float(best.x[2]), float(best.x[0]), 2 * float(best.cost))


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
    variance = max((both + misfit) / freedom, LEAST**2)
    if rank_both == rank:
        return variance, freedom, 0.0, 0
    between = ((within - both) / (rank_both - rank) - variance) * seed_columns.shape[1] / len(log)
    if between <= 0:
        return variance, freedom + rank_both - rank, 0.0, 0
    return variance, freedom, between, rank_both - rank


def _rest(columns: np.ndarray, values: np.ndarray) -> tuple[float, int]:
    solution, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    return float(np.square(values - columns @ solution).sum()), int(rank)
