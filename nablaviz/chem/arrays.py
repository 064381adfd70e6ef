"""Checks of arrays that came from elsewhere."""

from __future__ import annotations

import numpy as np

ASYMMETRY = 1e-6
"""Largest difference of a symmetric matrix from its transpose, as a fraction of its largest element."""


class NotFinite(ValueError):
    """An array holds NaN or infinity.

    Attributes
    ----------
    count
        How many elements are not finite.
    """

    def __init__(self, message: str, count: int) -> None:
        super().__init__(message)
        self.count = count


def finite(array: np.ndarray, name: str) -> np.ndarray:
    """The array, if all of it is finite.

    Raises
    ------
    NotFinite
        If an element is NaN or infinite.
    """
    bad = ~np.isfinite(array)
    if bad.any():
        first = np.unravel_index(int(np.argmax(bad)), bad.shape)
        place = f" (the first at {', '.join(map(str, first))})" if first else ""
        raise NotFinite(f"{name} has {bad.sum()} values that are not finite{place}", int(bad.sum()))
    return array


def symmetric(matrix: np.ndarray, name: str) -> np.ndarray:
    """The square matrix, if it is finite and symmetric.

    Raises
    ------
    NotFinite
        If an element is NaN or infinite.
    ValueError
        If it differs from its transpose by more than ``ASYMMETRY`` of its largest element.
    """
    from scipy.linalg import issymmetric

    if issymmetric(matrix) and np.isfinite(np.vdot(matrix, matrix)):  # the usual case, and fast
        return matrix
    finite(matrix, name)
    gap = float(np.abs(matrix - matrix.T).max())
    if gap > ASYMMETRY * float(np.abs(matrix).max()):
        i, j = np.unravel_index(int(np.abs(matrix - matrix.T).argmax()), matrix.shape)
        raise ValueError(f"{name} is not symmetric: elements ({i}, {j}) and ({j}, {i}) differ by {gap:.1e}")
    return matrix
