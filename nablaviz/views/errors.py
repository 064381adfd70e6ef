"""The error panel: where one or two models are wrong, and why; one selection in all its parts."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from ipywidgets import HTML, Box, Button, Dropdown, ToggleButtons, VBox

from nablaviz.data.catalog import Catalog
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.models.interface import HAMILTONIAN
from nablaviz.molecule import Conformer
from nablaviz.studies.analysis import Analysis
from nablaviz.studies.error_kinds import KINDS
from nablaviz.studies.predictions import sources
from nablaviz.views.browse import Rows
from nablaviz.views.conformer_view import ConformerView
from nablaviz.views.error_figures import HARTREE, KCAL
from nablaviz.views.error_plot import ErrorPlot, offer
from nablaviz.views.error_view import ErrorView
from nablaviz.views.gallery import Gallery
from nablaviz.views.judging import Judging
from nablaviz.views.language import say, term
from nablaviz.views.notice import Notice, announced
from nablaviz.views.panel import Panel
from nablaviz.views.selection_export import SelectionExport
from nablaviz.views.slice_list import SliceList

if TYPE_CHECKING:
    import pandas as pd

LARGER, WINS = "larger errors", "who wins where"
EVERYTHING, SELECTED = "all", "the selection"


def errors(dataset: Dataset | Iterable[Conformer], predictions: Any, **options: Any) -> ErrorsPanel:
    """Look at the errors of a model, or of two side by side: see :class:`ErrorsPanel`.

    Examples
    --------
    >>> panel = nablaviz.errors(nablaviz.sample(), "model.safetensors")
    >>> panel
    >>> panel.slices.head()
    >>> panel.selection = panel.table.nlargest(10, "model")
    """
    source = dataset if isinstance(dataset, Dataset) else Memory(dataset)
    with announced(say("common.reading", n=len(source))):
        return ErrorsPanel(source, predictions, **options)


class ErrorsPanel(Panel):
    """Parity, distribution, error against what it may depend on, groups with larger errors, the worst in 3D.

    What is selected in one is selected in all.

    Parameters
    ----------
    dataset
        Any source of conformers with labels.
    predictions
        A model, its name or file; a table of :func:`nablaviz.studies.metrics.measure`, or the path of one
        (.csv or .parquet); or a mapping of two names to these.
    height
        Of the plots and the 3D view, in pixels.
    """

    selection = Rows()
    """Selected rows of the dataset, the last one active. It can be set, and observed."""

    def __init__(self, dataset: Dataset, predictions: Any, *, height: int = 300) -> None:
        if len(dataset) == 0:
            raise ValueError(f"{dataset!r} has no conformers to look at")
        self.dataset = dataset
        self.sources = sources(predictions, dataset)
        self.catalog = Catalog(dataset)
        self.view: ErrorView | None = None
        "What is shown; nothing before there are errors."
        self.head, self.notice = HTML(), Notice()
        self.judging = Judging(self.catalog, self.sources, self._take)
        self.kind, self.split, self.model, self.worst_of = (
            Dropdown(description=say(f"errors.{name}")) for name in ("kind", "split", "model", "worst_of")
        )
        offer(self.worst_of, [(say("errors.everything"), EVERYTHING), (say("errors.selected"), SELECTED)])
        self.unit = ToggleButtons(options=[KCAL, HARTREE])
        self.question = ToggleButtons(options=[(say("errors.larger"), LARGER), (say("errors.wins"), WINS)])
        for control in (self.kind, self.split, self.model, self.worst_of):
            control.add_class("nablaviz-control")
        self.parity = ErrorPlot(say("errors.show"), lambda *how: self._shown.parity(*how), height)
        self.residuals = ErrorPlot(say("errors.show"), lambda *how: self._shown.distribution(*how), height)
        self.against = ErrorPlot(say("errors.by"), lambda *how: self._shown.dependence(*how), height)
        self.sentences = SliceList()
        self.conformer = ConformerView(self.catalog, height + 60)
        self.numbers = HTML()
        self.orbitals = Button(description=say("errors.orbitals"))
        self.gallery = Gallery(dataset, [self.worst_of])
        self.export = SelectionExport(dataset)
        self.comparison = VBox()
        chosen = Box([self.kind, self.unit, self.split, self.model])
        chosen.add_class("nablaviz-choices")
        found = VBox([self.question, self.sentences])
        found.add_class("nablaviz-found")
        side = self.conformer.side
        side.children = [self.numbers, self.orbitals, *side.children]
        plots = [self.parity, self.residuals, self.against]
        parts = Box([*plots, found, self.conformer, side, self.gallery])
        parts.add_class("nablaviz-errors-parts")
        self._whole = [chosen, parts, self.export]
        super().__init__(
            "browse errors",
            [self.head, self.judging, chosen, self.notice, parts, self.export, self.comparison],
        )
        self._linked: list[ErrorPlot | SliceList | Gallery] = [*plots, self.sentences, self.gallery]
        for part in self._linked:
            part.on_select(self._select)
        self.conformer.on_step(self._step)
        for control in (self.kind, self.unit, self.split):
            control.observe(lambda _: self._refresh(), "value")
        for control in (self.model, self.question):
            control.observe(lambda _: self._judge(), "value")
        self.worst_of.observe(lambda _: self._rank(), "value")
        self.orbitals.on_click(lambda _: self.compare_orbitals())
        self.theme.observe(lambda change: self._dark(change["new"]), "dark")
        self._display(False)
        self.judging.start()

    @property
    def _shown(self) -> ErrorView:
        """What is shown; waits for what is still being predicted."""
        if self.view is None:
            self.judging.background.wait()
        if self.view is None:
            raise ValueError(self.judging.notice.text or "nothing was predicted: start again in the panel")
        return self.view

    @property
    def analysis(self) -> Analysis:
        """All errors, and what they may depend on; so as the following, it waits for what is being predicted.

        Raises
        ------
        ValueError
            If there are none, because it was stopped or failed.
        """
        return self._shown.analysis

    @property
    def table(self) -> pd.DataFrame:
        """The conformers in view, indexed by row, with the error of each model under its name."""
        return self._shown.covariates.assign(**self._shown.errors)

    @property
    def slices(self) -> pd.DataFrame:
        """All groups tested for larger errors: see :func:`nablaviz.studies.slices.slices`."""
        view = self._shown
        return view.analysis.slices(self.model.value, view.kind, view.rows)

    @property
    def contests(self) -> pd.DataFrame:
        """All groups tested for who wins: see :func:`nablaviz.studies.slices.contests`.

        Raises
        ------
        ValueError
            If there is one model only.
        """
        view = self._shown
        if len(view.analysis.names) < 2:
            raise ValueError("there is one model only: give a mapping of two names to predictions")
        return view.analysis.contests(view.kind, view.rows)

    def _take(self, analysis: Analysis) -> None:
        with self.notice.guard():
            kinds = analysis.kinds
            if not kinds:
                raise ValueError(say("errors.nothing", names=say("common.and").join(analysis.names)))
            offer(self.model, [(name, name) for name in analysis.names])
            offer(self.split, [(term(name.replace("_", " ")), name) for name in analysis.splits])
            offer(self.kind, [(term(KINDS[kind].label), kind) for kind in kinds])
            self.unit.value = KCAL if "energy" in kinds[0] else HARTREE
            for part in (self.model, self.question):
                part.layout.display = None if len(analysis.names) > 1 else "none"
            self.view = ErrorView(analysis, self.kind.value, analysis.rows(self.split.value), self.unit.value)
            self._display(True)
            self._refresh()
            self.selection = self.gallery.shown[:1]

    def _display(self, shown: bool) -> None:
        for part in self._whole:
            part.layout.display = None if shown else "none"

    def _refresh(self) -> None:
        """Draw everything: the conformers, the error or the unit are others."""
        if self.view is None:
            return
        with self.notice.guard():
            analysis = self.view.analysis
            rows = analysis.rows(self.split.value)
            self.view = ErrorView(analysis, self.kind.value, rows, self.unit.value)
            self.head.value = self.view.headline(self.dataset.path.name, len(self.dataset))
            self.parity.offer(self.view.parities)
            self.residuals.offer(self.view.distributions)
            self.against.offer(self.view.dependences)
            self._judge()
            self._describe()

    def _judge(self) -> None:
        """Find the groups and the worst conformers of the model chosen."""
        if self.view is None:
            return
        with self.notice.guard():
            wins = self.question.value == WINS and len(self.view.analysis.names) > 1
            table = self.contests if wins else self.slices
            sentences = self.view.sentences(table)
            count = f"<b>{len(sentences)}</b>"
            said = say("errors.differ", n=count, total=len(table))
            if not wins:
                said = say("errors.more", n=count, total=len(table), name=html.escape(self.model.value))
            self.sentences.show(said, sentences)
            self.sentences.select(self.selection)
            self._rank()

    def _rank(self) -> None:
        if self.view is not None:
            among = self.view.rows if self.worst_of.value == EVERYTHING else np.asarray(self.selection)
            self.gallery.show(self.view.ranked(self.model.value, among))

    @traitlets.observe("selection")
    def _selected(self, _: Any) -> None:
        if self.view is None:
            return
        for part in self._linked:
            part.select(self.selection)
        self.conformer.select(self.selection)
        self.export.select(self.selection)
        if self.worst_of.value == SELECTED:
            self._rank()
        self._describe()
        for panel in self.comparison.children if self.selection else ():
            panel.row = self.selection[-1]

    def _describe(self) -> None:
        """The errors of the active conformer, and whether its orbitals can be compared."""
        self.numbers.value = self._shown.numbers(self.selection[-1]) if self.selection else ""
        model = self._hamiltonians()
        self.orbitals.disabled = not self.selection or model is None
        self.orbitals.tooltip = (
            say("errors.needs_model") if model is None else say("errors.orbitals_of", name=model.card.name)
        )

    def _hamiltonians(self) -> Any:
        """The model whose orbitals can be compared, the chosen one if it can."""
        ordered = sorted(self.sources, key=lambda source: source.name != self.model.value)
        models = [source.model for source in ordered]
        return next((m for m in models if getattr(getattr(m, "card", None), "kind", "") == HAMILTONIAN), None)

    def compare_orbitals(self) -> None:
        """Open the orbitals of the active conformer, of DFT and of the model, below."""
        from nablaviz.views.compare import ComparisonPanel

        for panel in self.comparison.children:
            panel.close()
        with self.notice.guard():
            panel = ComparisonPanel(self.dataset, self._hamiltonians(), row=self.selection[-1])
            self.comparison.children = [panel]

    def _select(self, rows: list[int]) -> None:
        self.selection = rows

    def _step(self, by: int) -> None:
        """Arrow keys in the 3D view go on to the next worst."""
        self.gallery.step(by)

    def _dark(self, dark: bool) -> None:
        for part in (self.parity, self.residuals, self.against, self.conformer):
            part.set_dark(dark)
