"""Surfaces of equal value in a field, and which value encloses how much of an electron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.grid import ORBITAL_UNIT, Field
from nablaviz.units import ANGSTROM2BOHR

CUBIC = np.linalg.inv(np.vander(np.arange(4.0), increasing=True))
"""From values at 0, 1, 2, 3 to the coefficients of the cubic through them."""

STEPS = 30
"""Most steps of the search for a root; five are usual."""

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangulated surface: V vertices, F faces."""

    vertices: np.ndarray
    "Shape (V, 3), float32, Å."
    normals: np.ndarray
    "Of length 1, towards smaller magnitude of the field, shape (V, 3), float32."
    faces: np.ndarray
    "Vertex indices, counter-clockwise as seen from outside, shape (F, 3), uint32."

    @property
    def nbytes(self) -> int:
        """Size of the three arrays."""
        return self.vertices.nbytes + self.normals.nbytes + self.faces.nbytes


def isosurface(field: Field, isovalue: float, exact: Function | None = None) -> Mesh:
    """Where a field takes a value.

    Marching cubes say which grid edges the surface crosses; on each edge the vertex is then put at the root
    of the cubic through the four nearest grid values along it, which lies far nearer to the true surface
    than that of the straight line. What is narrower than the grid, as an orbital is at a nucleus, takes the
    function itself: given ``exact``, the vertices are moved on along their edges to its root. Normals are
    the gradient's.

    Parameters
    ----------
    isovalue
        In the field's unit. A negative one means the surface around the negative lobes.
    exact
        The function that the field holds, from points (V, 3) in Å to values (V,).

    Returns
    -------
    Mesh
        Empty if the field does not cross the value.

    Raises
    ------
    ValueError
        If the isovalue is 0 or not finite, or the field has fewer than 4 points along an axis.
    """
    from skimage.measure import marching_cubes

    if not np.isfinite(isovalue) or isovalue == 0:
        raise ValueError(f"the isovalue must be a finite number other than 0, not {isovalue}")
    _check_cubic(field)
    sign = np.float32(np.sign(isovalue))
    values = field.values * sign
    level = np.float32(abs(isovalue))
    if not values.min() < level < values.max():
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32))
    at, faces, _, _ = marching_cubes(values, level, gradient_direction="ascent", allow_degenerate=False)

    def there(grid_units: np.ndarray) -> np.ndarray:
        return field.box.origin + grid_units * field.box.spacing

    function = (lambda grid_units: sign * exact(there(grid_units))) if exact else None
    at = _on_edges(values, float(level), at.astype(np.float64), function)
    outward = -_gradient(values, at) / field.box.spacing
    normals = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), np.finfo(float).tiny)
    vertices = there(at)
    return Mesh(vertices.astype(np.float32), normals.astype(np.float32), faces.astype(np.uint32))


def sample(field: Field, points: np.ndarray) -> np.ndarray:
    """A field between its grid points, by the cubic through the four nearest along each axis.

    Parameters
    ----------
    points
        Shape (V, 3), Å.

    Returns
    -------
    numpy.ndarray
        Shape (V,), in the field's unit.

    Raises
    ------
    ValueError
        If a point is outside the box, or the field has fewer than 4 points along an axis.
    """
    _check_cubic(field)
    at = (np.asarray(points, dtype=np.float64) - field.box.origin) / field.box.spacing
    last = np.array(field.box.shape) - 1
    outside = ~((at > -1e-4) & (at < last + 1e-4)).all(axis=1)
    if outside.any():
        first = np.asarray(points)[outside.argmax()].tolist()
        raise ValueError(
            f"{int(outside.sum())} of {len(at)} points are outside the box; the first is {first}"
        )
    around, offsets = _gather(field.values, at)
    return np.einsum("vijk,vi,vj,vk->v", around, *(_lagrange(o) for o in offsets), optimize=True)


def enclosing_isovalue(field: Field, fraction: float, electrons: float = 1.0) -> float:
    """The isovalue whose surface encloses a fraction of the electrons.

    Of all regions that hold the fraction it is the smallest: the points are taken in order of density.

    Parameters
    ----------
    field
        An orbital, or a density, on a box that holds more than the fraction.
    fraction
        Between 0 and 1.
    electrons
        How many there are in all: 1 for an orbital.

    Returns
    -------
    float
        In the field's unit, positive.

    Raises
    ------
    ValueError
        If the fraction is not between 0 and 1, or the box does not hold it or is under 4 points wide.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"the fraction must be between 0 and 1, not {fraction}")
    _check_cubic(field)
    # On a grid twice as fine: the sum over points has the surface's steps in it.
    magnitudes = np.sort(np.abs(_halved(field.values)), axis=None)[::-1].astype(np.float64)
    density = magnitudes**2 if field.unit == ORBITAL_UNIT else magnitudes
    inside = np.cumsum(density) * np.prod(field.box.spacing / 2 * ANGSTROM2BOHR) / electrons
    if inside[-1] < fraction:
        raise ValueError(
            f"the box holds {inside[-1]:.1%} of the electrons, which is less than {fraction:.1%}"
        )
    return float(np.interp(fraction, inside, magnitudes))


def _check_cubic(field: Field) -> None:
    if min(field.box.shape) < 4:
        raise ValueError(f"a cubic needs 4 points or more along each axis, not {field.box.shape}")


def _lagrange(offset: np.ndarray, derivative: bool = False) -> np.ndarray:
    """Weights of values at 0, 1, 2, 3 in the cubic through them, or in its slope, at offsets (V,); (V, 4)."""
    t = offset[:, None]
    if derivative:
        return np.concatenate([t**0, 2 * t, 3 * t**2], axis=1) @ CUBIC[1:]
    return np.concatenate([t**0, t, t**2, t**3], axis=1) @ CUBIC


def _stencil(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of positions along an axis of n points: the four nearest, (V, 4), and the offset from the first."""
    first = np.clip(np.floor(at).astype(np.int64) - 1, 0, n - 4)
    return first[:, None] + np.arange(4), at - first


def _halved(values: np.ndarray) -> np.ndarray:
    """The interpolant on a grid of half the spacing, (2nx − 1, 2ny − 1, 2nz − 1), float32."""
    for axis, n in enumerate(values.shape):
        points, offset = _stencil(np.arange(2 * n - 1) / 2, n)
        matrix = np.zeros((2 * n - 1, n), dtype=np.float32)
        np.put_along_axis(matrix, points, _lagrange(offset).astype(np.float32), axis=1)
        values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
    return values


def _on_edges(values: np.ndarray, level: float, at: np.ndarray, exact: Function | None) -> np.ndarray:
    """Vertices moved along their edges to where the function is ``level``; in grid units, shape (V, 3).

    The few that marching cubes put inside a cell stay.
    """
    off_grid = np.abs(at - np.rint(at)) > 1e-4
    rows = np.flatnonzero(off_grid.sum(axis=1) == 1)
    every, axis = np.arange(len(rows)), off_grid[rows].argmax(axis=1)
    points, start = _stencil(at[rows, axis], np.array(values.shape)[axis])
    index = np.repeat(np.rint(at[rows]).astype(np.int64)[:, :, None], 4, axis=2)
    index[every, axis] = points
    nearest = values[tuple(index.transpose(1, 0, 2))].astype(np.float64) - level

    def cubic(some: np.ndarray, t: np.ndarray) -> np.ndarray:
        return (nearest[some] * _lagrange(t)).sum(axis=1)

    def function(some: np.ndarray, t: np.ndarray) -> np.ndarray:
        moved = at[rows[some]]
        moved[every[: len(some)], axis[some]] = points[some, 0] + t
        return exact(moved) - level  # type: ignore[misc]

    lower = np.floor(start)
    begin, end = (nearest[every, lower.astype(np.int64) + step] for step in (0, 1))
    root = _roots(cubic, start, lower, begin, end, 1e-6 * level)
    if exact:
        root = _roots(function, root, lower, begin, end, 1e-4 * level)
    at = at.copy()
    at[rows, axis] = points[:, 0] + root
    return at


def _roots(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    start: np.ndarray,
    lower: np.ndarray,
    begin: np.ndarray,
    end: np.ndarray,
    tolerance: float,
) -> np.ndarray:
    """Roots in [lower, lower + 1] of functions that begin and end with these values, by the Illinois method.

    ``function(rows, t)`` gives values of some. Where begin and end have the same sign, ``start`` stays.
    """
    t, low, high, at_low, at_high = (a.copy() for a in (start, lower, lower + 1, begin, end))
    side = np.zeros(len(t))
    rows = np.flatnonzero(begin * end < 0)
    for _ in range(STEPS):
        value = function(rows, t[rows])
        left = np.abs(value) > tolerance
        rows, value = rows[left], value[left]
        if not len(rows):
            break
        rising = np.where(value * at_low[rows] > 0, 1, -1)  # the low end moves up, or the high one down
        again = np.where(side[rows] == rising, 0.5, 1.0)
        up, down = rows[rising > 0], rows[rising < 0]
        at_high[up] *= again[rising > 0]
        at_low[down] *= again[rising < 0]
        low[up], at_low[up] = t[up], value[rising > 0]
        high[down], at_high[down] = t[down], value[rising < 0]
        side[rows] = rising
        a, b = at_low[rows], at_high[rows]
        t[rows] = low[rows] - a * (high[rows] - low[rows]) / (b - a)
    return t


def _gather(values: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The 64 values around positions in grid units, (V, 4, 4, 4), and offsets from the first, 3 × (V,)."""
    (x, y, z), offsets = zip(*(_stencil(a, n) for a, n in zip(at.T, values.shape, strict=True)), strict=True)
    return values[x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]], list(offsets)


def _gradient(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Gradient of the tricubic interpolant in grid units, shape (V, 3)."""
    around, offsets = _gather(values, at)
    x, y, z = (_lagrange(offset) for offset in offsets)
    dx, dy, dz = (_lagrange(offset, derivative=True) for offset in offsets)
    along_z = around @ z[:, None, :, None]
    plane = np.concatenate([along_z, around @ dz[:, None, :, None]], axis=3)  # (V, 4, 4, 2)
    flat = np.einsum("vijc,vj->vic", plane, y)
    slopes = [
        (flat[:, :, 0] * dx).sum(axis=1),
        (np.einsum("vij,vj->vi", along_z[..., 0], dy) * x).sum(axis=1),
        (flat[:, :, 1] * x).sum(axis=1),
    ]
    return np.stack(slopes, axis=1)
