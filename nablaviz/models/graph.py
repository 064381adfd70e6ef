"""Which atoms see each other, and functions of their distance."""

from __future__ import annotations

import numpy as np
import torch

from nablaviz.molecule import Molecule

COINCIDENT = 1e-2
"""Å: atoms closer than this have no direction between them."""


def pairs(molecule: Molecule, cutoff: float) -> np.ndarray:
    """All directed pairs of different atoms within ``cutoff`` Å, none left out.

    Returns
    -------
    numpy.ndarray
        Shape (2, E), int64: i (ascending), then j.

    Raises
    ------
    ValueError
        If two atoms are at the same place.
    """
    positions = molecule.positions
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    np.fill_diagonal(distance, np.inf)
    if len(positions) > 1 and distance.min() < COINCIDENT:
        i, j = np.unravel_index(distance.argmin(), distance.shape)
        raise ValueError(f"{molecule}: atoms {i} and {j} are {distance[i, j]:.1e} Å apart")
    return np.stack(np.nonzero(distance < cutoff))


def envelope(distance: torch.Tensor, cutoff: float) -> torch.Tensor:
    """1 at distance 0 and 0 at the cutoff, with two continuous derivatives there; shape kept.

    1 − 10 x³ + 15 x⁴ − 6 x⁵ with x = r / cutoff.
    """
    x = (distance / cutoff).clamp(max=1)
    return 1 - x**3 * (10 - 15 * x + 6 * x**2)


def gaussians(distance: torch.Tensor, cutoff: float, count: int) -> torch.Tensor:
    """Gaussians of the distance, centred from 0.5 Å to the cutoff, times the envelope.

    Parameters
    ----------
    distance
        Shape (E,), Å.

    Returns
    -------
    torch.Tensor
        Shape (E, count).
    """
    centres = torch.linspace(0.5, cutoff, count, dtype=distance.dtype, device=distance.device)
    exponent = (count / cutoff) ** 2 / 2
    near = torch.exp(-exponent * (distance[:, None] - centres) ** 2)
    return near * envelope(distance, cutoff)[:, None]
