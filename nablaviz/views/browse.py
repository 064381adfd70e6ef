"""The browser panel: filters, table, plot, drawing and 3D view of a dataset, one selection in all."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from ipywidgets import HTML, Box, Widget

from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.data.summary_file import SummaryFile
from nablaviz.molecule import Conformer, Molecule
from nablaviz.views.columns import SHOWN
from nablaviz.views.conformer_view import ConformerView
from nablaviz.views.filters import Filters
from nablaviz.views.language import say, term
from nablaviz.views.notice import Notice, announced
from nablaviz.views.paged_table import PagedTable
from nablaviz.views.panel import Panel
from nablaviz.views.scatter_view import ScatterView

if TYPE_CHECKING:
    import pandas as pd

TABLE = (
    "row", "smiles", "n_atoms", "conformation_id", RELATIVE, "energy", "formation_energy",
    "mean_force", "gap", "dipole", "split", "error",
)  # fmt: skip
"""Columns of the table, those that the source holds."""

LARGE = 500_000
"""Of more conformers the plot counts instead of drawing."""

LARGEST_SUMMARY = 50_000_000
"""A summary that is not converted is read as a whole: at most so many bytes."""


def browse(dataset: Dataset | Iterable[Conformer | Molecule], **options: Any) -> BrowserPanel:
    """Browse conformers: see :class:`BrowserPanel`.

    Of a catalogue without geometries, or of very many conformers, see
    :class:`~nablaviz.views.catalogue.CataloguePanel`.

    Examples
    --------
    >>> panel = nablaviz.browse(nablaviz.sample())
    >>> panel
    >>> panel.selection
    [0]
    >>> nablaviz.sample()[panel.selection[-1]].energy
    """
    source = dataset if isinstance(dataset, Dataset) else Memory(dataset)
    if isinstance(source, SummaryFile) and (size := source.path.stat().st_size) > LARGEST_SUMMARY:
        raise ValueError(say("catalogue.convert", path=source.path, size=size / 1e6))
    with announced(say("common.reading", n=len(source))):
        if source.geometries and len(source) <= LARGE:
            return BrowserPanel(source, **options)
        from nablaviz.views.catalogue import CataloguePanel

        return CataloguePanel(source, **options)


class Rows(traitlets.List):
    """A list of row numbers; a table indexed by row number, an array or one number will do as well."""

    def validate(self, obj: Any, value: Any) -> list[int]:
        value = getattr(value, "index", value) if hasattr(value, "columns") else value
        given = np.atleast_1d(np.asarray(value))
        if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
            raise traitlets.TraitError(f"a selection is a list of row numbers, not {value!r}")
        rows = list(dict.fromkeys(given.astype(np.int64).tolist()))
        wrong = [row for row in rows if not 0 <= row < len(obj.dataset)]
        if wrong:
            last = len(obj.dataset) - 1
            raise traitlets.TraitError(f"row {wrong[0]} cannot be selected: rows are 0 to {last}")
        return rows


class BrowserPanel(Panel):
    """Filters, a table, a plot, a drawing and a 3D view of a dataset.

    What is selected in one is selected in all. Arrow keys in the table or in the 3D view step from
    conformer to conformer.

    Parameters
    ----------
    dataset
        Any source of conformers.
    ranges
        Numeric columns to filter by range; by default the first five that vary.
    page_size
        Rows of the table per page.
    height
        Of the plot and the 3D view, in pixels.
    """

    STYLE = "browse"
    "Names of its style sheets."

    selection = Rows()
    """Selected rows of the dataset, the last one active. It can be set, and observed; filters leave it."""

    def __init__(
        self,
        dataset: Dataset,
        *,
        ranges: Sequence[str] | None = None,
        page_size: int = 12,
        height: int = 400,
    ) -> None:
        if len(dataset) == 0:
            raise ValueError(f"{dataset!r} has nothing to browse")
        self.dataset = dataset
        self.status = Notice()
        self.catalog = Catalog(dataset, progress=self._progress)
        summary = self.catalog.summary()
        held = [c for c in SHOWN if c in summary.index and summary["count"][c] > 0]
        varying = [c for c in held if summary["max"][c] > summary["min"][c]]
        self._order = np.arange(len(dataset))
        self.head = HTML()
        self.filters = Filters(self.catalog, summary, ranges)
        self.list = PagedTable(self.catalog.table, [c for c in TABLE if c in held], page_size)
        self.plot = self._make_plot(summary, held, varying, height)
        self.conformer = self._make_conformer(height)
        self.list.add_class("nablaviz-list")
        parts = Box([self.plot, self.conformer, self.conformer.side, self.list, *self._more()])
        parts.add_class("nablaviz-parts")
        super().__init__(self.STYLE, [self.head, self.filters, self.status, parts])
        self.filters.on_change(self._filter)
        self.list.on_select(self._select)
        self.list.on_sort(self._sort)
        self.plot.on_select(self._select)
        self.conformer.on_step(self.list.step)
        self.theme.observe(lambda change: self._dark(change["new"]), "dark")
        self._show(self._order)
        self.selection = [0]

    def _make_plot(self, summary: pd.DataFrame, held: list[str], varying: list[str], height: int) -> Any:
        return ScatterView(self.catalog, held, varying, height)

    def _make_conformer(self, height: int) -> Any:
        return ConformerView(self.catalog, height)

    def _more(self) -> Sequence[Widget]:
        """Widgets beside those that every panel has."""
        return []

    def _draw_plot(self, order: np.ndarray) -> None:
        self.plot.show(order)

    @property
    def table(self) -> pd.DataFrame:
        """The conformers that pass the filters, in the order shown, indexed by row number."""
        return self.catalog.table(self._order)

    @property
    def selected(self) -> pd.DataFrame:
        """The selected conformers, indexed by row number."""
        return self.catalog.table(self.selection)

    @traitlets.observe("selection")
    def _selected(self, _: Any) -> None:
        self.list.select(self.selection)
        self.plot.select(self.selection)
        self.conformer.select(self.selection)

    def _select(self, rows: list[int]) -> None:
        self.selection = rows

    def _filter(self) -> None:
        with self._busy(say("browse.filtering"), self.filters.notice):
            self._show(self._rows(self.list.sort, self.list.descending))

    def _sort(self, column: str, descending: bool) -> None:
        with self._busy(say("browse.sorting"), self.filters.notice):
            self._order = self._rows(column, descending)
            self.list.show(self._order, column, descending)

    def _rows(self, column: str, descending: bool) -> np.ndarray:
        return self.catalog.rows(**self.filters.value, order_by=column or None, descending=descending)

    def _show(self, order: np.ndarray) -> None:
        self._order = order
        self.filters.draw()
        self.list.show(order, self.list.sort, self.list.descending)
        self._draw_plot(order)
        molecules = self.catalog.count_molecules(**self.filters.value)
        self.head.value = headline(self.dataset.path.name, len(order), len(self.dataset), molecules)
        unread = len(self.catalog.unreadable)
        if unread and self.filters.smarts.value:
            self.filters.notice.say(say("browse.unread", n=unread), "info")

    @contextmanager
    def _busy(self, doing: str, notice: Notice) -> Iterator[None]:
        self.status.say(doing, "busy")
        with notice.guard():
            yield
        self.status.clear()

    def _progress(self, items: Sequence[str], what: str) -> Iterator[str]:
        said = time.monotonic()
        for done, item in enumerate(items):
            if time.monotonic() - said > 0.5:
                self.status.say(say("browse.progress", what=term(what), done=done, total=len(items)), "info")
                said = time.monotonic()
            yield item

    def _dark(self, dark: bool) -> None:
        self.plot.set_dark(dark)
        self.conformer.set_dark(dark)


def headline(name: str, shown: int, total: int, molecules: int) -> str:
    """Name of the dataset and how much of it passes the filters, as HTML."""
    count = say("browse.all" if shown == total else "browse.part", n=total, shown=shown)
    count += f" · {say('browse.molecules', n=molecules)}"
    return f'<div class="nablaviz-head"><b>{html.escape(name)}</b><span>{count}</span></div>'
