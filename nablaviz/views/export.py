"""What a 3D view leaves behind where it cannot run: a py3Dmol view, and a still picture."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.bonds import find_bonds
from nablaviz.molecule import Molecule
from nablaviz.views.scene import ARROW_COLOR, atom_colors, rotation

if TYPE_CHECKING:
    import py3Dmol

    from nablaviz.views.viewer import Viewer

LIBRARY = Path(__file__).parent / "static" / "3Dmol-min.js"


def mol_block(molecule: Molecule) -> str:
    """The molecule as an MDL mol file (V2000) with the bonds of `find_bonds` and no name.

    Raises
    ------
    ValueError
        If it has more than 999 atoms or bonds, which the format cannot count.
    """
    bonds = find_bonds(molecule)
    if max(len(molecule), len(bonds)) > 999:
        raise ValueError(
            f"a mol file holds at most 999 atoms and bonds, not {len(molecule)} and {len(bonds)}"
        )
    lines = ["", "", "", f"{len(molecule):3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V2000"]
    for symbol, (x, y, z) in zip(molecule.symbols, molecule.positions.tolist(), strict=True):
        lines.append(f"{x:10.4f}{y:10.4f}{z:10.4f} {symbol:<3} 0" + "  0" * 11)
    lines += [f"{i + 1:3d}{j + 1:3d}{order:3d}  0" for i, j, order in bonds.tolist()]
    return "\n".join([*lines, "M  END", ""])


def to_py3dmol(view: Viewer, width: int = 640, height: int = 400) -> py3Dmol.view:
    """What the viewer shows as a ``py3Dmol.view`` that carries 3Dmol.js in itself.

    It needs neither kernel nor network and so works in nbconvert and behind a proxy; it adds 0.7 MB to
    the notebook. Strings of the user, such as the legend, are left out: py3Dmol writes HTML.

    Raises
    ------
    ValueError
        If the viewer shows nothing.
    """
    import py3Dmol

    active = view.active
    if active is None:
        raise ValueError("the viewer shows no molecule")
    source = base64.b64encode(LIBRARY.read_bytes()).decode()
    static = py3Dmol.view(width=width, height=height, js=f"data:text/javascript;base64,{source}")
    for place, (molecule, opacity) in enumerate(zip(view.molecules, view.scene["opacity"], strict=True)):
        static.addModel(mol_block(molecule), "mol")
        own = view.scene["colors"] if molecule is active else []
        for index, color in enumerate(atom_colors(molecule, own)):
            look = {"color": color, "opacity": math.sqrt(opacity)}  # 3Dmol's shaders square it
            static.setStyle({"model": place, "index": index}, _style(view.representation, look))
    arrows = np.frombuffer(view.scene["arrows"], dtype="<f4").reshape(-1, 3)
    for start, vector in zip(active.positions, arrows, strict=False):
        ends = {"start": _point(start), "end": _point(start + vector)}
        static.addArrow(ends | {"radius": 0.06, "radiusRatio": 2.2, "color": ARROW_COLOR})
    x, y, z, distance, *turn = view.camera or _fitting(view)
    look_at = np.add(view.scene["centre"], [x, y, z])
    static.setView([*(-look_at).tolist(), 150 - distance, *turn])  # 3Dmol's camera stands at 150 Å
    return static


def _style(representation: str, look: dict[str, object]) -> dict[str, object]:
    """3Dmol's style, as scene.js has it."""
    match representation:
        case "stick":
            return {"stick": look | {"radius": 0.17}}
        case "sphere":
            return {"sphere": look}
        case "line":
            return {"stick": look | {"radius": 0.035}}
        case _:
            return {"stick": look | {"radius": 0.13}, "sphere": look | {"scale": 0.22}}


def _point(position: np.ndarray) -> dict[str, float]:
    return dict(zip("xyz", position.tolist(), strict=True))


def _fitting(view: Viewer) -> list[float]:
    """A camera that shows all molecules, for a view that no browser has fitted yet."""
    positions = np.concatenate([molecule.positions for molecule in view.molecules])
    radius = np.linalg.norm(positions - view.scene["centre"], axis=1).max() + 1.2
    return [0.0, 0.0, 0.0, float(radius / math.sin(math.radians(10))), *view.scene["facing"]]


def still(view: Viewer, width: int = 480, height: int = 300) -> bytes:
    """The active molecule as balls and sticks, drawn here: a PNG file with a transparent background.

    Raises
    ------
    ValueError
        If the viewer shows nothing.
    """
    molecule = view.active
    if molecule is None:
        raise ValueError("the viewer shows no molecule")
    turn = rotation((view.camera or _fitting(view))[4:])
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
    picture = np.zeros((height * fine, width * fine, 4))
    depth = np.full(picture.shape[:2], -np.inf)
    for x, y, z, radius, color in balls:
        r = radius * scale
        column, row = width * fine / 2 + x * scale, height * fine / 2 - y * scale
        rows = slice(max(0, math.floor(row - r)), math.ceil(row + r) + 1)
        columns = slice(max(0, math.floor(column - r)), math.ceil(column + r) + 1)
        ys, xs = np.ogrid[rows, columns]
        ys, xs = ys[: picture.shape[0] - rows.start], xs[:, : picture.shape[1] - columns.start]
        nx, ny = (xs - column) / r, (row - ys) / r
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
