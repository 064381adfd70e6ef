"""SchNet: continuous-filter convolutions on distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.energy.radial import shifted_softplus
from nablaviz.models.graph import envelope, gaussians
from nablaviz.molecule import SUPPORTED


@dataclass(frozen=True)
class SchNetSettings(PotentialSettings):
    """Sizes of the network."""

    channels: int = 64
    layers: int = 3
    radial: int = 32
    "Gaussians of the distance."


class ShiftedSoftplus(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return shifted_softplus(x)


class Interaction(nn.Module):
    """x_i ← x_i + MLP(Σ_j W x_j ∘ filter(r_ij)) (eq. 2 of the paper and its figure 2)."""

    def __init__(self, channels: int, radial: int) -> None:
        super().__init__()
        self.filter = nn.Sequential(
            nn.Linear(radial, channels), ShiftedSoftplus(), nn.Linear(channels, channels)
        )
        self.source = nn.Linear(channels, channels, bias=False)
        self.update = nn.Sequential(
            nn.Linear(channels, channels), ShiftedSoftplus(), nn.Linear(channels, channels)
        )

    def forward(self, x: Tensor, graph: Graph, basis: Tensor, cutoff: Tensor) -> Tensor:
        messages = self.source(x).index_select(0, graph.pairs[1]) * self.filter(basis) * cutoff
        return x + self.update(graph.per_atom(messages))


class SchNet(Potential):
    """K. T. Schütt et al., J. Chem. Phys. 148, 241722 (2018).

    1. Atoms start from an embedding of their element.
    2. Distances are expanded in Gaussians and faded out at the cutoff.
    3. In each interaction an atom receives its neighbours' features times a filter of the distance.
    4. A small network turns the features into the atom's energy.
    """

    architecture: ClassVar[str] = "schnet"
    Settings: ClassVar[type] = SchNetSettings

    def __init__(self, settings: SchNetSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        self.embedding = nn.Embedding(len(SUPPORTED), s.channels)
        self.interactions = nn.ModuleList(Interaction(s.channels, s.radial) for _ in range(s.layers))
        self.readout = nn.Sequential(
            nn.Linear(s.channels, s.channels // 2), ShiftedSoftplus(), nn.Linear(s.channels // 2, 1)
        )

    def atomic_energies(self, graph: Graph) -> Tensor:
        x = self.embedding(graph.species)  # 1, (A, C)
        distances = torch.linalg.vector_norm(graph.vectors(), dim=1)  # 2
        basis = gaussians(distances, self.settings.cutoff, self.settings.radial)
        cutoff = envelope(distances, self.settings.cutoff)[:, None]
        for interaction in self.interactions:  # 3
            x = interaction(x, graph, basis, cutoff)
        return self.readout(x)[:, 0]  # 4
