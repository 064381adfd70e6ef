"""How far a long calculation is, and a button that stops it or starts it again."""

from __future__ import annotations

import html
import math
from collections.abc import Callable

from ipywidgets import HTML, Box, Button, FloatProgress

from nablaviz.views.language import say

CONVERGED = 9
"""An SCF ends when the energy changes by less than 10 to minus this, Eh."""


def converged(change: float) -> float:
    """What part of an SCF is done, 0 to 1, by the last change of its energy, Eh."""
    return -math.log10(min(max(abs(change), 10.0**-CONVERGED), 1.0)) / CONVERGED


class Progress(Box):
    """A bar, a line of text and a button; takes no space while there is nothing to say."""

    def __init__(self) -> None:
        self.bar = FloatProgress(0, min=0, max=1)
        self.text = HTML()
        self.button = Button(description=say("common.stop"))
        self._press: Callable[[], None] = lambda: None
        self.button.on_click(lambda _: self._press())
        super().__init__([self.bar, self.text, self.button])
        self.add_class("nablaviz-progress")
        self.clear()

    def say(self, text: str, part: float | None, stop: Callable[[], None]) -> None:
        """Show how far it is: ``part`` is 0 to 1, or unknown; ``stop`` is what the button does."""
        self._show(text, part, say("common.stop"), stop)

    def offer(self, text: str, start: Callable[[], None]) -> None:
        """Say why it does not run; ``start`` is what the button does."""
        self._show(text, None, say("common.start_again"), start)

    def clear(self) -> None:
        """Say nothing."""
        self.layout.display = "none"

    def _show(self, text: str, part: float | None, label: str, press: Callable[[], None]) -> None:
        self._press = press
        self.text.value = f'<span role="status">{html.escape(text)}</span>'
        self.button.description = label
        self.bar.layout.display = "none" if part is None else None
        self.bar.value = part or 0.0
        self.layout.display = None
