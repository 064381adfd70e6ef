"""What is known of a torsion path as curves for the chart: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.models.torsion import Point
from nablaviz.models.torsion_check import Check
from nablaviz.units import HARTREE2EV, HARTREE2KCAL
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd

QUANTITIES = ("energy", "band_energy", "level", "gap", "dipole", "percentile")
"""Columns of the path's table that can be drawn."""

MODEL, DFT, OTHER = 0, 1, 6
"""Colours of the lines, as places in the chart's palette."""

AROUND = 2
"""So many levels below the HOMO and above the LUMO are drawn."""


def charts(
    table: pd.DataFrame,
    points: Sequence[Point],
    checks: Mapping[float, Check],
    quantity: str,
    orbital: int,
    follow: bool,
    grid: Sequence[float],
) -> list[dict[str, Any]]:
    """Two charts: a quantity, and the orbital energies, of the model and at the points checked with DFT.

    Parameters
    ----------
    table
        See :func:`nablaviz.models.torsion_check.path_table`; of points on the grid or beside it.
    points
        Those on the grid that are known, ascending.
    checks
        By angle.
    quantity
        One of ``QUANTITIES``; energies, DFT's too, are shown above the model's lowest.
    orbital
        The one that is drawn, by its index at the first geometry.
    follow
        Whether levels are of orbitals followed from there; otherwise of the same place in the order.
    grid
        All angles of the path, ascending.

    Returns
    -------
    list of dict
        Of each chart: ``title``, ``words`` for who cannot see it, its ``share`` of the height, ``lines``:
        ``name``, ``x`` (degrees), ``y`` (``None`` where there is a gap), ``color``, ``marks`` (points
        instead of a line), ``thin``.

    Raises
    ------
    ValueError
        If there is no such quantity.
    """
    if quantity not in QUANTITIES:
        raise ValueError(f"a curve is of {', '.join(QUANTITIES)}, not {quantity!r}")
    scale = _scale(quantity, table[quantity].min())
    values = dict(zip(table["angle"], scale(table[quantity]), strict=True))
    lines = [_line(say("torsion_curves.model"), grid, values, MODEL)]
    if f"{quantity}_dft" in table:
        known = table[table[f"{quantity}_dft"].notna()]
        if len(known):
            lines.append(_marks("DFT", known["angle"], scale(known[f"{quantity}_dft"]), DFT))
    upper = _chart(say(f"torsion_curves.{quantity}"), lines, 1.0)
    return [upper, _chart(say("torsion_curves.levels"), _levels(points, checks, orbital, follow, grid), 1.3)]


def _levels(
    points: Sequence[Point], checks: Mapping[float, Check], orbital: int, follow: bool, grid: Sequence[float]
) -> list[dict[str, Any]]:
    """Levels around the gap, the one that is drawn last, and DFT's of it."""
    if not points:
        return []
    orbitals = points[0].solution.orbitals
    shown = range(max(0, orbitals.homo - AROUND), min(len(orbitals), orbitals.lumo + AROUND + 1))

    def levels(index: int) -> dict[float, float]:
        return {
            point.angle: float(point.solution.orbitals.energies[point.index(index, follow)]) * HARTREE2EV
            for point in points
        }

    lines = [_line("", grid, levels(index), OTHER, thin=True) for index in shown if index != orbital]
    name = orbitals.label(orbital)
    name = say("torsion_curves.followed", orbital=name) if follow else name
    lines.append(_line(name, grid, levels(orbital), MODEL))
    if checks:
        angles = sorted(checks)
        found = [checks[a].level(checks[a].point.index(orbital, follow)) * HARTREE2EV for a in angles]
        lines.append(_marks("DFT", angles, found, DFT))
    return lines


def _scale(quantity: str, lowest: float) -> Callable[[Any], Any]:
    """From the table's unit to the chart's."""
    if quantity in ("energy", "band_energy"):
        return lambda values: (values - lowest) * HARTREE2KCAL
    if quantity in ("gap", "level"):
        return lambda values: values * HARTREE2EV
    return lambda values: values


def _line(
    name: str, grid: Sequence[float], values: Mapping[float, float], color: int, thin: bool = False
) -> dict[str, Any]:
    """A line over the grid, closed: −180° is 180° too."""
    found = [_number(values.get(angle)) for angle in grid]
    if grid and grid[0] == -180.0:
        grid, found = [*grid, 180.0], [*found, found[0]]
    return {"name": name, "x": list(grid), "y": found, "color": color, "marks": False, "thin": thin}


def _marks(name: str, angles: Any, values: Any, color: int) -> dict[str, Any]:
    pairs = sorted(zip(map(float, angles), map(_number, values), strict=True))
    pairs += [(180.0, value) for angle, value in pairs if angle == -180.0]
    x, y = ([pair[place] for pair in pairs] for place in (0, 1))
    return {"name": name, "x": x, "y": y, "color": color, "marks": True, "thin": False}


def _number(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else round(float(value), 5)


def _chart(title: str, lines: list[dict[str, Any]], share: float) -> dict[str, Any]:
    values = [value for line in lines for value in line["y"] if value is not None]
    words = say("torsion_curves.nothing", title=title)
    if values:
        low, high = (write_number(end(values), 2) for end in (min, max))
        words = say("torsion_curves.words", title=title, low=low, high=high)
    return {"title": title, "words": words, "share": share, "lines": lines}
