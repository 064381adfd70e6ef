"""A finished study without what only training needs: small enough to be handed on."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from nablaviz.models.history import HISTORY, read_rows
from nablaviz.studies.execution import ERRORS, SUMMARY
from nablaviz.studies.results import progress
from nablaviz.studies.state import FINISHED, STATE
from nablaviz.studies.study import FILE, runs
from nablaviz.studies.subsets import TRAIN

EVERY = 20
"""Of so many training steps one is kept in the histories; all validations are."""

SHIPPED = Path(__file__).parent / "shipped"


def shipped(name: str = "sample") -> Path:
    """The folder of a finished study that comes with nablaviz.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    names = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
    if name not in names:
        raise ValueError(f"no study {name!r} comes with nablaviz; there are {', '.join(names)}")
    return SHIPPED / name


def pack(folder: str | Path, out: str | Path) -> None:
    """Copy a finished study without weights and checkpoints, its histories thinned.

    The copy can be looked at as the study can; trained on it cannot.

    Raises
    ------
    ValueError
        If a run has not finished.
    FileExistsError
        If there is something at ``out``.
    """
    folder, out = Path(folder), Path(out)
    table = progress(folder)
    missing = table["run"][table["state"] != FINISHED]
    if len(missing):
        raise ValueError(f"{folder}: {len(missing)} runs have not finished, the first is {missing.iloc[0]}")
    if out.exists():
        raise FileExistsError(f"{out} is there already")
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        part.mkdir(parents=True)
        shutil.copyfile(folder / FILE, part / FILE)
        for run in runs(folder):
            place = part / run.folder.relative_to(folder)
            place.mkdir(parents=True)
            for name in (STATE, ERRORS, SUMMARY):
                shutil.copyfile(run.folder / name, place / name)
            rows = [
                r for r in read_rows(run.folder / HISTORY) if r["split"] != TRAIN or r["step"] % EVERY == 1
            ]
            (place / HISTORY).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
