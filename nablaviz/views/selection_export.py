"""Saves what is selected as a new training or test list."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path

from ipywidgets import Box, Button, Dropdown, Text, VBox

from nablaviz.data.dataset import Dataset
from nablaviz.data.selection import write_list, write_store
from nablaviz.data.splits import SPLITS
from nablaviz.views.background import Background
from nablaviz.views.language import choices, say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress

LIST, STORE = "list", "store"
FORMS = {LIST: "selection.csv", STORE: "selection"}
"""What can be saved, and a name for it."""


class SelectionExport(VBox):
    """What, as which split, and under which name; a list never replaces a file, a store is added to.

    Parameters
    ----------
    dataset
        What the rows are of.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._rows: list[int] = []
        self.form = Dropdown(options=choices("selection.", FORMS), description=say("export.save"))
        self.split = Dropdown(options=SPLITS, description=say("selection.as_split"))
        self.file = Text(FORMS[LIST], description=say("selection.to"), placeholder=say("selection.path"))
        self.button = Button(description=say("selection.save"))
        self.notice, self.progress = Notice(), Progress()
        self.background = Background(
            lambda text, part=None: self.progress.say(text, part, self._stop), self.progress.clear
        )
        for control in (self.form, self.split, self.file):
            control.add_class("nablaviz-control")
        line = Box([self.form, self.split, self.file, self.button])
        line.add_class("nablaviz-export")
        super().__init__([line, self.progress, self.notice])
        self.form.observe(lambda _: self._propose(), "value")
        self.button.on_click(lambda _: self._save())

    def select(self, rows: Sequence[int]) -> None:
        """Take what is to be saved."""
        self._rows = list(rows)
        self.button.description = say("selection.save_n", n=len(rows))
        self.button.disabled = not rows

    def _propose(self) -> None:
        self.notice.clear()
        self.file.value = FORMS[self.form.value]

    def _save(self) -> None:
        with self.notice.guard():
            if not self.file.value.strip():
                raise ValueError(say("common.name_needed"))
            path, split = Path(self.file.value.strip()), self.split.value
            if self.form.value == LIST:
                write_list(self._dataset, self._rows, path, split)
                self.notice.say(say("common.saved", path=path), "info")
                return
            rows = self._rows
            work = partial(write_store, self._dataset, rows, path, split)
            self.background.start(
                lambda tell: work(tell=tell), lambda found: self._saved(found, path, len(rows))
            )

    def _saved(self, found: Future[int], path: Path, of: int) -> None:
        with self.notice.guard():
            added = found.result()
            said = say(
                "selection.added" if added == of else "selection.added_some",
                n=added, path=path, there=of - added,
            )  # fmt: skip
            self.notice.say(said, "info")

    def _stop(self) -> None:
        self.background.stop()
        self.notice.say(say("selection.stopped"), "info")
