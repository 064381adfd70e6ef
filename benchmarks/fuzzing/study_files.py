"""Files of studies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fuzzing.checks import digest, must


def study(path: Path) -> str:
    """All that a folder of a study is read for: its description, states, results, owner."""
    from nablaviz.studies import control, engine, results
    from nablaviz.studies.study import fingerprint, read, runs

    folder = next(parent for parent in path.parents if (parent / "runs").is_dir())
    description, runs_of = read(folder), runs(folder)
    for run in runs_of:
        must(run.folder.resolve().parent == (folder / "runs").resolve(), f"run in {run.folder}")
    progress = results.progress(folder)
    tables = [progress, results.results(folder)]
    for run in runs_of:
        if (run.folder / "errors.parquet").exists():
            tables.append(results.conformer_errors(folder, run.name))
            tables.append(results.losses(folder, run.name))
    must(((progress.fraction >= 0) & (progress.fraction <= 1)).all(), "fraction")
    must(isinstance(engine.is_running(folder), bool), "running")
    return digest(str(description), fingerprint(folder), control.asked(folder), *(t.to_csv() for t in tables))


def packed(path: Path) -> str:
    """The copy of a finished study that is handed on, and all that it is read for."""
    from nablaviz.studies.pack import pack

    folder = next(parent for parent in path.parents if (parent / "runs").is_dir())
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        copy = Path(name) / "copy"
        pack(folder, copy)
        return study(copy / path.relative_to(folder))


def specification(path: Path) -> str:
    from nablaviz.studies.study import specification

    found = specification(path)
    must(all(type(n) is int for n in (*found.sizes, *found.seeds)), "sizes and seeds are whole numbers")
    return digest(str(found))
