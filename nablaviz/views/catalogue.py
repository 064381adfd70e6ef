"""The browser panel of a large catalogue: the database counts, and rows are read by the page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ipywidgets import HTML, Widget

from nablaviz.data.summary import FAULTS
from nablaviz.data.summary_store import SummaryStore
from nablaviz.views.browse import BrowserPanel
from nablaviz.views.density_view import DensityView
from nablaviz.views.group_view import GroupView
from nablaviz.views.language import say
from nablaviz.views.molecule_view import MoleculeView

if TYPE_CHECKING:
    import pandas as pd


class CataloguePanel(BrowserPanel):
    """Filters, a density plot, groups, a table and the molecule of a catalogue of millions of conformers.

    As :class:`~nablaviz.views.browse.BrowserPanel`, but the plot counts conformers in cells, finer where
    one zooms in, and a catalogue without geometries shows molecules in 2D.
    """

    STYLE = "browse catalogue"

    def _make_plot(self, summary: pd.DataFrame, held: list[str], varying: list[str], height: int) -> Any:
        self.groups = GroupView(self.catalog, held)
        self.groups.on_choose(self._keep)
        return DensityView(self.catalog, summary, varying, height)

    def _make_conformer(self, height: int) -> Any:
        if self.dataset.geometries:
            return super()._make_conformer(height)
        return MoleculeView(self.catalog, height)

    def _more(self) -> Sequence[Widget]:
        said = ""
        if isinstance(self.dataset, SummaryStore) and self.dataset.about["malformed"]:
            text = say("catalogue.left_out", n=self.dataset.about["malformed"], file=FAULTS)
            said = f'<div class="nablaviz-info">{html.escape(text)}</div>'
        self.left_out = HTML(said)
        self.left_out.layout.display = None if said else "none"
        self.left_out.add_class("nablaviz-left-out")
        return [self.groups, self.left_out]

    def _draw_plot(self, order: np.ndarray) -> None:
        self.plot.show(self.filters.value, len(order))
        self.groups.show(self.filters.value)

    def _dark(self, dark: bool) -> None:
        super()._dark(dark)
        self.groups.set_dark(dark)

    def _keep(self, column: str, value: Any) -> None:
        """Filter to one group."""
        self.filters.keep(column, value)
