"""What all panels are: widgets in a column with the panels' look, and the theme of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipywidgets import HTML, VBox, Widget

from nablaviz.views.theme import Theme

STATIC = Path(__file__).parent / "static"


class Panel(VBox):
    """A column of widgets, styled by ``static/panel.css`` and ``static/{name}.css``.

    Parameters
    ----------
    name
        Of the panel's own style sheet; the panel has the class ``nablaviz-{name}``.
    parts
        Its widgets.
    """

    def __init__(self, name: str, parts: Sequence[Widget]) -> None:
        self.theme = Theme()
        "Whether the page is dark."
        sheets = [(STATIC / f"{sheet}.css").read_text(encoding="utf-8") for sheet in ("panel", name)]
        style = HTML(f"<style>{''.join(sheets)}</style>")
        style.layout.display = "none"
        super().__init__([style, self.theme, *parts])
        self.add_class("nablaviz-panel")
        self.add_class(f"nablaviz-{name}")
