"""The errors of a conformer that can be looked at, by name: all the smaller the better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Kind:
    """A measure of error of one conformer."""

    label: str
    unit: str = "Eh"
    value: str | None = None
    "What it is the error of, where a table has that too: see ``VALUES``."
    best: float = 0.0
    "What a perfect prediction has; the error is the distance to it."


KINDS = {
    "energy_mae": Kind("energy |ΔE|", value="energy"),
    "energy_per_atom_mae": Kind("energy per atom |ΔE|/N"),
    "relative_energy_mae": Kind("energy between conformers"),
    "force_mae": Kind("force |ΔF|", "Eh/Å"),
    "force_cosine": Kind("force direction, 1 − cos", "", best=1.0),
    "hamiltonian_mae": Kind("Hamiltonian |ΔH|"),
    "hamiltonian_on_site_mae": Kind("Hamiltonian, on-site"),
    "hamiltonian_off_site_mae": Kind("Hamiltonian, off-site"),
    "hamiltonian_lowdin_mae": Kind("Hamiltonian, Löwdin basis"),
    "occupied_mae": Kind("occupied orbitals |Δε|"),
    "homo_mae": Kind("HOMO |Δε|", value="homo"),
    "lumo_mae": Kind("LUMO |Δε|", value="lumo"),
    "gap_mae": Kind("gap |Δε|", value="gap"),
    "orbital_overlap": Kind("orbitals, 1 − overlap", "", best=1.0),
    "density_error": Kind("density", "e"),
    "dipole_mae": Kind("dipole |Δμ|", "D"),
    "scf_iterations": Kind("SCF iterations", ""),
    "scf_iterations_ratio": Kind("SCF iterations, relative", ""),
}
"""Those of ``studies.metrics.METRICS``."""

VALUES = {
    "energy": "Formation energy",
    "relative_energy": "Energy above the molecule's mean",
    "homo": "HOMO energy",
    "lumo": "LUMO energy",
    "gap": "HOMO–LUMO gap",
}
"""What can be seen beside its prediction, Eh."""


def available(table: pd.DataFrame) -> list[str]:
    """The kinds of error that a table of errors has at least one value of."""
    return [name for name in KINDS if error(table, name).notna().any()]


def error(table: pd.DataFrame, name: str) -> pd.Series:
    """One kind of error of each line; NaN where it is not known.

    The error between conformers is the mean of |ΔE_i − ΔE_j| over the other conformers j of the
    molecule, so that its mean over a molecule is the ``relative_energy_mae`` of :mod:`.averages`.

    Parameters
    ----------
    table
        Columns as :func:`~nablaviz.studies.metrics.measure` gives them; ``molecule`` for the errors
        between conformers.

    Raises
    ------
    ValueError
        If there is no such kind.
    """
    import pandas as pd

    if name not in KINDS:
        raise ValueError(f"no error {name!r}; there are {', '.join(KINDS)}")
    if name == "relative_energy_mae" and {"energy", "predicted_energy", "molecule"} <= set(table):
        difference = table["predicted_energy"] - table["energy"]
        return difference.groupby(table["molecule"], sort=False).transform(_mean_distance)
    if name not in table:
        return pd.Series(np.nan, index=table.index)
    return (table[name] - KINDS[name].best).abs()


def _mean_distance(values: pd.Series) -> pd.Series:
    """Mean distance of each value to the others, NaN where there is no other."""
    x, n = values.to_numpy(), values.notna().sum()
    distances = np.nansum(np.abs(x[:, None] - x), axis=1) / max(n - 1, 1)
    return values * 0 + (distances if n > 1 else np.nan)


def pair(table: pd.DataFrame, value: str) -> tuple[pd.Series, pd.Series] | None:
    """One of ``VALUES`` and its prediction, Eh, or ``None`` where the table has them not.

    Parameters
    ----------
    table
        As for :func:`error`, with ``atomic_energy``, Eh, for the energy.
    """
    first, second = ("energy", "predicted_energy") if "energy" in value else (value, f"predicted_{value}")
    if value == "gap":
        homo, lumo = pair(table, "homo"), pair(table, "lumo")
        return None if homo is None or lumo is None else (lumo[0] - homo[0], lumo[1] - homo[1])
    if not {first, second} <= set(table) or not (table[first] + table[second]).notna().any():
        return None
    both = table[[first, second]].where((table[first] + table[second]).notna())
    if value == "energy":
        both = both.sub(table["atomic_energy"], axis=0)
    if value == "relative_energy":
        molecules = both.groupby(table["molecule"], sort=False)
        both = (both - molecules.transform("mean")).where(molecules[first].transform("count") > 1)
        if not both[first].notna().any():
            return None
    return both[first], both[second]
