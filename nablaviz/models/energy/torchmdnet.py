"""TensorNet: messages of Cartesian tensors, with the network of TorchMD-NET."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.extras import optional
from nablaviz.molecule import SUPPORTED


@dataclass(frozen=True)
class TorchMDNetSettings(PotentialSettings):
    """Sizes of the network, by default for a CPU."""

    channels: int = 32
    layers: int = 2
    radial: int = 16
    "Functions of the distance."


class Given(nn.Module):
    """In place of the package's search for neighbours, which stops at a number of them: our pairs."""

    def forward(self, positions: Tensor, owner: Tensor, pairs: Any) -> tuple[Tensor, Tensor, Tensor]:
        return pairs


class TorchMDNet(Potential):
    """G. Simeon, G. De Fabritiis, NeurIPS 2023 (arXiv:2306.06482), by its authors' package.

    It gets our graph, and nothing but its features of the atoms is used.
    """

    architecture: ClassVar[str] = "torchmdnet"
    Settings: ClassVar[type] = TorchMDNetSettings

    def __init__(self, settings: TorchMDNetSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        warp = optional("warp", "torchmdnet")
        warp.config.log_level = warp.LOG_WARNING  # it would print each kernel that it loads to stdout
        package = optional("torchmdnet.models.tensornet", "torchmdnet")
        self.network = package.TensorNet(
            hidden_channels=s.channels,
            num_layers=s.layers,
            num_rbf=s.radial,
            cutoff_upper=s.cutoff,
            max_z=len(SUPPORTED),
            static_shapes=False,
        )
        self.network.distance = Given()
        self.readout = nn.Sequential(
            nn.Linear(s.channels, s.channels // 2), nn.SiLU(), nn.Linear(s.channels // 2, 1)
        )

    def atomic_energies(self, graph: Graph) -> Tensor:
        vectors = -graph.vectors()  # from j to i
        distances = torch.linalg.vector_norm(vectors, dim=1)
        atoms = torch.arange(len(graph.species), device=vectors.device)
        # The network counts each atom as a neighbour of its own, at distance zero.
        pairs = (
            torch.cat([graph.pairs, atoms.expand(2, -1)], 1),
            torch.cat([distances, distances.new_zeros(len(atoms))]),
            torch.cat([vectors, vectors.new_zeros(len(atoms), 3)]),
        )
        features = self.network(graph.species, graph.positions, graph.owner, pairs)[0]
        return self.readout(features)[:, 0]
