"""What a 3D view is told to draw: molecules, colours and arrows as plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from nablaviz.chem.bonds import find_bonds
from nablaviz.chem.geometry import principal_axes
from nablaviz.molecule import Molecule
from nablaviz.views.language import say

ELEMENT_COLORS = {
    "H": "#dfe3e8", "C": "#808890", "N": "#4468e0", "O": "#e2382d", "F": "#9ad03a",
    "S": "#e8c21f", "Cl": "#28b463", "Br": "#a8492e",
}  # fmt: skip
"""Colours that stand out from a white and from a nearly black background."""

OTHER_COLOR = "#d264c8"
"""Of every element not in `ELEMENT_COLORS`."""

ARROW_COLOR = "#ff8c1a"
"""Of force arrows: no element has it."""


def atom_colors(molecule: Molecule, colors: Sequence[str] = ()) -> list[str]:
    """``colors`` where given, else the colour of each atom's element, ``#rrggbb``."""
    return list(colors) or [ELEMENT_COLORS.get(symbol, OTHER_COLOR) for symbol in molecule.symbols]


def rotation(quaternion: Sequence[float]) -> np.ndarray:
    """Matrix, shape (3, 3), of a unit quaternion x, y, z, w."""
    x, y, z, w = quaternion
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


def encode(
    molecules: tuple[Molecule, ...],
    active: int,
    opacity: Sequence[float] | None,
    colors: Sequence[str] | None,
    arrows: np.ndarray | None,
) -> dict[str, Any]:
    """The checked scene as the browser reads it, numbers little-endian.

    Of each molecule: ``sizes`` (atoms), ``bond_counts``, ``opacity``. Of all atoms: ``numbers`` uint8,
    ``positions`` float32 (atoms, 3) in Å. Of all bonds: ``bonds`` uint16 (bonds, 3), first and second atom,
    counted within their molecule, and order. Of the ``active`` molecule: ``formula``, ``centre`` (its
    centroid, Å), ``facing`` (a rotation that shows it well), ``colors`` of its atoms or none, ``arrows``
    float32 (atoms, 3) in Å or none.
    """
    if not molecules:
        raise ValueError("there is no molecule to show")
    if not 0 <= active < len(molecules):
        raise ValueError(f"active must be 0 to {len(molecules) - 1}, not {active}")
    size = len(molecules[active])
    if opacity is None:
        opacity = [1.0 if place == active else 0.35 for place in range(len(molecules))]
    opacity = [float(value) for value in opacity]
    if len(opacity) != len(molecules) or not all(0 <= value <= 1 for value in opacity):
        raise ValueError(f"opacity must be {len(molecules)} numbers from 0 to 1, not {opacity}")
    colors = [] if colors is None else list(colors)
    wrong = [color for color in colors if not re.fullmatch("#[0-9a-fA-F]{6}", color)]
    if wrong or len(colors) not in (0, size):
        raise ValueError(f"colors must be {size} strings #rrggbb, not {wrong[0] if wrong else len(colors)!r}")
    vectors = np.zeros((0, 3)) if arrows is None else np.asarray(arrows, dtype=float)
    if (arrows is not None and vectors.shape != (size, 3)) or not np.isfinite(vectors).all():
        raise ValueError(f"arrows must be finite, of shape {(size, 3)}; shape {vectors.shape} was given")
    bonded = [find_bonds(molecule) for molecule in molecules]
    return {
        "active": active,
        "sizes": [len(molecule) for molecule in molecules],
        "numbers": np.concatenate([m.numbers for m in molecules]).astype("<u1").tobytes(),
        "positions": np.concatenate([m.positions for m in molecules]).astype("<f4").tobytes(),
        "bonds": np.concatenate(bonded).astype("<u2").tobytes(),
        "bond_counts": [len(pairs) for pairs in bonded],
        "opacity": opacity,
        "colors": colors,
        "arrows": vectors.astype("<f4").tobytes(),
        "centre": molecules[active].positions.mean(axis=0).tolist(),
        "facing": facing(molecules[active].positions),
        "formula": molecules[active].formula,
    }


def facing(positions: np.ndarray) -> list[float]:
    """Rotation that shows the points at their broadest, tilted a little so that depth is seen.

    Parameters
    ----------
    positions
        Shape (N, 3).

    Returns
    -------
    list of float
        Unit quaternion x, y, z, w.
    """
    tilt = np.radians([-20.0, 15.0])
    (cx, cy), (sx, sy) = np.cos(tilt), np.sin(tilt)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    r = about_x @ about_y @ principal_axes(positions)
    # The quaternion is the eigenvector of the largest eigenvalue (Bar-Itzhack, J. Guid. 2000, 23, 1085).
    k = np.zeros((4, 4))
    k[:3, :3] = r + r.T - np.trace(r) * np.eye(3)
    k[3, :3] = k[:3, 3] = r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]
    k[3, 3] = np.trace(r)
    return np.linalg.eigh(k)[1][:, -1].tolist()


HALF_ANGLE = math.radians(10)
"""Half of the vertical field of view."""

FREE = 0.85
"""Part of a view's height that no bar covers."""


def fitting_camera(molecules: Sequence[Molecule], scene: dict[str, Any]) -> list[float]:
    """A camera, as the viewer's trait, that shows all molecules of a scene however they are turned."""
    positions = np.concatenate([molecule.positions for molecule in molecules])
    radius = np.linalg.norm(positions - scene["centre"], axis=1).max() + 1.2
    return [0.0, 0.0, 0.0, float(radius / math.sin(HALF_ANGLE)), *scene["facing"]]


def farther(camera: Sequence[float], scene: dict[str, Any], points: np.ndarray) -> list[float]:
    """A camera moved back until it sees all points (N, 3), Å, in a view that is at least as wide as high."""
    *offset, distance = camera[:4]
    turned = (points - scene["centre"] - offset) @ rotation(camera[4:]).T
    needed = turned[:, 2] + np.abs(turned[:, :2]).max(axis=1) / (FREE * math.tan(HALF_ANGLE))
    return [*offset, max(distance, float(needed.max(initial=0))), *camera[4:]]


def scale_arrows(
    forces: np.ndarray, longest: float = 2.5, largest: float | None = None
) -> tuple[np.ndarray, str]:
    """Forces as arrows of a handy length, and the scale in words.

    Parameters
    ----------
    forces
        Shape (N, 3), Eh/Å.
    longest
        No arrow is longer, Å.
    largest
        The force that the scale is chosen for, Eh/Å, to keep one scale through several conformers;
        ``None`` takes the largest of ``forces``.

    Returns
    -------
    arrows : ndarray
        Shape (N, 3), Å.
    legend : str
        For example ``"forces: 1 Å = 0.05 Eh/Å"``; the number is 1, 2 or 5 times a power of ten.

    Raises
    ------
    ValueError
        If a force is not finite.
    """
    if not np.isfinite(forces).all():
        raise ValueError(f"forces of atom {np.argwhere(~np.isfinite(forces))[0, 0]} are not finite")
    if largest is None:
        largest = float(np.linalg.norm(forces, axis=1).max())
    if largest == 0:
        return np.zeros_like(forces), say("scene.no_forces")
    power = 10.0 ** math.floor(math.log10(largest / longest))
    per_angstrom = next(step * power for step in (1, 2, 5, 10) if step * power * longest >= largest)
    return forces / per_angstrom, say("scene.forces", force=f"{per_angstrom:.6g} Eh/Å")
