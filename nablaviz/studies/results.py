"""What a study has come to: where its runs are, and what they have found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.models.history import read_history
from nablaviz.studies import control
from nablaviz.studies.execution import ERRORS, ERRORS_COLUMNS, SUMMARY, SUMMARY_COLUMNS
from nablaviz.studies.state import FAILED, FINISHED, STOPPED, WAITING, State, read_state
from nablaviz.studies.study import Run, find, read, runs
from nablaviz.studies.subsets import TRAIN
from nablaviz.studies.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


def progress(folder: str | Path) -> pd.DataFrame:
    """Where the runs of a study are, at this moment.

    Returns
    -------
    pandas.DataFrame
        One row per run: ``run`` (its name), ``model``, ``size``, ``seed``, ``state`` (``waiting``,
        ``running``, ``paused``, ``stopped``, ``finished`` or ``failed``), ``fraction`` (of its training),
        ``step``, ``seconds`` (of training), ``device``, ``message`` (what is being done, or what went wrong).
    """
    import pandas as pd

    folder = Path(folder)
    splits = read(folder).splits
    owner = control.alive(folder)
    session = owner.session if owner else ""
    rows = []
    for run in runs(folder):
        found = read_state(run.folder)
        name, message = _seen(found, found.finished(splits), session)
        row = {**_head(run), "state": name, "fraction": found.fraction, "step": found.step}
        rows.append(row | {"seconds": found.seconds, "device": found.device, "message": message})
    return pd.DataFrame(rows)


def _seen(found: State, done: bool, session: str) -> tuple[str, str]:
    """The state of a run as it is to be shown, and its message: a process may have ended without a word."""
    if done:
        return FINISHED, ""
    if found.session == session or found.state == WAITING:
        return (found.state, found.message) if found.state != FINISHED else (WAITING, "")
    if session or found.state == FINISHED:  # somebody is at work, and will come to it
        return WAITING, ""
    if found.state == FAILED:
        return FAILED, found.message
    return STOPPED, "resume goes on with it"


def results(folder: str | Path) -> pd.DataFrame:
    """What the finished runs of a study have found.

    Returns
    -------
    pandas.DataFrame
        One row per run, split (``"train"``: the run's own training set) and measure: ``run``, ``model``,
        ``size``, ``seed``, ``split``, ``metric``, ``unit``, ``value``, ``low``, ``high``, ``n_molecules``,
        ``n_conformers`` (as :func:`~nablaviz.studies.averages.summary` has them), ``steps``, ``seconds`` (of
        training), ``samples_seen``, ``energy_joules`` (of the GPU in training; NaN where it is not known) and
        ``device``.
    """
    import pandas as pd

    splits = read(folder).splits
    tables = []
    for run in runs(folder):
        found = read_state(run.folder)
        if not found.finished(splits):
            continue
        table = read_table(run.folder / SUMMARY, SUMMARY_COLUMNS)
        table = table[table["split"].isin((TRAIN, *splits))]
        tables.append(
            table.assign(
                **_head(run),
                steps=found.step,
                seconds=found.seconds,
                samples_seen=found.samples_seen,
                energy_joules=np.nan if found.joules is None else found.joules,
                device=found.device,
            )
        )
    if not tables:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(COLUMNS)]


COLUMNS = (
    *("run", "model", "size", "seed", "split", "metric", "unit", "value", "low", "high"),
    *("n_molecules", "n_conformers", "steps", "seconds", "samples_seen", "energy_joules", "device"),
)
"""Of :func:`results`."""


def _head(run: Run) -> dict[str, object]:
    return {"run": run.name, "model": run.contender.name, "size": run.size, "seed": run.seed}


def conformer_errors(folder: str | Path, run: str) -> pd.DataFrame:
    """Errors of each conformer that a run was measured on.

    Parameters
    ----------
    run
        Its name.

    Returns
    -------
    pandas.DataFrame
        As :func:`~nablaviz.studies.metrics.measure` has it, with ``split`` and ``row`` (of the data).

    Raises
    ------
    ValueError
        If there is no such run.
    FileNotFoundError
        If it has not been measured yet.
    """
    path = find(folder, run).folder / ERRORS
    if not path.exists():
        raise FileNotFoundError(f"run {run} has no errors yet: it is not finished")
    return read_table(path, ERRORS_COLUMNS)


def losses(folder: str | Path, run: str) -> pd.DataFrame:
    """The history of a run's training; see :func:`~nablaviz.models.history.read_history`.

    Raises
    ------
    ValueError
        If there is no such run.
    """
    return read_history(find(folder, run).folder)
