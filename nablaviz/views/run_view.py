"""One run of a study: its settings, its losses, its worst conformers, and their orbitals."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, VBox

from nablaviz.data.dataset import Dataset
from nablaviz.models.history import HISTORY, MODEL
from nablaviz.studies.learning_curves import SPLITS
from nablaviz.studies.results import conformer_errors, losses
from nablaviz.studies.state import read_state
from nablaviz.studies.study import Run, Study, find
from nablaviz.studies.subsets import TRAIN
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.compare import ComparisonPanel
from nablaviz.views.language import say, term
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot
from nablaviz.views.run_figures import loss_figure, worst_figure
from nablaviz.views.viewer import Viewer

if TYPE_CHECKING:
    import pandas as pd

WORST = 12
"""Conformers that are listed."""


class RunView(VBox):
    """What is known of a run; takes no space until one is shown."""

    def __init__(self) -> None:
        self.run: Run | None = None
        self._folder = Path()
        self._dataset: Dataset | None = None
        self._metric, self._unit, self._split, self._dark = "energy_mae", "Eh", TRAIN, False
        self._seen = -1.0
        self.facts = HTML()
        self.losses = Plot(height=300)
        self.worst = Plot(height=330)
        self.worst_title = HTML()
        self.worst.on_click(lambda row, toggle: self.inspect(row))
        self.shut = Button(description="✕", tooltip=say("run.close"))
        self.shut.on_click(lambda _: self.hide())
        self.notice = Notice()
        self.conformer = VBox()
        self.conformer.add_class("nablaviz-opened")
        left = VBox([self.facts, self.losses])
        right = VBox([self.worst_title, self.worst])
        plots = Box([left, right])
        plots.add_class("nablaviz-two")
        super().__init__([self.shut, plots, self.notice, self.conformer])
        self.add_class("nablaviz-run-view")
        self.hide()

    def hide(self) -> None:
        """Show no run."""
        self.run = None
        self._shut()
        self.layout.display = "none"

    def show(self, folder: Path, study: Study, name: str, dataset: Dataset) -> None:
        """Show a run.

        Parameters
        ----------
        folder, study
            Of the study.
        name
            Of the run.
        dataset
            The data of the study.

        Raises
        ------
        ValueError
            If there is no such run.
        """
        self.run, self._folder, self._dataset = find(folder, name), folder, dataset
        self._seen = -1.0
        self._shut()
        self.facts.value = _facts(self.run, study)
        self.layout.display = None
        self.refresh()

    def choose(self, metric: str, unit: str, split: str, dark: bool) -> None:
        """Of which measure and split the worst conformers are; whether the page is dark."""
        self._metric, self._unit, self._split, self._dark = metric, unit, split, dark
        self._seen = -1.0
        self.refresh()

    def refresh(self) -> None:
        """Draw what has come since, if anything has."""
        if self.run is None:
            return
        with self.notice.guard():
            path = self.run.folder / HISTORY
            changed = path.stat().st_mtime if path.exists() else 0.0
            state = read_state(self.run.folder)
            if changed + len(state.splits) == self._seen:
                return
            self._seen = changed + len(state.splits)
            history = losses(self._folder, self.run.name)
            self.losses.layout.display = None if len(history) > 1 else "none"
            if len(history) > 1:
                self.losses.show(loss_figure(history, dark=self._dark))
            self._list()

    def _list(self) -> None:
        """The worst conformers, once the errors are there."""
        assert self.run is not None
        table = self._worst()
        there = len(table) > 0
        split = term(SPLITS.get(self._split, self._split))
        said = say("run.worst", split=split) if there else say("run.no_errors")
        self.worst_title.value = f"<h4>{html.escape(said)}</h4>"
        self.worst.layout.display = None if there else "none"
        if there:
            factor = HARTREE2KCAL if self._unit == "kcal/mol" else 1.0
            figure = worst_figure(table, self._metric, self._unit, factor, dark=self._dark)
            self.worst.show(figure)

    def _worst(self) -> pd.DataFrame:
        import pandas as pd

        assert self.run is not None
        try:
            table = conformer_errors(self._folder, self.run.name)
        except FileNotFoundError:
            return pd.DataFrame()
        if self._metric not in table:
            self.notice.say(say("run.no_measure", metric=self._metric), "info")
            return pd.DataFrame()
        return table[table["split"] == self._split].nlargest(WORST, self._metric)

    def inspect(self, row: int) -> None:
        """Show a conformer: its orbitals beside DFT's where the run's model predicts a Hamiltonian.

        Parameters
        ----------
        row
            Of the data of the study.
        """
        assert self.run is not None and self._dataset is not None
        with self.notice.guard():
            self._shut()
            table = conformer_errors(self._folder, self.run.name)
            if "hamiltonian_mae" in table and table["hamiltonian_mae"].notna().any():
                weights = self.run.folder / MODEL
                if not weights.exists():
                    self.notice.say(say("run.no_weights"), "info")
                other = str(weights) if weights.exists() else None
                panel: ComparisonPanel | Viewer = ComparisonPanel(self._dataset, other, row=row)
            else:
                self.notice.say(say("run.no_hamiltonian", name=self.run.contender.name), "info")
                panel = Viewer(self._dataset[row].molecule)
            self.conformer.children = [panel]

    def _shut(self) -> None:
        """Close what was opened before: each 3D view keeps memory of the graphics card."""
        opened, self.conformer.children = self.conformer.children, ()
        for widget in opened:
            for part in (*getattr(getattr(widget, "views", None), "viewers", ()), widget):
                part.close()


def _facts(run: Run, study: Study) -> str:
    contender = run.contender
    found = read_state(run.folder)
    settings = ", ".join(f"{name} = {value}" for name, value in contender.settings.items())
    trained = say("run.trained_for", steps=found.step, n=found.samples_seen, seconds=found.seconds)
    rows = {
        "architecture": contender.architecture,
        "settings": settings or say("run.defaults"),
        "training_set": say("run.conformers_of", n=run.size, data=study.data, seed=run.seed),
        "budget": f"{study.budget:g} {term(study.unit)}",
        "trained": trained + (say("run.on_device", device=found.device) if found.device else ""),
        "folder": str(run.folder),
    }
    cells = "".join(
        f"<dt>{say(f'run.{name}')}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items()
    )
    title = html.escape(say("run.title", name=contender.name, n=run.size, seed=run.seed))
    return f"<h4>{title}</h4><dl>{cells}</dl>"
