"""A 2D drawing in a panel, its atoms linked with those of the 3D view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets
from ipywidgets import CallbackDispatcher

from nablaviz.views.words import Words

STATIC = Path(__file__).parent / "static"


class Depiction(anywidget.AnyWidget):
    """Shows an SVG from :func:`~nablaviz.views.depict.depict` and tells which atom is clicked."""

    _esm = STATIC / "depiction.js"

    svg = traitlets.Unicode().tag(sync=True)
    """The drawing, with ``targets``."""

    label = traitlets.Unicode().tag(sync=True)
    """What is drawn, for screen readers."""

    words = Words("depiction")
    """Its texts."""

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._clicked = CallbackDispatcher()
        self.on_msg(self._receive)

    def on_click(self, callback: Callable[[int], None]) -> None:
        """Call ``callback(atom)``, the atom counted as in the SMILES."""
        self._clicked.register_callback(callback)

    def _receive(self, _: Any, content: dict[str, Any], __: list[memoryview]) -> None:
        if content.get("kind") == "atom":
            self._clicked(int(content["atom"]))
