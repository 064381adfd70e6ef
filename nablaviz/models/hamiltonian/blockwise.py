"""Networks that predict all blocks of one kind together: batches of coefficients, and their loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablaviz.models.hamiltonian.block_map import BlockMap, Coefficients, PairClass
from nablaviz.models.hamiltonian.delta import SMALLEST, Delta, Sample
from nablaviz.models.network import Tensors


@dataclass(eq=False)
class Arrangement(Tensors):
    """Several molecules, their pairs sorted by class."""

    classes: dict[PairClass, int]
    "Number of pairs of each class, in order."
    sites: dict[int, Tensor]
    "Atoms of each template."
    order: Tensor  # (P,) where each pair was when the molecules' pairs followed one another
    pair_owner: Tensor  # (P,) the molecule of each pair
    site_owner: Tensor  # (A,) the molecule of each atom, in the order of ``sites``
    starts: list[int]
    "First atom of each molecule."


def arrange(blocks: Sequence[BlockMap]) -> Arrangement:
    """Put the blocks of molecules together."""
    counts = [len(block.numbers) for block in blocks]
    starts = np.cumsum([0, *counts])[:-1].tolist()
    keys = sorted({key for block in blocks for key in block.classes})
    classes = {key: sum(_length(block, key) for block in blocks) for key in keys}
    # Class by class, and within a class molecule by molecule: pairs are sorted by class already.
    ranks = np.concatenate(
        [
            np.repeat([keys.index(key) for key in b.classes], [_length(b, key) for key in b.classes])
            for b in blocks
        ]
    )
    order = torch.as_tensor(np.argsort(ranks, kind="stable"))
    numbers = torch.arange(len(blocks))
    owner = torch.repeat_interleave(numbers, torch.tensor([len(b) for b in blocks]))
    sites = {
        template: torch.cat(
            [
                torch.as_tensor(b.sites[template]) + s
                for b, s in zip(blocks, starts, strict=True)
                if template in b.sites
            ]
        )
        for template in sorted({template for b in blocks for template in b.sites})
    }
    site_owner = torch.repeat_interleave(numbers, torch.tensor(counts))[torch.cat(list(sites.values()))]
    return Arrangement(classes, sites, order, owner[order], site_owner, starts)


def gather(parts: Iterable[dict[Any, Tensor]]) -> dict[Any, Tensor]:
    """Rows of each key, from several samples, in their order."""
    lists: dict[Any, list[Tensor]] = {}
    for part in parts:
        for key, value in part.items():
            lists.setdefault(key, []).append(value)
    return {key: torch.cat(values) for key, values in lists.items()}


@dataclass(eq=False)
class BlockBatch(Tensors):
    """Samples put together, with their targets where all have them."""

    samples: list[Sample]
    joined: Any
    "An ``Arrangement``, with what else the network asks for."
    targets: list[Tensor] | None
    "For each class of pairs, then each template: coefficients, (rows, K), Eh."
    elements: Tensor | None
    "Number of coefficients of each sample."


class Blockwise(Delta):
    """A network whose output is all coefficients of a batch; subclasses give ``_join`` and ``_values``."""

    unit: Tensor

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self.register_buffer("unit", torch.ones(()))

    @abstractmethod
    def _join(self, samples: Sequence[Sample]) -> Arrangement:
        """The input of ``_values``."""

    @abstractmethod
    def _values(self, joined: Any) -> list[Tensor]:
        """Coefficients in Eh, for each class of pairs, then each template."""

    def _set_unit(self, left: Sequence[Tensor]) -> None:
        """Take the size of what is to be learnt as the unit of the loss."""
        flat = torch.cat([values.flatten() for values in left])
        self.unit.fill_(max(float(flat.square().mean().sqrt()), SMALLEST))

    def collate(self, samples: Sequence[Sample]) -> BlockBatch:
        """Put samples together; their targets too where all were prepared with labels."""
        if not samples:
            raise ValueError("a batch needs at least one sample")
        joined = self._join(samples)
        if any(sample.target is None for sample in samples):
            return BlockBatch(list(samples), joined, None, None)
        residuals = [self.residual(sample) for sample in samples]
        pairs, sites = gather(r.pairs for r in residuals), gather(r.sites for r in residuals)
        targets = [pairs[k] for k in joined.classes] + [sites[t] for t in joined.sites]
        counts = [sum(v.numel() for v in (*r.pairs.values(), *r.sites.values())) for r in residuals]
        targets = [target.to(self.dtype) for target in targets]
        return BlockBatch(list(samples), joined, targets, torch.tensor(counts))

    def loss(self, batch: BlockBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """MAE + RMSE of the coefficients of Y, in units of the size of what is to be learnt."""
        if batch.targets is None or batch.elements is None:
            raise ValueError("the batch holds a sample that was prepared without labels")
        joined = batch.joined
        found = self._values(joined)
        errors = [value - target for value, target in zip(found, batch.targets, strict=True)]
        absolute = torch.cat([error.abs().sum(1) for error in errors])
        squared = torch.cat([error.square().sum(1) for error in errors])
        total = batch.elements.sum()
        mean, mean_square = absolute.sum() / total, squared.sum() / total
        owner = torch.cat([joined.pair_owner, joined.site_owner])
        detached = torch.stack([absolute, squared]).detach()
        sums = detached.new_zeros(2, len(batch.samples)).index_add(1, owner, detached) / batch.elements
        metrics = self._metrics(sums[0], sums[1].sqrt())
        return self._objective(mean, mean_square.clamp(min=1e-16).sqrt()) / self.unit, metrics

    @staticmethod
    def _objective(mean: Tensor, root_mean_square: Tensor) -> Tensor:
        """What is made small, of the errors of a batch's coefficients, Eh."""
        return mean + root_mean_square

    def _coefficients(self, batch: BlockBatch) -> list[Coefficients]:
        joined, samples = batch.joined, batch.samples
        found = [value.cpu() for value in self._values(joined)]
        results = [Coefficients({}, {}) for _ in samples]
        for key, value in zip(joined.classes, found, strict=False):
            lengths = [_length(s.blocks, key) for s in samples]
            for result, part in zip(results, value.split(lengths), strict=True):
                if len(part):
                    result.pairs[key] = part
        for template, value in zip(joined.sites, found[len(joined.classes) :], strict=True):
            lengths = [len(s.blocks.sites.get(template, ())) for s in samples]
            for result, part in zip(results, value.split(lengths), strict=True):
                if len(part):
                    result.sites[template] = part
        return results


def _length(block: BlockMap, key: PairClass) -> int:
    rows = block.classes.get(key, slice(0, 0))
    return rows.stop - rows.start
