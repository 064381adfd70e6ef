"""Curves along a torsion, above a slider: the dihedral is dragged, played, or moved with keys."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets

from nablaviz.views.words import Words

STATIC = Path(__file__).parent / "static"


class TorsionChart(anywidget.AnyWidget):
    """Click or drag in the curves, or use the slider, to choose the dihedral.

    On the slider arrow keys move it by a degree, Page Up and Page Down by ten, Home and End to the ends,
    and the space bar plays.
    """

    _esm = STATIC / "torsion.js"

    charts = traitlets.List(traitlets.Dict()).tag(sync=True)
    """One above the other: see :func:`nablaviz.views.torsion_curves.charts`."""

    angle = traitlets.Float(0.0).tag(sync=True)
    """What is chosen, degrees, −180 to 180."""

    shown = traitlets.Float(None, allow_none=True).tag(sync=True)
    """The angle of what is drawn elsewhere; playing waits for it."""

    stops = traitlets.List(traitlets.Float()).tag(sync=True)
    """The only angles to choose from, ascending; none: every degree."""

    height = traitlets.Int(420).tag(sync=True)
    """Of the curves and the slider, in pixels."""

    words = Words("torsion_chart")
    """Texts of the widget by key."""

    @traitlets.validate("angle")
    def _check_angle(self, proposal: traitlets.Bunch) -> float:
        angle = float(proposal["value"])
        if not -180 <= angle <= 180:
            raise traitlets.TraitError(f"the dihedral is −180 to 180 degrees, not {angle}")
        return angle
