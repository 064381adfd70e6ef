"""Molecules as 2D drawings (SVG)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from nablaviz.chem.substructure import read_smiles

LIGHT = {
    0: "#24292f",
    1: "#57606a",
    7: "#1f4fd8",
    8: "#c9211e",
    9: "#3f7d00",
    16: "#8a6d00",
    17: "#0b7a3b",
    35: "#8a3b1f",
}
DARK = {
    0: "#e6e6e6",
    1: "#b0b0b0",
    7: "#8fb0ff",
    8: "#ff8177",
    9: "#a5dd5a",
    16: "#f0cf4a",
    17: "#5fd68b",
    35: "#e59273",
}
"""Colours by atomic number, 0 for all others, with enough contrast on a light or a dark page."""

HIGHLIGHT = "#e69f00"


def depict(
    smiles: str,
    *,
    width: int = 260,
    height: int = 150,
    dark: bool = False,
    highlight: Sequence[int] = (),
    targets: bool = False,
) -> str:
    """Draw the structural formula of a SMILES.

    Letters are drawn as outlines, so no text of the SMILES is in the SVG. The background is transparent.

    Parameters
    ----------
    smiles
        What follows a blank in it (a name, an extension) is not read.
    width, height
        Size in pixels.
    dark
        Whether the page behind is dark.
    highlight
        Atoms to mark, counted as in the SMILES.
    targets
        Add an invisible circle of class ``atom-selector atom-i`` on each atom, to be clicked.

    Returns
    -------
    str
        An ``<svg>`` element.

    Raises
    ------
    ValueError
        If the SMILES cannot be read, or an atom to mark is not there.
    """
    from rdkit import rdBase
    from rdkit.Chem.Draw import rdMolDraw2D

    molecule = read_smiles(smiles)
    if molecule is None:
        raise ValueError(f"not a SMILES that can be read: {smiles[:80]!r}")
    wrong = [atom for atom in highlight if not 0 <= atom < molecule.GetNumAtoms()]
    if wrong:
        raise ValueError(
            f"atom {wrong[0]} cannot be marked: {smiles[:80]!r} has {molecule.GetNumAtoms()} atoms"
        )
    drawer = rdMolDraw2D.MolDraw2DSVG(width, height)
    options: Any = drawer.drawOptions()
    options.clearBackground = False
    options.padding = 0.06
    options.fixedBondLength = 28
    options.bondLineWidth = 1.6
    options.scaleBondWidth = False
    options.highlightRadius = 0.34
    palette = {z: _rgb(color) for z, color in (DARK if dark else LIGHT).items()}
    options.setAtomPalette({**palette, -1: palette[0], 6: palette[0]})
    options.setHighlightColour((*_rgb(HIGHLIGHT), 0.55))
    with rdBase.BlockLogs():
        rdMolDraw2D.PrepareAndDrawMolecule(
            drawer, molecule, highlightAtoms=list(highlight), highlightBonds=[]
        )
    if targets:
        drawer.TagAtoms(molecule)
    drawer.FinishDrawing()
    drawing = drawer.GetDrawingText()
    return re.sub(r"<!--.*?-->|\n\s*", " ", drawing[drawing.index("<svg") :])


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(color[1:])
    return red / 255, green / 255, blue / 255
