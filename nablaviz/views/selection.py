"""What a click, a key or a lasso selects: row numbers in, row numbers out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def clicked(selection: Sequence[int], row: int, *, toggle: bool = False) -> list[int]:
    """The selection after a click on a row: that row alone, or added or taken away with ``toggle``.

    The last of a selection is the active one.
    """
    if not toggle:
        return [row]
    rest = [r for r in selection if r != row]
    return rest if len(rest) < len(selection) else [*rest, row]


def spanned(order: np.ndarray, anchor: int, row: int) -> list[int]:
    """All rows from ``anchor`` to ``row`` in the order shown, ``row`` last; it alone if one is not there."""
    start, end = place(order, anchor), place(order, row)
    if start is None or end is None:
        return [row]
    step = 1 if end >= start else -1
    return order[start : end + step if end + step >= 0 else None : step].tolist()


def stepped(order: np.ndarray, row: int | None, by: int) -> int | None:
    """The row ``by`` places on in the order shown, or at its end; the first if ``row`` is not there."""
    if len(order) == 0:
        return None
    now = None if row is None else place(order, row)
    return int(order[0 if now is None else np.clip(now + by, 0, len(order) - 1)])


def place(order: np.ndarray, row: int) -> int | None:
    """Where a row is in the order shown, ``None`` if it is not there."""
    found = np.flatnonzero(order == row)
    return int(found[0]) if len(found) else None


def inside_polygon(x: np.ndarray, y: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points lie inside a polygon, by the parity of crossings; a lasso's path.

    Parameters
    ----------
    x, y
        Coordinates, shape (n,); NaN lies outside.
    corners
        Shape (m, 2), in the same units.

    Returns
    -------
    ndarray
        Boolean, shape (n,).
    """
    inside = np.zeros(len(x), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        crosses = (y0 > y) != (y1 > y)
        inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside & np.isfinite(x) & np.isfinite(y)
