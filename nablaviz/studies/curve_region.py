"""The curves ε(N) = a N^−b + c that some measured errors allow for: a profile-likelihood set, on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXPONENTS = -0.5, 4.0
"""Range of the exponents that intervals may take."""

GRID = 81
"""Points of the finer grids, each way."""


@dataclass(frozen=True, eq=False)
class Region:
    """Curves that the data allow for, each of shape (P,)."""

    exponents: np.ndarray
    shares: np.ndarray
    "Of c in the error at the largest size."
    levels: np.ndarray
    "Best log error at the largest size."
    deviance: np.ndarray
    "Above the best curve's."
    spread: float
    "Standard error of a level."
    slack: np.ndarray
    "By which a level may be off."

    def within(self, quantile: float) -> Region:
        """Those whose deviance is at most ``quantile``²."""
        kept = self.deviance <= quantile**2
        slack = np.sqrt(quantile**2 - self.deviance[kept]) * self.spread
        return Region(
            self.exponents[kept],
            self.shares[kept],
            self.levels[kept],
            self.deviance[kept],
            self.spread,
            slack,
        )


def region(sizes: np.ndarray, means: np.ndarray, covariance: np.ndarray, quantile: float) -> Region:
    """Curves whose deviance is within ``quantile``² of the least: on a coarse grid, then on finer ones."""
    whiten = np.linalg.cholesky(np.linalg.inv(covariance)).T
    ones = whiten.sum(axis=1)
    spread = 1 / float(np.linalg.norm(ones))
    level_of = ones * spread**2

    def deviance(exponents: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rest = means[:, None, None] - shape(sizes[:, None, None], exponents[:, None], shares, sizes[-1])
        rest = np.tensordot(whiten, rest, 1)
        levels = np.tensordot(level_of, rest, 1)
        return np.square(rest).sum(axis=0) - np.square(levels / spread), levels

    exponents, shares = np.linspace(*EXPONENTS, 113), np.linspace(0, 0.99, 50)
    for near in (3 * quantile**2, 1.1 * quantile**2):
        found, _ = deviance(exponents, shares)
        inside = found - found.min() <= near
        exponents, shares = (
            _around(axis, inside.any(axis=1 - i)) for i, axis in enumerate((exponents, shares))
        )
    found, levels = deviance(exponents, shares)
    grid = np.meshgrid(exponents, shares, indexing="ij")
    flat = grid[0].ravel(), grid[1].ravel(), levels.ravel(), (found - found.min()).ravel()
    return Region(*flat, spread, np.zeros(found.size)).within(quantile)


def _around(axis: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A finer axis over the part that is inside, and one step more each way."""
    places = np.flatnonzero(inside)
    low, high = max(places[0] - 1, 0), min(places[-1] + 1, len(axis) - 1)
    return np.linspace(axis[low], axis[high], GRID)


def shape(
    size: np.ndarray | float, exponent: np.ndarray | float, share: np.ndarray | float, largest: float
) -> np.ndarray:
    """Log ε(N)/ε(largest), where ``share`` of the latter is irreducible."""
    return np.log((1 - share) * (np.asarray(size) / largest) ** -np.asarray(exponent) + share)


def inverse(
    target: float,
    level: np.ndarray | float,
    exponent: np.ndarray | float,
    share: np.ndarray | float,
    largest: float,
) -> np.ndarray:
    """Size at which a curve falls to the target; infinite where it does not."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        part = (target / np.exp(level) - share) / (1 - share)
        size = largest * part ** (-1 / np.asarray(exponent))
    return np.where((part > 0) & (np.asarray(exponent) > 0), size, np.inf)
