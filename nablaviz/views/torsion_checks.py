"""Which geometries of a torsion are computed with DFT, how far that is, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from concurrent.futures import Future
from dataclasses import dataclass, field

from ipywidgets import HTML, Box, Button, Dropdown, VBox

from nablaviz.chem.dft import SCFError
from nablaviz.models.torsion import TorsionPath
from nablaviz.models.torsion_check import Check, check
from nablaviz.views.background import Background, Tell
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress, converged

STEPS = (90, 60, 30, 10)
"""Degrees between the geometries, where not only one is computed."""

HERE = 0
"""Stands for the geometry that is shown."""


@dataclass
class Run:
    """Geometries that are computed, and what has come of them."""

    path: TorsionPath
    angles: list[float]
    coming: list[Check] = field(default_factory=list)
    "Computed, and not yet shown."
    faults: dict[float, str] = field(default_factory=dict)

    def work(self, tell: Tell) -> None:
        """Compute one after the other; what DFT cannot converge is kept with the reason."""
        begun, total = time.monotonic(), len(self.angles)
        for done, angle in enumerate(self.angles):
            where = {"angle": _degrees(angle), "done": done + 1, "total": total}

            def progress(
                iteration: int, energy: float, change: float, done: int = done, where: dict = where
            ) -> None:
                said = say("torsion.progress", **where, iteration=iteration, change=change)
                tell(_left(said, begun, done, total), (done + converged(change)) / total)

            tell(_left(say("torsion.integrals", **where), begun, done, total), done / total)
            try:
                self.coming.append(check(self.path.at(angle), progress))
            except (ValueError, SCFError) as fault:
                self.faults[angle] = str(fault)


def _left(said: str, begun: float, done: int, total: int) -> str:
    """With the seconds that are left, once a geometry is done."""
    if not done:
        return said
    seconds = (time.monotonic() - begun) / done * (total - done)
    return say("torsion.left", said=said, seconds=f"{seconds:.0f}")


class TorsionChecks(VBox):
    """Nothing runs before the button is pressed, or `start` called.

    Parameters
    ----------
    ask
        Called by the button with the step that is chosen; what it raises is shown.
    show
        Called, where the widgets live, with each geometry that has been computed.
    over
        Called when it has ended or was stopped.
    """

    def __init__(
        self, ask: Callable[[int], object], show: Callable[[Check], object], over: Callable[[], object]
    ) -> None:
        self._show, self._over = show, over
        self._run: Run | None = None
        every = [(say("torsion.every", step=step), step) for step in STEPS]
        self.step = Dropdown(
            options=[(say("torsion.here"), HERE), *every], value=30, description=say("torsion.at")
        )
        self.step.add_class("nablaviz-control")
        self.button = Button(
            description=say("torsion.check"), tooltip=say("torsion.check_does"), button_style="primary"
        )
        self.button.on_click(lambda _: self._press(ask))
        self.progress, self.notice, self.table = Progress(), Notice(), HTML()
        self.background = Background(self._say, self.progress.clear)
        line = Box([self.button, self.step, self.progress])
        line.add_class("nablaviz-torsion-line")
        self.table.add_class("nablaviz-tables")
        super().__init__([line, self.notice, self.table])
        self.add_class("nablaviz-torsion-checks")

    @property
    def running(self) -> bool:
        """Whether DFT is at work."""
        return self._run is not None

    def start(self, path: TorsionPath, step: int, here: float, known: Container[float]) -> None:
        """Compute points of a path in the background.

        Parameters
        ----------
        step
            Degrees between them, one of ``STEPS``; or ``HERE``.
        here
            The angle of the geometry that is shown.
        known
            Angles that need not be computed.

        Raises
        ------
        ValueError
            If DFT is at work, or there is no such step.
        """
        if self.running:
            raise ValueError(say("torsion.is_checking"))
        if step not in (HERE, *STEPS):
            allowed = ", ".join(map(str, STEPS))
            raise ValueError(say("torsion.unknown_step", allowed=allowed, step=repr(step)))
        angles = [angle for angle in path.grid if angle % step == 0] if step else [here]
        angles.sort(key=lambda angle: (angle % 90 != 0, angle % 60 != 0, angle))
        self._run = run = Run(path, [angle for angle in angles if angle not in known])
        self.button.disabled = True
        self.notice.clear()
        self.progress.say(say("torsion.check"), 0.0, self.stop)

        def done(found: Future[None]) -> None:
            self._end()
            with self.notice.guard():
                found.result()
                if run.faults:
                    raise ValueError("; ".join(f"{_degrees(a)}: {fault}" for a, fault in run.faults.items()))

        self.background.start(run.work, done)

    def _press(self, ask: Callable[[int], object]) -> None:
        with self.notice.guard():
            ask(self.step.value)

    def stop(self) -> None:
        """Give up what is running; what has been computed is kept."""
        self.background.stop()
        if self.running:
            self._end()

    def _end(self) -> None:
        self._take()
        self._run, self.button.disabled = None, False
        self._over()

    def _say(self, text: str, part: float | None = None) -> None:
        self.progress.say(text, part, self.stop)
        self._take()

    def _take(self) -> None:
        while self._run is not None and self._run.coming:
            self._show(self._run.coming.pop(0))


def _degrees(angle: float) -> str:
    return f"{write_number(angle, 0)}°"
