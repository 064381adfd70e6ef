"""What is to be trained and for how long, buttons that start and stop it, and how far it is."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence

from ipywidgets import HTML, Box, Button, Dropdown, FloatProgress, FloatText, IntText, VBox

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
        self.architecture = Dropdown(options=HAMILTONIAN, value=plan.architecture, description="model")
        self.size = Dropdown(options=sizes(plan.architecture), value=plan.size, description="size")
        self.training = Dropdown(
            options=[(split or "all but a tenth", split) for split in splits],
            value=plan.training,
            description="train on",
        )
        self.seconds = FloatText(plan.seconds, description="seconds", tooltip="Of training, by the clock")
        self.seed = IntText(
            plan.seed, description="seed", tooltip="Of the first weights and the order of the data"
        )
        self._settings = (self.architecture, self.size, self.training, self.seconds, self.seed)
        self.start = Button(description="Start", button_style="primary", tooltip="A new run")
        self.stop = Button(description="Stop", tooltip="After the step at hand; the state is kept")
        self.resume = Button(description="Continue", tooltip="Go on where the run was stopped")
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
        self.say("Not trained yet: the model is its baseline.", 0.0)
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
        self.size.options = sizes(self.architecture.value)
