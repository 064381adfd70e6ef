"""QHNet: the published reference among networks that predict Hamiltonians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from nablaviz.models.angular import harmonics
from nablaviz.models.graph import pairs
from nablaviz.models.hamiltonian.block_map import BlockMap
from nablaviz.models.hamiltonian.blocks import degrees, pair_expansion, site_expansion
from nablaviz.models.hamiltonian.blockwise import Arrangement, Blockwise, arrange
from nablaviz.models.hamiltonian.delta import ATOMIC, NONE, DeltaSettings, Sample
from nablaviz.models.hamiltonian.qhnet_layers import (
    SHELLS,
    AtomLayer,
    Expansion,
    Interaction,
    PairLayer,
    bernstein,
    fade,
    natural,
    require,
    sharpen,
    unnatural,
)
from nablaviz.models.network import Tensors
from nablaviz.molecule import SUPPORTED, Molecule

HIDDEN = 32
"""Width of the small networks that give the weights of messages."""


@dataclass(frozen=True)
class QHNetSettings(DeltaSettings):
    """Sizes; by default those of nablaDFT's configuration, and its target, the Hamiltonian itself."""

    baseline: str = NONE
    basis: str = ATOMIC
    channels: int = 128
    bottleneck: int = 32
    "Channels from which blocks are put together."
    layers: int = 5
    "Interactions of the atoms."
    block_layers: int = 2
    "How many of the last of them the blocks are made from."
    degree: int = 4
    "Largest degree of the features; blocks of two d shells need 4."
    radial: int = 32
    "Functions of the distance."
    message_cutoff: float = 6.35
    "Å (12 bohr)."

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.degree < 4:
            raise ValueError(f"degree must be at least 4, not {self.degree}")
        if not 1 <= self.block_layers <= self.layers:
            raise ValueError(f"block_layers must be 1 to {self.layers}, not {self.block_layers}")


@dataclass(eq=False)
class Directed(Tensors):
    """E directed pairs of atoms."""

    first: Tensor  # (E,)
    second: Tensor  # (E,)
    distance: Tensor  # (E,) Å

    def shifted(self, start: int) -> Self:
        """The same in a batch where the molecule's atoms begin at ``start``."""
        return replace(self, first=self.first + start, second=self.second + start)


@dataclass(eq=False)
class Graph(Tensors):
    """One molecule."""

    species: Tensor  # (A,) position of the element in SUPPORTED
    near: Directed
    "Pairs that exchange messages."
    angular: Tensor  # (E, (degree + 1)²) harmonics of their directions, of mean square 1
    all: Directed
    "Pairs whose blocks are predicted, both directions."
    forth: Tensor  # (P,) where the pairs of the block map are among these
    back: Tensor  # (P,) where their opposites are


@dataclass(eq=False)
class Joined(Arrangement):
    """Several molecules put together."""

    graph: Graph


class QHNet(Blockwise):
    """H. Yu, Z. Xu, X. Qian, X. Qian, S. Ji, ICML 2023, PMLR 202, 40412 (arXiv:2306.04922), on e3nn.

    1. Atoms exchange messages x_j ⊗ Y(r_ij), weighted by the distance and by inner products x_i · x_j.
    2. The last layers' features give those of atoms, x_i ⊗ x_i, and of pairs, x_i ⊗ x_j.
    3. These are expanded to blocks of all shells that any element has, and each element's are cut out;
       blocks are made symmetric with those of the opposite pair.

    Where we read or choose otherwise than nablaDFT's code: polar and axial parts of pairs are kept apart
    (there they are added, so that a mirror image is not predicted as one); blocks fade out at the pair
    cutoff; sums over neighbours are scaled; weights that depend on two elements alone are computed once
    per pair of elements.
    """

    architecture = "qhnet"
    Settings = QHNetSettings

    def __init__(self, settings: QHNetSettings | None = None) -> None:
        super().__init__(settings)
        o3 = require()
        s = self.settings
        c = s.channels
        scalars, full = natural(c, 0), natural(c, s.degree)
        blocks, narrow = full + unnatural(c), natural(s.bottleneck, s.degree) + unnatural(s.bottleneck)
        angular = natural(1, s.degree)
        self.elements = nn.Embedding(len(SUPPORTED), c)
        self.interactions = nn.ModuleList(
            Interaction(full if k else scalars, full, angular, s.radial, HIDDEN) for k in range(s.layers)
        )
        self.atom_layers = nn.ModuleList(AtomLayer(full, blocks) for _ in range(s.block_layers))
        self.pair_layers = nn.ModuleList(PairLayer(full, blocks, s.radial, c) for _ in range(s.block_layers))
        self.narrow = nn.ModuleList(o3.Linear(blocks, narrow) for _ in range(2))
        self.atom_blocks = Expansion(narrow, c, bias=True)
        self.pair_blocks = Expansion(narrow, 2 * c, bias=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)
        sharpen(self)
        return self

    def _blocks(self, molecule: Molecule) -> BlockMap:
        """Blocks in the molecule's own axes."""
        found = super()._blocks(molecule)
        return replace(found, frames=torch.eye(3, dtype=torch.float64).expand(len(found), 3, 3))

    def _geometry(self, molecule: Molecule, blocks: BlockMap) -> Graph:
        s = self.settings
        near, both = (self._directed(molecule, cutoff) for cutoff in (s.message_cutoff, s.pair_cutoff))
        positions = torch.tensor(molecule.positions)
        vectors = positions[near.first] - positions[near.second]
        squares = [2.0 * n + 1 for n in range(s.degree + 1) for _ in range(2 * n + 1)]
        angular = harmonics(s.degree, nn.functional.normalize(vectors, dim=1))
        angular = angular * torch.tensor(squares, dtype=torch.float64).sqrt()
        place = torch.zeros((len(molecule),) * 2, dtype=torch.int64)
        place[both.first, both.second] = torch.arange(len(both.first))
        first, second = torch.as_tensor(blocks.first), torch.as_tensor(blocks.second)
        species = torch.as_tensor(np.searchsorted(SUPPORTED, molecule.numbers))
        forth, back = place[first, second], place[second, first]
        return Graph(species, near, angular.to(self.dtype), both, forth, back)

    def _directed(self, molecule: Molecule, cutoff: float) -> Directed:
        i, j = pairs(molecule, cutoff)
        distance = np.linalg.norm(molecule.positions[i] - molecule.positions[j], axis=1)
        return Directed(torch.as_tensor(i), torch.as_tensor(j), torch.as_tensor(distance, dtype=self.dtype))

    def size(self, sample: Sample) -> int:
        """Directed pairs that exchange messages, and those whose blocks are predicted."""
        return len(sample.geometry.near.first) + len(sample.geometry.all.first)

    def fit_reference(self, samples: Sequence[Sample]) -> None:
        """Fit the linear correction and the unit of the output."""
        super().fit_reference(samples)
        residuals = [self.residual(sample) for sample in samples]
        self._set_unit([v for r in residuals for v in (*r.pairs.values(), *r.sites.values())])

    def _join(self, samples: Sequence[Sample]) -> Joined:
        found = arrange([s.blocks for s in samples])
        graphs: list[Graph] = [s.geometry for s in samples]
        edges = np.cumsum([0, *(len(g.all.first) for g in graphs)])[:-1].tolist()
        merged = Graph(
            torch.cat([g.species for g in graphs]),
            _concatenate([g.near.shifted(s) for g, s in zip(graphs, found.starts, strict=True)]),
            torch.cat([g.angular for g in graphs]),
            _concatenate([g.all.shifted(s) for g, s in zip(graphs, found.starts, strict=True)]),
            torch.cat([g.forth + e for g, e in zip(graphs, edges, strict=True)])[found.order],
            torch.cat([g.back + e for g, e in zip(graphs, edges, strict=True)])[found.order],
        )
        return Joined(**vars(found), graph=merged)

    def forward(self, graph: Graph) -> tuple[Tensor, Tensor]:
        """Blocks of all shells, of atoms (A, UNION, UNION) and of directed pairs (E, UNION, UNION)."""
        s, near, both = self.settings, graph.near, graph.all
        x = self.elements(graph.species)
        near_radial = bernstein(near.distance, s.message_cutoff, s.radial)
        pair_radial = bernstein(both.distance, s.pair_cutoff, s.radial)
        atoms, bonds = [], []
        for k, interaction in enumerate(self.interactions, s.block_layers - s.layers):
            x = interaction(x, near.first, near.second, graph.angular, near_radial)
            if k >= 0:
                atoms.append(self.atom_layers[k](x))
                bonds.append(self.pair_layers[k](x, both.first, both.second, pair_radial))
        atom, bond = (mix(sum(found)) for mix, found in zip(self.narrow, (atoms, bonds), strict=True))
        table, count = self.elements.weight, len(SUPPORTED)
        two = torch.cat([table.repeat_interleave(count, 0), table.repeat(count, 1)], 1)
        kinds = graph.species[both.first] * count + graph.species[both.second]
        blocks = self.pair_blocks(bond, two, kinds) * fade(both.distance, s.pair_cutoff)[:, None, None]
        return self.atom_blocks(atom, table, graph.species), blocks

    def _values(self, joined: Joined) -> list[Tensor]:
        graph = joined.graph
        atoms, bonds = self(graph)
        symmetric = bonds.index_select(0, graph.forth) + bonds.index_select(0, graph.back).mT
        atoms = atoms + atoms.mT
        values = []
        for (a, b), blocks in zip(
            joined.classes, symmetric.split(list(joined.classes.values())), strict=True
        ):
            cut = blocks[:, _orbitals(a)][:, :, _orbitals(b)]
            values.append(cut.flatten(1) @ pair_expansion(a, b).matrices.flatten(1).T.to(cut))
        for template, chosen in joined.sites.items():
            rows = _orbitals(template)
            cut = atoms.index_select(0, chosen)[:, rows][:, :, rows]
            values.append(cut.flatten(1) @ site_expansion(template).matrices.flatten(1).T.to(cut))
        return [value * self.unit for value in values]


def _concatenate(parts: Sequence[Directed]) -> Directed:
    columns: list[Any] = [[getattr(p, name) for p in parts] for name in ("first", "second", "distance")]
    return Directed(*map(torch.cat, columns))


def _orbitals(template: int) -> list[int]:
    """Where a template's orbitals are among those of all shells."""
    found: list[int] = []
    seen = [0, 0, 0]
    for degree in degrees(template):
        start = sum(n * (2 * k + 1) for k, n in enumerate(SHELLS[:degree]))
        start += seen[degree] * (2 * degree + 1)
        found += range(start, start + 2 * degree + 1)
        seen[degree] += 1
    return found
