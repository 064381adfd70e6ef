"""DimeNet++: messages on directed bonds that see the angles between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nablaviz.models.energy.graph import Graph, sum_by
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.energy.radial import bessel, legendre
from nablaviz.models.graph import envelope
from nablaviz.molecule import SUPPORTED


@dataclass(frozen=True)
class DimeNetSettings(PotentialSettings):
    """Sizes of the network."""

    channels: int = 64
    layers: int = 3
    radial: int = 6
    "Bessel functions of the distance."
    angular: int = 7
    "Legendre polynomials of the angle."
    triplet_channels: int = 32
    "Channels in which messages meet."


def mlp(channels: int, out: int | None = None) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels, channels), nn.SiLU(), nn.Linear(channels, channels if out is None else out)
    )


class Interaction(nn.Module):
    """m_ij ← m_ij + MLP(W m_ij + up[Σ_k down(m_jk) ∘ a(r_jk, ∠ijk)]) (figure 1 of the DimeNet++ paper)."""

    def __init__(self, s: DimeNetSettings) -> None:
        super().__init__()
        self.own = nn.Sequential(nn.Linear(s.channels, s.channels), nn.SiLU())
        self.source = nn.Sequential(nn.Linear(s.channels, s.channels), nn.SiLU())
        self.radial = nn.Linear(s.radial, s.channels, bias=False)
        self.down = nn.Sequential(nn.Linear(s.channels, s.triplet_channels), nn.SiLU())
        self.angular = nn.Linear(s.radial * s.angular, s.triplet_channels, bias=False)
        self.up = nn.Sequential(nn.Linear(s.triplet_channels, s.channels), nn.SiLU())
        self.residual = mlp(s.channels)

    def forward(self, m: Tensor, triplets: Tensor, radial: Tensor, angular: Tensor) -> Tensor:
        jk, ij = triplets
        source = self.down(self.source(m) * self.radial(radial))
        met = sum_by(source.index_select(0, jk) * self.angular(angular), ij, len(m))
        return m + self.residual(self.own(m) + self.up(met))


class DimeNet(Potential):
    """J. Gasteiger et al., arXiv:2011.14115 (DimeNet++), after ICLR 2020, arXiv:2003.03123.

    1. Distances are expanded in Bessel functions with a smooth cutoff.
    2. A message on each directed pair starts from both elements and the distance.
    3. The angle at j between i and k is expanded in Legendre polynomials times the Bessel functions of
       r_jk; the papers take spherical Bessel functions of the polynomial's order instead, which span
       much the same and cost more.
    4. In each layer a message receives those that end where it begins.
    5. An atom's energy is the sum, over layers, of a network of the messages it receives.
    """

    architecture: ClassVar[str] = "dimenet"
    Settings: ClassVar[type] = DimeNetSettings
    triplets: ClassVar[bool] = True

    def __init__(self, settings: DimeNetSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        self.embedding = nn.Embedding(len(SUPPORTED), s.channels)
        self.start = nn.Sequential(nn.Linear(2 * s.channels + s.radial, s.channels), nn.SiLU())
        self.interactions = nn.ModuleList(Interaction(s) for _ in range(s.layers))
        self.weights = nn.ModuleList(nn.Linear(s.radial, s.channels, bias=False) for _ in range(s.layers + 1))
        self.readouts = nn.ModuleList(mlp(s.channels, 1) for _ in range(s.layers + 1))

    def atomic_energies(self, graph: Graph) -> Tensor:
        assert graph.triplets is not None
        s = self.settings
        vectors = graph.vectors()  # 1
        distances = torch.linalg.vector_norm(vectors, dim=1)
        radial = bessel(distances, s.cutoff, s.radial) * envelope(distances, s.cutoff)[:, None]
        x = self.embedding(graph.species)  # 2
        i, j = graph.pairs
        m = self.start(torch.cat([x.index_select(0, i), x.index_select(0, j), radial], dim=1))
        jk, ij = graph.triplets  # 3
        directions = vectors / distances[:, None]
        cosines = -(directions.index_select(0, jk) * directions.index_select(0, ij)).sum(dim=1)
        angular = (legendre(cosines, s.angular)[:, :, None] * radial.index_select(0, jk)[:, None]).flatten(1)
        energies = self.read(0, m, graph, radial)
        for layer, interaction in enumerate(self.interactions, 1):  # 4
            m = interaction(m, graph.triplets, radial, angular)
            energies = energies + self.read(layer, m, graph, radial)
        return energies  # 5

    def read(self, layer: int, m: Tensor, graph: Graph, radial: Tensor) -> Tensor:
        """What the messages after a layer add to the atoms' energies, shape (A,)."""
        return self.readouts[layer](graph.per_atom(self.weights[layer](radial) * m))[:, 0]
