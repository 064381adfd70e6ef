"""What the atoms of the three views of a comparison can be coloured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nablaviz.chem.comparison import Comparison
from nablaviz.views.energy_units import write_energy, write_number
from nablaviz.views.language import say

VIRIDIS = ("#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725")
"""Anchors of the colour scale viridis, dark to light, at equal distances."""

CHARGES = ("#b35806", "#f1a340", "#d8d8d8", "#6baed6", "#08519c")
"""Negative, neutral, positive: orange and blue, safe for the colour-blind."""

PAINTS = ("element", "error", "charge", "difference")
"""Names of the choices."""


@dataclass(frozen=True)
class Painted:
    """Colours of the atoms in one view."""

    colors: list[str]
    "``#rrggbb``, one per atom."
    legend: str


def paints(comparison: Comparison, kind: str) -> tuple[Painted | None, Painted | None, Painted | None]:
    """Colours for the views of the reference, of the other and of the difference; ``None`` is by element.

    Parameters
    ----------
    kind
        ``element``; ``error``, mean |ΔH| over the rows of each atom; ``charge``, Löwdin's, of each, and its
        difference in the third; ``difference``, that difference in all.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    ours, theirs = comparison.reference.lowdin, comparison.other.lowdin
    match kind:
        case "element":
            return None, None, None
        case "error":
            largest = float(comparison.atom_errors.max())
            colors = along(VIRIDIS, comparison.atom_errors / (largest or 1.0))
            return (Painted(colors, say("paint.error_legend", largest=write_energy(largest))),) * 3
        case "charge":
            largest = float(np.abs([ours, theirs]).max())
            change = _charges(theirs - ours, "change")
            return _charges(ours, "charges", largest), _charges(theirs, "charges", largest), change
        case "difference":
            return (_charges(theirs - ours, "change"),) * 3
    raise ValueError(f"atoms can be coloured by {', '.join(PAINTS)}, not {kind!r}")


def _charges(values: np.ndarray, name: str, largest: float | None = None) -> Painted:
    largest = float(np.abs(values).max()) if largest is None else largest
    colors = along(CHARGES, (values / (largest or 1.0) + 1) / 2)
    end = write_number(largest, 3)
    return Painted(colors, say("paint.charge_legend", name=say(f"paint.{name}"), end=end))


def along(anchors: Sequence[str], shares: np.ndarray) -> list[str]:
    """Colours at places from 0 to 1 along evenly spaced ones, ``#rrggbb``."""
    channels = np.array([list(bytes.fromhex(color[1:])) for color in anchors], dtype=float).T
    places = np.clip(shares, 0, 1) * (len(anchors) - 1)
    mixed = [np.interp(places, np.arange(len(anchors)), channel) for channel in channels]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in np.rint(mixed).astype(int).T]
