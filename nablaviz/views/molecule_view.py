"""The molecule of a row of a catalogue without geometries: drawn in 2D where others show 3D."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, VBox

from nablaviz.data.catalog import Catalog
from nablaviz.views.columns import is_missing
from nablaviz.views.conformer_view import facts
from nablaviz.views.depict import depict
from nablaviz.views.depiction import Depiction
from nablaviz.views.language import say
from nablaviz.views.notice import Notice


class MoleculeView(VBox):
    """The molecule of the active row, drawn when it is selected.

    ``side`` is a widget of its own, the numbers, to be placed where there is room.

    Parameters
    ----------
    catalog
        What the rows are of.
    height
        Of the drawing, in pixels.
    """

    def __init__(self, catalog: Catalog, height: int = 400) -> None:
        self._catalog = catalog
        self._height = height
        self._smiles = ""
        self._dark = False
        self.why, self.notice = Notice(), Notice()
        self.depiction = Depiction()
        self.depiction.add_class("nablaviz-drawing")
        self.facts = HTML()
        self.side = VBox([self.facts])
        self.side.add_class("nablaviz-side")
        self.why.say(say("catalogue.no_geometries"), "info")
        super().__init__([self.why, self.depiction, self.notice])
        self.add_class("nablaviz-conformer")

    def on_step(self, callback: Callable[[int], None]) -> None:
        """Nothing here steps: the table does."""

    def select(self, selection: Sequence[int]) -> None:
        """Show the last of the selected rows."""
        with self.notice.guard():
            self._smiles = self.facts.value = self.depiction.svg = ""
            if not selection:
                return
            row = selection[-1]
            line = self._catalog.table([row]).iloc[0]
            self.facts.value = facts(line.to_dict(), row, len(self._catalog.siblings(row)))
            self._smiles = "" if is_missing(line.smiles) else str(line.smiles)
            self._depict()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            with self.notice.guard():
                self._depict()

    def _depict(self) -> None:
        if self._smiles:
            self.depiction.label = say("conformer.formula_of", smiles=self._smiles)
            height = max(200, self._height - 40)
            self.depiction.svg = depict(self._smiles, width=520, height=height, dark=self._dark)
