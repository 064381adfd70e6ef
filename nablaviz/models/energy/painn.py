"""PaiNN: equivariant messages of scalars and vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.energy.radial import bessel
from nablaviz.models.graph import envelope
from nablaviz.molecule import SUPPORTED


@dataclass(frozen=True)
class PaiNNSettings(PotentialSettings):
    """Sizes of the network."""

    channels: int = 64
    layers: int = 3
    radial: int = 20
    "Bessel functions of the distance."


class Message(nn.Module):
    """Neighbours' scalars, and their vectors and the direction to them, weighted (eqs. 7, 8)."""

    def __init__(self, channels: int, radial: int) -> None:
        super().__init__()
        self.source = nn.Sequential(
            nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels)
        )
        self.filter = nn.Linear(radial, 3 * channels)

    def forward(
        self, s: Tensor, v: Tensor, graph: Graph, basis: Tensor, cutoff: Tensor, direction: Tensor
    ) -> tuple[Tensor, Tensor]:
        j = graph.pairs[1]
        weights = self.source(s).index_select(0, j) * self.filter(basis) * cutoff
        scalar, along, carried = weights.chunk(3, dim=1)  # (P, C) each
        vector = direction[:, :, None] * along[:, None] + v.index_select(0, j) * carried[:, None]
        return s + graph.per_atom(scalar), v + graph.per_atom(vector)


class Update(nn.Module):
    """Scalars and vectors of one atom act on each other (eqs. 9, 10)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = nn.Linear(channels, 2 * channels, bias=False)
        self.gates = nn.Sequential(
            nn.Linear(2 * channels, channels), nn.SiLU(), nn.Linear(channels, 3 * channels)
        )

    def forward(self, s: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        left, right = self.mix(v).chunk(2, dim=2)  # (A, 3, C) each
        # The small constant keeps the norm differentiable where a vector is zero.
        norm = (right.square().sum(dim=1) + 1e-8).sqrt()
        scale, weight, shift = self.gates(torch.cat([s, norm], dim=1)).chunk(3, dim=1)
        return s + shift + weight * (left * right).sum(dim=1), v + scale[:, None] * left


class PaiNN(Potential):
    """K. T. Schütt, O. T. Unke, M. Gastegger, ICML 2021, PMLR 139, 9377 (arXiv:2102.03150).

    1. Scalars start from an embedding of the element, vectors from zero.
    2. Distances are expanded in Bessel functions and faded out at the cutoff.
    3. In each layer atoms exchange messages, then their scalars and vectors act on each other.
    4. A small network turns the scalars into the atom's energy.
    """

    architecture: ClassVar[str] = "painn"
    Settings: ClassVar[type] = PaiNNSettings

    def __init__(self, settings: PaiNNSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        self.embedding = nn.Embedding(len(SUPPORTED), s.channels)
        self.messages = nn.ModuleList(Message(s.channels, s.radial) for _ in range(s.layers))
        self.updates = nn.ModuleList(Update(s.channels) for _ in range(s.layers))
        self.readout = nn.Sequential(
            nn.Linear(s.channels, s.channels // 2), nn.SiLU(), nn.Linear(s.channels // 2, 1)
        )

    def atomic_energies(self, graph: Graph) -> Tensor:
        s = self.embedding(graph.species)  # 1, (A, C)
        v = s.new_zeros(len(s), 3, self.settings.channels)
        vectors = graph.vectors()  # 2
        distances = torch.linalg.vector_norm(vectors, dim=1)
        direction = vectors / distances[:, None]
        basis = bessel(distances, self.settings.cutoff, self.settings.radial)
        cutoff = envelope(distances, self.settings.cutoff)[:, None]
        for message, update in zip(self.messages, self.updates, strict=True):  # 3
            s, v = message(s, v, graph, basis, cutoff, direction)
            s, v = update(s, v)
        return self.readout(s)[:, 0]  # 4
