"""Saves what a panel shows as a file: what, under which name, and a button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ipywidgets import Box, Button, Dropdown, Text, VBox

from nablaviz.views.language import say
from nablaviz.views.notice import Notice

KINDS = {
    "page": "{name}-{orbital}.html",
    "cube reference": "{name}-{orbital}-reference.cube",
    "cube other": "{name}-{orbital}-other.cube",
    "cube difference": "{name}-{orbital}-difference.cube",
    "molden reference": "{name}-reference.molden",
    "molden other": "{name}-other.molden",
    "csv": "{name}-orbitals.csv",
}
"""What can be saved, and a name for the file."""


class ExportMenu(VBox):
    """Never replaces a file.

    Parameters
    ----------
    save
        Called with one of `KINDS` and a path; raises what is to be shown.
    """

    def __init__(self, save: Callable[[str, str], None]) -> None:
        self._save = save
        self._names = {"name": "conformer", "orbital": "HOMO"}
        options = [(say(f"export.{kind.replace(' ', '_')}"), kind) for kind in KINDS]
        self.kind = Dropdown(options=options, description=say("export.save"))
        self.file = Text(description=say("export.name"), placeholder=say("export.file_name"))
        self.button = Button(description=say("export.write"), tooltip=say("export.write_does"))
        self.notice = Notice()
        for control in (self.kind, self.file):
            control.add_class("nablaviz-control")
        line = Box([self.kind, self.file, self.button])
        line.add_class("nablaviz-export")
        super().__init__([line, self.notice])
        self.kind.observe(lambda _: self._propose(), "value")
        self.button.on_click(lambda _: self._write())
        self._propose()

    def propose(self, name: str, orbital: str) -> None:
        """Take parts of file names: of the conformer, and of the orbital shown."""
        self._names = {"name": name, "orbital": orbital.replace("−", "-")}
        self._propose()

    def _propose(self) -> None:
        self.notice.clear()
        self.file.value = KINDS[self.kind.value].format(**self._names)

    def _write(self) -> None:
        with self.notice.guard():
            if not self.file.value.strip():
                raise ValueError(say("common.name_needed"))
            path = Path(self.file.value.strip()).expanduser()
            self._save(self.kind.value, str(path))
            self.notice.say(say("common.saved_size", path=path, size=path.stat().st_size / 1000), "info")
