"""Real spherical harmonics, their rotation matrices and their coupling, in the order m = −l … l."""

from __future__ import annotations

import math
from functools import cache

import torch


def harmonics(degree: int, vectors: torch.Tensor) -> torch.Tensor:
    """Real solid harmonics of all degrees up to ``degree``, of norm 1 on the unit sphere.

    Recurrences of Helgaker, Jørgensen and Olsen, Molecular Electronic-Structure Theory, § 6.4. Within
    a degree the order is m = −l … l (so y, z, x for l = 1); signs are PySCF's.

    Parameters
    ----------
    vectors
        Shape (…, 3).

    Returns
    -------
    torch.Tensor
        Shape (…, (degree + 1)²); degree l starts at l².
    """
    x, y, z = vectors.unbind(-1)
    square = (vectors * vectors).sum(-1)
    columns: list[torch.Tensor] = [torch.empty(0)] * (degree + 1) ** 2
    cosine, sine = torch.ones_like(x), torch.zeros_like(x)
    for m in range(degree + 1):
        if m:
            cosine, sine = x * cosine - y * sine, y * cosine + x * sine
        below, here = torch.zeros_like(x), torch.full_like(x, float(math.prod(range(1, 2 * m, 2))))
        for n in range(m, degree + 1):
            norm = math.sqrt((1 if m == 0 else 2) * math.factorial(n - m) / math.factorial(n + m))
            columns[n * n + n + m] = norm * here * cosine
            if m:
                columns[n * n + n - m] = norm * here * sine
            above = ((2 * n + 1) * z * here - (n + m) * square * below) / (n - m + 1)
            below, here = here, above
    return torch.stack(columns, -1)


@cache
def _directions(degree: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions (k, 3) on a spiral, and the pseudo-inverse (2l + 1, k)ᵀ of their harmonics."""
    count = 4 * degree + 4
    height = 1 - (2 * torch.arange(count, dtype=torch.float64) + 1) / count
    angle = math.pi * (1 + math.sqrt(5)) * torch.arange(count, dtype=torch.float64)
    across = (1 - height**2).sqrt()
    points = torch.stack([across * angle.cos(), across * angle.sin(), height], -1)
    return points, torch.linalg.pinv(harmonics(degree, points)[:, degree**2 :])


def rotations(degree: int, matrices: torch.Tensor) -> torch.Tensor:
    """Matrices D of degree l with Y(R r) = D Y(r), also for improper R.

    A harmonic is known from its values in enough directions, so D follows from a few rotated ones.

    Parameters
    ----------
    matrices
        Orthogonal, shape (E, 3, 3).

    Returns
    -------
    torch.Tensor
        Orthogonal, shape (E, 2l + 1, 2l + 1).
    """
    points, inverse = (table.to(matrices) for table in _directions(degree))
    turned = torch.einsum("eij,kj->eki", matrices, points)
    return torch.einsum("ekm,nk->emn", harmonics(degree, turned)[..., degree**2 :], inverse)


def all_rotations(degree: int, matrices: torch.Tensor) -> torch.Tensor:
    """The rotation matrices of all degrees up to ``degree`` as one block-diagonal matrix.

    Returns
    -------
    torch.Tensor
        Shape (E, (degree + 1)², (degree + 1)²).
    """
    size = (degree + 1) ** 2
    whole = matrices.new_zeros(len(matrices), size, size)
    for n in range(degree + 1):
        whole[:, n * n : (n + 1) ** 2, n * n : (n + 1) ** 2] = rotations(n, matrices)
    return whole


def frames(vectors: torch.Tensor) -> torch.Tensor:
    """A rotation for each vector that turns it onto z; the angle about z is arbitrary.

    Parameters
    ----------
    vectors
        Shape (E, 3), not zero.

    Returns
    -------
    torch.Tensor
        Shape (E, 3, 3); the rows are the axes of the frame.
    """
    z = vectors / vectors.norm(dim=-1, keepdim=True)
    # The coordinate axis that is farthest from the bond gives the second direction.
    other = torch.nn.functional.one_hot(z.abs().argmin(-1), 3).to(z.dtype)
    y = torch.linalg.cross(z, other)
    y = y / y.norm(dim=-1, keepdim=True)
    return torch.stack([torch.linalg.cross(y, z), y, z], -2)


@cache
def coupling(first: int, second: int, total: int) -> torch.Tensor:
    """The equivariant map from products of harmonics of two degrees to a third one.

    Found as the null vector of (D₁ ⊗ D₂ ⊗ D − 1), which is unique up to its sign.

    Returns
    -------
    torch.Tensor
        Shape (2·first + 1, 2·second + 1, 2·total + 1), float64; for each index of the last axis of
        norm 1.

    Raises
    ------
    ValueError
        If the three degrees cannot couple.
    """
    if not abs(first - second) <= total <= first + second:
        raise ValueError(f"degrees {first} and {second} do not couple to {total}")
    axes = torch.tensor([[0.3, -0.5, 0.8], [-0.7, 0.2, 0.4]], dtype=torch.float64)
    size = (2 * first + 1) * (2 * second + 1) * (2 * total + 1)
    condition = torch.zeros(size, size, dtype=torch.float64)
    for a, b, c in zip(*(rotations(d, frames(axes)) for d in (first, second, total)), strict=True):
        difference = torch.kron(torch.kron(a, b), c) - torch.eye(size, dtype=torch.float64)
        condition += difference.T @ difference
    null = torch.linalg.eigh(condition)[1][:, 0]
    null = null * null[null.abs().argmax()].sign() * math.sqrt(2 * total + 1)
    return null.view(2 * first + 1, 2 * second + 1, 2 * total + 1)
