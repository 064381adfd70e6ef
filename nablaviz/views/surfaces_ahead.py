"""A widget that draws surfaces, the volumes of which can be sent before they are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import anywidget
import traitlets

from nablaviz.views.surface import Surface, encode

KEPT = 10
"""Volumes that a browser is taken to hold for each widget; it keeps a few more (`js/src/volumes.js`)."""


class SurfacesAhead(anywidget.AnyWidget):
    """Sends a volume once: what a browser holds is called by name in later messages."""

    surfaces = traitlets.List(traitlets.Dict()).tag(sync=True)
    """What `draw_surfaces` was given: see `nablaviz.views.surface.encode`."""

    def __init__(self, **traits: Any) -> None:
        self._held: dict[str, None] = {}
        super().__init__(**traits)
        self.on_msg(self._resend)

    def send_ahead(self, surfaces: Sequence[Surface]) -> None:
        """Send the volumes of surfaces that are likely to be drawn next, at any isovalue and opacity."""
        for volume in encode([surface for surface in surfaces if surface.painted is None], self.isovalue):
            name = _name(volume["values"])
            if name not in self._held:
                self.send({"kind": "volume", "name": name}, [volume["values"]])
            self._held.pop(name, None)  # the last again
            self._held[name] = None
        while len(self._held) > KEPT:
            del self._held[next(iter(self._held))]

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """As of any widget; volumes that the browser holds are named, unless the whole state is asked for."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        if key is not None and self._held and "surfaces" in state:
            names = [_name(surface["values"]) for surface in state["surfaces"]]
            state["surfaces"] = [
                surface | {"values": name} if name in self._held else surface
                for surface, name in zip(state["surfaces"], names, strict=True)
            ]
        return state

    def _resend(self, _: Any, content: dict[str, Any], buffers: Any) -> None:
        """A page does not hold what it was told to: it came later, or has let go of it."""
        if content.get("kind") == "volumes":
            self._held.clear()
            self.send_state("surfaces")


def _name(values: bytes) -> str:
    return hashlib.blake2b(values, digest_size=12).hexdigest()
