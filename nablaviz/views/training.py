"""The training panel: a model of the Hamiltonian learns while one watches its loss and its orbitals."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import Dropdown

from nablaviz.chem.comparison import Solution, solution
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.models.history import read_history
from nablaviz.models.interface import Model
from nablaviz.models.library import load_model
from nablaviz.models.second import name_of
from nablaviz.molecule import Conformer
from nablaviz.views.background import Background
from nablaviz.views.conformer_choice import ConformerChoice, Row
from nablaviz.views.language import say, term
from nablaviz.views.notice import Notice, announced
from nablaviz.views.orbital_views import OrbitalViews
from nablaviz.views.panel import Panel
from nablaviz.views.training_controls import TrainingControls
from nablaviz.views.training_curves import TrainingCurves
from nablaviz.views.training_looks import ORBITALS, Look, Record, look
from nablaviz.views.training_run import Plan, WatchedRun, training_splits

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.models.training import Run


def watch_training(
    dataset: Dataset | Iterable[Conformer], architecture: str = "edge-frame", **options: Any
) -> TrainingPanel:
    """Train a model of the Hamiltonian and watch it learn: see :class:`TrainingPanel`.

    Examples
    --------
    >>> panel = nablaviz.watch_training(nablaviz.sample(), training="train_100", seconds=60)
    >>> panel.start()
    >>> panel
    >>> run = await panel.finished()
    >>> run.model.save("mine.safetensors")
    """
    source = dataset if isinstance(dataset, Dataset) else Memory(dataset)
    with announced(say("training.preparing")):
        return TrainingPanel(source, architecture, **options)


class TrainingPanel(Panel):
    """Loss and orbitals of a model of the Hamiltonian while it is trained.

    One conformer is predicted again about every second, with the running average of the weights, and drawn
    beside DFT. Training runs in a thread: the notebook answers meanwhile. In a script `start` returns when it
    is over.

    Parameters
    ----------
    dataset
        Conformers with Hamiltonians.
    architecture
        One of ``edge-frame``, ``qhnet`` and ``hamiltonian-ridge``.
    size
        Of ``edge-frame``: ``small``, ``medium``, ``large`` or ``gpu``.
    training
        The split that it is trained on, such as ``train_100``; by default the second smallest there is.
    seconds
        Of training, by the clock.
    seed
        Of the first weights and of the order of the data.
    row
        The conformer that is looked at; by default the first that validates.
    settings
        Other settings of the model or of the training by name, such as ``{"basis": "atomic"}``.
    out
        Folder of the run, which keeps history, checkpoint and model; by default a temporary one for each.
    height
        Of the 3D views, in pixels.

    Raises
    ------
    ValueError
        If there is nothing to train on, or no such architecture, size, split or setting.
    """

    row = Row(0)
    """The conformer that is looked at. It can be set, and observed."""

    orbital = traitlets.Enum(ORBITALS, "HOMO")
    """Which of its orbitals is drawn."""

    def __init__(
        self,
        dataset: Dataset,
        architecture: str = "edge-frame",
        *,
        size: str | None = None,
        training: str | None = None,
        seconds: float = 60,
        seed: int = 0,
        row: int | None = None,
        settings: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        height: int = 300,
    ) -> None:
        if len(dataset) == 0:
            raise ValueError(f"{dataset!r} has no conformer to train on")
        self.dataset, self._changes, self._out = dataset, dict(settings or {}), out
        plan = Plan.of(dataset, architecture, size, training, seconds, seed)
        model, _ = plan.build(self._changes)
        baseline = model.settings.baseline
        self._baseline = None if baseline == "none" else load_model(baseline)
        self.run: Run | None = None
        "The run, once it has ended or was stopped; ``run.model`` has the best weights."
        self._watched: WatchedRun | None = None
        self._subject: tuple[int, Solution] | None = None
        self._record = Record()
        self._coming: Look | str | None = None
        self._seen: Look | None = None
        self.controls = TrainingControls(plan, training_splits(dataset), self.start, self.stop, self.resume)
        self.background = Background(self._say, lambda: None)
        self.notice = Notice()
        self.choice = ConformerChoice(dataset)
        self.views = OrbitalViews(height)
        self.shown = Dropdown(options=ORBITALS, value=self.orbital, description=say("orbitals.orbital"))
        self.shown.add_class("nablaviz-control")
        views = self.views
        views.bar.children = (self.shown, views.enclosed, views.style_of, views.opacity, views.paint)
        self.curves = TrainingCurves()
        parts = [self.controls, self.notice, self.choice, views, self.curves]
        super().__init__("compare training", parts)
        validating = (dataset.table["split"] == "validation").fillna(False).to_numpy(dtype=bool)
        self.choice.row = self.row = int(validating.argmax()) if row is None else row
        traitlets.link((self.choice, "row"), (self, "row"))
        traitlets.link((self.shown, "value"), (self, "orbital"))
        self.observe(lambda _: self._choose(), "row")
        self.observe(lambda _: self._draw(), "orbital")
        self.theme.observe(lambda _: self._plot(), "dark")
        self._choose()

    @property
    def history(self) -> pd.DataFrame:
        """Loss and metrics so far: see :func:`nablaviz.models.history.read_history`."""
        import pandas as pd

        return read_history(self._watched.folder) if self._watched else pd.DataFrame()

    @property
    def table(self) -> pd.DataFrame:
        """What was seen of conformers, a line for each look and orbital; energies in Eh.

        ``row``, ``step`` (0: the baseline), ``seconds``, ``orbital``, its ``overlap`` with DFT's and its
        ``level_error``, ``gap_error`` and ``hamiltonian_mae``.
        """
        return self._record.table

    def start(self) -> None:
        """Begin a new run; in the folder ``out``, where there is one, go on with what is there.

        Raises
        ------
        ValueError
            If one is under way.
        """
        if self.controls.running:
            raise ValueError("training is under way: stop it first")
        with self.notice.guard():
            if self._out is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="nablaviz-", ignore_cleanup_errors=True)
            folder = Path(self._temporary.name if self._out is None else self._out)
            self._watched = WatchedRun(
                self.controls.plan, self._changes, self.dataset, folder, lambda: self._subject, self._take
            )
            self.run, self._record = None, Record()
            self._choose()
            self._work()

    def stop(self) -> None:
        """Stop after the step at hand and keep the state."""
        if self._watched:
            self._watched.stop()

    def resume(self) -> None:
        """Go on with the run that was stopped.

        Raises
        ------
        ValueError
            If there is none.
        """
        if self.controls.running or self._watched is None or self.run is None or self.run.reason != "stopped":
            raise ValueError("there is no stopped run to go on with")
        self.run = None
        self._work()

    async def finished(self) -> Run:
        """Wait for the end of training while the panel goes on showing it.

        Raises
        ------
        RuntimeError
            If it failed, or was not begun.
        """
        while self.controls.running:
            await asyncio.sleep(0.1)
        if self.run is None:
            raise RuntimeError(self.notice.text or "no run was begun")
        return self.run

    def _work(self) -> None:
        assert self._watched is not None
        self.controls.began()
        self.background.start(self._watched.work, self._ended)

    def _ended(self, found: Future[Run]) -> None:
        assert self._watched is not None
        resumable = None
        with self.notice.guard():
            try:
                self.run = run = found.result()
            except CancelledError:
                self.controls.say(say("training.too_soon"), 0.0)
            except Exception:
                self.controls.say(say("training.failed"))
                raise
            else:
                card, reason = run.model.card, term(run.reason)
                self.controls.say(say("training.done", n=card.steps, seconds=card.seconds, reason=reason))
                resumable = self._watched.plan if run.reason == "stopped" else None
                self._look(run.model, card.steps, card.seconds)
            finally:
                self.controls.ended(resumable)

    def _choose(self) -> None:
        """Look at another conformer: what the baseline makes of it, and the model if it does not learn."""
        row = self.row
        self._subject = self._seen = None
        with self.notice.guard():
            conformer = self.dataset[row]
            self.views.show(conformer.molecule)
            if conformer.hamiltonian is None:
                raise ValueError(say("training.no_hamiltonian", conformer=name_of(conformer, row)))
            source = name_of(conformer, row)
            self._subject = row, solution(conformer.molecule, conformer.hamiltonian, source=source)
            if self._baseline is not None and row not in set(self.table["row"]):
                self._look(self._baseline)
            if self.run is not None:
                self._look(self.run.model, self.run.model.card.steps, self.run.model.card.seconds)
        if self._seen is None:
            self._draw()

    def _look(self, model: Model, step: int = 0, seconds: float = 0.0) -> None:
        if self._subject is not None:
            self._show(look(model, *self._subject, step, seconds))

    def _take(self, seen: Look | str) -> None:
        """In the thread that trains; it is shown with what the thread tells next."""
        self._coming = seen

    def _say(self, text: str, part: float | None = None) -> None:
        self.controls.say(text, part)
        coming, self._coming = self._coming, None
        if isinstance(coming, Look):
            self.notice.clear()
            self._show(coming)
        elif coming:
            self.notice.say(coming)
            self._plot()

    def _show(self, seen: Look) -> None:
        self._record.add(seen)
        if seen.row == self.row:
            self._seen = seen
            self._draw()

    def _draw(self) -> None:
        """The orbital of what was seen last, and the curves."""
        if self._subject is not None:
            shown = self._seen.comparison if self._seen else self._subject[1]
            with self.notice.guard():
                number = index = self._subject[1].orbitals.index(self.orbital)
                if self._seen:
                    pairs = self._seen.comparison.matching.pairs
                    number = int((pairs[:, 0] == index).argmax())
                self.views.show(shown.molecule, shown, number)
        self._plot()

    def _plot(self) -> None:
        table = self.table
        table = table[(table["row"] == self.row) & (table["orbital"] == self.orbital)]
        self.curves.show(self.history, table, self.orbital, self.theme.dark)
