"""A table of any number of rows, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from nablaviz.views.columns import NUMERIC, SHOWN, write
from nablaviz.views.selection import clicked, place, spanned, stepped
from nablaviz.views.words import Words

if TYPE_CHECKING:
    import pandas as pd

STATIC = Path(__file__).parent / "static"


class PagedTable(anywidget.AnyWidget):
    """Click a row to select it, with Ctrl several, with Shift all between; click a header to sort.

    Up and down arrow keys step, with Shift they extend; Page Up, Page Down, Home and End work too.

    Parameters
    ----------
    fetch
        Gives the lines of some rows.
    columns
        Names of the columns to show.
    page_size
        Rows per page.
    """

    _esm = STATIC / "table.js"

    columns = traitlets.List(traitlets.Dict()).tag(sync=True)
    """Of each column: name, label, unit, and whether it is numeric."""

    rows = traitlets.List(traitlets.Int()).tag(sync=True)
    """Row numbers on this page."""

    cells = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    """Their texts."""

    selected = traitlets.List(traitlets.Int()).tag(sync=True)
    """Selected rows on this page."""

    active = traitlets.Int(-1).tag(sync=True)
    """The active row, −1 for none."""

    page = traitlets.Int(0).tag(sync=True)
    """From 0."""

    pages = traitlets.Int(1).tag(sync=True)
    """How many there are, at least 1."""

    page_size = traitlets.Int(12).tag(sync=True)
    """Rows per page."""

    total = traitlets.Int(0).tag(sync=True)
    """Rows on all pages."""

    n_selected = traitlets.Int(0).tag(sync=True)
    """Selected rows, here or not."""

    n_hidden = traitlets.Int(0).tag(sync=True)
    """Selected rows that are on no page."""

    words = Words("table")
    """Its texts."""

    sort = traitlets.Unicode("").tag(sync=True)
    """Column that the rows are sorted by; empty for none."""

    descending = traitlets.Bool(False).tag(sync=True)
    """Whether from high to low."""

    def __init__(
        self, fetch: Callable[[np.ndarray], pd.DataFrame], columns: Sequence[str], page_size: int = 12
    ) -> None:
        self._fetch = fetch
        self._names = list(columns)
        self._order = np.empty(0, dtype=np.int64)
        self._selection: list[int] = []
        self._anchor: int | None = None
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        self._on_sort: Callable[[str, bool], None] = lambda column, descending: None
        shown = [
            {"name": n, "label": SHOWN[n].label, "unit": SHOWN[n].unit, "numeric": n in NUMERIC}
            for n in columns
        ]
        super().__init__(columns=shown, page_size=page_size)
        self.on_msg(self._receive)

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    def on_sort(self, callback: Callable[[str, bool], None]) -> None:
        """Call ``callback(column, descending)`` when the user asks for another order; ``""`` for none."""
        self._on_sort = callback

    def show(self, order: np.ndarray, sort: str = "", descending: bool = False) -> None:
        """Show these rows in this order, the page with the active one if it is among them."""
        self._order = order
        with self.hold_sync():
            self.sort, self.descending = sort, descending
            self.total = len(order)
            self.pages = max(1, -(-len(order) // self.page_size))
            self._mark()
            self._turn(self._page_of_active() or 0)

    def select(self, selection: Sequence[int]) -> None:
        """Mark the selected rows and turn to the page of the active one, the last."""
        if list(selection) == self._selection:
            return
        self._selection = list(selection)
        if self._anchor not in self._selection:
            self._anchor = self._selection[-1] if self._selection else None
        with self.hold_sync():
            self._mark()
            page = self._page_of_active()
            self._turn(self.page if page is None else page)

    def step(self, by: int, extend: bool = False) -> None:
        """Select the row ``by`` places on, as the arrow keys do."""
        row = stepped(self._order, self.active if self._selection else None, by)
        if row is not None:
            self._click(row, extend=extend)

    def _page_of_active(self) -> int | None:
        at = place(self._order, self.active) if self._selection else None
        return None if at is None else at // self.page_size

    def _mark(self) -> None:
        self.n_selected = len(self._selection)
        self.active = self._selection[-1] if self._selection else -1
        self.n_hidden = int(np.isin(self._selection, self._order, invert=True).sum())

    def _turn(self, page: int) -> None:
        self.page = int(np.clip(page, 0, self.pages - 1))
        start = self.page * self.page_size
        rows = self._order[start : start + self.page_size]
        chosen = np.isin(rows, self._selection)
        if rows.tolist() != self.rows or not self.cells:
            lines = self._fetch(rows).reset_index()
            self.cells = [
                [write(n, v) for n, v in zip(self._names, line, strict=True)]
                for line in lines[self._names].itertuples(index=False)
            ]
            self.rows = rows.tolist()
        self.selected = rows[chosen].tolist()

    def _click(self, row: int, *, extend: bool = False, toggle: bool = False) -> None:
        if extend and self._anchor is not None:
            selection = spanned(self._order, self._anchor, row)
        else:
            selection = clicked(self._selection, row, toggle=toggle)
            self._anchor = row
        self._on_select(selection)

    def _receive(self, _: Any, content: dict[str, Any], __: list[memoryview]) -> None:
        match content.get("kind"):
            case "click":
                self._click(int(content["row"]), extend=content["extend"], toggle=content["toggle"])
            case "step":
                self.step(int(content["by"]), extend=content["extend"])
            case "page":
                with self.hold_sync():
                    self._turn(int(content["to"]))
            case "sort":
                column = str(content["column"])
                if column != self.sort:
                    self._on_sort(column, False)
                else:  # up, down, as the file has it
                    self._on_sort("" if self.descending else column, not self.descending)
