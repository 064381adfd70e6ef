"""Matrices with their rows and columns in another order, in as little time as memory allows."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

_scratch = threading.local()


def reordered(matrix: np.ndarray, index: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """``matrix[index][:, index]`` as a new array.

    Parameters
    ----------
    matrix
        Float32, shape (n, n).
    index
        Shape (n,).
    dtype
        Of the new one: float32 or float64.
    """
    n = len(index)
    # in between in memory that the thread uses again: fresh one takes longer
    if len(getattr(_scratch, "rows", ())) < n * n:
        _scratch.rows, _scratch.both = (np.empty(n * n, np.float32) for _ in range(2))
    rows, both = (part[: n * n].reshape(n, n) for part in (_scratch.rows, _scratch.both))
    found = np.empty_like(both) if dtype == both.dtype else both
    matrix.take(index, axis=0, out=rows, mode="wrap")  # without it NumPy makes a copy of its own
    rows.take(index, axis=1, out=found, mode="wrap")
    return found.astype(dtype) if found is both else found
