"""Learning curves: the runs of studies as curves, with their scatter over seeds and molecules, and fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.studies.curve_fit import fit
from nablaviz.studies.power_law import PowerLaw
from nablaviz.studies.subsets import TRAIN

if TYPE_CHECKING:
    import pandas as pd

COSTS = {
    "size": ("Training set", "conformers"),
    "molecules": ("Training set", "molecules"),
    "seconds": ("Training time", "s"),
    "samples_seen": ("Conformers seen in training", ""),
    "energy_joules": ("Energy of the GPU in training", "J"),
}
"""What the error can be drawn against: columns of a curve's ``runs``, their titles and units."""

SPLITS = {
    TRAIN: "training set",
    "test_conformations": "unseen conformations",
    "test_structures": "unseen structures",
    "test_scaffolds": "unseen scaffolds",
    "larger_molecules": "larger molecules",
}
"""What the splits are called."""

FALLING = "_mae", "_error"
"""Ends of the names of measures that a power law is fitted to: those that fall towards 0."""

RESAMPLES = 400
"""Draws of test molecules."""

UNDERFIT = 0.9
"""Training error over test error from which a model counts as underfitted."""

Errors = Callable[[str], "pd.DataFrame"]
"""Errors of the conformers of a run; see :func:`nablaviz.studies.results.conformer_errors`."""


@dataclass(frozen=True, eq=False)
class Curve:
    """One model's error on one split."""

    study: str
    "Label of the study; empty where there is but one."
    model: str
    split: str
    metric: str
    unit: str
    runs: pd.DataFrame
    "One row per run: ``run``, ``seed``, ``value``, ``low``, ``high``, and the columns of ``COSTS``."
    fit: PowerLaw | None
    refusal: str
    "Why there is no fit."
    molecules: np.ndarray | None = None
    "Covariance of the log errors at the ascending sizes that comes from the choice of test molecules."

    @property
    def name(self) -> str:
        """Of model and study."""
        return f"{self.model} ({self.study})" if self.study else self.model

    @cached_property
    def points(self) -> pd.DataFrame:
        """One row per size: means over seeds (``value``, costs), ``lowest``, ``highest`` run, ``seeds``."""
        groups = self.runs.groupby("size")
        means = groups[[*(c for c in COSTS if c != "size"), "value"]].mean()
        values = groups["value"]
        return means.assign(lowest=values.min(), highest=values.max(), seeds=values.count()).reset_index()


def join(studies: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Results of several studies as one table.

    Parameters
    ----------
    studies
        By label: tables of :func:`nablaviz.studies.results.results`.

    Returns
    -------
    pandas.DataFrame
        The same with ``study``, the label, first.
    """
    import pandas as pd

    tables = [table.assign(study=label) for label, table in studies.items()]
    joined = pd.concat(tables, ignore_index=True)
    return joined[["study", *joined.columns.drop("study")]]


def measures(results: pd.DataFrame) -> list[tuple[str, str]]:
    """The measures and units that a table of results has, in its order."""
    return list(dict.fromkeys(zip(results["metric"], results["unit"], strict=True)))


def curves(
    results: pd.DataFrame,
    metric: str,
    unit: str,
    *,
    fitted: bool = True,
    errors: Mapping[str, Errors] | None = None,
) -> list[Curve]:
    """The curves of every study, model and split of a table of results.

    Parameters
    ----------
    results
        From :func:`nablaviz.studies.results.results` or :func:`join`.
    fitted
        Whether to fit power laws.
    errors
        By label of the study (empty for the only one): where the errors of single conformers are found, whose
        molecules are then resampled. Without, the intervals of the runs tell how far the choice of test
        molecules matters, and all runs are taken to be moved by it together.

    Raises
    ------
    ValueError
        If the results lack the measure.
    """
    if (metric, unit) not in measures(results):
        there = ", ".join(f"{m} ({u})" if u else m for m, u in measures(results))
        raise ValueError(f"no measure {metric!r} in {unit!r}; there are {there or 'none yet'}")
    table = results[(results["metric"] == metric) & (results["unit"] == unit)]
    molecules = results[results["split"] == TRAIN].groupby("run")["n_molecules"].first()
    table = table.assign(molecules=table["run"].map(molecules).astype(float), study=results.get("study", ""))
    return [
        _curve(group, study, model, split, metric, unit, fitted, (errors or {}).get(study))
        for (study, model, split), group in table.groupby(["study", "model", "split"], sort=False)
    ]


def _curve(
    group: pd.DataFrame,
    study: str,
    model: str,
    split: str,
    metric: str,
    unit: str,
    fitted: bool,
    errors: Errors | None,
) -> Curve:
    columns = ["run", "seed", "value", "low", "high", *COSTS]
    runs = group[columns].sort_values(["size", "seed"]).reset_index(drop=True)
    law = molecules = None
    refusal = "" if fitted else "not asked for"
    if fitted:
        if not metric.endswith(FALLING):
            refusal = "a power law is fitted to errors that fall towards zero only"
        else:
            molecules = _of_molecules(runs, split, metric, errors)
            try:
                law = fit(*(runs[name].to_numpy() for name in ("size", "value", "seed")), molecules=molecules)
            except ValueError as fault:
                refusal = str(fault)
    return Curve(study, model, split, metric, unit, runs, law, refusal, molecules)


def _of_molecules(runs: pd.DataFrame, split: str, metric: str, errors: Errors | None) -> np.ndarray | None:
    """Covariance of the mean log errors at the sizes that comes from the choice of test molecules."""
    if split == TRAIN:  # each run has its own molecules: what they do is seen as scatter between the seeds
        return None
    if errors is not None:
        tables = [errors(run) for run in runs["run"]]
        if all(metric in table for table in tables):
            found = [table[table["split"] == split].groupby("molecule")[metric] for table in tables]
            return resampled([(group.sum(), group.count()) for group in found], runs["size"].to_numpy())
    widths = np.log(runs["high"] / runs["low"]) / (2 * 1.96)
    shift = widths.groupby(runs["size"]).mean().to_numpy()
    return np.outer(shift, shift) if np.isfinite(shift).all() else None


def resampled(means: list[tuple[pd.Series, pd.Series]], sizes: np.ndarray) -> np.ndarray:
    """Bootstrap over test molecules (Efron, Ann. Stat. 1979, 7, 1), each with all its conformers.

    Parameters
    ----------
    means
        Of each run, for its molecules: the sum of the errors of the conformers, and their number. A molecule
        that is drawn is drawn for all runs.
    sizes
        Training sizes of the runs, shape (n,).

    Returns
    -------
    ndarray
        Covariance of the means over seeds of the log errors at the ascending sizes, shape (K, K).
    """
    import pandas as pd

    sums, counts = (pd.concat(part, axis=1).fillna(0.0).to_numpy() for part in zip(*means, strict=True))
    molecules = len(sums)
    drawn = np.random.default_rng(0).multinomial(molecules, np.full(molecules, 1 / molecules), RESAMPLES)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log((drawn @ sums) / (drawn @ counts))
    by_size = np.stack([logs[:, sizes == size].mean(axis=1) for size in np.unique(sizes)])
    return np.cov(by_size[:, np.isfinite(by_size).all(axis=0)])


def flags(found: list[Curve]) -> list[str]:
    """What is to be noticed about some curves, in words."""
    training = {(c.study, c.model): c for c in found if c.split == TRAIN}
    splits: dict[tuple[str, int], list[str]] = {}
    for curve in found:
        own = training.get((curve.study, curve.model))
        if curve.split == TRAIN or own is None or not curve.metric.endswith(FALLING):
            continue
        pair = own.points.merge(curve.points, on="size", suffixes=("_train", "_test")).tail(1)
        if len(pair) and (pair["value_train"] >= UNDERFIT * pair["value_test"]).all():
            splits.setdefault((curve.name, int(pair["size"].item())), []).append(SPLITS[curve.split])
    return [
        f"{name} is underfitted: with {size:,} conformers its training error is as large as its error on "
        f"{', '.join(names)}; more data will not help it there"
        for (name, size), names in splits.items()
    ]
