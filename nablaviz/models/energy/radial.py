"""Functions that the published potentials expand distances and angles in."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bessel(distances: Tensor, cutoff: float, count: int) -> Tensor:
    """√(2/c) sin(nπr/c)/r for n = 1…count, shape (P, count) (DimeNet, eq. 7)."""
    n = torch.arange(1, count + 1, dtype=distances.dtype, device=distances.device)
    r = distances[:, None]
    return math.sqrt(2 / cutoff) * torch.sin(n * (math.pi / cutoff) * r) / r


def legendre(cosines: Tensor, count: int) -> Tensor:
    """Legendre polynomials P_0…P_{count−1}, shape (T, count)."""
    values = [torch.ones_like(cosines), cosines]
    for n in range(1, count - 1):
        values.append(((2 * n + 1) * cosines * values[n] - n * values[n - 1]) / (n + 1))
    return torch.stack(values[:count], dim=-1)


def shifted_softplus(x: Tensor) -> Tensor:
    """ln(½eˣ + ½), zero at 0 (SchNet)."""
    return torch.nn.functional.softplus(x) - math.log(2)
