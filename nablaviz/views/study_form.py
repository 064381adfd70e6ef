"""The form in which a study is made: models, sizes, seeds, splits, budget, device."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from ipywidgets import HTML, Box, Button, Checkbox, Dropdown, FloatText, Text, VBox

from nablaviz.models.library import ARCHITECTURES
from nablaviz.models.schedule import DEVICES, UNITS
from nablaviz.studies.learning_curves import SPLITS
from nablaviz.studies.study import Contender, Study
from nablaviz.studies.subsets import TEST_SPLITS
from nablaviz.views.language import say, term
from nablaviz.views.notice import Notice

FIRST = Study(
    "sample",
    (Contender("LR", "composition"), Contender("descriptors", "descriptors"), Contender("PaiNN", "painn")),
    (50, 100, 200, 400),
    (0, 1, 2),
    budget=500,
)
"""What the form begins with."""


class ContenderLine(Box):
    """One model: what it is called, its architecture, its settings."""

    def __init__(self, contender: Contender, remove: Callable[[ContenderLine], None]) -> None:
        self.name = Text(contender.name, description=say("study.model"), placeholder=say("study.name"))
        self.architecture = Dropdown(options=list(ARCHITECTURES), value=contender.architecture)
        self.settings = Text(_written(contender.settings), placeholder=say("study.settings"))
        self.remove = Button(description="✕", tooltip=say("study.remove"))
        self.remove.on_click(lambda _: remove(self))
        super().__init__([self.name, self.architecture, self.settings, self.remove])
        self.add_class("nablaviz-contender")

    @property
    def contender(self) -> Contender:
        """What is written.

        Raises
        ------
        ValueError
            If a setting has no value.
        """
        settings = {}
        for part in shlex.split(self.settings.value):
            name, equals, value = part.partition("=")
            if not (name and equals):
                raise ValueError(say("study.setting_wrong", name=self.name.value, part=repr(part)))
            settings[name] = value
        name = self.name.value.strip() or self.architecture.value
        return Contender(name, self.architecture.value, settings)


class StudyForm(VBox):
    """Everything a study consists of, and the button that starts it.

    Parameters
    ----------
    study
        What it shows at first.
    start, estimate
        Called when the buttons are pressed.
    """

    def __init__(
        self, study: Study, start: Callable[[Study], None], estimate: Callable[[Study], None]
    ) -> None:
        self.data = Text(study.data, description=say("study.data"), placeholder=say("study.data_such_as"))
        self.lines = VBox([ContenderLine(contender, self._remove) for contender in study.contenders])
        self.more = Button(description=say("study.more"), tooltip=say("study.more_does"))
        self.sizes = Text(_listed(study.sizes), description=say("study.sizes"))
        self.seeds = Text(_listed(study.seeds), description=say("study.seeds"))
        self.splits = {
            name: Checkbox(name in study.splits, description=term(SPLITS[name]), indent=False)
            for name in TEST_SPLITS
        }
        self.budget = FloatText(study.budget, description=say("study.budget"))
        self.unit = Dropdown(options=[(term(unit), unit) for unit in UNITS], value=study.unit)
        self.device = Dropdown(
            options=[(term(device), device) for device in DEVICES],
            value=study.device,
            description=say("study.device"),
        )
        self.estimate = Button(description=say("study.estimate"), tooltip=say("study.estimate_does"))
        self.start = Button(description=say("study.start"), button_style="primary")
        self.notice = Notice()
        tested = Box([HTML(say("study.test_on")), *self.splits.values()])
        first = Box([self.data, self.sizes, self.seeds])
        second = Box([self.budget, self.unit, self.device, self.estimate, self.start])
        for box in (first, tested, second):
            box.add_class("nablaviz-line")
        for control in (self.data, self.sizes, self.seeds, self.budget, self.unit, self.device):
            control.add_class("nablaviz-control")
        self.more.on_click(lambda _: self._add())
        self.start.on_click(lambda _: self._pressed(start))
        self.estimate.on_click(lambda _: self._pressed(estimate))
        super().__init__([self.lines, self.more, first, tested, second, self.notice])
        self.add_class("nablaviz-form")

    @property
    def study(self) -> Study:
        """What is written.

        Raises
        ------
        ValueError
            If it is no study; the message says why.
        """
        return Study(
            self.data.value.strip(),
            tuple(line.contender for line in self.lines.children),
            _numbers(say("study.sizes_named"), self.sizes.value),
            _numbers(say("study.seeds"), self.seeds.value),
            tuple(name for name, box in self.splits.items() if box.value),
            self.budget.value,
            self.unit.value,
            self.device.value,
        )

    def _pressed(self, act: Callable[[Study], None]) -> None:
        with self.notice.guard():
            act(self.study)

    def _add(self) -> None:
        self.lines.children = [*self.lines.children, ContenderLine(Contender("", "schnet"), self._remove)]

    def _remove(self, line: ContenderLine) -> None:
        self.lines.children = [each for each in self.lines.children if each is not line]


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


def _numbers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError(say("study.not_numbers", name=name, text=repr(text))) from None


def _written(settings: Mapping[str, str]) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in settings.items())
