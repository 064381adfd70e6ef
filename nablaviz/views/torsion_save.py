"""Saves a torsion: as a page that plays, as an animated picture, as a table."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from pathlib import Path

from ipywidgets import Box, Button, Dropdown, Text, VBox

from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress

KINDS = {"page": ".html", "gif": ".gif", "csv": ".csv"}
"""What can be saved, and how the name of the file ends."""


class TorsionSave(VBox):
    """Never replaces a file.

    Parameters
    ----------
    save
        Called with one of `KINDS` and a path; raises what is to be shown. It tells how far it is by the
        third argument, which raises ``CancelledError`` once it is stopped.
    """

    def __init__(self, save: Callable[[str, Path, Callable[[int, int], None]], Awaitable[None]]) -> None:
        self._save, self._name, self._stopped = save, "torsion", False
        self.kind = Dropdown(
            options=[(say(f"torsion_save.{kind}"), kind) for kind in KINDS],
            description=say("torsion_save.save"),
        )
        self.file = Text(description=say("torsion_save.as"), placeholder=say("torsion_save.file_name"))
        self.button = Button(description=say("torsion_save.button"), tooltip=say("torsion_save.button_does"))
        self.notice, self.progress = Notice(), Progress()
        for control in (self.kind, self.file):
            control.add_class("nablaviz-control")
        line = Box([self.kind, self.file, self.button, self.progress])
        line.add_class("nablaviz-export")
        super().__init__([line, self.notice])
        self.kind.observe(lambda _: self.propose(self._name), "value")
        self.button.on_click(lambda _: self._press())

    def propose(self, name: str) -> None:
        """Take a name for the file, without what says of which kind it is."""
        self._name = name
        self.notice.clear()
        self.file.value = name + KINDS[self.kind.value]

    def _press(self) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a script
            asyncio.run(self._write())
        else:
            self._task = asyncio.ensure_future(self._write())

    async def _write(self) -> None:
        self.button.disabled, self._stopped = True, False
        with self.notice.guard():
            try:
                if not self.file.value.strip():
                    raise ValueError(say("torsion_save.needs_name"))
                path = Path(self.file.value.strip()).expanduser()
                await self._save(self.kind.value, path, self._tell)
                size = f"{path.stat().st_size / 1000:,.0f}"
                self.notice.say(say("torsion_save.saved", path=path, size=size), "info")
            except CancelledError:
                self.notice.say(say("common.stopped"), "info")
            finally:
                self.button.disabled = False
                self.progress.clear()

    def _tell(self, done: int, total: int) -> None:
        if self._stopped:
            raise CancelledError
        self.progress.say(say("torsion_save.frames", done=done, total=total), done / total, self._stop)

    def _stop(self) -> None:
        self._stopped = True
