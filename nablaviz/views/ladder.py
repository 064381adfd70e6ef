"""The panel of the ladder of methods: accuracy against cost, climbed before one's eyes."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Box, Button, Checkbox, Dropdown, FloatText, VBox

from nablaviz.chem.ladder import DONE, Step, climb, differences, energies
from nablaviz.chem.ladder_guard import Forecast, forecast
from nablaviz.chem.method import BASES, Settings
from nablaviz.chem.reactions import ARROW, Comparison, comparison
from nablaviz.chem.rung_cost import Limits
from nablaviz.chem.rungs import Predictor, Rung, choose
from nablaviz.models.library import load_model
from nablaviz.molecule import Molecule
from nablaviz.views.background import Background, Tell
from nablaviz.views.ladder_figure import ladder_figure
from nablaviz.views.ladder_table import ladder_table
from nablaviz.views.language import say
from nablaviz.views.notice import Notice, announced
from nablaviz.views.panel import Panel
from nablaviz.views.plot import Plot
from nablaviz.views.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

MODELS = ("energy", "hamiltonian")
"""Shipped models that are on the ladder where no others are given."""


def ladder(molecules: str | Molecule | Sequence[Molecule] | Comparison, **options: Any) -> LadderPanel:
    """Climb the ladder of methods on a reaction or on conformers: see :class:`LadderPanel`.

    Examples
    --------
    >>> panel = nablaviz.ladder("C=C + [H][H] -> CC", basis="6-31g")
    >>> panel.start()
    >>> panel
    >>> table = await panel.finished()
    """
    with announced(say("ladder.preparing")):
        return LadderPanel(molecules, **options)


class LadderPanel(Panel):
    """Relative energies by many methods, judged by the best, and what each of them takes.

    Before anything is computed the table says what each rung is expected to take; what would not fit is
    refused, with what to do instead. The rungs are climbed in a thread: the notebook answers meanwhile. In
    a script `start` returns when it is over.

    Parameters
    ----------
    molecules
        A reaction of SMILES such as ``"C=C + [H][H] -> CC"``, a SMILES (its conformers), a molecule, or
        several conformers or isomers, of which the first is the zero.
    rungs
        Keys of :data:`nablaviz.chem.rungs.RUNGS`; by default all.
    models
        Models, or names of shipped models or of files, by the names that they are to have.
    basis
        Of the methods that need one, such as ``"6-31g"``.
    seconds, memory
        What one rung may take for one molecule, s and bytes; by default ten minutes and most of what is free.
    reference
        Key of the rung that others are judged by; by default the highest that ran.
    conformers
        Of a SMILES at most.
    settings
        Other settings of the methods: see :class:`nablaviz.chem.method.Settings`.
    height
        Of the plot, in pixels.

    Raises
    ------
    ValueError
        If a molecule is no closed shell, a reaction is not balanced, or there is no such rung or model.
    """

    def __init__(
        self,
        molecules: str | Molecule | Sequence[Molecule] | Comparison,
        *,
        rungs: Iterable[str] | None = None,
        models: Mapping[str, Predictor | str] | None = None,
        basis: str = "def2-svp",
        seconds: float = 600,
        memory: float | None = None,
        reference: str | None = None,
        conformers: int = 4,
        settings: Mapping[str, Any] | None = None,
        height: int = 420,
    ) -> None:
        self.comparison = comparison(molecules, conformers)
        named = {name: name for name in MODELS} if models is None else models
        loaded = {name: load_model(m) if isinstance(m, str) else m for name, m in named.items()}
        self._rungs = choose(None if rungs is None else tuple(rungs), loaded)
        self._more, self._memory, self._reference = dict(settings or {}), memory, reference
        self.steps: list[Step] = []
        "What has been computed."
        self._drawn = 0
        self.forecasts: list[Forecast] = []
        "What each rung is expected to take."
        self._asked: dict[str, Any] = {}
        offered = list(dict.fromkeys([*BASES, basis]))
        self.basis = Dropdown(options=offered, value=basis, description=say("ladder.basis"))
        self.seconds = FloatText(seconds, description=say("ladder.limit"), tooltip=say("ladder.limit_does"))
        self.chosen = {rung.key: self._checkbox(rung) for rung in self._rungs}
        self.go = Button(
            description=say("ladder.start"), button_style="primary", tooltip=say("ladder.start_does")
        )
        self.go.on_click(lambda _: self.start())
        self.progress, self.notice = Progress(), Notice()
        self.plot, self.result = Plot(height=height), HTML()
        self.result.add_class("nablaviz-tables")
        self.background = Background(self._say, self._over)
        super().__init__("compare ladder", self._parts())
        for control in (self.basis, self.seconds):
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._forecast(), "value")
        self.theme.observe(lambda _: self._show(), "dark")
        self._forecast(first=True)

    @property
    def settings(self) -> Settings:
        """Of the methods, as chosen."""
        return Settings(**{"basis": self.basis.value} | self._more)

    @property
    def limits(self) -> Limits:
        """Of one rung for one molecule."""
        return Limits(self.seconds.value, self._memory)

    @property
    def table(self) -> pd.DataFrame:
        """Energy differences, kcal/mol: see :func:`nablaviz.chem.ladder.differences`."""
        found = differences(self.comparison, self.steps)
        if self._reference is not None and self._reference in set(found["rung"]):
            return differences(self.comparison, self.steps, self._reference)
        return found

    @property
    def energies(self) -> pd.DataFrame:
        """Energies of the molecules, Eh: see :func:`nablaviz.chem.ladder.energies`."""
        return energies(self.comparison, self.steps)

    def start(self) -> None:
        """Compute the rungs that are chosen, from the lowest; what was computed before is forgotten."""
        with self.notice.guard():
            wanted = [rung for rung in self._rungs if self.chosen[rung.key].value]
            if not wanted:
                raise ValueError(say("ladder.none_chosen"))
            told, limits = self.settings, self.limits
            self.steps, self._drawn = [], 0
            self._enable(False)
            self.progress.say(say("ladder.begins"), 0.0, self.stop)

            def work(tell: Tell) -> None:
                for step in climb(self.comparison, wanted, told, limits, tell):
                    self.steps.append(step)

            self.background.start(work, self._done)

    def stop(self) -> None:
        """Give up after the iteration at hand; what is computed stays."""
        if self.background.stop():
            self.notice.say(say("common.stopped"), "info")
            self._show()

    async def finished(self) -> pd.DataFrame:
        """Wait for the end of the climb while the panel goes on showing it: :attr:`table`.

        Raises
        ------
        RuntimeError
            If it failed.
        """
        while self.go.disabled:
            await asyncio.sleep(0.1)
        if self.notice.text and not self.steps:
            raise RuntimeError(self.notice.text)
        return self.table

    def _checkbox(self, rung: Rung) -> Checkbox:
        box = Checkbox(False, description=rung.title, tooltip=rung.says, indent=False)
        box.add_class("nablaviz-rung")
        return box

    def _parts(self) -> list[Any]:
        names = " · ".join(self.comparison.labels) if not self.comparison.total else self.comparison.names[0]
        what = say("ladder.total" if self.comparison.total else "ladder.relative")
        names = names.replace(ARROW, "→")
        head = HTML(f"<b>{html.escape(names)}</b> <span>{html.escape(what)}</span>")
        head.add_class("nablaviz-head")
        bar = Box([self.basis, self.seconds, self.go, self.progress])
        bar.add_class("nablaviz-bar")
        rungs = Box(list(self.chosen.values()))
        rungs.add_class("nablaviz-choices")
        card = VBox([bar, rungs])
        shown = VBox([self.plot])
        lines = VBox([self.result])
        for each in (card, shown, lines):
            each.add_class("nablaviz-details")
        return [head, card, self.notice, shown, lines]

    def _forecast(self, first: bool = False) -> None:
        """Say what each rung will take; at first choose those that fit."""
        with self.notice.guard():
            self.forecasts = forecast(self.comparison.molecules, self._rungs, self.settings, self.limits)
            for one in self.forecasts:
                box = self.chosen[one.rung.key]
                if first:
                    box.value = not one.reason
        self._show()

    def _say(self, text: str, part: float | None = None) -> None:
        self.progress.say(text, part, self.stop)
        if len(self.steps) > self._drawn:
            self._show()

    def _over(self) -> None:
        self.progress.clear()
        self._enable(True)

    def _done(self, future: Future[None]) -> None:
        with self.notice.guard():
            future.result()
        self._show()

    def _enable(self, free: bool) -> None:
        for control in (self.go, self.basis, self.seconds, *self.chosen.values()):
            control.disabled = not free

    def _show(self) -> None:
        self._drawn = len(self.steps)
        found = self.table
        states: dict[str, tuple[str, str]] = {}
        for step in self.steps:
            if step.rung.key not in states or step.state != DONE:
                states[step.rung.key] = step.state, step.note
        self.plot.show(ladder_figure(found, dark=self.theme.dark))
        self.result.value = ladder_table(self.forecasts, found, states, self.comparison.total)
