"""The edge-frame network: a Hamiltonian block by block, each in the frame of its bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablaviz.models.graph import envelope, gaussians
from nablaviz.models.hamiltonian.backbone import Backbone
from nablaviz.models.hamiltonian.block_map import BlockMap, PairClass
from nablaviz.models.hamiltonian.blocks import NATURAL, pair_expansion, site_expansion
from nablaviz.models.hamiltonian.blockwise import Blockwise, gather
from nablaviz.models.hamiltonian.delta import SMALLEST, DeltaSettings, Sample
from nablaviz.models.hamiltonian.edges import Geometry, Joined, geometry, join
from nablaviz.models.hamiltonian.heads import PairHead, SiteHead
from nablaviz.molecule import SUPPORTED, Molecule


@dataclass(frozen=True)
class EdgeFrameSettings(DeltaSettings):
    """Sizes of the network; see :data:`SIZES`."""

    channels: int = 48
    "Of atoms' features."
    pair_channels: int = 32
    "Of atoms' features seen by the pairs."
    head_channels: int = 64
    "Of pairs' features."
    layers: int = 3
    radial: int = 16
    "Gaussians of the distance up to the message cutoff."
    pair_radial: int = 24
    "Gaussians of the distance up to the pair cutoff."
    embedding: int = 16
    hidden: int = 64
    message_cutoff: float = 5.0
    "Å."

    @classmethod
    def of_size(cls, name: str, **changes: Any) -> EdgeFrameSettings:
        """The settings of one of ``SIZES``, with some changed.

        Raises
        ------
        ValueError
            If there is no such size.
        """
        if name not in SIZES:
            raise ValueError(f"no size {name!r}; there are {', '.join(SIZES)}")
        return cls(**{**asdict(SIZES[name]), **changes})


SIZES = {
    "small": EdgeFrameSettings(channels=32, pair_channels=24, head_channels=48, layers=2),
    "medium": EdgeFrameSettings(),
    "large": EdgeFrameSettings(channels=64, pair_channels=48, head_channels=96),
    "gpu": EdgeFrameSettings(channels=128, pair_channels=64, head_channels=128, layers=4, hidden=128),
}


class EdgeFrame(Blockwise):
    """An O(2)-equivariant network in bond frames, on top of a baseline, in the Löwdin basis.

    Features of atoms from a :class:`Backbone`, then blocks of pairs within 10 Å and blocks of atoms.
    """

    architecture = "edge-frame"
    Settings = EdgeFrameSettings

    def __init__(self, settings: EdgeFrameSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        c, w = s.channels, s.head_channels
        self.backbone = Backbone(c, s.layers, s.radial, s.embedding, s.hidden, s.message_cutoff)
        self.pair_head = PairHead(c, s.pair_channels, w, s.pair_radial, s.embedding, s.hidden)
        self.site_head = SiteHead(c, s.pair_channels, s.radial, s.hidden)

    def _geometry(self, molecule: Molecule, blocks: BlockMap) -> Geometry:
        return geometry(molecule, blocks, self.settings.message_cutoff, self.dtype)

    def size(self, sample: Sample) -> int:
        """Directed pairs that exchange messages, and pairs whose blocks are predicted."""
        return len(sample.geometry.messages.first) + len(sample.blocks)

    def forward(self, joined: Joined) -> tuple[dict[PairClass, Tensor], dict[int, Tensor]]:
        """Coefficients of pairs and of atoms, in units of their scales."""
        g, s = joined.geometry, self.settings
        edges, pairs, species = g.messages, g.pairs, g.species
        assert edges.site_turn is not None
        near = envelope(edges.distance, s.message_cutoff)[:, None, None]
        site_back = (edges.site_turn * near).mT
        x, radial = self.backbone(species, edges)
        pair_radial = gaussians(pairs.distance, s.pair_cutoff, s.pair_radial)
        pair_near = envelope(pairs.distance, s.pair_cutoff)
        blocks = self.pair_head(x, species, pairs, pair_radial, pair_near, joined.classes)
        return blocks, self.site_head(x, species, edges, radial, site_back, joined.sites)

    def fit_reference(self, samples: Sequence[Sample]) -> None:
        """Fit the linear correction, then means of the elements and scales of the coefficients."""
        super().fit_reference(samples)
        residuals = [self.residual(sample) for sample in samples]
        left = []
        for template, atoms in gather(r.sites for r in residuals).items():
            holders = [s for s in samples if template in s.blocks.sites]
            numbers = np.concatenate([s.molecule.numbers[s.blocks.sites[template]] for s in holders])
            species = torch.tensor([SUPPORTED.index(z) for z in numbers.tolist()])
            count = site_expansion(template).counts[0, NATURAL]
            for element in species.unique():
                self.site_head.means[element, :count] = atoms[species == element, :count].mean(0)
            left.append(atoms - self.site_head.mean(template, species.to(self.device)).cpu())
            self.site_head.scale(template).copy_(_scale(left[-1], site_expansion(template).group))
        for key, pairs in gather(r.pairs for r in residuals).items():
            left.append(pairs)
            self.pair_head.scale(key).copy_(_scale(pairs, pair_expansion(*key).group))
        self._set_unit(left)

    def _join(self, samples: Sequence[Sample]) -> Joined:
        return join([s.geometry for s in samples], [s.blocks for s in samples], self.dtype)

    def _values(self, joined: Joined) -> list[Tensor]:
        blocks, sites = self(joined)
        found = [value * self.pair_head.scale(key) for key, value in blocks.items()]
        for template, value in sites.items():
            species = joined.geometry.species[joined.sites[template]]
            mean = self.site_head.mean(template, species)
            found.append(value * self.site_head.scale(template) + mean)
        return found


def _scale(values: Tensor, group: Tensor) -> Tensor:
    """Root mean square of each coefficient, the same for components of one quantity."""
    squares = values.square().mean(0)
    counts = torch.bincount(group)
    means = squares.new_zeros(len(counts)).index_add(0, group, squares) / counts
    return means.sqrt().clamp(min=SMALLEST)[group]
