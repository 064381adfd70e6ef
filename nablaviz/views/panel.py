"""What all panels are: widgets in a column with the panels' look, and the theme of the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ipywidgets import HTML, VBox, Widget

from nablaviz.views.theme import Theme

STATIC = Path(__file__).parent / "static"


class Panel(VBox):
    """A column of widgets, styled by ``static/panel.css`` and by ``static/{name}.css`` for each name.

    Parameters
    ----------
    names
        Of the panel's own style sheets, parted by spaces; it has the class ``nablaviz-{name}`` of each.
    parts
        Its widgets.
    """

    def __init__(self, names: str, parts: Sequence[Widget]) -> None:
        self.theme = Theme()
        "Whether the page is dark."
        sheets = [
            (STATIC / f"{sheet}.css").read_text(encoding="utf-8") for sheet in ("panel", *names.split())
        ]
        style = HTML(f"<style>{''.join(sheets)}</style>")
        style.layout.display = "none"
        super().__init__([style, self.theme, *parts])
        self.add_class("nablaviz-panel")
        for name in names.split():
            self.add_class(f"nablaviz-{name}")
