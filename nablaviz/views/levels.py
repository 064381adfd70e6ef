"""The energy-level diagram: orbital energies of one Hamiltonian, or of two with what belongs together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nablaviz.chem.matching import Matching
from nablaviz.chem.orbitals import Orbitals
from nablaviz.views.words import Words

STATIC = Path(__file__).parent / "static"


class Levels(anywidget.AnyWidget):
    """Levels beside each other, matched ones joined by lines in the colour of their overlap.

    Click a level or a line to select it; with the diagram in focus arrow keys step, Home is HOMO, End is
    LUMO. Drag to move along the energy axis, scroll (after a click) to zoom, double-click to go back.
    """

    _esm = STATIC / "levels.js"

    levels = traitlets.Dict().tag(sync=True)
    """What is drawn: see :func:`level_data`."""

    selected = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Number of the selected matched pair, of the selected level where there is only one Hamiltonian."""

    camera_group = traitlets.Unicode("").tag(sync=True)
    """Of the 3D views that draw what is selected, from what they were sent ahead if they were."""

    height = traitlets.Int(420).tag(sync=True)
    """In pixels; the width is that of the panel."""

    words = Words("levels")
    """Its texts."""

    def on_ahead(self, callback: Callable[[int], None]) -> None:
        """Call ``callback(pair)`` with a pair likely to be selected next: pointed at, or one step away."""

        def receive(_: Any, content: dict[str, Any], buffers: Any) -> None:
            if content.get("kind") == "ahead" and content["pair"] in range(len(self.levels.get("pairs", ()))):
                callback(content["pair"])

        self.on_msg(receive)

    def show(self, levels: dict[str, Any], selected: int | None = None) -> None:
        """Replace what is drawn and what is selected.

        Parameters
        ----------
        levels
            From :func:`level_data`.
        selected
            A pair by number.
        """
        with self.hold_sync():
            self.selected = None  # a pair of what was drawn before need not be one of what comes
            self.levels = levels
            self.selected = selected

    @traitlets.validate("selected")
    def _check_selected(self, proposal: traitlets.Bunch) -> int | None:
        pair, count = proposal["value"], len(self.levels.get("pairs", ()))
        if pair is not None and not 0 <= pair < count:
            raise traitlets.TraitError(f"cannot select pair {pair}: there are {count}")
        return pair


def level_data(
    reference: Orbitals,
    other: Orbitals | None = None,
    matching: Matching | None = None,
    names: tuple[str, str] = ("DFT", "other"),
) -> dict[str, Any]:
    """What the diagram draws, ready for JSON.

    Parameters
    ----------
    reference
        The left column.
    other, matching
        The right column, and which of its levels is which of the reference's; both or none.
    names
        What the columns are called.

    Returns
    -------
    dict
        ``columns``: of each its ``name``, ``energies`` (Eh, ascending), ``labels`` and number of
        ``occupied`` levels. ``pairs``: ``[level of the reference, level of the other, overlap,
        difference in Eh]``, or ``[level]`` alone.

    Raises
    ------
    ValueError
        If there is a second column without a matching, or the reverse.
    """
    if (other is None) != (matching is None):
        raise ValueError("other orbitals and their matching belong together: give both or neither")
    columns = [_column(reference, names[0])]
    if other is None or matching is None:
        return {"columns": columns, "pairs": [[level] for level in range(len(reference))]}
    rows = zip(
        matching.pairs.tolist(), matching.overlaps.tolist(), matching.differences.tolist(), strict=True
    )
    pairs = [[*pair, overlap, difference] for pair, overlap, difference in rows]
    return {"columns": [*columns, _column(other, names[1])], "pairs": pairs}


def _column(orbitals: Orbitals, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "energies": orbitals.energies.tolist(),
        "labels": [orbitals.label(level) for level in range(len(orbitals))],
        "occupied": orbitals.n_occupied,
    }
