"""Surfaces of equal value in a field, and which value encloses how much of an electron."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nablaviz.chem.grid import ORBITAL_UNIT, Field
from nablaviz.units import ANGSTROM2BOHR

NEWTON_STEPS = 6
"""Enough to bring a bracketed root of a cubic below float32 rounding."""


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


def isosurface(field: Field, isovalue: float) -> Mesh:
    """Where a field takes a value.

    Marching cubes say which grid edges the surface crosses; on each edge the vertex is then put at the root
    of the cubic through the four nearest grid values along it, which lies far nearer to the true surface
    than that of the straight line. Normals are the gradient's.

    Parameters
    ----------
    isovalue
        In the field's unit. A negative one means the surface around the negative lobes.

    Returns
    -------
    Mesh
        Empty if the field does not cross the value.

    Raises
    ------
    ValueError
        If the isovalue is 0 or not finite, or the field has fewer than 2 points along an axis.
    """
    from skimage.measure import marching_cubes

    if not np.isfinite(isovalue) or isovalue == 0:
        raise ValueError(f"the isovalue must be a finite number other than 0, not {isovalue}")
    if min(field.box.shape) < 2:
        raise ValueError(f"a surface needs 2 points or more along each axis, not {field.box.shape}")
    values = field.values if isovalue > 0 else -field.values
    level = np.float32(abs(isovalue))
    if not values.min() < level < values.max():
        return Mesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint32))
    at, faces, _, _ = marching_cubes(values, level, gradient_direction="ascent", allow_degenerate=False)
    at = _on_edges(values, level, at.astype(np.float64))
    outward = -_gradient(values, at) / field.box.spacing
    normals = outward / np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), np.finfo(float).tiny)
    vertices = field.box.origin + at * field.box.spacing
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
        If a point is outside the box.
    """
    at = (np.asarray(points, dtype=np.float64) - field.box.origin) / field.box.spacing
    last = np.array(field.box.shape) - 1
    outside = ~((at > -1e-4) & (at < last + 1e-4)).all(axis=1)
    if outside.any():
        first = np.asarray(points)[outside.argmax()].tolist()
        raise ValueError(
            f"{int(outside.sum())} of {len(at)} points are outside the box; the first is {first}"
        )
    return _interpolate(field.values, at)


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
        If the fraction is not between 0 and 1, or the box does not hold it.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"the fraction must be between 0 and 1, not {fraction}")
    magnitudes = np.sort(np.abs(field.values), axis=None)[::-1].astype(np.float64)
    density = magnitudes**2 if field.unit == ORBITAL_UNIT else magnitudes
    inside = np.cumsum(density) * np.prod(field.box.spacing * ANGSTROM2BOHR) / electrons
    if inside[-1] < fraction:
        raise ValueError(
            f"the box holds {inside[-1]:.1%} of the electrons, which is less than {fraction:.1%}"
        )
    return float(np.interp(fraction, inside, magnitudes))


def _stencil(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Of positions along an axis of n points: first of the (up to) four nearest, and offset from it."""
    first = np.clip(np.floor(at).astype(np.int64) - 1, 0, max(n - 4, 0))
    return first, at - first


def _weights(offset: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Lagrange's weights of min(n, 4) equally spaced values, and their derivatives; (V, min(n, 4)) each."""
    nodes = np.arange(min(n, 4), dtype=np.float64)
    basis = np.linalg.inv(np.vander(nodes, increasing=True)).T  # (node, power)
    powers = offset[:, None] ** np.arange(len(nodes))
    slopes = np.arange(1, len(nodes)) * powers[:, :-1]
    return powers @ basis.T, slopes @ basis[:, 1:].T


def _on_edges(values: np.ndarray, level: np.float32, at: np.ndarray) -> np.ndarray:
    """Vertices moved along their edges to the cubic's root; positions in grid units, shape (V, 3)."""
    at = at.copy()
    nearest = np.rint(at).astype(np.int64)
    along = np.abs(at - nearest).argmax(axis=1)
    for axis in range(3):
        rows = np.flatnonzero(along == axis)
        node = nearest[rows]
        n = values.shape[axis]
        low = np.clip(np.floor(at[rows, axis]).astype(np.int64), 0, n - 2)
        first, _ = _stencil(low + 0.5, n)
        index = np.repeat(node[:, :, None], min(n, 4), axis=2)
        index[:, axis] = first[:, None] + np.arange(min(n, 4))
        around = values[tuple(index.transpose(1, 0, 2))].astype(np.float64) - level
        lower, upper = (low - first).astype(np.float64), (low - first + 1).astype(np.float64)
        begin = np.take_along_axis(around, (low - first)[:, None], axis=1)[:, 0]
        end = np.take_along_axis(around, (low - first + 1)[:, None], axis=1)[:, 0]
        crossing = begin * end < 0
        rising = end > begin
        root = np.where(crossing, at[rows, axis] - first, 0)
        for _ in range(NEWTON_STEPS):
            weight, slope = _weights(root, n)
            value, derivative = (weight * around).sum(axis=1), (slope * around).sum(axis=1)
            above = (value > 0) == rising
            upper, lower = np.where(above, root, upper), np.where(above, lower, root)
            with np.errstate(divide="ignore", invalid="ignore"):
                step = root - value / derivative
            root = np.where((step > lower) & (step < upper), step, (lower + upper) / 2)
        at[rows[crossing], axis] = (first + root)[crossing]
    return at


def _interpolate(values: np.ndarray, at: np.ndarray, derivative: int | None = None) -> np.ndarray:
    """The tricubic interpolant, or its derivative along an axis, at positions in grid units; (V,)."""
    gathered: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for axis, n in enumerate(values.shape):
        first, offset = _stencil(at[:, axis], n)
        weights.append(_weights(offset, n)[axis == derivative])
        gathered.append(first[:, None] + np.arange(min(n, 4)))
    x, y, z = gathered
    around = values[x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]]
    return np.einsum("vijk,vi,vj,vk->v", around, *weights, optimize=True)


def _gradient(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Gradient of the tricubic interpolant in grid units, shape (V, 3)."""
    return np.stack([_interpolate(values, at, axis) for axis in range(3)], axis=1)
