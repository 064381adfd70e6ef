"""The figure of learning curves with its controls: measure, split, axis, fits, target, published results."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Checkbox, Dropdown, FloatText, VBox

from nablaviz.studies.extrapolation import described, extrapolate
from nablaviz.studies.learning_curves import COSTS, SPLITS, Curve, Errors, curves, flags, join, measures
from nablaviz.studies.published import published
from nablaviz.studies.subsets import TEST_SPLITS, TRAIN
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.background import Background, Tell
from nablaviz.views.curve_figure import curve_figure, title
from nablaviz.views.language import phrase, say, term
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

ALL = "all"
FIRST = "energy_mae", "kcal/mol"
"""The measure that is shown at first, where there is such."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a study has found."""

    results: pd.DataFrame
    errors: Errors
    data: str
    "What it was trained on."


class CurveView(VBox):
    """Draws the results of one study or of two; a click on a run tells which it is.

    Parameters
    ----------
    height
        Of the plot, in pixels.
    """

    def __init__(self, height: int = 470) -> None:
        self.sources: Mapping[str, Source] = {}
        "The studies drawn, by label."
        self._results: pd.DataFrame | None = None
        self._order: list[tuple[str, str]] = []
        self._dark = False
        self._busy = False
        self._on_run: Callable[[str, str], None] = lambda study, run: None
        self._on_choice: Callable[[], None] = lambda: None
        self.curves: list[Curve] = []
        "Those of the measure chosen, all splits."
        self.metric = Dropdown(description=say("curves.measure"))
        self.split = Dropdown(options=[(say("curves.all_sets"), ALL)], description=say("curves.test_on"))
        self.x = Dropdown(options=[("size", "size")], description=say("curves.against"))
        self.fitted = Checkbox(True, description=say("curves.fit"), indent=False)
        self.target = FloatText(1.0, description=say("curves.target"), step=0.1)
        self.published = Checkbox(False, description=say("curves.published"), indent=False)
        self.notice = Notice()
        self.plot = Plot(height=height)
        self.words = HTML()
        self.words.add_class("nablaviz-words")
        controls = (self.metric, self.split, self.x, self.target, self.fitted, self.published)
        bar = Box(controls)
        bar.add_class("nablaviz-bar")
        for control in controls:
            control.add_class("nablaviz-control")
            control.observe(self._changed, "value")
        self.background = Background(lambda text, part=None: None, lambda: None)
        self.plot.on_click(lambda place, toggle: self._on_run(*self._order[place]))
        super().__init__([bar, self.notice, self.plot, self.words])
        self.add_class("nablaviz-curves")
        _warm()

    def on_run(self, callback: Callable[[str, str], None]) -> None:
        """Call ``callback(study, run)``, label and name, when a run is clicked."""
        self._on_run = callback

    def on_choice(self, callback: Callable[[], None]) -> None:
        """Call ``callback()`` when another measure or split is chosen."""
        self._on_choice = callback

    @property
    def table(self) -> pd.DataFrame:
        """The results of all studies shown, with ``study`` as the first column where there are two.

        Raises
        ------
        ValueError
            If no run has finished.
        """
        if self._results is None:
            raise ValueError(say("curves.no_run"))
        return self._results

    @property
    def figure(self) -> go.Figure:
        """What is drawn.

        Raises
        ------
        ValueError
            If no run has finished.
        """
        shown = [c for c in self.curves if self.split.value in (ALL, c.split) or c.split == TRAIN]
        if not shown:
            raise ValueError(say("curves.no_run"))
        places = {key: place for place, key in enumerate(self._order)}
        metric, unit = self.metric.value
        figure = curve_figure(
            shown, places, x=self.x.value, fitted=self.fitted.value, target=self.target.value or None,
            published=_published(metric, unit) if self.published.value else None, dark=self._dark,
        )  # fmt: skip
        if self.published.value or len(self.sources) > 1:
            trained = "; ".join(
                f"{label or say('curves.here')}: {s.data}" for label, s in self.sources.items()
            )
            figure.add_annotation(
                text=say("curves.trained_on", data=html.escape(trained)), showarrow=False,
                xref="paper", yref="paper", x=1, y=-0.13, xanchor="right", yanchor="top", font={"size": 11},
            )  # fmt: skip
        return figure

    def show(self, sources: Mapping[str, Source]) -> None:
        """Draw studies, by label."""
        self.sources = sources
        tables = {label: source.results for label, source in sources.items() if len(source.results)}
        self._results = None
        self.layout.display = None if tables else "none"
        if not tables:
            return
        self._results = join(tables) if len(sources) > 1 else next(iter(tables.values()))
        labels = self._results.get(
            "study", [next(iter(tables)) if len(sources) > 1 else ""] * len(self._results)
        )
        self._order = list(dict.fromkeys(zip(labels, self._results["run"], strict=True)))
        self._offer()
        self._compute()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        self._dark = dark
        self._draw()

    def _offer(self) -> None:
        """Offer what the results allow for, and keep what is chosen."""
        table = self.table
        self._busy = True
        metrics = [(title(*each), each) for each in measures(table)]
        _choose(self.metric, metrics, FIRST)
        present = set(table["split"])
        splits = [(term(SPLITS[s]), s) for s in TEST_SPLITS if s in present]
        _choose(self.split, [(say("curves.all_sets"), ALL), *splits], ALL)
        axes = [c for c in COSTS if c in ("size", "molecules") or table[c].notna().any()]
        _choose(self.x, [(_axis(c), c) for c in axes], "size")
        self._busy = False

    def _changed(self, change: dict[str, Any]) -> None:
        if self._busy:
            return
        if change["owner"] is self.published and change["new"]:
            self._busy = True
            self.x.value = "molecules"
            self._busy = False
        if change["owner"] in (self.metric, self.fitted):
            self._compute()
        else:
            self._draw()
        if change["owner"] in (self.metric, self.split):
            self._on_choice()

    def _compute(self) -> None:
        """Fit in a thread, then draw."""
        metric, unit = self.metric.value
        results, fitted = self.table, self.fitted.value
        errors = {label: source.errors for label, source in self.sources.items()}

        def work(tell: Tell) -> list[Curve]:
            found = curves(results, metric, unit, fitted=fitted, errors=errors)
            for curve in found:  # now: what is kept need not be computed while the kernel waits
                _ = curve.points
            return found

        self.background.start(work, self._take)

    def _take(self, done: Future[list[Curve]]) -> None:
        with self.notice.guard():
            self.curves = done.result()
            self._draw()

    def _draw(self) -> None:
        if not self.curves:
            return
        with self.notice.guard():
            self.plot.show(self.figure)
            self.words.value = self._said()
            if self.published.value and self.x.value != "molecules":
                self.notice.say(say("curves.by_molecules"), "info")
            elif self.published.value and _published(*self.metric.value).empty:
                self.notice.say(say("curves.none_published"), "info")

    def _said(self) -> str:
        """The fits and what is to be noticed, in words."""
        lines = []
        unit, target = self.metric.value[1], self.target.value
        for curve in self.curves:
            if curve.split == TRAIN or self.split.value not in (ALL, curve.split) or not self.fitted.value:
                continue
            if curve.fit is None:
                said = say("curves.no_fit", why=phrase(curve.refusal))
            else:
                said = phrase(described(curve.fit, unit))
                if target > 0:
                    found = phrase(str(extrapolate(curve.fit, target, unit)))
                    said += say("curves.for_target", target=f"{target:g} {unit}", found=found)
            lines.append((f"{curve.name}, {term(SPLITS[curve.split])}", said))
        items = "".join(f"<li><b>{html.escape(name)}</b>: {html.escape(said)}</li>" for name, said in lines)
        noticed = "".join(
            f"<li class='nablaviz-flag'>{html.escape(phrase(flag))}</li>" for flag in flags(self.curves)
        )
        return f"<ul>{noticed}{items}</ul>"


def _axis(cost: str) -> str:
    """What errors are drawn against, in a line."""
    name, unit = (term(part).lower() for part in COSTS[cost])
    return say("curves.cost", name=name, unit=unit) if unit else name


def _choose(control: Dropdown, options: list[tuple[str, Any]], first: Any) -> None:
    """Offer options; keep the one chosen, else take ``first``, else the first of them."""
    if list(control.options) == options:
        return
    values = [value for _, value in options]
    wanted = control.value if control.value in values else first
    control.options = options
    control.value = wanted if wanted in values else values[0]


def _warm() -> None:
    """Let plotly load what a first figure needs, 0.2 s, before a study runs and the kernel must answer."""
    from plotly.subplots import make_subplots

    make_subplots().add_scatter(x=[1], y=[1], line={"color": "#000"}).add_hline(1)


def _published(metric: str, unit: str) -> pd.DataFrame:
    """Published errors of a measure in a unit."""
    table = published()
    table = table[table["metric"] == metric]
    if unit == "kcal/mol":
        return table.assign(value=HARTREE2KCAL * table["value"], unit=unit)
    return table[table["unit"] == unit]
