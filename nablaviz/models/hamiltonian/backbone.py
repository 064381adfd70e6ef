"""The edge-frame network up to the features of the atoms, which Hamiltonians and energies are read from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nablaviz.models.graph import envelope, gaussians
from nablaviz.models.hamiltonian.edges import DEGREE, Edges
from nablaviz.models.hamiltonian.layers import NEIGHBOURS, Message, Update, mlp
from nablaviz.molecule import SUPPORTED


class Backbone(nn.Module):
    """Features of atoms from messages in the frames of their bonds.

    1. Atoms start as embeddings plus the density of their neighbours.
    2. Layers of messages within the cutoff.
    """

    def __init__(
        self, channels: int, layers: int, radial: int, embedding: int, hidden: int, cutoff: float
    ) -> None:
        super().__init__()
        self.radial, self.cutoff = radial, cutoff
        self.atoms = nn.Embedding(len(SUPPORTED), channels)
        self.elements = nn.Embedding(len(SUPPORTED), embedding)
        self.start = mlp(radial + 2 * embedding, hidden, (DEGREE + 1) * channels)
        self.messages = nn.ModuleList(Message(channels, channels, radial, hidden) for _ in range(layers))
        self.updates = nn.ModuleList(Update(channels) for _ in range(layers))

    def forward(self, species: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        """Features of the atoms, (A, 16, C), and the Gaussians of the edges' distances, (E, radial)."""
        near = envelope(edges.distance, self.cutoff)[:, None, None]
        back = (edges.turn * near).mT
        radial = gaussians(edges.distance, self.cutoff, self.radial)
        embedded = self.elements(species)
        ends = [embedded.index_select(0, end) for end in (edges.first, edges.second)]
        density = self.start(torch.cat([radial, *ends], 1)).unflatten(1, (DEGREE + 1, -1))
        x = nn.functional.pad(self.atoms(species)[:, None], (0, 0, 0, (DEGREE + 1) ** 2 - 1))
        x = x.index_add(0, edges.first, back[:, :, : DEGREE + 1] @ (NEIGHBOURS * density))
        for message, update in zip(self.messages, self.updates, strict=True):
            x = update(x, message(x, species, edges, radial, back))
        return x, radial
