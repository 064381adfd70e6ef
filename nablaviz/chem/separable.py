"""Orbitals on a grid as matrix products, in blocks with the terms that reach each.

On a regular grid a Gaussian is a product of three one-dimensional factors, so an orbital of T terms is one
matrix product, (nx × T) by (T × ny·nz). Most terms reach only a part of the grid: in blocks a third of the
arithmetic is left, and the factors of a block stay in a core's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.primitives import Primitives, primitives
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR

if TYPE_CHECKING:
    import torch

BLOCK = (20, 20)
"""Points along x and y of a block."""

TOLERANCE = 1e-7
"""A term is left out of a block where it stays below this part of the function's largest term."""

NEGLIGIBLE = 1e-12
"""Smaller one-dimensional factors count as 0: products of three of them are then normal float32 numbers."""

Axes = tuple[np.ndarray, np.ndarray, np.ndarray]


def blocks(
    molecule: Molecule, coefficients: np.ndarray, axes: Axes, device: str = "cpu"
) -> Iterator[tuple[slice, slice, torch.Tensor, torch.Tensor]]:
    """Blocks of a grid, and the factors whose matrix product is the orbitals there.

    A block no term reaches is left out: the orbitals are 0 there.

    Parameters
    ----------
    coefficients
        Over the n atomic orbitals, shape (n, k).
    axes
        Coordinates along x, y and z, Å.

    Yields
    ------
    xs
        The block's points along x.
    yzs
        Its points along y and z, these two taken as one axis.
    left
        Factors along x, the coefficients in them, float32, shape (k, t, points).
    right
        Factors along y and z, float32, shape (t, points).

    Raises
    ------
    ValueError
        If the coefficients are not finite numbers of that shape.
    """
    import torch

    basis = primitives(molecule.numbers)
    terms = basis.terms(coefficients)
    x, y, z = (_factors(molecule, basis, axis, points, device) for axis, points in enumerate(axes))
    x = x * torch.as_tensor(terms.T, dtype=torch.float32, device=device)[:, :, None]
    nz = len(axes[2])
    for xs, ys, reaching in _reach(molecule, basis, terms, axes):
        kept = torch.as_tensor(np.flatnonzero(reaching), device=device)
        if len(kept):
            left = x[:, :, xs].index_select(1, kept)
            right = y[:, ys].index_select(0, kept)[:, :, None] * z.index_select(0, kept)[:, None]
            yield xs, slice(ys.start * nz, ys.stop * nz), left, right.view(len(kept), -1)


def _factors(
    molecule: Molecule, basis: Primitives, axis: int, points: np.ndarray, device: str
) -> torch.Tensor:
    """u^a exp(−αu²) of each term along an axis, shape (T, points)."""
    import torch

    # The exponent αu² in double precision; after it float32 does: the error of exp(−a) is 6e-8 a exp(−a).
    offsets = (points - molecule.positions[basis.atom, axis, None]) * ANGSTROM2BOHR
    u, squared = (
        torch.as_tensor(values, dtype=torch.float32, device=device)
        for values in (offsets, basis.exponent[:, None] * offsets**2)
    )
    gaussian = torch.exp(-squared)
    gaussian.masked_fill_(gaussian < NEGLIGIBLE, 0)
    powers = torch.stack([gaussian, u * gaussian, u * u * gaussian])
    which = torch.as_tensor(basis.powers[:, axis] * len(u) + basis.primitive, device=device)
    return powers.view(-1, len(points)).index_select(0, which)


def _reach(
    molecule: Molecule, basis: Primitives, terms: np.ndarray, axes: Axes
) -> Iterator[tuple[slice, slice, np.ndarray]]:
    """Blocks in x and y, each with which terms may matter there, shape (T,).

    A term's size is at most |factor| r^l exp(−αr²), which falls from r = √(l / 2α) on.
    """
    steps = (*BLOCK, len(axes[2]))
    cuts = [
        [slice(i, min(i + step, len(points))) for i in range(0, len(points), step)]
        for points, step in zip(axes, steps, strict=True)
    ]
    gaps = []
    for at, points, slices in zip(molecule.positions.T, axes, cuts, strict=True):
        ends = np.array([(points[s][0], points[s][-1]) for s in slices])
        gaps.append((at - np.clip(at, ends[:, :1], ends[:, 1:])) * ANGSTROM2BOHR)
    x, y, z = gaps
    nearest = np.sqrt(x[:, None] ** 2 + y**2 + z**2)[:, :, basis.atom]
    unit = basis.bound(1.0, np.maximum(nearest, np.sqrt(basis.l / 2 / basis.exponent)))
    # Of each function apart: one call may hold a core orbital, which is large, and a valence one.
    largest = (np.abs(terms) * unit.max(axis=(0, 1))[basis.primitive, None]).max(axis=0)
    sizes = basis.sizes(terms / np.where(largest > 0, largest, 1))
    kept = (sizes * unit > TOLERANCE)[:, :, basis.primitive]
    for i, xs in enumerate(cuts[0]):
        for j, ys in enumerate(cuts[1]):
            yield xs, ys, kept[i, j]
