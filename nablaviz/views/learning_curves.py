"""The panel of a study: set it up, run it, watch its learning curves, look into its runs."""

from __future__ import annotations

import html
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Accordion, Box, Button, Text

from nablaviz.data.formats import open as open_dataset
from nablaviz.studies import engine
from nablaviz.studies.results import conformer_errors, progress, results
from nablaviz.studies.study import FILE, Study, create, read
from nablaviz.views.background import Background, Tell
from nablaviz.views.comparison_export import new_file, write_text
from nablaviz.views.curve_view import CurveView, Source
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.panel import Panel
from nablaviz.views.progress import Progress
from nablaviz.views.run_view import RunView
from nablaviz.views.study_form import FIRST, StudyForm
from nablaviz.views.study_status import StudyStatus
from nablaviz.views.watch import Watch

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


def learning_curves(
    study: str | Path | Study = "study", *, folder: str | Path = "study"
) -> LearningCurvesPanel:
    """Set up, run and look at a study: see :class:`LearningCurvesPanel`.

    Parameters
    ----------
    study
        The folder of a study, which need not exist yet, or what a new one is to consist of.
    folder
        Where a new one is to be.

    Examples
    --------
    >>> panel = nablaviz.learning_curves("study")
    >>> panel
    >>> panel.table
    """
    if isinstance(study, Study):
        return LearningCurvesPanel(folder, study)
    return LearningCurvesPanel(study)


class LearningCurvesPanel(Panel):
    """Learning curves of a study, live.

    The study runs in processes of its own: it goes on when the notebook is closed, and a panel on the same
    folder shows where it is. Click a point to see its run, and one of the run's worst conformers to see its
    orbitals.

    Parameters
    ----------
    folder
        Of the study.
    study
        What the form begins with where there is none in the folder.
    """

    def __init__(self, folder: str | Path, study: Study | None = None) -> None:
        self.folder = Path(folder)
        self._second: Path | None = None
        self._finished: dict[Path, tuple[str, ...]] = {}
        self._sources: dict[Path, Source] = {}
        there = (self.folder / FILE).exists()
        self.head = HTML()
        self.form = StudyForm(study or (read(self.folder) if there else FIRST), self.start, self.estimate)
        self.setup = Accordion([self.form], titles=(say("study.setup"),))
        self.setup.selected_index = None if there and study is None else 0
        self.waiting = Progress()
        self.status = StudyStatus(
            partial(self._steer, engine.pause), partial(self._steer, engine.stop), self.resume
        )
        self.curves = CurveView()
        self.run = RunView()
        self.second = Text(
            description=say("study.beside"), placeholder=say("study.second"), continuous_update=False
        )
        self.file = Text("learning-curves", description=say("study.save_as"))
        self.save_table = Button(description=say("study.table"), tooltip=say("study.table_does"))
        self.save_figure = Button(description=say("study.figure"), tooltip=say("study.figure_does"))
        self.notice = Notice()
        foot = Box([self.second, self.file, self.save_table, self.save_figure])
        foot.add_class("nablaviz-line")
        for control in (self.second, self.file):
            control.add_class("nablaviz-control")
        parts = [self.head, self.setup, self.waiting, self.status, self.curves, self.run, foot, self.notice]
        super().__init__("study", parts)
        self.background = Background(
            lambda text, part=None: self.waiting.say(text, part, self._stop_waiting), self.waiting.clear
        )
        self.second.observe(lambda change: self.compare(change["new"].strip() or None), "value")
        self.save_table.on_click(lambda _: self._save(self.to_csv, ".csv"))
        self.save_figure.on_click(lambda _: self._save(self.to_html, ".html"))
        self.curves.on_run(self.open_run)
        self.curves.on_choice(self._choose)
        self.theme.observe(lambda _: self._recolour(), "dark")
        self._show_head()
        self._show(self._read())
        self.watch = Watch(self._read, self._show)

    @property
    def study(self) -> Study:
        """What the study of the folder consists of."""
        return read(self.folder)

    @property
    def table(self) -> pd.DataFrame:
        """What the finished runs have found: see :func:`nablaviz.studies.results.results`."""
        return results(self.folder)

    @property
    def progress(self) -> pd.DataFrame:
        """Where the runs are: see :func:`nablaviz.studies.results.progress`."""
        return progress(self.folder)

    @property
    def figure(self) -> go.Figure:
        """The curves as they are drawn."""
        return self.curves.figure

    def start(self, study: Study | None = None, *, workers: int | None = None) -> None:
        """Make the study, or change it, and run it in the background; what has been finished is kept.

        Parameters
        ----------
        study
            By default what the form says.
        workers
            Processes; by default so many as there are cores, and memory allows.

        Raises
        ------
        ValueError
            If it cannot be run, or another is being run in the folder.
        """
        create(self.folder, study or self.form.study)
        engine.start(self.folder, workers=workers)
        self.setup.selected_index = None
        self._show_head()
        self.watch.look()

    def resume(self) -> None:
        """Go on with what has not been finished."""
        self._steer(engine.resume)

    def estimate(self, study: Study | None = None) -> None:
        """Say how long a study takes, from a few steps of each model."""
        from nablaviz.studies.estimates import estimate

        wanted = study or self.form.study

        def work(tell: Tell) -> pd.DataFrame:
            tell(say("study.timing"))
            return estimate(wanted)

        self.background.start(work, self._estimated)

    def compare(self, folder: str | Path | None) -> None:
        """Draw a second study beside this one; ``None`` for none."""
        with self.notice.guard():
            if folder is not None:
                read(folder)
            self._second = None if folder is None else Path(folder)
            self.watch.look()

    def open_run(self, study: str, run: str) -> None:
        """Show a run: of which study by its label, empty for the only one."""
        with self.notice.guard():
            folder = next((f for label, f in self._folders().items() if label == study), self.folder)
            found = read(folder)
            self._choose()
            self.run.show(folder, found, run, _dataset(found.data))

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the results of all runs, of both studies where there are two."""
        write_text(new_file(path, overwrite), self.curves.table.to_csv(index=False))

    def to_html(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the figure as a page of its own, which needs neither kernel nor network."""
        figure = self.figure
        write_text(new_file(path, overwrite), figure.to_html(include_plotlyjs=True))

    def close(self) -> None:
        """Close the panel; what runs goes on."""
        self.watch.close()
        super().close()

    def _steer(self, act: Any) -> None:
        act(self.folder)
        self.watch.look()

    def _folders(self) -> dict[str, Path]:
        """The studies shown, by label."""
        if self._second is None:
            return {"": self.folder}
        first, second = self.folder.name, self._second.name
        return {first: self.folder, second if second != first else str(self._second): self._second}

    def _read(self) -> Seen | None:
        """What is to be seen now; results are read when there are new ones."""
        if not (self.folder / FILE).exists():
            return None
        table = progress(self.folder)
        for folder in self._folders().values():
            states = table if folder == self.folder else progress(folder)
            finished = tuple(states["run"][states["state"] == "finished"])
            if self._finished.get(folder) != finished:
                errors = cache(partial(conformer_errors, folder))
                self._sources[folder] = Source(results(folder), errors, read(folder).data)
                self._finished[folder] = finished
        sources = {label: self._sources[folder] for label, folder in self._folders().items()}
        rows = tuple(table.itertuples(index=False, name=None))
        return Seen(rows, engine.is_running(self.folder), engine.fault(self.folder), sources, table)

    def _show(self, seen: Seen | None) -> None:
        for part in (self.status, self.curves):
            part.layout.display = None if seen else "none"
        if seen is None:
            return
        self.status.show(seen.table, seen.running, seen.fault)
        if seen.sources != self.curves.sources:
            self.curves.show(seen.sources)
        self.run.refresh()

    def _show_head(self) -> None:
        there = (self.folder / FILE).exists()
        data = say("study.trained_on", data=read(self.folder).data) if there else say("study.new")
        self.head.value = (
            f'<div class="nablaviz-head"><b>{say("study.head")}</b>'
            f"<span>{html.escape(str(self.folder))}</span><span>{html.escape(data)}</span></div>"
        )

    def _choose(self) -> None:
        """Let the run show the worst conformers of the measure and split chosen."""
        metric, unit = self.curves.metric.value or ("energy_mae", "Eh")
        splits = [c.split for c in self.curves.curves if self.curves.split.value in ("all", c.split)]
        split = next((s for s in ("test_structures", *splits) if s in splits), "train")
        self.run.choose(metric, unit, split, self.theme.dark)

    def _recolour(self) -> None:
        self.curves.set_dark(self.theme.dark)
        self._choose()

    def _estimated(self, done: Future[Any]) -> None:
        with self.form.notice.guard():
            seconds = done.result()["seconds"].sum()
            self.form.notice.say(say("study.about", time=duration(seconds)), "info")

    def _stop_waiting(self) -> None:
        self.background.stop()

    def _save(self, write: Any, suffix: str) -> None:
        with self.notice.guard():
            name = self.file.value.strip()
            if not name:
                raise ValueError(say("common.name_needed"))
            path = Path(name).expanduser().with_suffix(suffix)
            write(path)
            self.notice.say(say("common.saved_size", path=path, size=path.stat().st_size / 1000), "info")


@dataclass(frozen=True)
class Seen:
    """What a look at the folder has found."""

    rows: tuple[tuple[Any, ...], ...]
    "Of the table of progress."
    running: bool
    fault: str
    sources: dict[str, Source]
    table: pd.DataFrame = field(compare=False)


@cache
def _dataset(name: str) -> Any:
    return open_dataset(name)


def duration(seconds: float) -> str:
    """A time as a person says it, such as ``"3 min"``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
