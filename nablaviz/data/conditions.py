"""The conditions of a filter as SQL, and what is wrong with them in plain words."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import numpy as np

from nablaviz.data.dataset import COLUMNS

RELATIVE = "relative_energy_kcal"
"""Column that the catalogue adds: energy above the molecule's best conformer, kcal/mol."""

TYPES = {"row": "int64", **COLUMNS, RELATIVE: "float64"}
"""The columns that a filter can name and their pandas types."""


class CatalogError(ValueError):
    """A filter that cannot be applied; the message says why and what is allowed."""


def known_column(column: str, types: Collection[str] = TYPES) -> str:
    if column not in types:
        raise CatalogError(f"there is no column {column!r}; columns: {', '.join(types)}")
    return column


def column_condition(column: str, value: Any) -> tuple[str, list[Any]]:
    if isinstance(value, tuple):
        if len(value) != 2:
            raise CatalogError(f"a range of {column} is (lowest, highest), not {value!r}")
        bounds = [(sign, _scalar(v)) for sign, v in zip((">=", "<="), value, strict=True) if v is not None]
        return " AND ".join([f"{column} {sign} ?" for sign, _ in bounds] or ["TRUE"]), [v for _, v in bounds]
    if isinstance(value, Collection) and not isinstance(value, (str, bytes)):
        found = [_scalar(v) for v in value]
        some = [v for v in found if v is not None]
        parts = [f"{column} IN ({', '.join('?' * len(some))})"] if some else []
        parts += [f"{column} IS NULL"] if len(some) < len(found) else []
        return f"({' OR '.join(parts) or 'FALSE'})", some
    value = _scalar(value)
    return (f"{column} IS NULL", []) if value is None else (f"{column} = ?", [value])


def _scalar(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, np.generic):
        value = value.item()
    return None if value is None or value is pd.NA or value != value else value


def check_expression(where: str, types: Collection[str] = TYPES) -> None:
    """Refuse what is not one expression: a second statement, an unbalanced bracket, ORDER BY."""
    import duckdb

    try:
        duckdb.SQLExpression(where)
    except duckdb.Error as fault:
        raise CatalogError(explain(str(fault), types)) from None


def explain(message: str, types: Collection[str] = TYPES) -> str:
    kind, _, text = message.splitlines()[0].partition(": ")
    unknown = re.search(r'column "([^"]*)"|named? "?([^\s"]+)"? not found', text)
    if unknown and "not found" in text:
        return f"SQL: there is no column {unknown[1] or unknown[2]!r}; columns: {', '.join(types)}"
    return f"SQL: {text or kind}"
