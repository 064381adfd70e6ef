"""How the time of a method grows with the size of the molecule: the exponent of a power law, measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST = 3
"""Molecules that an exponent needs."""


@dataclass(frozen=True)
class Scaling:
    """t = prefactor · N^exponent, a straight line through the logarithms."""

    prefactor: float
    "s."
    exponent: float
    error: float
    "Standard error of the exponent, from the scatter about the line."
    sizes: tuple[float, float]
    "Smallest and largest N."

    def time(self, size: np.ndarray | float) -> np.ndarray | float:
        """Time for a size, s."""
        return self.prefactor * np.asarray(size, dtype=np.float64) ** self.exponent

    def __str__(self) -> str:
        low, high = self.sizes
        return f"N^({self.exponent:.2f} ± {self.error:.2f}), N = {low:g} to {high:g}"


def scaling(sizes: Sequence[float] | np.ndarray, seconds: Sequence[float] | np.ndarray) -> Scaling:
    """Fit the exponent by least squares.

    It is that of the sizes measured: what does not grow, such as starting a program, makes it small, and
    only far larger molecules show the exponent of the textbooks.

    Parameters
    ----------
    sizes
        Such as numbers of basis functions, shape (n,).
    seconds
        Of each, shape (n,).

    Raises
    ------
    ValueError
        If there are fewer than ``LEAST`` different sizes, or a value is not positive.
    """
    n, t = np.asarray(sizes, dtype=np.float64), np.asarray(seconds, dtype=np.float64)
    if n.shape != t.shape or n.ndim != 1:
        raise ValueError(f"sizes and seconds must be as many, not {n.shape} and {t.shape}")
    if not ((n > 0).all() and (t > 0).all()):
        raise ValueError("sizes and times must be positive")
    if len(np.unique(n)) < LEAST:
        raise ValueError(f"an exponent needs {LEAST} different sizes, not {len(np.unique(n))}")
    x, y = np.log(n), np.log(t)
    x0 = x - x.mean()
    slope = float(x0 @ y / (x0 @ x0))
    left = y - y.mean() - slope * x0
    error = float(np.sqrt(left @ left / (len(n) - 2) / (x0 @ x0)))
    return Scaling(float(np.exp(y.mean() - slope * x.mean())), slope, error, (float(n.min()), float(n.max())))
