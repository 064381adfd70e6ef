"""How long the runs of a study will take, from a few steps of each model."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nablaviz.data.memory import Memory
from nablaviz.studies.metrics import measure
from nablaviz.studies.study import Contender, Source, Study, check, configured

if TYPE_CHECKING:
    import pandas as pd

STEPS = 3
"""Optimiser steps that are timed, after one that is not: the first is slower."""

FEW = 3
"""Conformers that measuring is timed on."""

PATIENCE = 1.0
"""Seconds after which no more conformers are prepared for a batch; a smaller one is then timed."""


@dataclass(frozen=True)
class Costs:
    """What a model takes on this machine, in seconds."""

    baseline: float
    "Of a conformer, once for all runs; 0 where it is on disk."
    prepare: float
    "Of a conformer."
    step: float
    "Of an optimiser step; 0 for a closed form."
    batch: float
    "Conformers in a batch."
    train: float
    "Of a conformer that is trained on, in a step or in a closed form."
    measure: float
    "Of a conformer."


def estimate(study: Study) -> pd.DataFrame:
    """Seconds that each run will take.

    A few conformers are prepared, trained on and measured with each model, on this machine. What a closed
    form takes is reckoned to grow with the training set.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``model``, ``size``, ``seed``, ``seconds``.

    Raises
    ------
    ValueError
        If the study cannot be run (see :func:`~nablaviz.studies.study.check`).
    """
    import pandas as pd

    source = check(study)
    rows = []
    for contender in study.contenders:
        costs = _costs(contender, study, source)
        _, settings = configured(contender, study, study.seeds[0])
        for size in study.sizes:
            own = source.subsets.rows(size, study.seeds[0])
            held_out, tested = len(own.validation), size + sum(map(len, own.tests.values()))
            steps = {"steps": study.budget, "epochs": study.budget * size / costs.batch}.get(study.unit, 0.0)
            validated = steps / settings.validate_every * held_out if costs.step else held_out
            training = steps * costs.step if costs.step else size * costs.train
            training += validated * costs.train / 3  # a forward pass alone
            if costs.step and study.unit == "seconds":
                training = study.budget
            baselines = (held_out + tested) * costs.baseline / (len(study.sizes) * len(study.seeds))
            seconds = (size + held_out) * costs.prepare + training + tested * costs.measure + baselines
            rows += [(contender.name, size, seed, seconds) for seed in study.seeds]
    return pd.DataFrame(rows, columns=["model", "size", "seed", "seconds"])


def _costs(contender: Contender, study: Study, source: Source) -> Costs:
    import lightning_fabric  # noqa: F401  (it takes seconds to load, which are not training's)

    from nablaviz.data.baseline_cache import SLOW, BaselineCache, default_folder
    from nablaviz.models.training import train
    from nablaviz.models.training_set import TrainingSet

    model, settings = configured(contender, study, study.seeds[0])
    cache = BaselineCache(default_folder(), processes=1)
    chosen = source.dataset.select(source.subsets.rows(study.sizes[-1], study.seeds[0]).training)
    slow = getattr(model.settings, "baseline", None) in SLOW
    conformers, samples = [], []
    baseline = preparing = 0.0
    for conformer in chosen:
        began = time.monotonic()
        with model.remembering(cache, [conformer.molecule], progress=False):
            ready = time.monotonic()
            samples.append(model.prepare(conformer))
        conformers.append(conformer)
        baseline += (ready - began) * slow
        preparing += time.monotonic() - ready
        pairs = sum(map(model.size, samples))
        if len(samples) >= FEW and (pairs >= settings.pairs_per_batch or baseline + preparing > PATIENCE):
            break
    count = len(samples)
    names = [conformer.molecule.formula for conformer in conformers]
    iterative = any(parameter.requires_grad for parameter in model.parameters())
    trial = replace(settings, budget=STEPS + 1, unit="steps", pairs_per_batch=max(pairs, 1))
    began = time.monotonic()
    result = train(model, TrainingSet(samples, [], names, ""), trial, device=study.device, progress=False)
    trained = time.monotonic() - began
    if iterative:
        seconds = result.history["seconds"]
        trained = (seconds.iloc[-1] - seconds.iloc[0]) / STEPS
    batch = count * settings.pairs_per_batch / pairs
    began = time.monotonic()
    few = Memory(conformers[:FEW])
    measure(model, few, cache=cache, progress=False)
    measuring = (time.monotonic() - began) / len(few)
    each = trained / count
    return Costs(baseline / count, preparing / count, batch * each * iterative, batch, each, measuring)
