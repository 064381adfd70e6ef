"""The curves ε(N) = a N^−b + c near some measured errors, and how much worse than the best each is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

EXPONENTS = -0.5, 4.0
"""Range of the exponents."""

SHARES = 0.0, 0.99
"""Range of c in the error at the largest size."""

GRID = 31
"""Curves each way."""

PROFILE = 121
"""Exponents of a profile."""

REFINEMENTS = 10
"""At most; so many are taken where data hardly scatter."""

STEPS, STEP = 8, 1e-4
"""Of least squares, and for their derivative."""

TINY = 1e-6
"""Smallest exponent: without one, c does nothing."""

Curves = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Exponents and shares by the log ratio of the errors at both ends."""


class Region:
    """Curves within some standard deviations of the best one.

    Parameters
    ----------
    sizes, means, covariance
        Training sizes, ascending, shape (K,); mean log errors there; their covariance, (K, K).
    distance
        In standard deviations.

    Attributes
    ----------
    exponents, shares
        b, and the part of c in the error at the largest size, shape (P,).
    levels
        Log error at the largest size at which each explains the data best, shape (P,).
    spread
        Standard error of a level.
    rest
        What each leaves of the data, of unit variance, shape (K, P).
    deviance
        Above the best curve's, shape (P,).
    """

    def __init__(self, sizes: np.ndarray, means: np.ndarray, covariance: np.ndarray, distance: float) -> None:
        self.sizes, self.means, self._distance = sizes, means, distance
        self._span = float(np.log(sizes[-1] / sizes[0]))
        self._whiten = np.linalg.inv(np.linalg.cholesky(covariance))
        ones = self._whiten.sum(axis=1)
        self.spread = 1 / float(np.linalg.norm(ones))
        self.up = ones * self.spread
        "Unit vector of a change of level, shape (K,)."
        self._least = 0.0
        self.exponents, self.shares = self._near()
        self.rest, self.levels, self.deviance = self._explained(self.exponents, self.shares)
        self._least = float(self.deviance.min())
        self.deviance -= self._least

    def _explained(
        self, exponents: np.ndarray, shares: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``rest``, ``levels`` and ``deviance`` of any curves."""
        sizes, means = (a.reshape(-1, *[1] * shares.ndim) for a in (self.sizes, self.means))
        rest = np.tensordot(self._whiten, means - shape(sizes, exponents, shares, self.sizes[-1]), 1)
        heights = np.tensordot(self.up, rest, 1)
        rest -= np.multiply.outer(self.up, heights)
        return rest, heights * self.spread, np.square(rest).sum(axis=0) - self._least

    def _near(self) -> tuple[np.ndarray, np.ndarray]:
        """Exponents and shares of curves on a grid; for each share those of about the best exponent."""
        shares = np.linspace(*SHARES, GRID)
        for _ in range(REFINEMENTS):
            *_, deviance = self._of_shares(shares)
            inside = deviance - deviance.min() <= self._distance**2
            places = np.flatnonzero(inside)
            low, high = max(places[0] - 1, 0), min(places[-1] + 1, GRID - 1)
            shares = np.linspace(shares[low], shares[high], GRID)
            if 3 * len(places) > GRID:
                break
        ratios, errors, deviance = self._of_shares(shares)
        reach = errors * np.sqrt(np.maximum(self._distance**2 - deviance + deviance.min(), 0))
        ratios = ratios + np.linspace(-1, 1, GRID)[:, None] * reach
        grid = np.broadcast_to(shares, ratios.shape)
        return np.clip(self._exponents(ratios, grid), *EXPONENTS).ravel(), grid.ravel()

    def _exponents(self, ratios: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Of curves by the log ratio of the errors at both ends, which data determine well."""
        with np.errstate(invalid="ignore", divide="ignore"):
            exponents = np.log((np.exp(ratios) - shares) / (1 - shares)) / self._span
        return np.nan_to_num(exponents, nan=EXPONENTS[0])

    def _of_shares(self, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best ratios, their standard errors, and deviances of curves of given shares."""
        low, high = (np.log((1 - shares) * np.exp(self._span * b) + shares) for b in EXPONENTS)
        return self._best(lambda ratios: (self._exponents(ratios, shares), shares), low, high)

    def _of_exponents(self, exponents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The same of curves of given exponents."""
        ends = [np.log((1 - c) * np.exp(self._span * exponents) + c) for c in SHARES]
        return self._best(
            lambda ratios: (exponents, self._shares(ratios, exponents)), np.minimum(*ends), np.maximum(*ends)
        )

    def _shares(self, ratios: np.ndarray, exponents: np.ndarray) -> np.ndarray:
        whole = np.expm1(self._span * np.where(np.abs(exponents) < TINY, TINY, exponents))
        return 1 - np.expm1(ratios) / whole

    def _best(
        self, curves: Curves, low: np.ndarray, high: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Least squares of one parameter, between bounds (Gauss, Newton)."""
        ratios = np.clip(self.means[0] - self.means[-1], low, high)
        for _ in range(STEPS):
            rest, _, _ = self._explained(*curves(ratios))
            slope = (self._explained(*curves(ratios + STEP))[0] - rest) / STEP
            squares = np.square(slope).sum(axis=0)
            ratios = np.clip(ratios - (slope * rest).sum(axis=0) / squares, low, high)
        return ratios, 1 / np.sqrt(squares), self._explained(*curves(ratios))[2]

    def line(self, exponent: float) -> tuple[np.ndarray, np.ndarray]:
        """``rest`` and ``deviance`` of curves of one exponent."""
        exponents = np.full(GRID, exponent)
        ratios, errors, _ = self._of_exponents(exponents)
        offsets = np.linspace(-self._distance, self._distance, GRID) * errors
        shares = np.clip(self._shares(ratios + offsets, exponents), *SHARES)
        rest, _, deviance = self._explained(exponents, shares)
        return rest, deviance

    @cached_property
    def _profile(self) -> tuple[np.ndarray, np.ndarray]:
        """Exponents, and the deviance of the best curve that has each."""
        exponents = np.linspace(self.exponents.min(), self.exponents.max(), PROFILE)
        *_, deviance = self._of_exponents(exponents)
        return exponents, deviance - deviance.min()

    def exponent(self, side: int, limit: float) -> float:
        """Least (side −1) or largest (1) exponent of curves within a deviance, or that of ``EXPONENTS``."""
        exponents, deviance = self._profile
        inside = np.flatnonzero(deviance <= limit)
        last = inside[-1] if side > 0 else inside[0]
        beyond = last + side
        if not 0 <= beyond < len(exponents):
            return EXPONENTS[side > 0]
        part = (limit - deviance[last]) / (deviance[beyond] - deviance[last])
        return float(exponents[last] + part * (exponents[beyond] - exponents[last]))

    def heights(self, side: int, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Curves within a deviance, and by how much their levels may be off on one side, both (Q,)."""
        inside = np.flatnonzero(self.deviance <= limit)
        return inside, side * np.sqrt(limit - self.deviance[inside]) * self.spread


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
