"""The filters of a panel: ranges, substructure, scaffold, split, SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import Box, Button, Combobox, Dropdown, Text, VBox

from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.views.columns import NUMERIC, SHOWN
from nablaviz.views.figures import bin_edges
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.range_filter import RangeFilter

if TYPE_CHECKING:
    import pandas as pd

RANGES = ("n_atoms", RELATIVE, "formation_energy", "mean_force", "gap", "dipole", "energy")
BINS = 40
LIVE = 50_000
"""Up to so many conformers filters work while a handle is dragged."""
SUGGESTED = 200


class Filters(VBox):
    """Everything that narrows the rows down; ``value`` is what :meth:`Catalog.rows` takes.

    Parameters
    ----------
    catalog
        What is filtered.
    summary
        Its :meth:`~nablaviz.data.catalog.Catalog.summary`.
    ranges
        Numeric columns to filter by range; by default the first five that vary.
    """

    def __init__(self, catalog: Catalog, summary: pd.DataFrame, ranges: Sequence[str] | None = None) -> None:
        self._catalog = catalog
        self._on_change: Callable[[], None] = lambda: None
        self._quiet = False
        self._acyclic = say("columns.no_rings")
        varying = [c for c in RANGES if summary["max"][c] > summary["min"][c]][:5]
        self.ranges = {c: self._range(c, summary.loc[c]) for c in (varying if ranges is None else ranges)}
        self.smarts = _text(say("filters.substructure"), say("filters.smarts_such_as"))
        self.where = _text(say("filters.condition"), say("filters.sql_such_as"))
        known = catalog.distinct("scaffold", SUGGESTED).index if summary["count"]["scaffold"] else ()
        self.scaffold = Combobox(
            description=say("filters.scaffold"), placeholder=say("filters.smiles_such_as"),
            continuous_update=False,
            options=[s or self._acyclic for s in known],
        )  # fmt: skip
        splits = catalog.distinct("split")
        self._splits = splits.index.tolist()
        self.split = Dropdown(
            description=say("filters.split"),
            options=[
                (say("filters.all"), -1),
                *((f"{name} ({n:,})", i) for i, (name, n) in enumerate(splits.items())),
            ],
        )
        self.split.layout.display = None if len(splits) else "none"
        self.reset = Button(description=say("filters.clear"), tooltip=say("filters.clear_does"))
        self.notice = Notice()
        for box in (*self.ranges.values(), self.smarts, self.where, self.scaffold, self.split):
            box.observe(lambda _: self._quiet or self._on_change(), "value")
        self.reset.on_click(lambda _: self.clear())
        histograms = Box(list(self.ranges.values()))
        histograms.add_class("nablaviz-ranges")
        texts = Box([self.smarts, self.scaffold, self.split, self.where, self.reset])
        texts.add_class("nablaviz-texts")
        super().__init__([histograms, texts, self.notice])
        self.add_class("nablaviz-filters")

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call ``callback()`` when a filter changes."""
        self._on_change = callback

    @property
    def value(self) -> dict[str, Any]:
        """The filters that are set, as keywords of :meth:`~nablaviz.data.catalog.Catalog.rows`."""
        found: dict[str, Any] = {
            name: tuple(box.value) for name, box in self.ranges.items() if box.value != [None, None]
        }
        found |= {n: getattr(self, n).value.strip() for n in ("smarts", "where", "scaffold")}
        found = {n: v for n, v in found.items() if v}
        if found.get("scaffold") == self._acyclic:
            found["scaffold"] = ""
        return found if self.split.value < 0 else found | {"split": self._splits[self.split.value]}

    def clear(self) -> None:
        """Let everything pass."""
        self._quiet = True
        for box in self.ranges.values():
            box.value = [None, None]
        self.smarts.value = self.where.value = self.scaffold.value = ""
        self.split.value = -1
        self._quiet = False
        self._on_change()

    def keep(self, column: str, value: Any) -> None:
        """Let one value of a column pass, beside what is set already."""
        if column == "scaffold":
            self.scaffold.value = value or self._acyclic
        elif column == "split" and value in self._splits:
            self.split.value = self._splits.index(value)
        elif column in self.ranges:
            self.ranges[column].value = [value, value]
        else:
            text = str(value).replace("'", "''")
            more = f"{column} = '{text}'" if isinstance(value, str) else f"{column} = {value}"
            now = self.where.value.strip()
            self.where.value = f"({now}) AND {more}" if now else more

    def draw(self) -> None:
        """Bring the histograms up to date with the filters."""
        for name, box in self.ranges.items():
            box.filtered = self._histogram(name, box, **self.value) if self.value else box.counts

    def _range(self, column: str, found: pd.Series) -> RangeFilter:
        if column not in NUMERIC:
            raise ValueError(f"cannot filter by a range of {column!r}; numeric columns: {', '.join(NUMERIC)}")
        shown = SHOWN[column]
        low, high = (0.0, 1.0) if found["count"] == 0 else (float(found["min"]), float(found["max"]))
        box = RangeFilter(
            label=shown.label, unit=shown.unit, low=low, high=high if high > low else low + 1,
            decimals=-1 if shown.decimals is None else shown.decimals,
            missing=int(len(self._catalog) - found["count"]), live=len(self._catalog) <= LIVE,
        )  # fmt: skip
        box.counts = box.filtered = self._histogram(column, box)
        return box

    def _histogram(self, column: str, box: RangeFilter, **filters: Any) -> list[int]:
        bins = BINS
        if SHOWN[column].decimals is None:  # whole numbers: no bin without any of them
            bins = max(1, min(BINS, round(box.high - box.low)))
        edges = bin_edges([box.low, box.high], bins)
        return self._catalog.histogram(column, edges, **filters).tolist()


def _text(label: str, example: str) -> Text:
    return Text(description=label, placeholder=example, continuous_update=False)
