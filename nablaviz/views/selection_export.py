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
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress

LIST, STORE = "list", "store"
FORMS = {
    LIST: ("list of ids and SMILES (CSV)", "selection.csv"),
    STORE: ("native store, with labels", "selection"),
}


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
        self.form = Dropdown(options=[(text, form) for form, (text, _) in FORMS.items()], description="save")
        self.split = Dropdown(options=SPLITS, description="as")
        self.file = Text(value=FORMS[LIST][1], description="to", placeholder="name of a file or folder")
        self.button = Button(description="Save the selection")
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
        self.button.description = f"Save {len(rows):,} conformer{'s' * (len(rows) != 1)}"
        self.button.disabled = not rows

    def _propose(self) -> None:
        self.notice.clear()
        self.file.value = FORMS[self.form.value][1]

    def _save(self) -> None:
        with self.notice.guard():
            if not self.file.value.strip():
                raise ValueError("The file needs a name.")
            path, split = Path(self.file.value.strip()), self.split.value
            if self.form.value == LIST:
                write_list(self._dataset, self._rows, path, split)
                self.notice.say(f"Saved {path}.", "info")
                return
            rows = self._rows
            work = partial(write_store, self._dataset, rows, path, split)
            self.background.start(
                lambda tell: work(tell=tell), lambda found: self._saved(found, path, len(rows))
            )

    def _saved(self, found: Future[int], path: Path, of: int) -> None:
        with self.notice.guard():
            added = found.result()
            there = f", {of - added:,} were there already" if added < of else ""
            self.notice.say(f"{added:,} conformers added to {path}{there}.", "info")

    def _stop(self) -> None:
        self.background.stop()
        self.notice.say("Stopped: what was written by then is in the store.", "info")
