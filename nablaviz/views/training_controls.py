"""What is to be trained and for how long, buttons that start and stop it, and how far it is."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from ipywidgets import HTML, Box, Button, Dropdown, FloatProgress, FloatText, IntText, VBox

from nablaviz.views.language import say, term
from nablaviz.views.training_run import HAMILTONIAN, Plan, sizes


class TrainingControls(VBox):
    """Says what was chosen in ``plan``.

    Parameters
    ----------
    plan
        What is chosen at first.
    splits
        The training sets to choose from.
    start, stop, resume
        What the buttons do.
    """

    def __init__(
        self,
        plan: Plan,
        splits: Sequence[str],
        start: Callable[[], object],
        stop: Callable[[], object],
        resume: Callable[[], object],
    ) -> None:
        self._resumable: Plan | None = None
        self.running = False
        "Whether it trains, or prepares to."
        self.architecture = Dropdown(
            options=HAMILTONIAN, value=plan.architecture, description=say("training.model")
        )
        self.size = Dropdown(
            options=_named(sizes(plan.architecture)), value=plan.size, description=say("training.size")
        )
        self.training = Dropdown(
            options=[(split or say("training.most"), split) for split in splits],
            value=plan.training,
            description=say("training.train_on"),
        )
        self.seconds = FloatText(
            plan.seconds, description=say("training.seconds"), tooltip=say("training.seconds_are")
        )
        self.seed = IntText(plan.seed, description=say("training.seed"), tooltip=say("training.seed_is"))
        self._settings = (self.architecture, self.size, self.training, self.seconds, self.seed)
        self.start = Button(
            description=say("training.start"), button_style="primary", tooltip=say("training.start_does")
        )
        self.stop = Button(description=say("training.stop"), tooltip=say("training.stop_does"))
        self.resume = Button(description=say("training.resume"), tooltip=say("training.resume_does"))
        buttons = Box([self.start, self.stop, self.resume])
        buttons.add_class("nablaviz-buttons")
        for control in self._settings:
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._enable(), "value")
        self.architecture.observe(lambda _: self._offer_sizes(), "value")
        for button, act in ((self.start, start), (self.stop, stop), (self.resume, resume)):
            button.on_click(lambda _, act=act: act())
        bar = Box(self._settings)
        bar.add_class("nablaviz-bar")
        self.bar = FloatProgress(0, min=0, max=1)
        self.text = HTML()
        line = Box([buttons, self.bar, self.text])
        line.add_class("nablaviz-state")
        super().__init__([bar, line])
        self.add_class("nablaviz-plan")
        self.say(say("training.untrained"), 0.0)
        self._enable()

    @property
    def plan(self) -> Plan:
        """What is chosen."""
        return Plan(*(control.value for control in self._settings))

    def began(self) -> None:
        """A run has begun, or goes on."""
        self.running = True
        self._enable()

    def ended(self, resumable: Plan | None = None) -> None:
        """It is over, or can be gone on with while nothing else is chosen."""
        self.running, self._resumable = False, resumable
        self._enable()

    def say(self, text: str, part: float | None = None) -> None:
        """Show how far it is; ``part`` is 0 to 1, or as before."""
        self.text.value = f'<span role="status">{html.escape(text)}</span>'
        if part is not None:
            self.bar.value = part

    def _enable(self) -> None:
        for control in (*self._settings, self.start):
            control.disabled = self.running
        self.stop.disabled = not self.running
        self.resume.disabled = self.running or self._resumable != self.plan

    def _offer_sizes(self) -> None:
        self.size.options = _named(sizes(self.architecture.value))


def _named(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(term(name), name) for name in names]
