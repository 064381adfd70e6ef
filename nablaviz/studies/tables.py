"""The tables in the folder of a run: Parquet with checksums, complete or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nablaviz.data.atomic import taking_its_place
from nablaviz.data.dataset import DataError

if TYPE_CHECKING:
    import pandas as pd

TEXT, NUMBER, WHOLE = "text", "numbers", "whole numbers"
"""What a column can hold."""


def save_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table that appears complete or not at all."""
    with taking_its_place(path) as part:
        table.to_parquet(part, compression="zstd", index=False, write_page_checksum=True)


def read_table(path: Path, columns: Mapping[str, str]) -> pd.DataFrame:
    """Read a table that :func:`save_table` wrote.

    Parameters
    ----------
    columns
        Which it must have, and of what: ``TEXT``, ``NUMBER`` or ``WHOLE``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If it is damaged, or another table; the message names the file and the column.
    """
    import pandas as pd

    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
        _check(table, columns)
    except FileNotFoundError:
        raise
    except Exception as fault:  # Arrow raises whatever its parsing meets
        raise DataError(f"{path}: damaged: {fault}") from fault
    return table


def _check(table: pd.DataFrame, columns: Mapping[str, str]) -> None:
    import pandas as pd

    kinds = {
        TEXT: lambda column: column.map(lambda value: isinstance(value, str)).all(),
        NUMBER: pd.api.types.is_numeric_dtype,
        WHOLE: pd.api.types.is_integer_dtype,
    }
    if not table.index.equals(pd.RangeIndex(len(table))):
        raise ValueError("its lines are numbered otherwise")
    for name, kind in columns.items():
        if name not in table:
            raise ValueError(f"there is no column {name!r}")
        if not kinds[kind](table[name]):
            raise ValueError(f"column {name!r} does not hold {kind}")
