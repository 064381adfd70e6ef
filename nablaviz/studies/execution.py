"""The work of one run: prepare, train, measure. It can be stopped, paused or killed, and gone on with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.memory import Memory
from nablaviz.studies import control, state
from nablaviz.studies.averages import summary
from nablaviz.studies.energy_meter import Meter
from nablaviz.studies.metrics import measure
from nablaviz.studies.state import State
from nablaviz.studies.study import Run, Source, Study
from nablaviz.studies.subsets import TRAIN, Rows
from nablaviz.studies.tables import NUMBER, TEXT, WHOLE, read_table, save_table

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.data.dataset import Dataset
    from nablaviz.models.history import Progress
    from nablaviz.models.network import Network

ERRORS, SUMMARY = "errors.parquet", "summary.parquet"
"""Errors of each conformer; their means on each split."""

ERRORS_COLUMNS = {"split": TEXT, "row": WHOLE}
SUMMARY_COLUMNS = {
    **dict.fromkeys(("split", "metric", "unit"), TEXT),
    **dict.fromkeys(("value", "low", "high"), NUMBER),
    **dict.fromkeys(("n_molecules", "n_conformers"), WHOLE),
}
"""What the two must have."""

EVERY = 0.5
"""Seconds between two reports."""

PART = 16
"""Conformers that are measured between two looks at what is asked."""

WAIT = 60
"""Seconds that another process which works on the run is waited for: it may be about to end."""


class Stopped(Exception):
    """It was asked for."""


def execute(folder: Path, run: Run, study: Study, session: str, cache: Path) -> State:
    """Do what is left of a run, in the process of a worker.

    Parameters
    ----------
    folder
        Of the study.
    session
        Who puts the run to work.
    cache
        Folder of slow baselines.

    Returns
    -------
    State
        ``finished``, ``stopped``, or ``failed`` with the reason.
    """
    from filelock import FileLock, Timeout

    work = Work(folder, run, study, session, cache)
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(run.folder / ".run.lock", timeout=WAIT):
            work.state = replace(state.read_state(run.folder), session=session)
            work.report("beginning")
            if not work.state.trained:
                work.train()
            work.measure()
            return work.end(state.FINISHED)
    except Stopped:
        return work.end(state.STOPPED)
    except Timeout:
        return work.end(state.FAILED, "another process works on this run")
    except Exception as fault:  # whatever it is, it is this run's fault and no other's
        return work.end(state.FAILED, f"{type(fault).__name__}: {' '.join(str(fault).split())}")
    finally:
        _release_memory()


class Work:
    """A run in the hands of a worker."""

    def __init__(self, folder: Path, run: Run, study: Study, session: str, cache: Path) -> None:
        from nablaviz.data.baseline_cache import BaselineCache

        self.folder, self.run, self.study = folder, run, study
        self.cache = BaselineCache(cache, processes=1)  # other workers are at it too
        self.state = State(session=session)
        self.reported = 0.0

    @cached_property
    def source(self) -> Source:
        """The data."""
        return Source(self.study)

    @cached_property
    def rows(self) -> Rows:
        """The rows of the data that are this run's."""
        return self.source.subsets.rows(self.run.size, self.run.seed)

    def end(self, name: str, message: str = "") -> State:
        """Write down that nothing is done any more."""
        self._write(state=name, message=message)
        return self.state

    def report(self, message: str, **values: Any) -> None:
        """Write down what is being done; wait here if a pause is asked for.

        Raises
        ------
        Stopped
            If that is asked for.
        """
        self._write(state=state.RUNNING, message=message, **values)
        while asked := self.asked():
            if asked == control.STOP:
                raise Stopped
            if self.state.state != state.PAUSED:
                self._write(state=state.PAUSED)
            time.sleep(0.2)
        if self.state.state == state.PAUSED:
            self._write(state=state.RUNNING)

    def tell(self, message: str) -> None:
        """Report, if it is time for it."""
        if time.monotonic() - self.reported > EVERY:
            self.report(message)

    def asked(self) -> str | None:
        """What is asked of the worker; it is to stop if somebody else has taken over the study."""
        owner = control.owner(self.folder)
        return control.asked(self.folder) if owner and owner.session == self.state.session else control.STOP

    def _write(self, **values: Any) -> None:
        self.state = replace(self.state, **values)
        state.write_state(self.run.folder, self.state)
        self.reported = time.monotonic()

    def train(self) -> None:
        """Train the model, from its last checkpoint if there is one."""
        import lightning_fabric  # noqa: F401  (it takes seconds to load, which are not training's)

        from nablaviz.models.training import train
        from nablaviz.models.training_set import prepare

        model, settings = self.run.configure(self.study)
        dataset = self.source.dataset
        learnt, held_out = (Memory(dataset.select(r)) for r in (self.rows.training, self.rows.validation))
        self._fill(model, [learnt, held_out, *(dataset.select(r) for r in self.rows.tests.values())])
        count = len(learnt) + len(held_out)
        data = prepare(
            model,
            learnt,
            held_out,
            cache=self.cache,
            callback=lambda ready: self.tell(f"preparing: {ready} of {count} conformers"),
            progress=False,
        )
        split = f"{self.run.size} conformers of seed {self.run.seed}"
        model.card = replace(model.card, name=self.run.contender.name, data=self.study.data, split=split)
        self.report("training", device=_device(self.study.device))
        meter = Meter(self.state.joules)

        def callback(progress: Progress) -> None:
            if time.monotonic() - self.reported > EVERY:
                spent = progress.step, progress.seconds, progress.epoch
                self._count(*spent, len(learnt), fraction=min(1.0, progress.fraction), joules=meter.read())

        begun = time.monotonic()
        while True:
            result = train(
                model,
                data,
                settings,
                out=self.run.folder,
                device=self.study.device,
                callback=callback,
                stop=lambda: self.asked() is not None,
                progress=False,
            )
            if result.reason != "stopped":
                break
            self.report("training", joules=meter.read())
            meter.skip()
        last = result.history.iloc[-1]
        spent = last.step, last.seconds, last.epoch
        if not last.step:  # a closed form counts no time, and sees each sample once
            spent = 0, time.monotonic() - begun, 1.0
        self._count(*spent, len(learnt), fraction=1.0, joules=meter.read(), trained=True)

    def _count(self, step: int, seconds: float, epoch: float, size: int, **values: Any) -> None:
        seen = round(epoch * size)
        self._write(step=int(step), seconds=float(seconds), samples_seen=seen, **values)

    def _fill(self, model: Network, parts: Sequence[Dataset]) -> None:
        """Compute slow baselines, each run in an order of its own: the others compute other ones first."""
        from nablaviz.data.baseline_cache import SLOW

        if getattr(model.settings, "baseline", None) not in SLOW:
            return
        slices = [part[start : start + PART] for part in parts for start in range(0, len(part), PART)]
        done, count = 0, sum(map(len, parts))
        for place in np.random.default_rng().permutation(len(slices)).tolist():
            for conformer in slices[place]:
                with model.remembering(self.cache, [conformer.molecule], progress=False):
                    done += 1
                    self.tell(f"computing baselines: {done} of {count}")

    def measure(self) -> None:
        """Measure the errors on the splits that have not been measured, and put down their means."""
        import pandas as pd

        from nablaviz.models.history import MODEL
        from nablaviz.models.library import load_model

        path = self.run.folder / ERRORS
        tables = [read_table(path, ERRORS_COLUMNS)] if path.exists() else []
        model: Any = load_model(self.run.folder / MODEL)
        if self.state.device not in ("", "cpu"):
            model.to("cuda")
        for name, rows in {TRAIN: self.rows.training, **self.rows.tests}.items():
            if any((table["split"] == name).any() for table in tables):
                continue
            found = self._measured(model, self.source.dataset.select(rows), name)
            tables.append(found.assign(split=name, row=rows))
            save_table(pd.concat(tables, ignore_index=True), path)
        means = {name: summary(group) for name, group in pd.concat(tables).groupby("split", sort=False)}
        save_table(pd.concat([t.assign(split=n) for n, t in means.items()]), self.run.folder / SUMMARY)
        self._write(splits=tuple(means))

    def _measured(self, model: Network, dataset: Dataset, name: str) -> pd.DataFrame:
        import pandas as pd

        parts = []
        for start in range(0, len(dataset), PART):
            self.tell(f"measuring {name}: {start} of {len(dataset)} conformers")
            part = Memory(dataset[start : start + PART])
            parts.append(measure(model, part, cache=self.cache, progress=False))
        return pd.concat(parts, ignore_index=True)


def _device(name: str) -> str:
    """What a run is trained on."""
    import torch

    return torch.cuda.get_device_name() if name != "cpu" and torch.cuda.is_available() else "cpu"


def _release_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
