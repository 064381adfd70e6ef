"""Batches of bounded size, in an order that a seed fixes and a position resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np


def pack(order: Sequence[int] | np.ndarray, sizes: Sequence[int] | np.ndarray, limit: int) -> list[list[int]]:
    """Cut an order into batches, each as long as its sizes' sum allows.

    Parameters
    ----------
    order
        Samples, by number.
    sizes
        Size of each sample: its number of atom pairs, which time and memory are proportional to.
    limit
        What a batch's sizes may add up to.

    Raises
    ------
    ValueError
        If a sample alone is larger than the limit.
    """
    batches: list[list[int]] = []
    room = -1
    for sample in map(int, order):
        size = int(sizes[sample])
        if size > limit:
            raise ValueError(f"sample {sample} has {size} atom pairs, more than the {limit} of a batch")
        if size > room:
            batches.append([])
            room = limit
        batches[-1].append(sample)
        room -= size
    return batches


@dataclass
class Stream:
    """Endless batches, epoch after epoch, each epoch in an order of its own.

    ``epoch``, ``place`` and ``samples`` are all there is to save: setting them goes on from there.
    """

    sizes: Sequence[int]
    limit: int
    seed: int
    epoch: int = 0
    place: int = 0
    "Batches of the epoch that were handed out."
    samples: int = 0
    "Samples handed out in all."
    _packed: tuple[int, list[list[int]]] = field(default=(-1, []), repr=False)

    def take(self) -> list[int]:
        """The next batch, as sample numbers."""
        batches = self._batches()
        if self.place == len(batches):
            self.epoch, self.place = self.epoch + 1, 0
            batches = self._batches()
        batch = batches[self.place]
        self.place += 1
        self.samples += len(batch)
        return batch

    def _batches(self) -> list[list[int]]:
        if self._packed[0] != self.epoch:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.sizes))
            self._packed = self.epoch, pack(order, self.sizes, self.limit)
        return self._packed[1]
