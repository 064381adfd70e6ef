"""Batches of conformers for training, read ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from nablaviz.data.dataset import Dataset
from nablaviz.molecule import Conformer


class Batches:
    """The conformers of a dataset in batches, the next ones read in a thread while one is used.

    Each pass over it is one epoch; with a seed every epoch has an order of its own, the same in each run.
    Any dataset also works as the dataset of a PyTorch ``DataLoader`` with several workers: a connection
    to a file is opened in the process, and in the thread, that reads from it.

    Parameters
    ----------
    dataset
        Hamiltonian database, native store or any other.
    size
        Conformers per batch; the last may have fewer.
    seed
        Shuffle with it; ``None`` for the order of the dataset.
    ahead
        How many batches are read ahead.

    Attributes
    ----------
    epoch
        How many passes have begun; set it to go on with a training.

    Raises
    ------
    ValueError
        If a size is not positive.
    """

    def __init__(self, dataset: Dataset, size: int, *, seed: int | None = None, ahead: int = 2) -> None:
        for name, value in (("size", size), ("ahead", ahead)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.dataset, self.size, self.seed, self.ahead = dataset, size, seed, ahead
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.size)

    def order(self, epoch: int) -> np.ndarray:
        """Row numbers in the order of an epoch."""
        if self.seed is None:
            return np.arange(len(self.dataset))
        return np.random.default_rng([self.seed, epoch]).permutation(len(self.dataset))

    def __iter__(self) -> Iterator[list[Conformer]]:
        order = self.order(self.epoch)
        self.epoch += 1
        parts: Sequence[np.ndarray] = [order[i : i + self.size] for i in range(0, len(order), self.size)]
        waiting: deque[Future[list[Conformer]]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as pool:
            try:
                for part in parts:
                    waiting.append(pool.submit(self.dataset.read, part))
                    if len(waiting) > self.ahead:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:  # the pass is given up
                for future in waiting:
                    future.cancel()
