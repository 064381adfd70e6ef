"""All panels on one page, one at a time: what Voilà serves, and what a small screen can hold."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qs

from ipywidgets import HTML, Box, Dropdown, Text, ToggleButtons, VBox, Widget

from nablaviz.data.dataset import Dataset
from nablaviz.data.formats import open as open_dataset
from nablaviz.models.library import names
from nablaviz.views.language import LANGUAGES, choices, language, say, set_language
from nablaviz.views.notice import Notice
from nablaviz.views.panel import Panel

PAGES = ("browse", "compare", "torsion", "errors", "curves")
"""Panels, in the order of the bar."""

SETTINGS = "NABLAVIZ_APP"
"""Environment variable with the arguments of :class:`App`, and ``folder``, as JSON."""

FIRST = "C=CC=O"
"""SMILES of the molecule whose bonds are turned at first."""

FUNCTIONALS = ("PBE", "B3LYP")
"""Offered to be compared with, beside the models and the guesses."""


class Page(VBox):
    """A panel that is made when it is first looked at; what goes wrong then is said in its place.

    Parameters
    ----------
    make
        Makes its widgets.
    control
        Stays above them, and has them made anew when its value changes.
    """

    def __init__(self, make: Callable[[], list[Widget]], control: Dropdown | Text | None = None) -> None:
        self._make = make
        self.waiting, self.notice = Notice(), Notice()
        self.content = VBox()
        super().__init__([*([control] if control else []), self.waiting, self.notice, self.content])
        if control:
            control.add_class("nablaviz-control")
            control.observe(lambda _: self.make(), "value")
        self.add_class("nablaviz-page")

    def show(self, shown: bool) -> None:
        """Show the panel or hide it; one that could not be made is tried again."""
        self.layout.display = None if shown else "none"
        if shown and not self.content.children:
            self.make()

    def make(self) -> None:
        """Make the panel, anew if there is one."""
        before = self.content.children
        self.content.children = ()
        for widget in before:
            close(widget)
        self.waiting.say(say("app.waiting"), "info")
        with self.notice.guard():
            self.content.children = self._make()
        self.waiting.clear()


class App(Panel):
    """The panels of a dataset, one at a time.

    Parameters
    ----------
    data
        A dataset, or what :func:`nablaviz.open` opens.
    against
        What orbitals are compared with at first: see :func:`nablaviz.compare`.
    model
        Whose errors are looked at: see :func:`nablaviz.errors`.
    study
        Folder of the study whose learning curves are drawn; it need not exist.
    page
        The panel to begin with, one of ``PAGES``.

    Raises
    ------
    ValueError
        If there is no such page.
    """

    def __init__(
        self,
        data: Dataset | str | Path = "sample",
        *,
        against: str = "hamiltonian-fast",
        model: str = "energy",
        study: str | Path = "study",
        page: str = PAGES[0],
    ) -> None:
        if page not in PAGES:
            raise ValueError(f"there is no page {page!r}; there are {', '.join(PAGES)}")
        self.data, self.model, self.study = data, model, study
        self._quiet = False
        offered = dict.fromkeys([against, *(name for name in names() if name != "energy"), *FUNCTIONALS])
        self.against = Dropdown(options=list(offered), value=against)
        self.turned = Text(FIRST, continuous_update=False)
        self.bar = ToggleButtons(options=choices("app.page_", PAGES), value=page)
        self.language = Dropdown(
            options=[(name, code) for code, name in LANGUAGES.items()],
            value=language(),
            layout={"width": "auto"},
        )
        title = HTML("<b>nablaviz</b>")
        title.add_class("nablaviz-title")
        self.bar.add_class("nablaviz-pages-bar")
        head = Box([title, self.bar, self.language])
        head.add_class("nablaviz-app-head")
        controls = {"compare": self.against, "torsion": self.turned}
        self.pages = {name: Page(getattr(self, f"_make_{name}"), controls.get(name)) for name in PAGES}
        super().__init__("app", [head, *self.pages.values()])
        self.bar.observe(lambda _: self._show(), "value")
        self.language.observe(lambda change: self._speak(change["new"]), "value")
        self._show()

    @property
    def dataset(self) -> Dataset:
        """The data.

        Raises
        ------
        OSError, ValueError
            If they cannot be opened.
        """
        if not isinstance(self.data, Dataset):
            self.data = open_dataset(self.data)
        return self.data

    def _show(self) -> None:
        if self._quiet:
            return
        for name, page in self.pages.items():
            page.show(name == self.bar.value)

    def _speak(self, code: str) -> None:
        set_language(code)
        chosen = self.bar.value
        self._quiet = True  # new options choose the first of them
        self.bar.options = choices("app.page_", PAGES)
        self.bar.value = chosen
        self._quiet = False
        for name, page in self.pages.items():
            if name == chosen or page.content.children:
                page.make()

    def _make_browse(self) -> list[Widget]:
        from nablaviz.views.browse import BrowserPanel

        return [BrowserPanel(self.dataset)]

    def _make_compare(self) -> list[Widget]:
        from nablaviz.views.compare import ComparisonPanel

        self.against.description = say("app.against")
        return [ComparisonPanel(self.dataset, self.against.value)]

    def _make_torsion(self) -> list[Widget]:
        from nablaviz.views.torsion import TorsionPanel

        self.turned.description = say("app.molecule")
        return [TorsionPanel(self.turned.value.strip(), "hamiltonian-fast")]

    def _make_errors(self) -> list[Widget]:
        from nablaviz.views.errors import ErrorsPanel

        return [ErrorsPanel(self.dataset, self.model)]

    def _make_curves(self) -> list[Widget]:
        from nablaviz.studies.study import FILE
        from nablaviz.views.learning_curves import LearningCurvesPanel

        empty = Notice()
        if not (Path(self.study) / FILE).exists():
            empty.say(say("app.no_study", folder=str(self.study)), "info")
        return [empty, LearningCurvesPanel(self.study)]


def close(widget: Widget) -> None:
    """Close a widget and all that it holds."""
    for child in getattr(widget, "children", ()):
        close(child)
    widget.close()


def from_environment(environment: Mapping[str, str] = os.environ) -> App:
    """The app as ``nablaviz app`` and the page's address ask for it.

    Parameters
    ----------
    environment
        ``NABLAVIZ_APP`` holds the arguments of :class:`App` as JSON, and ``folder``, where it is to work,
        and ``language``.
        Voilà puts what follows ``?`` in the address into ``QUERY_STRING``: of that, ``page`` and ``language``
        count where they are known.
    """
    settings = json.loads(environment.get(SETTINGS, "{}"))
    os.chdir(settings.pop("folder", "."))
    set_language(settings.pop("language", language()))
    asked = {name: values[-1] for name, values in parse_qs(environment.get("QUERY_STRING", "")).items()}
    if asked.get("page") in PAGES:
        settings["page"] = asked["page"]
    if asked.get("language") in LANGUAGES:
        set_language(asked["language"])
    return App(**settings)
