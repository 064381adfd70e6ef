"""Trains a model of the Hamiltonian while somebody watches: what is trained, and what is seen of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from nablaviz.chem.comparison import Solution
from nablaviz.data.dataset import Dataset
from nablaviz.data.splits import TRAIN, training_sizes
from nablaviz.models.library import ARCHITECTURES
from nablaviz.views.background import Tell
from nablaviz.views.language import say
from nablaviz.views.training_looks import Look, look

if TYPE_CHECKING:
    from nablaviz.models.history import Progress
    from nablaviz.models.network import Network
    from nablaviz.models.schedule import Settings
    from nablaviz.models.training import Run
    from nablaviz.models.training_set import TrainingSet

HAMILTONIAN = tuple(name for name, path in ARCHITECTURES.items() if ".models.hamiltonian." in path)
"""Architectures that can be watched: those whose predictions have orbitals."""

ONE_SIZE = "default"

SETTINGS = {
    "baseline": "sap-fit",
    "learning_rate": "3e-3",
    "pairs_per_batch": "800",
    "average": "0.98",
    "validate_every": "25",
}
"""For a run of about a minute: a baseline that needs no grid, large steps, an average that forgets soon."""

EVERY, SHARE = 1.0, 0.25
"""The model is looked at every second, less often where that took more than a quarter of the time."""


@dataclass(frozen=True)
class Plan:
    """What is trained, on what, for how long."""

    architecture: str
    size: str
    training: str
    "A split, or empty for all rows of a dataset without splits but those that validate."
    seconds: float
    seed: int

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        architecture: str,
        size: str | None,
        training: str | None,
        seconds: float,
        seed: int,
    ) -> Self:
        """With the first size and the second smallest training set, where none is given.

        Raises
        ------
        ValueError
            If there is no such architecture, size or training set; the message names those there are.
        """
        splits = training_splits(dataset)
        return cls(
            _one_of("an architecture whose Hamiltonian can be watched", architecture, HAMILTONIAN),
            _one_of(f"the size of {architecture}", size, sizes(architecture)),
            _one_of("the training set", training, splits, min(1, len(splits) - 1)),
            seconds,
            seed,
        )

    def build(self, changes: Mapping[str, Any]) -> tuple[Network, Settings]:
        """A new model, and how it is trained.

        Parameters
        ----------
        changes
            Settings of the model or of the training by name, in place of ``SETTINGS`` and the size's.

        Raises
        ------
        ValueError
            If there is no such setting, or a value is not of its kind.
        """
        from nablaviz.models.hamiltonian.edge_frame import SIZES
        from nablaviz.models.options import configure

        sized = {} if self.size == ONE_SIZE else asdict(SIZES[self.size])
        text = {name: str(value) for name, value in (sized | SETTINGS | dict(changes)).items()}
        return configure(
            self.architecture, text, {"budget": self.seconds, "unit": "seconds", "seed": self.seed}
        )


def sizes(architecture: str) -> tuple[str, ...]:
    """The sizes that an architecture comes in."""
    from nablaviz.models.hamiltonian.edge_frame import SIZES

    return tuple(SIZES) if architecture == "edge-frame" else (ONE_SIZE,)


def training_splits(dataset: Dataset) -> list[str]:
    """The training sets of a dataset, the smallest first; an empty name where it has no splits."""
    table = dataset.table
    if not (table["split"] == TRAIN).any():
        return [""]
    return [*(f"{TRAIN}_{size}" for size in training_sizes(table)[:-1]), TRAIN]


class WatchedRun:
    """A run of training in a folder; ``work`` begins it, or goes on where it was stopped.

    Parameters
    ----------
    plan, changes
        See :class:`Plan`.
    dataset
        What it is trained on.
    folder
        Of the run: see :func:`nablaviz.models.training.train`.
    subject
        Says which row is looked at, and its DFT solution.
    show
        Called, in the thread that trains, with what was seen, or with what went wrong.
    """

    def __init__(
        self,
        plan: Plan,
        changes: Mapping[str, Any],
        dataset: Dataset,
        folder: Path,
        subject: Callable[[], tuple[int, Solution] | None],
        show: Callable[[Look | str], object],
    ) -> None:
        self.plan, self.folder = plan, folder
        self._changes, self._dataset, self._subject, self._show = changes, dataset, subject, show
        from nablaviz.models.training_set import divide

        self._parts = divide(dataset, plan.training or None)
        self._stopped = threading.Event()
        self._data: TrainingSet | None = None

    def stop(self) -> None:
        """Let the step at hand finish, then save the state."""
        self._stopped.set()

    def work(self, tell: Tell) -> Run:
        """Prepare the data, once, and train.

        Raises
        ------
        CancelledError
            If it was stopped before the first step.
        ValueError, MemoryError
            As :func:`nablaviz.models.training.train`.
        """
        from nablaviz.models.training import train

        self._stopped.clear()
        model, settings = self.plan.build(self._changes)
        model.card = replace(model.card, data=self._dataset.path.name, split=self._parts.description)
        if self._data is None:
            self._data = self._prepare(model, tell)
        largest = max(model.size(sample) for sample in self._data.samples)
        settings = replace(settings, pairs_per_batch=max(settings.pairs_per_batch, largest))
        tell(say("training.fitting"))
        due = 0.0

        def after_step(now: Progress) -> None:
            nonlocal due
            begun = time.monotonic()
            if begun < due:
                return
            with now.averaged():
                self._look(now)
            said = say("training.progress", step=now.step, epoch=now.epoch, seconds=now.seconds)
            tell(said, min(1.0, now.fraction))
            due = begun + max(EVERY, (time.monotonic() - begun) / SHARE)

        return train(
            model,
            self._data,
            settings,
            out=self.folder,
            callback=after_step,
            stop=self._stopped.is_set,
            progress=False,
        )

    def _prepare(self, model: Network, tell: Tell) -> TrainingSet:
        from nablaviz.models.training_set import prepare

        parts = self._parts
        count = len(parts.training) + len(parts.validation)

        def ready(number: int) -> None:
            if self._stopped.is_set():
                raise CancelledError
            tell(say("training.conformer", n=number, total=count), number / count)

        return prepare(model, parts.training, parts.validation, callback=ready, progress=False)

    def _look(self, now: Progress) -> None:
        subject = self._subject()
        if subject is None:
            return
        try:
            self._show(look(now.model, *subject, now.step, now.seconds))
        except ValueError as fault:  # training goes on
            self._show(str(fault))


def _one_of(what: str, given: str | None, allowed: Sequence[str], default: int = 0) -> str:
    if given is None:
        return allowed[default]
    if given not in allowed:
        raise ValueError(f"{what} is one of {', '.join(allowed)}, not {given!r}")
    return given
