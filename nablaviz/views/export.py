"""A 3D view as a py3Dmol view, for where there is neither kernel nor network."""

from __future__ import annotations

import base64
import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.bonds import find_bonds
from nablaviz.chem.isosurface import isosurface
from nablaviz.molecule import Molecule
from nablaviz.views.scene import ARROW_COLOR, atom_colors, fitting_camera
from nablaviz.views.surface import Surface, painted_colors

if TYPE_CHECKING:
    import py3Dmol

    from nablaviz.views.viewer import Viewer

MOST_FACES = 20_000
"""In one shape: 3Dmol counts vertices with 16 bits."""

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
    drawn = 0
    for place, (molecule, opacity) in enumerate(zip(view.molecules, view.scene["opacity"], strict=True)):
        if opacity == 0:  # 3Dmol would draw it solid
            continue
        static.addModel(mol_block(molecule), "mol")
        own = view.scene["colors"] if place == view.scene["active"] else []
        for index, color in enumerate(atom_colors(molecule, own)):
            look = {"color": color, "opacity": math.sqrt(opacity)}  # 3Dmol's shaders square it
            static.setStyle({"model": drawn, "index": index}, _style(view.representation, look))
        drawn += 1
    arrows = np.frombuffer(view.scene["arrows"], dtype="<f4").reshape(-1, 3)
    for start, vector in zip(active.positions, arrows, strict=False):
        if vector.any():
            ends = {"start": _point(start), "end": _point(start + vector)}
            static.addArrow(ends | {"radius": 0.06, "radiusRatio": 2.2, "color": ARROW_COLOR})
    for surface in view.drawn:
        _add_surface(static, surface, surface.isovalue or view.isovalue)
    x, y, z, distance, *turn = view.camera or fitting_camera(view.molecules, view.scene)
    look_at = np.add(view.scene["centre"], [x, y, z])
    static.setView([*(-look_at).tolist(), 150 - distance, *turn])  # 3Dmol's camera stands at 150 Å
    return static


def _add_surface(static: py3Dmol.view, surface: Surface, isovalue: float) -> None:
    """Its meshes as custom shapes; 3Dmol has no dots, and of several transparent shapes shows the nearest."""
    if surface.opacity == 0:
        return
    look = {"opacity": math.sqrt(surface.opacity), "wireframe": surface.style != "solid"}
    for color, level in ((surface.color, isovalue), (surface.negative_color, -isovalue)):
        if color is None:
            continue
        mesh = isosurface(surface.field, level)
        colors = painted_colors(surface, mesh.vertices, isovalue)
        colors = None if colors is None else (colors / 255).round(3)
        for faces in np.array_split(mesh.faces, len(mesh.faces) // MOST_FACES + 1):
            kept, corners = np.unique(faces, return_inverse=True)
            shape = {
                "vertexArr": [_point(vertex) for vertex in mesh.vertices[kept].round(3)],
                "normalArr": [_point(normal) for normal in mesh.normals[kept].round(3)],
                "faceArr": corners.ravel().tolist(),
                "color": color
                if colors is None
                else [dict(zip("rgb", c, strict=True)) for c in colors[kept].tolist()],
            }
            static.addCustom(shape | look)


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
