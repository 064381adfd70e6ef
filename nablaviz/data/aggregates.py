"""Counts over all conformers of a catalogue at once: how dense they lie in a plot, and groups of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import CatalogError

if TYPE_CHECKING:
    import pandas as pd

Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Density:
    """Conformers counted in the cells of a plot."""

    x: np.ndarray
    "Edges, shape (nx + 1,)."
    y: np.ndarray
    "Edges, shape (ny + 1,)."
    count: np.ndarray
    "Conformers in each cell, shape (ny, nx), int64."
    mean: np.ndarray | None
    "Mean of a third column, shape (ny, nx); NaN where a cell has no value. None where not asked for."
    row: np.ndarray
    "A conformer of each cell, shape (ny, nx), int64; −1 for none."
    at: np.ndarray
    "Where that conformer is, shape (ny, nx, 2)."

    @property
    def total(self) -> int:
        """Conformers within the ranges."""
        return int(self.count.sum())

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """Numbers of at most ``n`` cells, drawn with a chance in proportion to their counts, ascending."""
        count = self.count.ravel()
        occupied = int((count > 0).sum())
        if occupied <= n:
            return np.flatnonzero(count)
        rng = np.random.default_rng(seed)
        return np.sort(rng.choice(len(count), n, replace=False, p=count / count.sum()))


def density(
    catalog: Catalog,
    x: str,
    y: str,
    x_range: Range,
    y_range: Range,
    cells: tuple[int, int] = (120, 90),
    *,
    mean: str | None = None,
    **filters: Any,
) -> Density:
    """Count the conformers that pass the filters in each cell of a plot of two columns.

    Parameters
    ----------
    x, y
        Numeric columns.
    x_range, y_range
        What the plot shows, ends included.
    cells
        How many there are along x and y.
    mean
        A numeric column to be averaged in each cell.
    filters
        As :meth:`~nablaviz.data.catalog.Catalog.rows` takes them.

    Raises
    ------
    CatalogError
        If a filter cannot be applied, or a column or a range is no such thing.
    """
    for column in (x, y, *([mean] if mean else [])):
        _numeric(catalog, column)
    edges = []
    for (low, high), n in zip((x_range, y_range), cells, strict=True):
        if not (np.isfinite([low, high]).all() and low < high and n > 0):
            raise CatalogError(f"a range of a plot is (lowest, highest), not ({low}, {high})")
        edges.append(np.linspace(low, high, n + 1))
    nx, ny = cells
    third = f", avg({mean}) AS mean" if mean else ""
    found = catalog.aggregate(
        f"least(floor(({y} - ?) * ?)::BIGINT, ?) * {nx} + least(floor(({x} - ?) * ?)::BIGINT, ?) AS cell,"
        f" count(*) AS n, first(row) AS row, first({x}) AS x, first({y}) AS y{third}",
        [*_scale(y_range, ny), *_scale(x_range, nx)],
        within=f"{x} BETWEEN ? AND ? AND {y} BETWEEN ? AND ?",
        bounds=[*map(float, x_range), *map(float, y_range)],
        then="GROUP BY cell",
        **filters,
    )
    cell = found["cell"].astype(int)
    count, row = np.zeros(ny * nx, dtype=np.int64), np.full(ny * nx, -1, dtype=np.int64)
    at, means = np.full((ny * nx, 2), np.nan), np.full(ny * nx, np.nan)
    count[cell], row[cell] = found["n"], found["row"]
    at[cell] = np.column_stack([found["x"], found["y"]])
    if mean:
        means[cell] = np.ma.filled(found["mean"].astype(float), np.nan)
    shape = (ny, nx)
    return Density(
        edges[0],
        edges[1],
        count.reshape(shape),
        means.reshape(shape) if mean else None,
        row.reshape(shape),
        at.reshape(*shape, 2),
    )


def groups(
    catalog: Catalog,
    by: str,
    value: str | None = None,
    *,
    order: str = "conformers",
    limit: int = 20,
    least: int = 1,
    **filters: Any,
) -> pd.DataFrame:
    """The conformers that pass the filters, grouped by the values of a column.

    Parameters
    ----------
    by
        Any column.
    value
        A numeric column, of which each group's mean, lowest and highest are given.
    order
        ``"conformers"``, the largest group first, or ``"lowest"`` or ``"highest"``, by the mean.
    limit
        At most so many groups.
    least
        Groups of fewer conformers are left out.

    Returns
    -------
    DataFrame
        Indexed by the value of ``by``: ``conformers``, ``molecules`` and, with ``value``, ``mean``,
        ``lowest`` and ``highest``. ``attrs["groups"]`` is how many there are.

    Raises
    ------
    CatalogError
        If a filter cannot be applied, or there is no such column or order.
    """
    import pandas as pd

    catalog.known(by)
    orders = {"conformers": "n DESC", "lowest": "mean ASC NULLS LAST", "highest": "mean DESC NULLS LAST"}
    if order not in orders or (order != "conformers" and value is None):
        there = orders if value else ["conformers"]
        raise CatalogError(f"groups cannot be ordered by {order!r}; allowed: {', '.join(there)}")
    what = f"{by} AS name, count(*) AS n, count(DISTINCT ({catalog.molecule})) AS molecules"
    if value:
        _numeric(catalog, value)
        what += f", avg({value}) AS mean, min({value}) AS lowest, max({value}) AS highest"
    found = catalog.aggregate(
        f"*, count(*) OVER () AS groups FROM (SELECT {what}",
        within=f"{by} IS NOT NULL",
        then=f"GROUP BY {by}) WHERE n >= {int(least)} ORDER BY {orders[order]}, name LIMIT {int(limit)}",
        **filters,
    )
    columns = {"conformers": found["n"], "molecules": found["molecules"]}
    columns |= {
        name: np.ma.filled(found[name].astype(float), np.nan)
        for name in ("mean", "lowest", "highest")
        if value
    }
    table = pd.DataFrame(columns, index=pd.Index(found["name"], name=by))
    table.attrs["groups"] = int(found["groups"][0]) if len(table) else 0
    return table


def _numeric(catalog: Catalog, column: str) -> None:
    if catalog.types[catalog.known(column)] == "string":
        raise CatalogError(f"{column} is text: a number is needed here")


def _scale(ends: Range, n: int) -> list[float]:
    """What turns a value into the number of its cell."""
    low, high = map(float, ends)
    return [low, n / (high - low), n - 1]
