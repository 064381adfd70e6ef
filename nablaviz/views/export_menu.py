"""Saves what a panel shows as a file: what, under which name, and a button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ipywidgets import Box, Button, Dropdown, Text, VBox

from nablaviz.views.notice import Notice

KINDS = {
    "page": ("web page, without kernel", "{name}-{orbital}.html"),
    "cube reference": ("cube of the first orbital", "{name}-{orbital}-reference.cube"),
    "cube other": ("cube of the second orbital", "{name}-{orbital}-other.cube"),
    "cube difference": ("cube of their difference", "{name}-{orbital}-difference.cube"),
    "molden reference": ("Molden file of the first", "{name}-reference.molden"),
    "molden other": ("Molden file of the second", "{name}-other.molden"),
    "csv": ("table of orbitals (CSV)", "{name}-orbitals.csv"),
}
"""What can be saved: how it is called, and a name for the file."""


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
        self.kind = Dropdown(options=[(text, kind) for kind, (text, _) in KINDS.items()], description="save")
        self.file = Text(description="as", placeholder="file name")
        self.button = Button(description="Save", tooltip="Write the file into the folder of the notebook")
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
        self.file.value = KINDS[self.kind.value][1].format(**self._names)

    def _write(self) -> None:
        with self.notice.guard():
            if not self.file.value.strip():
                raise ValueError("The file needs a name.")
            path = Path(self.file.value.strip()).expanduser()
            self._save(self.kind.value, str(path))
            self.notice.say(f"Saved {path} ({path.stat().st_size / 1000:,.0f} kB).", "info")
