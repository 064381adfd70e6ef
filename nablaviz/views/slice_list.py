"""Sentences about groups of conformers; a click on one selects its conformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Button, VBox

from nablaviz.views.language import say


class SliceList(VBox):
    """A button for each sentence, below a line of text; the one that is selected is marked."""

    def __init__(self) -> None:
        self.head = HTML()
        self.lines = VBox()
        self.lines.add_class("nablaviz-sentences")
        self._rows: list[list[int]] = []
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        super().__init__([self.head, self.lines])

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    def show(self, head: str, sentences: Sequence[tuple[str, list[int]]]) -> None:
        """Replace the line above, plain HTML, and the sentences, each with its rows."""
        self.head.value = head
        self._rows = [rows for _, rows in sentences]
        for line in self.lines.children:
            line.close()
        self.lines.children = [self._line(text, rows) for text, rows in sentences]

    def select(self, rows: Sequence[int]) -> None:
        """Mark the sentences whose conformers are those selected."""
        chosen = set(rows)
        for line, own in zip(self.lines.children, self._rows, strict=True):
            (line.add_class if chosen and chosen == set(own) else line.remove_class)("nablaviz-chosen")

    def _line(self, text: str, rows: list[int]) -> Button:
        line = Button(description=text, tooltip=say("errors.select_these", n=len(rows)))
        line.on_click(lambda _: self._on_select(rows))
        return line
