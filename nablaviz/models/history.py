"""What a training run reports: a row per step, and per validation, in a file that outlives a kill."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablaviz.data.atomic import replacing

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.models.network import Network


HISTORY, MODEL = "history.jsonl", "model.safetensors"
"""Names in the folder of a run: of these rows, and of what was learned."""


COLUMNS: dict[str, type | tuple[type, ...]] = {
    "step": int,
    "split": str,
    "loss": (int, float),
}
"""What every row has, and the kind of each; the rest are numbers."""


@dataclass(frozen=True, eq=False)
class Progress:
    """What a callback is told after each step."""

    step: int
    epoch: float
    seconds: float
    fraction: float
    "Of the budget."
    rows: list[dict[str, Any]]
    "Rows of the history made by this step."
    model: Network
    "As it is, with the last weights."
    averaged: Callable[[], AbstractContextManager[None]]
    "``with progress.averaged(): …``: the model has the averaged weights inside."


class History:
    """Rows in memory and, where there is a path, one line of JSON each in a file.

    Parameters
    ----------
    keep
        Rows of an earlier part of the run are kept up to this step; later ones will be made again.
    """

    def __init__(self, path: Path | None, keep: int = 0) -> None:
        self.rows = [row for row in read_rows(path) if row["step"] <= keep] if path else []
        self._file = None
        if path:
            with replacing(path) as file:
                file.writelines(map(_line, self.rows))
            self._file = path.open("a", buffering=1, encoding="utf-8")  # a line at a time

    def append(self, row: dict[str, Any]) -> None:
        """Add a row."""
        self.rows.append(row)
        if self._file:
            self._file.write(_line(row))

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table."""
        import pandas as pd

        return pd.DataFrame(self.rows)


def _line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows in a file, none if it is not there; a last line that was not finished is passed over.

    Raises
    ------
    ValueError
        If a line is not the JSON of a row; it names the file and the line.
    """
    if not path.exists():
        return []
    with path.open("rb") as file:
        lines = file.read().split(b"\n")[:-1]
    return [_row(line, f"{path}, line {place}") for place, line in enumerate(lines, start=1)]


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{where}: damaged: {fault}") from fault
    if not isinstance(row, dict):
        raise ValueError(f"{where}: damaged: {row!r:.80} where a row of names and values should be")
    for name, kind in COLUMNS.items():
        value = row.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{where}: damaged: {name} is {value!r:.80}")
    strange = [
        n for n, v in row.items() if n != "split" and (isinstance(v, bool) or not isinstance(v, int | float))
    ]
    if strange:
        raise ValueError(f"{where}: damaged: {strange[0]!r:.80} is {row[strange[0]]!r:.80}, not a number")
    return row


def read_history(path: str | Path) -> pd.DataFrame:
    """The history of a run, finished or under way.

    Parameters
    ----------
    path
        The run's folder.

    Returns
    -------
    pandas.DataFrame
        ``step``, ``epoch``, ``seconds``, ``split`` (``"train"``: that step's batch; ``"validation"``:
        the averaged weights on all of it), ``loss``, the model's metrics (Eh, Eh/Å), and of training
        steps ``learning_rate`` and ``gradient_norm``.
    """
    import pandas as pd

    return pd.DataFrame(read_rows(Path(path) / HISTORY))
