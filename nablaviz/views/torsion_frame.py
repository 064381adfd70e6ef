"""One picture of a torsion: what is drawn and written of a geometry, computed without widgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.models.torsion import COARSE, FINE, Point, TorsionPath, orbital_field
from nablaviz.models.torsion_check import Check, path_table
from nablaviz.units import HARTREE2EV
from nablaviz.views.atom_paint import CHARGES, along
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.chem.grid import Field

LARGEST = 0.5
"""e: charges of this size or above have the full colour, at all angles alike."""

ISOVALUES = (0.01, 0.15)
"""bohr^(-3/2): ends of the slider, at all angles alike."""


@dataclass(frozen=True)
class Wish:
    """What is to be drawn."""

    path: TorsionPath
    angle: float
    orbital: int
    "Index at the path's first geometry."
    follow: bool = True
    charges: bool = False
    "Whether atoms are coloured by their charge."


@dataclass(frozen=True, eq=False)
class Frame:
    """What is drawn."""

    wish: Wish
    point: Point
    index: int
    "Of the orbital at this geometry."
    field: Field
    colors: list[str] | None
    legend: str
    line: pd.Series
    "Of the path's table."
    careful: bool
    "Whether it is as fine as it gets."


def frame(
    wish: Wish, checks: Mapping[float, Check], careful: bool = True, points: int | None = None
) -> Frame:
    """Predict a geometry and prepare the picture of it.

    Parameters
    ----------
    checks
        By angle.
    careful
        Whether the orbital is to be fine, or soon there.
    points
        Along the longest side of its box, in place of what ``careful`` says.

    Raises
    ------
    ValueError
        As the path's prediction.
    """
    point = wish.path.at(wish.angle)
    index = point.index(wish.orbital, wish.follow)
    field = orbital_field(point, index, points or (FINE if careful else COARSE))
    table = path_table([point], checks, wish.orbital, wish.follow)
    colors, legend = None, caption(wish, point, index)
    if wish.charges:
        colors = along(CHARGES, (point.solution.lowdin / LARGEST + 1) / 2)
        legend += "  " + say("torsion.charges", end=write_number(LARGEST, 1))
    return Frame(wish, point, index, field, colors, legend, table.iloc[0], careful)


def caption(wish: Wish, point: Point, index: int) -> str:
    """The orbital, its energy and the dihedral, in a line."""
    orbitals = point.solution.orbitals
    now, start = orbitals.label(index), wish.path.start.solution.orbitals.label(wish.orbital)
    name = now if now == start else say("torsion.was", start=start, now=now)
    level = write_number(float(orbitals.energies[index]) * HARTREE2EV, 2)
    return f"{name}, {level} eV, {write_number(float(np.round(wish.angle)), 0)}°"
