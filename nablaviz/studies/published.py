"""The published results of ∇²DFT's models, to stand beside one's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TABLE = Path(__file__).parents[1] / "data" / "published_benchmark.csv"

SOURCE = "∇²DFT (Khrabrov et al., arXiv:2406.14347)"

NAMES = {
    "forces_mae": "force_mae",
    "conformations": "test_conformations",
    "structures": "test_structures",
    "scaffolds": "test_scaffolds",
    "Eh/Angstrom": "Eh/Å",
}
"""What we call otherwise than the table."""


@cache
def published() -> pd.DataFrame:
    """The published errors.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``metric``, ``split`` and ``unit`` as in studies of one's own where there is such a
        measure, ``train_split``, ``train_molecules`` (how many the training set has), ``value``,
        ``converged`` (whether that model's training was). One run each, without error bars. Measured on test
        sets of ∇²DFT, not on one's own.
    """
    import pandas as pd

    table = pd.read_csv(TABLE).rename(columns={"test_split": "split"})
    return table.replace(dict.fromkeys(("metric", "split", "unit"), NAMES))
