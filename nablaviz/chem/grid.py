"""Orbitals and densities on a regular grid.

On such a grid a Gaussian is a product of three one-dimensional factors, so an orbital of T terms is one
matrix product, (nx × T) by (T × ny·nz). It is done in blocks, each with the terms that reach it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.basis import size
from nablaviz.chem.primitives import Primitives, primitives
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR

if TYPE_CHECKING:
    import torch

ORBITAL_UNIT = "bohr^(-3/2)"
DENSITY_UNIT = "e/bohr^3"
POTENTIAL_UNIT = "Eh/e"

POINTS = 64
"""Along the longest side of a box, unless asked otherwise."""

TOLERANCE = 1e-7
"""A term is left out of a block where it stays below this part of the largest term."""

BLOCK = 20
"""Points along x and y of a block: its factors stay in a core's cache."""

NEGLIGIBLE = 1e-12
"""Smaller one-dimensional factors count as 0: products of three of them are then normal float32."""


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
    for (xs, yzs), left, right in _blocks(molecule, coefficients, box, device):
        for orbital, factors in zip(out, left, strict=True):
            torch.mm(factors.T, right, out=orbital[xs, yzs])
    return out.view(k, nx, ny, nz).cpu().numpy()


def density_values(
    molecule: Molecule, density_matrix: np.ndarray, box: Box, *, device: str = "cpu"
) -> np.ndarray:
    """Electron density, or a difference of two, on the points of a box.

    The density matrix is taken apart into orbitals, P = Σ_i n_i c_i c_iᵀ, and ρ = Σ_i n_i ψ_i².

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

    occupations, orbitals = _natural_orbitals(molecule, density_matrix)
    nx, ny, nz = box.shape
    out = torch.zeros((nx, ny * nz), device=device)
    weights = torch.as_tensor(occupations, dtype=torch.float32, device=device)
    for (xs, yzs), left, right in _blocks(molecule, orbitals, box, device):
        values = (left.permute(0, 2, 1).reshape(-1, len(right)) @ right).view(len(left), -1)
        out[xs, yzs] = (weights @ values.square_()).view(out[xs, yzs].shape)
    return out.view(nx, ny, nz).cpu().numpy()


def _natural_orbitals(molecule: Molecule, density_matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (k,) and coefficients (n, k) of functions whose weighted squares add up to the density."""
    matrix = np.asarray(density_matrix, dtype=np.float64)
    n = size(molecule.numbers)
    if matrix.shape != (n, n):
        raise ValueError(f"the density matrix must have shape {(n, n)}, not {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("the density matrix is not finite")
    if not np.allclose(matrix, matrix.T, atol=1e-8 * np.abs(matrix).max()):
        raise ValueError("the density matrix is not symmetric")
    weights, functions = np.linalg.eigh(matrix)
    kept = np.abs(weights) > 1e-8 * np.abs(weights).max()
    return weights[kept], functions[:, kept]


Block = tuple[slice, slice]


def _blocks(
    molecule: Molecule, coefficients: np.ndarray, box: Box, device: str
) -> Iterator[tuple[Block, torch.Tensor, torch.Tensor]]:
    """Blocks of the grid, and the factors whose matrix product is the orbitals there.

    Yields
    ------
    block
        Its slice of x, and of y and z taken as one axis.
    left
        Along x, with the coefficients in them, shape (k, t, points).
    right
        Along y and z, shape (t, points).
    """
    import torch

    basis = primitives(molecule.numbers)
    terms = _terms(basis, coefficients)
    centres = molecule.positions[basis.atom]
    nz = box.shape[2]
    factors = []
    for axis, points in enumerate(box.axes()):
        # Float32 is enough after the subtraction: the error of exp(−a) is 6e-8 a exp(−a).
        offsets = (points - centres[:, axis, None]) * ANGSTROM2BOHR
        u = torch.as_tensor(offsets, dtype=torch.float32, device=device)
        alpha = torch.tensor(basis.exponent, dtype=torch.float32, device=device)
        gaussian = torch.exp(-alpha[:, None] * u * u)
        gaussian.masked_fill_(gaussian < NEGLIGIBLE, 0)
        powers = torch.stack([gaussian, u * gaussian, u * u * gaussian])
        which = (torch.tensor(a, device=device) for a in (basis.powers[:, axis], basis.primitive))
        factors.append(powers[tuple(which)])
    x, y, z = factors
    x = x * torch.as_tensor(terms.T, dtype=torch.float32, device=device)[:, :, None]
    for xs, ys, reach in _reach(molecule, basis, terms, box):
        kept = torch.as_tensor(np.flatnonzero(reach), device=device)
        if len(kept):
            left = x[:, :, xs].index_select(1, kept)
            right = y[kept, ys, None] * z[kept, None]
            yield (xs, slice(ys.start * nz, ys.stop * nz)), left, right.view(len(kept), -1)


def _reach(
    molecule: Molecule, basis: Primitives, terms: np.ndarray, box: Box
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Blocks in x and y, each with which terms may matter there, shape (T,).

    A term's size is at most |factor| r^l exp(−αr²), which falls from r = √(l / 2α) on.
    """
    size = np.zeros(len(basis.atom))
    np.maximum.at(size, basis.primitive, np.abs(terms).max(axis=1, initial=0))
    cuts = [[slice(i, min(i + BLOCK, n)) for i in range(0, n, BLOCK)] for n in box.shape[:2]] + [
        [slice(0, None)]
    ]
    gaps = []
    for axis, (points, slices) in enumerate(zip(box.axes(), cuts, strict=True)):
        at = molecule.positions[:, axis]
        ends = np.array([(points[s][0], points[s][-1]) for s in slices])
        gaps.append((at - np.clip(at, ends[:, :1], ends[:, 1:])) * ANGSTROM2BOHR)
    x, y, z = gaps
    peak = np.sqrt(basis.l / 2 / basis.exponent)
    nearest = np.sqrt(x[:, None] ** 2 + y**2 + z**2)[:, :, basis.atom]
    r = np.maximum(nearest, peak)
    largest = size * r**basis.l * np.exp(-basis.exponent * r**2)
    kept = (largest > TOLERANCE * largest.max())[:, :, basis.primitive]
    for i, xs in enumerate(cuts[0]):
        for j, ys in enumerate(cuts[1]):
            yield xs, ys, kept[i, j]


def _terms(basis: Primitives, coefficients: np.ndarray) -> np.ndarray:
    """Factors of the terms, shape (T, k)."""
    coefficients = np.asarray(coefficients, dtype=np.float64)
    n = int(basis.orbital.max()) + 1
    if coefficients.ndim != 2 or len(coefficients) != n:
        raise ValueError(f"coefficients must have shape ({n}, k), not {coefficients.shape}")
    if not np.isfinite(coefficients).all():
        raise ValueError("the coefficients are not all finite")
    return basis.terms(coefficients)


def fit_box(molecule: Molecule, coefficients: np.ndarray, *, level: float, points: int = POINTS) -> Box:
    """A box around where orbitals exceed a level, with cubic voxels.

    Parameters
    ----------
    coefficients
        Over the n atomic orbitals, shape (n,) or (n, k).
    level
        Smallest |ψ| that matters, bohr^(-3/2): where none of the orbitals reaches it is left out.
    points
        Along the longest side.
    """
    coefficients = np.asarray(coefficients, dtype=np.float64).reshape(len(coefficients), -1)
    low, high = molecule.positions.min(axis=0) - 5.0, molecule.positions.max(axis=0) + 5.0
    coarse = _around(low, high, 0.3)
    values = np.abs(orbital_values(molecule, coefficients, coarse)).max(axis=0) > level / 2
    if not values.any():
        values[:] = True
    ends = [np.flatnonzero(values.any(axis=o))[[0, -1]] for o in ((1, 2), (0, 2), (0, 1))]
    low, high = (np.array([a[e[k]] for a, e in zip(coarse.axes(), ends)]) for k in (0, 1))
    return _around(low - 0.3, high + 0.3, float((high - low + 0.6).max() / (points - 1)))


def _around(low: np.ndarray, high: np.ndarray, spacing: float) -> Box:
    shape = np.ceil((high - low) / spacing - 1e-6).astype(int) + 1
    return Box((low + high - spacing * (shape - 1)) / 2, np.full(3, spacing), tuple(shape.tolist()))
