"""The base of models made in torch: prediction, card and files, from what each model computes."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Generic, Self

import torch

from nablaviz.data.baseline_cache import BaselineCache
from nablaviz.models.interface import ModelCard, Prediction, SampleT
from nablaviz.models.kinds import build, check, kinds
from nablaviz.models.predictor import Predictor
from nablaviz.models.trust import TrainingDomain
from nablaviz.molecule import Conformer, Molecule

PAIRS = 20_000
"""Directed atom pairs that are predicted at once."""


class Network(torch.nn.Module, Predictor, Generic[SampleT]):
    """A model with settings, tensors and a card; see :class:`~nablaviz.models.interface.Trainable`.

    Subclasses set ``architecture``, ``kind`` and ``Settings``, call ``super().__init__(settings)``
    and give ``prepare``, ``size``, ``collate``, ``predict_batch`` and, where they can be trained,
    ``fit_reference`` and ``loss``. Everything that prediction needs is in the settings, the
    parameters and the buffers.

    Parameters
    ----------
    settings
        An instance of ``Settings``, a frozen dataclass of plain values.

    Raises
    ------
    ValueError
        If a setting is not of its kind or not finite, a size is less than 1 or a cutoff not positive.
    """

    architecture: ClassVar[str]
    kind: ClassVar[str]
    Settings: ClassVar[type]

    def __init__(self, settings: Any = None) -> None:
        super().__init__()
        self.settings = self.Settings() if settings is None else settings
        values = asdict(self.settings)
        check(kinds(self.Settings), values)
        for name, value in values.items():
            if isinstance(value, int | float) and not abs(value) <= sys.float_info.max:
                raise ValueError(f"{name} must be finite, not {value}")
            if name.endswith("cutoff") and not value > 0:
                raise ValueError(f"the {name.replace('_', ' ')} must be positive, not {value} Å")
            if type(value) is int and value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.card = ModelCard(self.architecture, self.architecture, self.kind, values)
        self.domain: TrainingDomain | None = None
        "What its training data look like, where that is known."

    @abstractmethod
    def prepare(self, conformer: Conformer, *, labels: bool = True) -> SampleT: ...

    def remembering(
        self, cache: BaselineCache, molecules: Sequence[Molecule], *, progress: bool
    ) -> AbstractContextManager[None]:
        """Inside, ``prepare`` finds in a cache what takes long; entering computes it, if there is such."""
        return nullcontext()

    @abstractmethod
    def size(self, sample: SampleT) -> int: ...

    @abstractmethod
    def collate(self, samples: Sequence[SampleT]) -> Any: ...

    @abstractmethod
    def predict_batch(self, batch: Any) -> list[Prediction]:
        """Predictions of a batch; whether gradients are recorded is decided here."""

    def fit_reference(self, samples: Sequence[SampleT]) -> None:
        raise NotImplementedError(f"{self.card.name} has nothing to train")

    def loss(self, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        raise NotImplementedError(f"{self.card.name} has nothing to train")

    def predict_all(self, molecules: list[Molecule]) -> list[Prediction]:
        """Predictions in batches of at most ``PAIRS`` atom pairs, in evaluation mode.

        Raises
        ------
        MemoryError
            If the memory of the GPU does not suffice for one molecule alone.
        """
        training = self.training
        if training:
            self.eval()
        try:
            predictions: list[Prediction] = []
            batch: list[SampleT] = []
            pairs = 0
            for molecule in molecules:
                sample = self.prepare(Conformer(molecule), labels=False)
                size = self.size(sample)
                if batch and pairs + size > PAIRS:
                    predictions += self._predict(batch, molecules[len(predictions) :])
                    batch, pairs = [], 0
                batch.append(sample)
                pairs += size
            if batch:
                predictions += self._predict(batch, molecules[len(predictions) :])
        finally:
            if training:
                self.train()
        return predictions

    def _predict(self, samples: list[SampleT], molecules: list[Molecule]) -> list[Prediction]:
        """Predictions of a batch, in smaller ones where the GPU has no room for it."""
        try:
            return self.predict_batch(self.collate(samples).to(self.device))
        except torch.cuda.OutOfMemoryError as fault:
            if len(samples) == 1:
                raise MemoryError(
                    f"{molecules[0]}: the memory of {self.device} does not suffice to predict it; free some "
                    "of it, or predict on the processor: model.to('cpu')"
                ) from fault
        torch.cuda.empty_cache()
        half = len(samples) // 2
        return self._predict(samples[:half], molecules) + self._predict(samples[half:], molecules[half:])

    @property
    def device(self) -> torch.device:
        """Where the parameters and buffers are."""
        return next((t.device for t in self._tensors()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the parameters and buffers."""
        return next((t.dtype for t in self._tensors() if t.is_floating_point()), torch.float64)

    def _tensors(self) -> Iterator[torch.Tensor]:
        return chain(self.parameters(), self.buffers())

    def save(self, path: str | Path, card: ModelCard | None = None) -> None:
        """Write settings, card, tensors and training domain; ``nablaviz.load_model(path)`` reads them.

        Parameters
        ----------
        card
            Replaces the model's own.
        """
        from nablaviz.models import files

        if card is not None:
            self.card = card
        files.save(self, Path(path))

    @classmethod
    def from_card(cls, card: ModelCard) -> Self:
        """An untrained model with the settings and the card given.

        Raises
        ------
        ValueError
            If the settings or the kind are not this model's.
        """
        if card.kind != cls.kind:
            raise ValueError(f"{cls.architecture} predicts the {cls.kind}, not the {card.kind}")
        try:
            settings: Any = build(cls.Settings, card.settings)
        except ValueError as fault:
            raise ValueError(f"settings of {cls.architecture}: {fault}") from fault
        model = cls(settings)
        model.card = card
        return model


@dataclass
class Tensors:
    """A record of tensors (and of lists, dicts, records of them) that moves between devices."""

    def to(self, device: torch.device | str) -> Self:
        """The same on another device; what is no tensor is kept."""
        return _moved(self, device)


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Tensors):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
    if isinstance(value, dict):
        return {k: _moved(v, device) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(v, device) for v in value)
    return value
