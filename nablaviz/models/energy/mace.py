"""MACE: equivariant messages of many bodies, with the network of mace-torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from nablaviz.models.energy.graph import Graph
from nablaviz.models.energy.potential import Potential, PotentialSettings
from nablaviz.models.extras import optional
from nablaviz.molecule import SUPPORTED


@dataclass(frozen=True)
class MACESettings(PotentialSettings):
    """Sizes of the network, by default for a CPU."""

    channels: int = 32
    layers: int = 2
    degree: int = 1
    "Largest degree of the features of atoms."
    angular: int = 2
    "Largest degree of the harmonics of directions."
    correlation: int = 2
    "How many neighbours a feature depends on at once."
    radial: int = 8
    "Bessel functions of the distance."
    hidden: int = 32
    "Width of the networks that give the weights of messages."
    neighbours: float = 12.0
    "Sums over neighbours are divided by this."


class MACE(Potential):
    """I. Batatia et al., NeurIPS 2022 (arXiv:2206.07697), by its authors' package.

    It gets our graph, and nothing but its energies of the atoms is used.
    """

    architecture: ClassVar[str] = "mace"
    Settings: ClassVar[type] = MACESettings

    def __init__(self, settings: MACESettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        o3, modules = optional("e3nn.o3", "mace"), optional("mace.modules", "mace")
        features = [(s.channels, (n, (-1) ** n)) for n in range(s.degree + 1)]
        with _exact():
            network = modules.MACE(
                r_max=s.cutoff,
                num_bessel=s.radial,
                num_polynomial_cutoff=5,
                max_ell=s.angular,
                interaction_cls=modules.RealAgnosticResidualInteractionBlock,
                interaction_cls_first=modules.RealAgnosticResidualInteractionBlock,
                num_interactions=s.layers,
                num_elements=len(SUPPORTED),
                hidden_irreps=o3.Irreps(features),
                MLP_irreps=o3.Irreps([(16, (0, 1))]),
                atomic_energies=np.zeros(len(SUPPORTED)),
                avg_num_neighbors=s.neighbours,
                atomic_numbers=list(SUPPORTED),
                correlation=s.correlation,
                gate=nn.functional.silu,
                radial_MLP=[s.hidden] * 2,
            )
        self.exact = {name: buffer.clone() for name, buffer in network.named_buffers()}
        self.network = network.to(torch.get_default_dtype())

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Coupling coefficients have all the digits of the precision that the model has now."""
        super()._apply(fn, recurse)
        for name, buffer in self.network.named_buffers():
            buffer.copy_(self.exact[name])
        return self

    def atomic_energies(self, graph: Graph) -> Tensor:
        kinds = nn.functional.one_hot(graph.species, len(SUPPORTED)).to(graph.positions)
        data = {
            "positions": graph.positions,
            "node_attrs": kinds,
            "edge_index": graph.pairs.flip(0),  # from j, to i
            "batch": graph.owner,
            "ptr": graph.owner.new_zeros(len(graph.molecules) + 1),  # its length counts the molecules
            "cell": kinds.new_zeros(3, 3),
            "shifts": kinds.new_zeros(graph.pairs.shape[1], 3),
        }
        return self.network(data, compute_force=False)["node_energy"]


@contextmanager
def _exact() -> Iterator[None]:
    """Build in double precision, and without TorchScript, whose first steps take long."""
    e3nn = optional("e3nn", "mace")
    before, options = torch.get_default_dtype(), e3nn.get_optimization_defaults()
    torch.set_default_dtype(torch.float64)
    e3nn.set_optimization_defaults(jit_script_fx=False)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
        e3nn.set_optimization_defaults(**options)
