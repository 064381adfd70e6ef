"""Linear regression on descriptors of each atom's surroundings: pairs and angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nablaviz.models.angular import harmonics
from nablaviz.models.energy.graph import Graph, join, sum_by
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.energy.radial import bessel
from nablaviz.models.graph import envelope
from nablaviz.molecule import SUPPORTED

CHUNK = 256
"""Molecules whose descriptors are computed at once in fitting."""


@dataclass(frozen=True)
class DescriptorSettings(PotentialSettings):
    """Sizes of the descriptors, and the ridge."""

    cutoff: float = 4.0
    force_weight: float = 0.0
    radial: int = 8
    "Bessel functions of the distance to a neighbour."
    angular_radial: int = 4
    "Of these, how many are combined with angles."
    ridge: float = 1e-3
    "Penalty on the squared weights, in units of the mean squared descriptor."


class Descriptors(Potential):
    """Ridge regression on a power spectrum (A. P. Bartók et al., Phys. Rev. B 87, 184115 (2013)).

    With one set of weights per element of the central atom it is a linear model of two- and three-body
    energies (R. Drautz, Phys. Rev. B 99, 014104 (2019)).

    1. Each neighbour of element z adds its radial functions times the spherical harmonics of its
       direction, l = 0, 1, 2, to the moments Mˡ(z, n).
    2. The moments M⁰ of every element are the descriptors of pairs.
    3. The products Mˡ(z, n)·Mˡ(z′, n) of the moments of two elements, z ≤ z′, are those of angles.
    4. The energy of an atom is their product with the weights of its element.

    The weights are the solution of (XᵀX + λ)w = Xᵀy on the energies, each molecule weighted by
    1/N. Forces follow by differentiation; they are not fitted.
    """

    architecture: ClassVar[str] = "descriptors"
    Settings: ClassVar[type] = DescriptorSettings

    weights: Tensor

    def __init__(self, settings: DescriptorSettings | None = None) -> None:
        super().__init__(settings)
        s, elements = self.settings, len(SUPPORTED)
        size = elements * s.radial + elements * (elements + 1) // 2 * s.angular_radial * 3
        self.register_buffer("weights", torch.zeros(elements, size))

    def descriptors(self, graph: Graph) -> Tensor:
        """Descriptors of each atom, shape (A, D)."""
        s, elements = self.settings, len(SUPPORTED)
        vectors = graph.vectors()  # 1
        distances = torch.linalg.vector_norm(vectors, dim=1)
        directions = harmonics(2, vectors / distances[:, None])  # (P, 1 + 3 + 5)
        radial = bessel(distances, s.cutoff, s.radial) * envelope(distances, s.cutoff)[:, None]
        i, j = graph.pairs
        row = i * elements + graph.species.index_select(0, j)
        rows = len(graph.species) * elements
        pairs = sum_by(radial, row, rows).view(-1, elements * s.radial)  # 2
        moments = sum_by(radial[:, : s.angular_radial, None] * directions[:, None], row, rows)
        moments = moments.view(-1, elements, s.angular_radial, directions.shape[1])
        z, other = torch.triu_indices(elements, elements, device=row.device)  # 3
        products = moments.index_select(1, z) * moments.index_select(1, other)
        angles = torch.stack([part.sum(dim=-1) for part in products.split([1, 3, 5], dim=-1)], dim=-1)
        return torch.cat([pairs, angles.flatten(1)], dim=1)

    def atomic_energies(self, graph: Graph) -> Tensor:
        return (self.descriptors(graph) * self.weights[graph.species]).sum(dim=1)  # 4

    def fit_reference(self, samples: Sequence[Graph]) -> None:
        if not self.settings.energy_weight:
            raise ValueError("the descriptors' weights are fitted on energies: energy_weight must not be 0")
        super().fit_reference(samples)
        parts = [self._rows(samples[start : start + CHUNK]) for start in range(0, len(samples), CHUNK)]
        x, y = (torch.cat(part) for part in zip(*parts, strict=True))
        penalty = self.settings.ridge * x.square().sum() / x.shape[1]
        # The smaller of the two equal problems: (XᵀX + λ)⁻¹Xᵀ = Xᵀ(XXᵀ + λ)⁻¹.
        if len(x) < x.shape[1]:
            found = x.T @ torch.linalg.solve(x @ x.T + penalty * torch.eye(len(x)).to(x), y)
        else:
            found = torch.linalg.solve(x.T @ x + penalty * torch.eye(x.shape[1]).to(x), x.T @ y)
        self.weights.copy_(found.view_as(self.weights))

    def _rows(self, samples: Sequence[Graph]) -> tuple[Tensor, Tensor]:
        """Weighted descriptors of molecules, (B, elements · D), and what is left of their energies (B,)."""
        batch = join(samples)
        assert batch.energy is not None
        elements, values = len(SUPPORTED), self.descriptors(batch).double()
        sums = sum_by(values, batch.owner * elements + batch.species, len(batch.molecules) * elements)
        left = batch.energy - batch.counts @ self.reference
        weight = batch.n_atoms.double().rsqrt()
        x = sums.view(len(batch.molecules), -1) * weight[:, None]
        return x, left.double() / self.energy_scale.double() * weight
