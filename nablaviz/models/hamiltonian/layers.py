"""Layers on features of atoms, l ≤ 3, that meet in the frames of pairs.

A rotation about the bond and a mirror plane through it are all the symmetry a pair has. A linear map
with one real matrix per |m|, the same on +m and −m, respects both; no Clebsch–Gordan product is
needed. Atoms' features x have the shape (A, 16, C), harmonics in the order l² + l + m. Pairs'
features are one tensor per |m|: (E, n) for m = 0 and (E, 2, n), cosine and sine, for m > 0.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from nablaviz.models.hamiltonian.edges import DEGREE, ORDERS, Edges
from nablaviz.molecule import SUPPORTED

NEIGHBOURS = 0.3
"""Factor of sums over neighbours, near 1 / √(their number)."""


def mlp(*widths: int) -> nn.Sequential:
    """Linear layers with SiLU between them."""
    layers: list[nn.Module] = []
    for width, following in pairwise(widths):
        layers += [nn.Linear(width, following), nn.SiLU()]
    return nn.Sequential(*layers[:-1])


def copies(degree: int) -> list[int]:
    """How many degrees up to ``degree`` have each |m|."""
    return [degree + 1 - m for m in ORDERS]


def rows(degree: int) -> list[int]:
    """Rows of each |m| in features sorted by |m|."""
    return [n * (2 if m else 1) for m, n in enumerate(copies(degree))]


class PerDegree(nn.Module):
    """Mixes channels of atoms' features, with one matrix for each degree: (A, 16, C) -> (A, 16, K)."""

    index: Tensor

    def __init__(self, channels: int, out: int, degree: int = DEGREE) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(degree + 1, channels, out))
        nn.init.uniform_(self.weight, -1 / math.sqrt(channels), 1 / math.sqrt(channels))
        index = torch.tensor([n for n in range(degree + 1) for _ in range(2 * n + 1)])
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        mixed = torch.bmm(x.transpose(0, 1), self.weight.index_select(0, self.index))
        return mixed.transpose(0, 1).contiguous()


class PerOrder(nn.ModuleDict):
    """Mixes channels of pairs' features, with one matrix for each |m|.

    Parameters
    ----------
    widths
        For each |m|, channels in and out.
    """

    def __init__(self, widths: dict[int, tuple[int, int]]) -> None:
        super().__init__({str(m): nn.Linear(n, k, bias=m == 0) for m, (n, k) in widths.items()})

    def forward(self, features: dict[int, Tensor]) -> dict[int, Tensor]:
        return {int(m): layer(features[int(m)]) for m, layer in self.items()}


def split_orders(turned: Tensor) -> dict[int, Tensor]:
    """Features in the frames, (E, 16, C) sorted by |m|, as one tensor per |m|."""
    parts = turned.split(rows(DEGREE), 1)
    return {
        m: part.flatten(1) if m == 0 else part.unflatten(1, (2, -1)).flatten(2)
        for m, part in enumerate(parts)
    }


class Message(nn.Module):
    """What the atoms tell their neighbours: x (A, 16, C) -> sums of messages (A, (L + 1)², K).

    1. Features of j, mixed per degree, are turned into the frame of the pair.
    2. They are weighted by functions of the distance, both elements and the m = 0 features of both.
    3. One matrix per |m| mixes degrees and channels.
    4. The result is turned back and summed over j.
    """

    def __init__(self, channels: int, out: int, radial: int, hidden: int, degree: int = DEGREE) -> None:
        super().__init__()
        self.channels, self.out = channels, out
        self.mix = PerDegree(channels, channels)
        self.radial = nn.Linear(radial, hidden)
        self.elements = nn.ModuleList(nn.Embedding(len(SUPPORTED), hidden) for _ in range(2))
        self.scalars = nn.ModuleList(nn.Linear((DEGREE + 1) * channels, hidden, bias=False) for _ in range(2))
        self.weights = nn.Linear(hidden, sum(copies(DEGREE)) * channels)
        pairs = zip(copies(DEGREE), copies(degree), strict=True)
        self.maps = nn.ModuleList(nn.Linear(n * channels, k * out, bias=False) for n, k in pairs)

    def forward(self, x: Tensor, species: Tensor, edges: Edges, radial: Tensor, back: Tensor) -> Tensor:
        """``radial`` (E, radial); ``back`` (E, (L + 1)², rows) turns back and has the envelope."""
        count, c = len(edges.first), self.channels
        mixed = self.mix(x)
        theirs = edges.turn @ mixed.index_select(0, edges.second)
        ours = edges.turn[:, : DEGREE + 1] @ mixed.index_select(0, edges.first)
        parts = theirs.split(rows(DEGREE), 1)
        hidden = self.radial(radial) + self.scalars[0](ours.flatten(1)) + self.scalars[1](parts[0].flatten(1))
        for embedding, end in zip(self.elements, (edges.first, edges.second), strict=True):
            hidden = hidden + embedding(species).index_select(0, end)
        weights = self.weights(functional.silu(hidden)).split([n * c for n in copies(DEGREE)], 1)
        mapped = []
        for m, (part, weight, layer) in enumerate(zip(parts, weights, self.maps, strict=True)):
            signs = 2 if m else 1
            shape = (count, signs, copies(DEGREE)[m], c)
            weighted = part.unflatten(1, shape[1:3]) * weight.view(count, 1, *shape[2:])
            mapped.append(layer(weighted.flatten(2)).unflatten(2, (-1, self.out)).flatten(1, 2))
        messages = back @ torch.cat(mapped, 1)
        sums = messages.new_zeros(len(x), *messages.shape[1:])
        return sums.index_add(0, edges.first, messages) * NEIGHBOURS


class Update(nn.Module):
    """Adds what the neighbours say and gates the result by its scalars and norms."""

    index: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.norm = nn.LayerNorm((DEGREE + 2) * channels)
        self.gates = mlp((DEGREE + 2) * channels, 2 * channels, (DEGREE + 1) * channels)
        index = torch.tensor([n for n in range(DEGREE + 1) for _ in range(2 * n + 1)])
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor, sums: Tensor) -> Tensor:
        x = x + sums
        norms = squares(x)[:, 1:].flatten(1)
        scalars = self.gates(self.norm(torch.cat([x[:, 0], sums[:, 0], norms], 1)))
        shift, gates = scalars.view(len(x), DEGREE + 1, self.channels).split([1, DEGREE], 1)
        factors = torch.cat([torch.ones_like(shift), 1 + torch.tanh(gates)], 1)
        x = x * factors.index_select(1, self.index)
        return torch.cat([x[:, :1] + shift, x[:, 1:]], 1)


def squares(x: Tensor) -> Tensor:
    """Squared norms of each degree: (A, (L + 1)², C) -> (A, L + 1, C)."""
    degree = math.isqrt(x.shape[1]) - 1
    parts = (x * x).split([2 * n + 1 for n in range(degree + 1)], 1)
    return torch.stack([part.sum(1) for part in parts], 1)
