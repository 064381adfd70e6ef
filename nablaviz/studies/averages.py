"""Means over a table of errors, with intervals over molecules: conformers of one molecule are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablaviz.studies.metrics import METRICS
from nablaviz.units import HARTREE2KCAL

if TYPE_CHECKING:
    import pandas as pd

KCAL = ("energy_mae", "energy_per_atom_mae", "relative_energy_mae")
"""Measures that :func:`summary` gives in kcal/mol too."""

EQUAL = 1e-6
"""Eh: conformers nearer in energy than that are equal, which single precision does not tell apart."""


def relative_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Errors of the energies between the conformers of each molecule.

    Parameters
    ----------
    table
        From :func:`measure`.

    Returns
    -------
    pandas.DataFrame
        ``relative_energy_mae``, ``kendall_tau`` and ``lowest_found``, one row for each molecule (the
        index) that has several conformers. A predicted tie for the lowest counts as a chance.
    """
    import pandas as pd
    from scipy.stats import kendalltau

    rows = {}
    for molecule, group in table.dropna(subset=["energy", "predicted_energy"]).groupby("molecule"):
        if len(group) < 2:
            continue
        # Less the mean first: what is left are small numbers, in which 1 µEh can be told.
        true, predicted = (
            np.round((group[name] - group[name].mean()).to_numpy() / EQUAL)
            for name in ("energy", "predicted_energy")
        )
        i, j = np.triu_indices(len(group), k=1)
        wrong = (group.predicted_energy - group.energy).to_numpy()
        tau = kendalltau(true, predicted).statistic
        lowest = predicted == predicted.min()
        rows[molecule] = {
            "relative_energy_mae": np.abs(wrong[i] - wrong[j]).mean(),
            "kendall_tau": 0.0 if np.isnan(tau) else tau,  # all equal: no order at all
            "lowest_found": (lowest & (true == true.min())).any() / lowest.sum(),
        }
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["relative_energy_mae", "kendall_tau", "lowest_found"]
    )


def summary(
    table: pd.DataFrame, *, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Means over a table of errors, with bootstrap intervals (Efron, Ann. Stat. 1979, 7, 1).

    Conformers of a molecule are alike, so molecules are drawn, each with all its conformers.

    Parameters
    ----------
    table
        From :func:`measure`; what has been measured is told by its columns.
    level
        Of the interval.

    Returns
    -------
    pandas.DataFrame
        ``metric``, ``unit``, ``value``, ``low`` and ``high`` (NaN with less than two molecules),
        ``n_molecules`` and ``n_conformers`` that it is a mean of.
    """
    import pandas as pd

    relative = relative_errors(table)
    rows = []
    for name, metric in METRICS.items():
        if name in relative:
            values = relative[name]
            conformers = int(table["molecule"].isin(relative.index).sum())
        elif name in table:
            values = table.set_index("molecule")[name].dropna()
            conformers = len(values)
        else:
            continue
        if values.empty:
            continue
        groups = values.groupby(level=0)
        value, low, high = interval(
            groups.sum().to_numpy(), groups.count().to_numpy(), level, resamples, seed
        )
        sizes = groups.ngroups, conformers
        rows.append((name, metric.unit, value, low, high, *sizes))
        if name in KCAL:
            rows.append((name, "kcal/mol", *(HARTREE2KCAL * x for x in (value, low, high)), *sizes))
    columns = ["metric", "unit", "value", "low", "high", "n_molecules", "n_conformers"]
    return pd.DataFrame(rows, columns=columns)


def interval(
    sums: np.ndarray, counts: np.ndarray, level: float, resamples: int, seed: int
) -> tuple[float, float, float]:
    """Mean Σ sums / Σ counts over groups, shape (G,), and its percentile bootstrap interval over groups."""
    value = float(sums.sum() / counts.sum())
    if len(sums) < 2:
        return value, np.nan, np.nan
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), resamples)
    tail = (1 - level) / 2
    low, high = np.quantile((drawn @ sums) / (drawn @ counts), [tail, 1 - tail])
    return value, float(low), float(high)
