"""A selection of conformers as a new training or test list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nablaviz.data.atomic import replacing
from nablaviz.data.dataset import Dataset
from nablaviz.data.splits import SPLITS
from nablaviz.data.store_writer import StoreWriter, check_target

COLUMNS = ["moses_id", "conformation_id", "smiles", "split"]


def check_split(split: str) -> None:
    """Raise ``ValueError`` if there is no split of that name."""
    if split not in SPLITS:
        raise ValueError(f"no split {split!r}; there are {', '.join(SPLITS)}")


def write_list(dataset: Dataset, rows: Sequence[int], path: str | Path, split: str) -> None:
    """Write ids, SMILES and the split of some rows as a new CSV file.

    Raises
    ------
    FileExistsError
        If there is such a file.
    ValueError
        If there is no such split, or no row.
    """
    check_split(split)
    path = _checked(rows, path)
    if path.exists():
        raise FileExistsError(f"{path} exists already: choose another name")
    table = dataset.table.iloc[list(rows)].assign(split=split)[COLUMNS]
    with replacing(path) as file:
        table.to_csv(file, index=False)


def write_store(
    dataset: Dataset,
    rows: Sequence[int],
    path: str | Path,
    split: str,
    tell: Callable[[str, float | None], None] = lambda text, part: None,
) -> int:
    """Write some rows with all their labels into a native store, new or there already.

    Parameters
    ----------
    split
        What they belong to there; the size of a nested training set is not kept.
    tell
        Told how far it is; may raise to stop. What has been written by then stays.

    Returns
    -------
    int
        How many were added: conformers that the store has, by their ids, are left as they are.

    Raises
    ------
    ValueError
        If there is no such split, or no row, or a conformer cannot be written.
    """
    check_split(split)
    path = _checked(rows, path)
    check_target(path)
    added = 0
    with StoreWriter(path) as writer:
        for place, row in enumerate(rows):
            tell(f"{path}: {place:,} of {len(rows):,} conformers written", place / len(rows))
            conformer = dataset[row]
            key = conformer.moses_id, conformer.conformation_id
            if None in key or key not in writer.keys:
                writer.add(replace(conformer, split=split, train_size=None))
                added += 1
    return added


def _checked(rows: Sequence[int], path: str | Path) -> Path:
    if not len(rows):
        raise ValueError("nothing is selected")
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    return path
