"""A widget that draws surfaces, which a browser can be given before they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from nablaviz.views.surface import Surface, encode

KEPT = 26
"""Volumes that a browser is taken to hold for each widget; it keeps a few more (`js/src/volumes.js`)."""


class SurfacesAhead(anywidget.AnyWidget):
    """Sends what may be chosen next: a browser shows it at the moment of the choice, before Python hears.

    A volume is sent once; later messages leave it out.
    """

    surfaces = traitlets.List(traitlets.Dict()).tag(sync=True)
    """What `draw_surfaces` was given: see `nablaviz.views.surface.encode`."""

    choice = traitlets.Int(None, allow_none=True).tag(sync=True)
    """Number of what the surfaces are of, where there is something to choose from."""

    def __init__(self, **traits: Any) -> None:
        self._held: dict[str, None] = {}
        super().__init__(**traits)
        self.on_msg(self._resend)

    def send_ahead(self, choice: int, surfaces: Sequence[Surface]) -> None:
        """Send the surfaces that would be drawn for a choice, none of them painted."""
        encoded = encode(surfaces, self.isovalue)
        new = [surface for surface in encoded if surface["name"] not in self._held]
        self.send(
            {
                "kind": "ahead",
                "choice": choice,
                "surfaces": [surface | {"values": None} for surface in encoded],
                "names": [surface["name"] for surface in new],
            },
            [surface["values"] for surface in new],
        )
        for surface in encoded:
            self._held.pop(surface["name"], None)  # the last again
            self._held[surface["name"]] = None
        while len(self._held) > KEPT:
            del self._held[next(iter(self._held))]

    def forget_ahead(self) -> None:
        """What was sent ahead is not what would be drawn any more."""
        if self._held:
            self.send({"kind": "forget"})

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """As of any widget; volumes that the browser holds are left out unless all state is asked for."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is not None and "surfaces" in state:
            state["surfaces"] = [
                surface | {"values": None} if surface["name"] in self._held else surface
                for surface in state["surfaces"]
            ]
        return state

    def _resend(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        """A page does not hold what it was told to: it came later, or has let go of it."""
        if content.get("kind") == "volumes":
            self._held.clear()
            self.send_state("surfaces")
