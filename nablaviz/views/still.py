"""A still picture of a 3D view, for where there is no browser to draw it."""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.bonds import find_bonds
from nablaviz.views.scene import atom_colors, rotation

if TYPE_CHECKING:
    from nablaviz.views.viewer import Viewer


def still(view: Viewer, width: int = 400, height: int = 250) -> bytes:
    """The active molecule as balls and sticks, drawn here: a PNG file with a transparent background.

    Surfaces are left out: they need the browser.

    Raises
    ------
    ValueError
        If the viewer shows nothing.
    """
    molecule = view.active
    if molecule is None:
        raise ValueError("the viewer shows no molecule")
    turn = rotation(view.camera[4:] or view.scene["facing"])
    at = (molecule.positions - molecule.positions.mean(axis=0)) @ turn.T
    colors = np.array([list(bytes.fromhex(c[1:])) for c in atom_colors(molecule, view.scene["colors"])])
    balls = [
        (*xyz, 0.4 if z > 1 else 0.27, color)
        for xyz, z, color in zip(at, molecule.numbers, colors, strict=True)
    ]
    for i, j, _ in find_bonds(molecule).tolist():  # a stick is a row of small balls
        steps = np.linspace(0, 1, 24)
        balls += [(*(at[i] + t * (at[j] - at[i])), 0.13, colors[i if t < 0.5 else j]) for t in steps]

    fine = 2  # drawn twice as large, then averaged
    extent = np.abs(at[:, :2]).max(axis=0) + 0.7
    scale = fine * min(width / 2 / extent[0], height / 2 / extent[1])
    picture = np.zeros((height * fine, width * fine, 4), dtype=np.float32)
    depth = np.full(picture.shape[:2], -np.inf)
    all_rows, all_columns = np.ogrid[: height * fine, : width * fine]
    for x, y, z, radius, color in balls:
        r = radius * scale
        column, row = width * fine / 2 + x * scale, height * fine / 2 - y * scale
        rows = slice(max(0, math.floor(row - r)), math.ceil(row + r) + 1)
        columns = slice(max(0, math.floor(column - r)), math.ceil(column + r) + 1)
        nx, ny = (all_columns[:, columns] - column) / r, (row - all_rows[rows]) / r
        inside = nx**2 + ny**2 < 1
        nz = np.sqrt(np.where(inside, 1 - nx**2 - ny**2, 0))
        nearer = inside & (z + radius * nz > depth[rows, columns])
        light = np.clip((0.2 * nx + 0.2 * ny + nz) / math.sqrt(1.08), 0, 1)  # 3Dmol's light
        depth[rows, columns][nearer] = (z + radius * nz)[nearer]
        picture[rows, columns, :3][nearer] = (light[..., None] * color)[nearer]
        picture[rows, columns, 3][nearer] = 255
    small = picture.reshape(height, fine, width, fine, 4)
    weight = small[..., 3:].sum(axis=(1, 3))
    small = small.sum(axis=(1, 3)) / np.where(weight > 0, weight, 1) * [255, 255, 255, 0]
    return _png(np.concatenate([small[..., :3], weight / fine**2], axis=2).round().astype(np.uint8))


def _png(pixels: np.ndarray) -> bytes:
    """A PNG file of pixels, shape (height, width, 4), uint8."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
