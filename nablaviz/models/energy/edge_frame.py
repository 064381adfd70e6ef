"""Energies from the backbone of the network of Hamiltonians, whose weights may be where they start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from nablaviz.models.angular import all_rotations, frames
from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.hamiltonian.backbone import Backbone
from nablaviz.models.hamiltonian.edges import DEGREE, Edges, by_order
from nablaviz.models.hamiltonian.layers import mlp, squares

SIZES = ("channels", "layers", "radial", "embedding", "hidden")
"""Settings that both networks have."""


@dataclass(frozen=True)
class EdgeFrameEnergySettings(PotentialSettings):
    """Sizes, by default those of the medium network of Hamiltonians."""

    channels: int = 48
    layers: int = 3
    radial: int = 16
    "Gaussians of the distance."
    embedding: int = 16
    hidden: int = 64
    pretrained: str = ""
    "Name or path of a model of Hamiltonians with these sizes; training starts from its features."


class EdgeFrameEnergy(Potential):
    """Messages in the frames of bonds, as in the network of Hamiltonians; e_a from scalars and norms.

    The angle of a frame about its bond changes no feature, so that forces are right although it jumps.
    """

    architecture: ClassVar[str] = "edge-frame-energy"
    Settings: ClassVar[type] = EdgeFrameEnergySettings

    def __init__(self, settings: EdgeFrameEnergySettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        self.backbone = Backbone(s.channels, s.layers, s.radial, s.embedding, s.hidden, s.cutoff)
        width = (DEGREE + 1) * s.channels
        self.readout = nn.Sequential(nn.LayerNorm(width), *mlp(width, s.channels, 1))

    def atomic_energies(self, graph: Graph) -> Tensor:
        vectors = graph.vectors()
        turn = all_rotations(DEGREE, frames(vectors))[:, by_order(DEGREE)]
        edges = Edges(graph.pairs[0], graph.pairs[1], torch.linalg.vector_norm(vectors, dim=1), turn)
        x, _ = self.backbone(graph.species, edges)
        return self.readout(torch.cat([x[:, 0], squares(x)[:, 1:].flatten(1)], 1))[:, 0]

    def fit_reference(self, samples: Sequence[Graph]) -> None:
        """Fit the references; then take the pretrained features, if there are any.

        Raises
        ------
        ValueError
            If ``pretrained`` is no edge-frame network of Hamiltonians, or one of other sizes.
        """
        super().fit_reference(samples)
        if self.settings.pretrained:
            self.backbone.load_state_dict(self._pretrained().state_dict())

    def _pretrained(self) -> Backbone:
        from nablaviz.models.hamiltonian.edge_frame import EdgeFrame
        from nablaviz.models.library import load_model

        name = self.settings.pretrained
        found = load_model(name)
        if not isinstance(found, EdgeFrame):
            raise ValueError(
                f"pretrained={name}: it is a {found.card.architecture}, not an edge-frame network"
            )
        for ours, theirs in (*((n, n) for n in SIZES), ("cutoff", "message_cutoff")):
            here, there = getattr(self.settings, ours), getattr(found.settings, theirs)
            if here != there:
                raise ValueError(
                    f"pretrained={name}: {theirs} is {there} there; set {ours}={there}, not {here}"
                )
        return found.backbone
