"""Orbitals, densities and potentials on a regular grid, and a box that fits an orbital."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.points import check_density, potential_at
from nablaviz.chem.primitives import Primitives, primitives
from nablaviz.chem.separable import blocks
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR, BOHR2ANGSTROM

ORBITAL_UNIT = "bohr^(-3/2)"
DENSITY_UNIT = "e/bohr^3"
POTENTIAL_UNIT = "Eh/e"

POINTS = 48
"""Along the longest side of a box, unless asked otherwise: a mesh then is a fortieth of a cube file. A
volume that is contoured without the function itself is nearer to it with 64."""

COARSE = 0.4
"""Spacing, Å, of the grid on which an orbital is first looked for."""

NEGLIGIBLE = 1e-8
"""Functions of a density are left out whose weight is below this part of the largest."""


@dataclass(frozen=True, eq=False)
class Box:
    """A regular grid of points, axes along x, y and z.

    Raises
    ------
    ValueError
        If a number is not finite, a spacing is not positive or an axis has no point.
    """

    origin: np.ndarray
    "The first point, shape (3,), Å."
    spacing: np.ndarray
    "Between points along each axis, shape (3,), Å."
    shape: tuple[int, int, int]
    "Points along each axis."

    def __post_init__(self) -> None:
        origin = np.array(self.origin, dtype=np.float64)
        spacing = np.array(self.spacing, dtype=np.float64)
        shape = tuple(int(n) for n in self.shape)
        if origin.shape != (3,) or not np.isfinite(origin).all():
            raise ValueError(f"the origin must be three finite numbers, not {self.origin!r}")
        if spacing.shape != (3,) or not (np.isfinite(spacing) & (spacing > 0)).all():
            raise ValueError(f"the spacing must be three positive numbers, not {self.spacing!r}")
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError(f"the shape must be three positive integers, not {self.shape!r}")
        origin.flags.writeable = spacing.flags.writeable = False
        for name, value in (("origin", origin), ("spacing", spacing), ("shape", shape)):
            object.__setattr__(self, name, value)

    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Coordinates along x, y and z, shapes (nx,), (ny,), (nz,), Å."""
        x, y, z = (
            o + s * np.arange(n) for o, s, n in zip(self.origin, self.spacing, self.shape, strict=True)
        )
        return x, y, z


@dataclass(frozen=True, eq=False)
class Field:
    """Values of a function on a box."""

    box: Box
    values: np.ndarray
    "Shape (nx, ny, nz), float32, C order."
    unit: str
    "Of the values: ``ORBITAL_UNIT``, ``DENSITY_UNIT`` or ``POTENTIAL_UNIT``."

    def __post_init__(self) -> None:
        values = np.ascontiguousarray(self.values, dtype=np.float32)
        if values.shape != self.box.shape:
            raise ValueError(f"values of shape {values.shape} on a box of shape {self.box.shape}")
        object.__setattr__(self, "values", values)


def orbital_values(
    molecule: Molecule, coefficients: np.ndarray, box: Box, *, device: str = "cpu"
) -> np.ndarray:
    """Orbitals on the points of a box.

    Parameters
    ----------
    coefficients
        Over the n atomic orbitals, shape (n, k).
    device
        Where PyTorch computes them.

    Returns
    -------
    numpy.ndarray
        Shape (k, nx, ny, nz), float32, bohr^(-3/2); right to 1e-5 of the largest value.

    Raises
    ------
    ValueError
        If the coefficients are not finite numbers of that shape.
    """
    import torch

    k, (nx, ny, nz) = np.shape(coefficients)[-1], box.shape
    out = torch.zeros((k, nx, ny * nz), device=device)
    for xs, yzs, left, right in blocks(molecule, coefficients, box.axes(), device):
        for orbital, factors in zip(out, left, strict=True):
            torch.mm(factors.T, right, out=orbital[xs, yzs])
    return out.view(k, nx, ny, nz).cpu().numpy()


def density_values(
    molecule: Molecule, density_matrix: np.ndarray, box: Box, *, device: str = "cpu"
) -> np.ndarray:
    """Electron density, or a difference of two, on the points of a box.

    The density matrix is taken apart into functions, P = Σ_i w_i c_i c_iᵀ, and ρ = Σ_i w_i ψ_i².

    Parameters
    ----------
    density_matrix
        Symmetric, shape (n, n).
    device
        Where PyTorch computes it.

    Returns
    -------
    numpy.ndarray
        Shape (nx, ny, nz), float32, e/bohr³.

    Raises
    ------
    ValueError
        If the matrix does not have that shape, is not finite or not symmetric.
    """
    import torch

    matrix = check_density(molecule, density_matrix)
    weights, functions = np.linalg.eigh(matrix)
    kept = np.abs(weights) > NEGLIGIBLE * np.abs(weights).max()
    w = torch.as_tensor(weights[kept], dtype=torch.float32, device=device)
    nx, ny, nz = box.shape
    out = torch.zeros((nx, ny * nz), device=device)
    for xs, yzs, left, right in blocks(molecule, functions[:, kept], box.axes(), device):
        values = (left.transpose(1, 2).reshape(-1, len(right)) @ right).view(len(w), -1)
        target = out[xs, yzs]
        target.copy_((w @ values.square_()).view(target.shape))
    return out.view(nx, ny, nz).cpu().numpy()


def potential_values(
    molecule: Molecule,
    density_matrix: np.ndarray,
    box: Box,
    *,
    progress: Callable[[float], object] | None = None,
) -> np.ndarray:
    """Electrostatic potential of nuclei and electrons on the points of a box.

    It takes seconds: keep the box coarse, or colour a surface by :func:`nablaviz.chem.points.potential_at`
    of its vertices.

    Parameters
    ----------
    density_matrix
        Symmetric, shape (n, n).
    progress
        Called with the part that is done, 0 to 1; may raise to stop.

    Returns
    -------
    numpy.ndarray
        Shape (nx, ny, nz), float32, Eh/e.

    Raises
    ------
    ValueError
        If the matrix does not have that shape, is not finite or not symmetric; if a point is at a nucleus.
    """
    points = np.stack(np.meshgrid(*box.axes(), indexing="ij"), axis=-1).reshape(-1, 3)
    values = potential_at(molecule, density_matrix, points, progress=progress)
    return values.reshape(box.shape).astype(np.float32)


def fit_box(molecule: Molecule, coefficients: np.ndarray, *, level: float, points: int = POINTS) -> Box:
    """A box, with cubic voxels, around all of where orbitals exceed a level.

    Found on a coarse grid around the molecule, then on one as fine as asked for. What is too narrow for
    such a grid, the functions that fall off within a step, is bounded by their size instead.

    Parameters
    ----------
    coefficients
        Over the n atomic orbitals, shape (n,) or (n, k).
    level
        The smallest |ψ| that matters, bohr^(-3/2).
    points
        Along the longest side.

    Returns
    -------
    Box
        That of the whole molecule where no orbital reaches the level.

    Raises
    ------
    ValueError
        If the level is not positive, there are fewer than 8 points or the coefficients are not right.
    """
    if not (np.isfinite(level) and level > 0):
        raise ValueError(f"the level must be a positive number, not {level}")
    if points < 8:
        raise ValueError(f"the number of points must be 8 or more, not {points}")
    coefficients = np.asarray(coefficients, dtype=np.float64)
    coefficients = coefficients[:, None] if coefficients.ndim == 1 else coefficients
    basis = primitives(molecule.numbers)
    sizes = basis.sizes(basis.terms(coefficients))
    low, high = _spheres(molecule, basis, sizes, level / len(molecule))
    for spacing, share in ((COARSE, 0.5), (None, 0.9)):  # less than 1: between points |ψ| may be larger
        if not (low < high).all():
            break
        box = _around(low, high, points, spacing)
        step = box.spacing[0]
        beyond = np.abs(orbital_values(molecule, coefficients, box)).max(axis=0) > share * level
        low, high = _spheres(molecule, basis, sizes, level / 2, sharper=(step * ANGSTROM2BOHR) ** -2)
        for axis, at in enumerate(box.axes()):
            found = at[beyond.any(axis=tuple({0, 1, 2} - {axis}))]
            low[axis] = np.min(found, initial=low[axis]) - step
            high[axis] = np.max(found, initial=high[axis]) + step
    if not (low < high).all():
        low, high = molecule.positions.min(axis=0) - 1, molecule.positions.max(axis=0) + 1
    return _around(low, high, points)


def _spheres(
    molecule: Molecule, basis: Primitives, sizes: np.ndarray, level: float, sharper: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Corners, Å, of the box around the spheres in which an atom's own functions may exceed a level.

    Only primitives with exponents above ``sharper`` count. Without any sphere the box is inside out.
    """
    radii = np.geomspace(1e-3, 20.0, 200)
    components = (basis.l + 1) * (basis.l + 2) / 2
    bounds = basis.bound(sizes * components * (basis.exponent > sharper), radii[:, None])
    total = np.zeros((len(radii), len(molecule)))
    np.add.at(total.T, basis.atom, bounds.T)
    above = total > level
    beyond = np.minimum(len(radii) - above[::-1].argmax(axis=0), len(radii) - 1)
    reach = np.where(above.any(axis=0), radii[beyond], -np.inf)[:, None] * BOHR2ANGSTROM
    return (molecule.positions - reach).min(axis=0), (molecule.positions + reach).max(axis=0)


def _around(low: np.ndarray, high: np.ndarray, points: int, spacing: float | None = None) -> Box:
    """The box with cubic voxels around corners, of so many points along its longest side or of a spacing."""
    step = float((high - low).max()) / (points - 1) if spacing is None else spacing
    shape = np.ceil((high - low) / step - 1e-6).astype(int) + 1
    return Box((low + high - step * (shape - 1)) / 2, np.full(3, step), tuple(shape.tolist()))
