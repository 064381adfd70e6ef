"""The edge-frame network: a Hamiltonian block by block, each in the frame of its bond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nablaviz.models.graph import envelope, gaussians
from nablaviz.models.hamiltonian.block_map import BlockMap, Coefficients, PairClass
from nablaviz.models.hamiltonian.blocks import NATURAL, pair_expansion, site_expansion
from nablaviz.models.hamiltonian.delta import SMALLEST, Delta, Sample
from nablaviz.models.hamiltonian.edges import DEGREE, Geometry, Joined, geometry, join
from nablaviz.models.hamiltonian.heads import PairHead, SiteHead
from nablaviz.models.hamiltonian.layers import NEIGHBOURS, Message, Update, mlp
from nablaviz.models.network import Tensors
from nablaviz.molecule import SUPPORTED, Molecule


@dataclass(frozen=True)
class EdgeFrameSettings:
    """Sizes of the network; see :data:`SIZES`."""

    baseline: str = "minao"
    correction: bool = False
    "Whether on-site numbers are fitted before the network is trained."
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
    pair_cutoff: float = 10.0
    "Å; blocks of pairs farther apart are the baseline's."

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


@dataclass(eq=False)
class EdgeFrameBatch(Tensors):
    """Samples put together, with their targets where all have them."""

    samples: list[Sample]
    joined: Joined
    targets: list[Tensor] | None
    "For each class of pairs, then each template: coefficients, (rows, K), Eh."
    elements: Tensor | None
    "Number of coefficients of each sample."


class EdgeFrame(Delta):
    """An O(2)-equivariant network in bond frames, on top of a baseline, in the Löwdin basis.

    1. Atoms start as embeddings plus the density of their neighbours.
    2. Layers of messages within 5 Å.
    3. Blocks of pairs within 10 Å, blocks of atoms.
    """

    architecture = "edge-frame"
    Settings = EdgeFrameSettings
    unit: Tensor

    def __init__(self, settings: EdgeFrameSettings | None = None) -> None:
        super().__init__(settings)
        s = self.settings
        c, w = s.channels, s.head_channels
        self.atoms = nn.Embedding(len(SUPPORTED), c)
        self.elements = nn.Embedding(len(SUPPORTED), s.embedding)
        self.start = mlp(s.radial + 2 * s.embedding, s.hidden, (DEGREE + 1) * c)
        self.messages = nn.ModuleList(Message(c, c, s.radial, s.hidden) for _ in range(s.layers))
        self.updates = nn.ModuleList(Update(c) for _ in range(s.layers))
        self.pair_head = PairHead(c, s.pair_channels, w, s.pair_radial, s.embedding, s.hidden)
        self.site_head = SiteHead(c, s.pair_channels, s.radial, s.hidden)
        self.register_buffer("unit", torch.ones(()))

    def _geometry(self, molecule: Molecule, blocks: BlockMap) -> Geometry:
        return geometry(molecule, blocks, self.settings.message_cutoff, self.dtype)

    def size(self, sample: Sample) -> int:
        """Directed pairs that exchange messages, and pairs whose blocks are predicted."""
        return len(sample.geometry.messages.first) + len(sample.blocks)

    def forward(self, joined: Joined) -> tuple[dict[PairClass, Tensor], dict[int, Tensor]]:
        """Coefficients of pairs and of atoms, in units of their scales."""
        g, s = joined.geometry, self.settings
        edges, pairs, species = g.messages, g.pairs, g.species
        near = envelope(edges.distance, s.message_cutoff)[:, None, None]
        back = (edges.turn * near).mT
        assert edges.site_turn is not None
        site_back = (edges.site_turn * near).mT
        radial = gaussians(edges.distance, s.message_cutoff, s.radial)
        embedded = self.elements(species)
        ends = [embedded.index_select(0, end) for end in (edges.first, edges.second)]
        density = self.start(torch.cat([radial, *ends], 1)).unflatten(1, (DEGREE + 1, -1))
        x = nn.functional.pad(self.atoms(species)[:, None], (0, 0, 0, (DEGREE + 1) ** 2 - 1))
        x = x.index_add(0, edges.first, back[:, :, : DEGREE + 1] @ (NEIGHBOURS * density))
        for message, update in zip(self.messages, self.updates, strict=True):
            x = update(x, message(x, species, edges, radial, back))
        pair_radial = gaussians(pairs.distance, s.pair_cutoff, s.pair_radial)
        pair_near = envelope(pairs.distance, s.pair_cutoff)
        blocks = self.pair_head(x, species, pairs, pair_radial, pair_near, joined.classes)
        return blocks, self.site_head(x, species, edges, radial, site_back, joined.sites)

    def fit_reference(self, samples: Sequence[Sample]) -> None:
        """Fit the linear correction, then means of the elements and scales of the coefficients."""
        super().fit_reference(samples)
        residuals = [self.residual(sample) for sample in samples]
        left = []
        for template, atoms in _gather(r.sites for r in residuals).items():
            holders = [s for s in samples if template in s.blocks.sites]
            numbers = np.concatenate([s.molecule.numbers[s.blocks.sites[template]] for s in holders])
            species = torch.tensor([SUPPORTED.index(z) for z in numbers.tolist()])
            count = site_expansion(template).counts[0, NATURAL]
            for element in species.unique():
                self.site_head.means[element, :count] = atoms[species == element, :count].mean(0)
            left.append(atoms - self.site_head.mean(template, species.to(self.device)).cpu())
            self.site_head.scale(template).copy_(_scale(left[-1], site_expansion(template).group))
        for key, pairs in _gather(r.pairs for r in residuals).items():
            left.append(pairs)
            self.pair_head.scale(key).copy_(_scale(pairs, pair_expansion(*key).group))
        flat = torch.cat([values.flatten() for values in left])
        self.unit.fill_(max(float(flat.square().mean().sqrt()), SMALLEST))

    def collate(self, samples: Sequence[Sample]) -> EdgeFrameBatch:
        """Put samples together; their targets too where all were prepared with labels."""
        if not samples:
            raise ValueError("a batch needs at least one sample")
        joined = join([s.geometry for s in samples], [s.blocks for s in samples], self.dtype)
        if any(sample.target is None for sample in samples):
            return EdgeFrameBatch(list(samples), joined, None, None)
        residuals = [self.residual(sample) for sample in samples]
        pairs, sites = _gather(r.pairs for r in residuals), _gather(r.sites for r in residuals)
        targets = [pairs[k] for k in joined.classes] + [sites[t] for t in joined.sites]
        counts = [sum(v.numel() for v in (*r.pairs.values(), *r.sites.values())) for r in residuals]
        targets = [target.to(self.dtype) for target in targets]
        return EdgeFrameBatch(list(samples), joined, targets, torch.tensor(counts))

    def loss(self, batch: EdgeFrameBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """MAE + RMSE of the coefficients of Y, in units of what the elements' means leave."""
        if batch.targets is None or batch.elements is None:
            raise ValueError("the batch holds a sample that was prepared without labels")
        joined = batch.joined
        blocks, sites = self(joined)
        found = self._scaled(joined, blocks, sites)
        errors = [value - target for value, target in zip(found, batch.targets, strict=True)]
        absolute = torch.cat([error.abs().sum(1) for error in errors])
        squared = torch.cat([error.square().sum(1) for error in errors])
        total = batch.elements.sum()
        mean, mean_square = absolute.sum() / total, squared.sum() / total
        owner = torch.cat([joined.pair_owner, joined.site_owner])
        detached = torch.stack([absolute, squared]).detach()
        sums = detached.new_zeros(2, len(batch.samples)).index_add(1, owner, detached) / batch.elements
        metrics = {"lowdin_mae": sums[0], "lowdin_rmse": sums[1].sqrt()}
        return (mean + mean_square.clamp(min=1e-16).sqrt()) / self.unit, metrics

    def _scaled(
        self, joined: Joined, blocks: dict[PairClass, Tensor], sites: dict[int, Tensor]
    ) -> list[Tensor]:
        """Coefficients in Eh, for each class of pairs, then each template."""
        found = [value * self.pair_head.scale(key) for key, value in blocks.items()]
        for template, value in sites.items():
            species = joined.geometry.species[joined.sites[template]]
            mean = self.site_head.mean(template, species)
            found.append(value * self.site_head.scale(template) + mean)
        return found

    def _coefficients(self, batch: EdgeFrameBatch) -> list[Coefficients]:
        joined, samples = batch.joined, batch.samples
        found = [value.cpu() for value in self._scaled(joined, *self(joined))]
        results = [Coefficients({}, {}) for _ in samples]
        for key, value in zip(joined.classes, found, strict=False):
            lengths = [_rows(s.blocks.classes.get(key)) for s in samples]
            for result, part in zip(results, value.split(lengths), strict=True):
                if len(part):
                    result.pairs[key] = part
        for template, value in zip(joined.sites, found[len(joined.classes) :], strict=True):
            lengths = [len(s.blocks.sites.get(template, ())) for s in samples]
            for result, part in zip(results, value.split(lengths), strict=True):
                if len(part):
                    result.sites[template] = part
        return results


def _rows(part: slice | None) -> int:
    return 0 if part is None else part.stop - part.start


def _gather(parts: Any) -> dict[Any, Tensor]:
    """Rows of each key, from several samples, in their order."""
    lists: dict[Any, list[Tensor]] = {}
    for part in parts:
        for key, value in part.items():
            lists.setdefault(key, []).append(value)
    return {key: torch.cat(values) for key, values in lists.items()}


def _scale(values: Tensor, group: Tensor) -> Tensor:
    """Root mean square of each coefficient, the same for components of one quantity."""
    squares = values.square().mean(0)
    counts = torch.bincount(group)
    means = squares.new_zeros(len(counts)).index_add(0, group, squares) / counts
    return means.sqrt().clamp(min=SMALLEST)[group]
