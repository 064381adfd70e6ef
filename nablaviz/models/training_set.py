"""Conformers made ready for a model, once: neighbours, frames, baselines, targets, kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.baseline_cache import BaselineCache
from nablaviz.data.dataset import Dataset
from nablaviz.data.splits import TRAIN, molecule_names, split_rows
from nablaviz.models.interface import ModelCard
from nablaviz.models.trust import TrainingDomain, describe
from nablaviz.molecule import SYMBOLS, Conformer

if TYPE_CHECKING:
    from nablaviz.models.network import Network


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Prepared samples; models of the same architecture and settings may share them."""

    samples: Sequence[Any]
    validation: Sequence[Any]
    names: Sequence[str]
    "What to call each training sample in a message."
    fingerprint: str
    "Of the geometries and labels, so that a run is not continued on other data."
    domain: TrainingDomain | None = None
    "What the training samples look like, to be kept with the model."


@dataclass(frozen=True, eq=False)
class Parts:
    """The rows of a dataset to learn from."""

    training: Dataset
    validation: Dataset
    description: str
    "What they are, for the model card."


HELD_OUT = 0.1
"""Share of the molecules that validate when a dataset has no splits."""


def divide(dataset: Dataset, training: str | None = None, validation: str | None = None) -> Parts:
    """The rows to train on and those to validate on.

    Parameters
    ----------
    training, validation
        Names of splits; by default ``"train"``, and the validation set of the same training molecules.
        In a dataset without splits, a tenth of the molecules validates.

    Raises
    ------
    ValueError
        If there is no such split.
    """
    table = dataset.table
    if table["split"].isna().all() and training is None and validation is None:
        molecules = molecule_names(table)
        names = np.sort(molecules.unique().to_numpy(dtype=str))
        held = np.random.default_rng(0).permutation(names)[: int(np.ceil(HELD_OUT * len(names)))]
        mask = molecules.isin(held).to_numpy()
        rows = np.flatnonzero(~mask), np.flatnonzero(mask)
        described = f"all but {len(held)} of {len(names)} molecules"
    else:
        training = training or TRAIN
        if validation is None and (table["split"] == "validation").any():
            validation = training.replace(TRAIN, "validation")
        rows = split_rows(table, training), split_rows(table, validation) if validation else np.empty(0, int)
        described = training
    learnt, held_out = (dataset.select(r) for r in rows)
    return Parts(learnt, held_out, f"{described}: {len(learnt)} conformers")


def domain_of(card: ModelCard) -> TrainingDomain:
    """What the training data named by a card look like, for a model that was trained without it.

    Raises
    ------
    ValueError
        If the card names no data that can be opened, or they are not what it says.
    """
    from nablaviz.data.formats import open as open_dataset

    if not card.data:
        raise ValueError(f"the card of model {card.name!r} does not say what it was trained on")
    named, _, _ = card.split.partition(":")
    parts = divide(open_dataset(card.data), None if named.startswith("all but") else named)
    if parts.description != card.split:
        raise ValueError(f"{card.data} has {parts.description}, but model {card.name!r} had {card.split}")
    return describe(list(parts.training))


def prepare(
    model: Network,
    training: Dataset | Sequence[Conformer],
    validation: Dataset | Sequence[Conformer] = (),
    *,
    cache: BaselineCache | None = None,
    callback: Callable[[int], object] | None = None,
    progress: bool = True,
) -> TrainingSet:
    """Make conformers ready for a model.

    Parameters
    ----------
    cache
        Where slow baselines are kept, and computed by several processes at once.
    callback
        Called after each conformer with the number that is ready.

    Raises
    ------
    ValueError
        If there are no training conformers; if a label that the model needs is missing or not finite; or if
        a validation molecule has an element that no training molecule has. The message names the conformer.
    """
    from tqdm.auto import tqdm

    if not len(training):
        raise ValueError("there are no conformers to train on")
    samples: list[Any] = []
    names: list[str] = []
    digest = hashlib.sha256()
    known: set[int] = set()
    conformers = [*training, *validation]
    molecules = [conformer.molecule for conformer in conformers]
    with (
        model.remembering(cache, molecules, progress=progress) if cache else nullcontext(),
        tqdm(total=len(conformers), desc="preparing", unit="conformer", disable=not progress) as bar,
    ):
        for place, conformer in enumerate(conformers):
            name = f"{conformer.moses_id}/{conformer.conformation_id} ({conformer.molecule.formula})"
            numbers = conformer.molecule.numbers
            if place < len(training):
                known.update(numbers.tolist())
            elif foreign := sorted(set(numbers.tolist()) - known):
                raise ValueError(
                    f"validation conformer {name} has {SYMBOLS[foreign[0]]}, which no training molecule has"
                )
            samples.append(model.prepare(conformer))
            names.append(name)
            digest.update(b"training" if place < len(training) else b"validation")
            labels = (getattr(conformer, n) for n in ("energy", "formation_energy", "forces", "hamiltonian"))
            for part in (numbers, conformer.molecule.positions, *labels):
                digest.update(b"" if part is None else np.ascontiguousarray(part).tobytes())
            bar.update()
            if callback:
                callback(place + 1)
    held_out = samples[len(training) :]
    learnt = conformers[: len(training)]
    return TrainingSet(
        samples[: len(learnt)], held_out, names[: len(learnt)], digest.hexdigest()[:16], describe(learnt)
    )
