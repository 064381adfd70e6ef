"""Surfaces of constant value in a 3D view, as plain data."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nablaviz.chem.grid import Field

POSITIVE, NEGATIVE = "#e69f00", "#0072b2"
"""Of the two phases: orange and blue, which people of any colour vision tell apart (Okabe and Ito, 2008)."""

PAINT = ((178, 24, 43), (244, 165, 130), (247, 247, 247), (146, 197, 222), (33, 102, 172))
"""Red, green and blue of a painted surface from low to high values, evenly spaced (ColorBrewer's RdBu)."""

STYLES = ("solid", "mesh", "dots")


@dataclass(frozen=True, eq=False)
class Surface:
    """Where a field has the isovalue, and where it has its negative.

    Raises
    ------
    ValueError
        If a value is NaN, a grid has fewer than four points along an axis, or an option is not as said.
    """

    field: Field
    color: str = POSITIVE
    "``#rrggbb``."
    negative_color: str | None = NEGATIVE
    "Of the surface at −isovalue; ``None`` draws none."
    opacity: float = 0.55
    "0 to 1."
    style: str = "solid"
    "``solid``, ``mesh`` or ``dots``."
    isovalue: float | None = None
    "Its own, > 0, in the field's unit; ``None`` follows the viewer's."
    painted: Field | None = None
    "A second field that colours it, red for low and blue for high values, in place of the two colours."
    painted_range: tuple[float, float] | None = None
    "Values of the ends of the colours; ``None``: 0 in the middle and most of the surface within."

    def __post_init__(self) -> None:
        for field in filter(None, (self.field, self.painted)):
            if np.isnan(field.values).any():
                count = int(np.isnan(field.values).sum())
                raise ValueError(f"{count} of {field.values.size} values of the field are NaN")
            if min(field.box.shape) < 4:
                raise ValueError(f"a surface needs four points along each axis, not {field.box.shape}")
        for color in filter(None, (self.color, self.negative_color)):
            if not re.fullmatch("#[0-9a-fA-F]{6}", color):
                raise ValueError(f"a colour must be #rrggbb, not {color!r}")
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity must be 0 to 1, not {self.opacity}")
        if self.style not in STYLES:
            raise ValueError(f"style must be one of {', '.join(STYLES)}, not {self.style!r}")
        if self.isovalue is not None and not 0 < self.isovalue < math.inf:
            raise ValueError(f"an isovalue must be a positive number, not {self.isovalue}")
        if (
            self.painted_range is not None
            and not -math.inf < self.painted_range[0] < self.painted_range[1] < math.inf
        ):
            raise ValueError(f"painted_range must be two finite rising numbers, not {self.painted_range}")


def encode(surfaces: Sequence[Surface], isovalue: float) -> list[dict[str, Any]]:
    """The surfaces as the browser reads them: `Viewer.surfaces`.

    Parameters
    ----------
    surfaces
        In any order.
    isovalue
        Near which the range of a painted surface is taken.

    Returns
    -------
    list of dict
        The options of each surface, and of its field, and of the field that paints it under ``painted``:
        ``origin`` and ``spacing`` (Å), ``shape``, ``unit``, ``values`` (little-endian float16, z fastest),
        the ``scale`` to multiply them with, whether they are ``packed`` (by `compact`), and a ``name`` that
        no other volume has.
    """
    return [
        _volume(surface.field)
        | {
            "color": surface.color,
            "negative_color": surface.negative_color,
            "opacity": surface.opacity,
            "style": surface.style,
            "isovalue": surface.isovalue,
            "painted": surface.painted
            and _volume(surface.painted) | {"range": _painted_range(surface, isovalue), "colors": PAINT},
        }
        for surface in surfaces
    ]


def compact(encoded: Sequence[dict[str, Any]], lowest: float) -> list[dict[str, Any]]:
    """What `encode` gave with volumes that take a fifth of the space once compressed, for a file.

    A value becomes a multiple of a ``scale``, as a 16-bit integer, and is stored as what three linear
    extrapolations miss, which is small where the field is smooth. (The prediction by the seven neighbours
    before a point: Ibarria et al., Comput. Graph. Forum 2003, 22, 343.)

    Parameters
    ----------
    encoded
        As `encode` gives it.
    lowest
        The smallest isovalue that will be chosen; values are right to 1/64 of it.
    """
    out = []
    for surface in encoded:
        painted = surface["painted"]
        if painted:
            low, high = painted["range"]
            painted = painted | _differences(painted, (high - low) / 2000)
        own = surface["isovalue"] or lowest
        out.append(surface | _differences(surface, own / 32) | {"painted": painted})
    return out


def _differences(volume: dict[str, Any], scale: float) -> dict[str, Any]:
    """Zigzag-coded differences along all three axes, all their low bytes before all their high ones."""
    halves = np.frombuffer(volume["values"], "<f2").reshape(volume["shape"])
    values = np.round(halves.astype(np.float64) * (volume["scale"] / scale))
    steps = np.clip(values, -32767, 32767).astype("<i2")
    for axis in range(3):
        steps = np.diff(steps, axis=axis, prepend=np.zeros_like(steps.take([0], axis=axis)))
    folded = (steps << 1) ^ (steps >> 15)
    return {"values": folded.view(np.uint8).reshape(-1, 2).T.tobytes(), "scale": scale, "packed": True}


def _volume(field: Field) -> dict[str, Any]:
    """The scale is a power of two with which the largest value just fits, so that few others lose bits."""
    largest = float(np.abs(field.values[np.isfinite(field.values)]).max(initial=0))
    scale = 2.0 ** (math.frexp(largest)[1] - 15)
    values = (np.clip(field.values, -largest, largest) / scale).astype("<f2").tobytes()
    grid = {
        "scale": scale,
        "origin": field.box.origin.tolist(),
        "spacing": field.box.spacing.tolist(),
        "shape": list(field.box.shape),
        "unit": field.unit,
    }
    name = hashlib.blake2b(values + repr(grid).encode(), digest_size=12).hexdigest()
    return grid | {"name": name, "values": values, "packed": False}


def painted_colors(surface: Surface, points: np.ndarray, isovalue: float) -> np.ndarray | None:
    """Red, green and blue, shape (V, 3), 0 to 255, at points (V, 3) of a painted surface, Å."""
    if surface.painted is None:
        return None
    low, high = _painted_range(surface, isovalue)
    ends = np.linspace(low, high, len(PAINT))
    values = _sample(surface.painted, points)
    return np.stack([np.interp(values, ends, channel) for channel in np.transpose(PAINT)], axis=1)


def _painted_range(surface: Surface, isovalue: float) -> list[float]:
    """Symmetric about 0 and as wide as the painting field is near the surface."""
    if surface.painted_range is not None:
        return list(surface.painted_range)
    assert surface.painted is not None
    ratio = np.abs(surface.field.values) / (surface.isovalue or isovalue)
    near = np.argwhere((ratio > 1 / 1.5) & (ratio < 1.5))
    box = surface.field.box
    values = np.abs(_sample(surface.painted, box.origin + box.spacing * near))
    widest = float(np.percentile(values, 98)) if len(values) else 0.0
    return [-widest, widest] if widest else [-1.0, 1.0]


def _sample(field: Field, points: np.ndarray) -> np.ndarray:
    """The field at points (V, 3), Å; outside its box that of its border."""
    from nablaviz.chem.isosurface import sample

    box = field.box
    last = box.origin + box.spacing * (np.array(box.shape) - 1)
    return sample(field, np.clip(points, box.origin, last))


def slider_range(surfaces: Sequence[Surface], isovalue: float) -> tuple[float, float]:
    """Isovalues to choose from: from where a surface would leave its box to where the last has vanished.

    Surfaces with an isovalue of their own do not count; ``isovalue`` is always within.
    """
    low, high = math.inf, 0.0
    for values in (np.abs(surface.field.values) for surface in surfaces if surface.isovalue is None):
        sides = [values[0], values[-1], values[:, 0], values[:, -1], values[:, :, 0], values[:, :, -1]]
        low, high = min(low, max(float(side.max()) for side in sides)), max(high, float(values.max()))
    if not 0 < high < math.inf:
        low, high = isovalue / 10, isovalue * 10
    return min(max(low, high / 1000), high / 10, isovalue), max(0.9 * high, isovalue * 1.01)
