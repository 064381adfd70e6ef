"""Points of a torsion path computed with DFT: how far the model is off, and all of it as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.comparison import Comparison, Solution, compare, solution
from nablaviz.chem.dft import label
from nablaviz.chem.scf import Progress
from nablaviz.models.torsion import Point
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Check:
    """DFT at one point of the path, beside the prediction."""

    point: Point
    conformer: Conformer
    "The labels."
    comparison: Comparison
    "DFT is the reference, the prediction the other."

    def level(self, index: int) -> float:
        """Energy, Eh, of DFT's orbital that matches the predicted one with an index."""
        return float(self.comparison.reference.orbitals.energies[self._reference(index)])

    def overlap(self, index: int) -> float:
        """|⟨DFT|predicted⟩| of these two, 0 to 1."""
        return float(self.comparison.matching.overlaps[self.pair(index)])

    def pair(self, index: int) -> int:
        """Number of the matched pair that a predicted orbital is in."""
        return int((self.comparison.matching.pairs[:, 1] == index).argmax())

    def _reference(self, index: int) -> int:
        return int(self.comparison.matching.pairs[self.pair(index), 0])


def check(point: Point, progress: Progress | None = None) -> Check:
    """Compute a point with DFT at nablaDFT's level, without forces.

    The SCF starts from the predicted Hamiltonian, which saves iterations and does not change what it
    converges to.

    Parameters
    ----------
    progress
        As for :func:`nablaviz.chem.dft.label`; may raise to stop.

    Raises
    ------
    ValueError, SCFError
        As :func:`nablaviz.chem.dft.label`.
    """
    found = label(point.molecule, forces=False, guess=point.solution.hamiltonian, progress=progress)
    assert found.hamiltonian is not None
    reference = solution(point.molecule, found.hamiltonian, "DFT", energy=found.energy)
    return Check(point, found, compare(reference, point.solution))


def path_table(
    points: Iterable[Point], checks: Mapping[float, Check], orbital: int, follow: bool = True
) -> pd.DataFrame:
    """One line per point: predictions, and DFT with the errors (predicted less DFT) where there is any.

    Parameters
    ----------
    checks
        By angle.
    orbital
        Of the path's first geometry: its ``orbital`` (name here), ``level``, ``level_dft``,
        ``level_error`` and ``overlap`` with DFT's.
    follow
        Whether it is followed, or the orbital of the same number taken.

    Returns
    -------
    pandas.DataFrame
        ``angle`` in degrees; energies in Eh (``energy``, ``band_energy``, ``homo``, ``lumo``, ``gap``,
        ``level``), dipole moments in debye, ``percentile`` of the distance to the training data; of these,
        but for the last, with ``_dft`` and ``_error``; ``overlap``, ``hamiltonian_mae`` (Eh).
    """
    import pandas as pd

    lines = [_line(point, checks.get(point.angle), point.index(orbital, follow)) for point in points]
    columns = ["angle", "orbital", "percentile", *VALUES]
    columns += [f"{name}_{kind}" for name in VALUES for kind in ("dft", "error")]
    return pd.DataFrame(lines, columns=[*columns, "overlap", "hamiltonian_mae"])


VALUES = ("energy", "band_energy", "homo", "lumo", "gap", "level", "dipole")
"""What a path's table has of the prediction, of DFT, and of the difference."""


def _line(point: Point, checked: Check | None, index: int) -> dict[str, float | str | None]:
    ours = _values(point.solution, index)
    line: dict[str, float | str | None] = {
        "angle": point.angle,
        "orbital": point.solution.orbitals.label(index),
        "percentile": np.nan if point.closeness is None else point.closeness.percentile,
        **ours,
    }
    if checked is None:
        return line
    pair = checked.comparison
    theirs = _values(pair.reference, int(pair.matching.pairs[checked.pair(index), 0]))
    for name in VALUES:
        line |= {f"{name}_dft": theirs[name], f"{name}_error": ours[name] - theirs[name]}
    return line | {
        "overlap": checked.overlap(index),
        "hamiltonian_mae": float(np.abs(pair.difference).mean()),
    }


def _values(side: Solution, index: int) -> dict[str, float]:
    return {
        "energy": np.nan if side.energy is None else side.energy,
        "band_energy": side.band_energy,
        "homo": side.homo,
        "lumo": side.lumo,
        "gap": side.orbitals.gap,
        "level": float(side.orbitals.energies[index]),
        "dipole": float(np.linalg.norm(side.dipole)),
    }
