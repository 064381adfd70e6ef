"""Linear regression on the composition: an energy per element, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings


@dataclass(frozen=True)
class CompositionSettings(PotentialSettings):
    """Forces play no part."""

    force_weight: float = 0.0


class Composition(Potential):
    """E = Σ_a [E_free(Z_a) + e_ref(Z_a)]: the reference energies that the other potentials start from.

    Equal for all conformers of a molecule and all isomers; its forces are zero.
    """

    architecture: ClassVar[str] = "composition"
    Settings: ClassVar[type] = CompositionSettings

    def atomic_energies(self, graph: Graph) -> Tensor:
        return torch.zeros_like(graph.positions[:, 0])
