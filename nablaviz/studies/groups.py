"""Groups of conformers whose errors are compared with those of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablaviz.data.conditions import RELATIVE
from nablaviz.studies.covariates import FINGERPRINT, GEOMETRY

if TYPE_CHECKING:
    import pandas as pd

ELEMENT = "element"

QUARTERS = {
    "n_atoms": ("few atoms", "many atoms", "", ".0f"),
    FINGERPRINT: ("molecules near the training set", "molecules far from the training set", "", ".2f"),
    GEOMETRY: ("geometries near the training set", "geometries far from the training set", "", ".3f"),
    "mean_force": ("small forces", "large forces", " Eh/Å", ".3f"),
    RELATIVE: ("low conformers", "high conformers", " kcal/mol", ".2f"),
}
"""Numbers of which the lowest and the highest quarter are groups: what these are called, unit, format."""


KIND_OF = {
    "elements": "element",
    "functional_groups": "functional group",
    "scaffold": "scaffold",
    "split": "split",
}


def members(covariates: pd.DataFrame, column: str) -> pd.DataFrame:
    """Who has which element, functional group, scaffold or split: boolean, a column for each name."""
    import pandas as pd

    values = covariates[column]
    if column in ("scaffold", "split"):
        values = [
            () if missing else (name or "no rings",)
            for name, missing in zip(values, values.isna(), strict=True)
        ]
    names = sorted({name for each in values for name in each})
    found = {name: np.array([name in each for each in values], dtype=bool) for name in names}
    return pd.DataFrame(found, index=covariates.index, columns=names)


def groups(covariates: pd.DataFrame) -> pd.DataFrame:
    """Which conformers belong to which groups; one may belong to many.

    Parameters
    ----------
    covariates
        Lines of :func:`~nablaviz.studies.covariates.covariates`.

    Returns
    -------
    pandas.DataFrame
        Boolean, a line per conformer; columns (kind, group): each element but carbon and hydrogen, functional
        group, scaffold and split, and the lowest and highest quarters of ``QUARTERS``.
    """
    import pandas as pd

    found: dict[tuple[str, str], np.ndarray] = {}
    for column, kind in KIND_OF.items():
        for name, member in members(covariates, column).items():
            if name not in ("C", "H") or kind != ELEMENT:
                found[kind, str(name)] = member.to_numpy()
    for column, (low, high, unit, form) in QUARTERS.items():
        values = covariates[column].to_numpy(dtype=float)
        if not np.isfinite(values).any():
            continue
        first, last = np.nanquantile(values, [0.25, 0.75], method="nearest")
        found[column, f"{low} (≤ {first:{form}}{unit})"] = values <= first
        found[column, f"{high} (> {last:{form}}{unit})"] = values > last
    columns = pd.MultiIndex.from_tuples(found, names=["kind", "group"])
    return pd.DataFrame(dict(enumerate(found.values())), index=covariates.index).set_axis(columns, axis=1)


def described(kind: str, group: str) -> str:
    """A group in words."""
    match kind:
        case "element":
            return f"molecules with {group}"
        case "scaffold":
            return "molecules without rings" if group == "no rings" else f"scaffold {group}"
        case "split":
            return f"split {group}"
    return group
