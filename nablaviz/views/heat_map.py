"""Matrices over atomic orbitals as heat maps: pure functions, arrays to plotly figures.

A click on a cell gives its number, counted along the rows: :func:`atom_pair` turns it into two atoms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.basis import Layout
from nablaviz.molecule import SYMBOLS
from nablaviz.views.figures import SCALE, ink, layout, plot_text
from nablaviz.views.language import say

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHOWN_PART = 98
"""Percentile of the magnitudes at which the colours of signed values end: the few values of inner shells
are a hundred times larger than those of bonds."""

FLOOR = 1e-10
"""Eh. Smaller magnitudes are rounding, and are drawn as this on the logarithmic scale."""

DIVERGING = ("#08519c", "#6baed6", "#f7f7f7", "#fdae61", "#a63603")
"""Negative, zero, positive on a light page: blue and orange, safe for the colour-blind."""

DIVERGING_DARK = ("#7cc4ff", "#1f6ba6", "#1c1c1c", "#b3591c", "#ffb066")

ORBITALS = {0: ("",), 1: ("x", "y", "z"), 2: ("xy", "yz", "z²", "xz", "x²−y²")}
"""Real spherical orbitals of a shell in PySCF's order."""


def orbital_names(layout: Layout) -> list[str]:
    """What the atomic orbitals are called, such as ``"0 C 2px"``, length n."""
    return [
        label + part
        for label, ell in zip(layout.shell_labels, layout.shell_l.tolist(), strict=True)
        for part in ORBITALS[ell]
    ]


def atom_pair(layout: Layout, cell: int) -> tuple[int, int]:
    """The atoms of the row and of the column of a matrix element, counted along the rows."""
    row, column = divmod(cell, len(layout))
    return int(layout.ao_atom[row]), int(layout.ao_atom[column])


def matrix_map(
    matrix: np.ndarray,
    orbitals: Layout,
    *,
    title: str = "H",
    unit: str = "Eh",
    logarithmic: bool = False,
    dark: bool = False,
) -> go.Figure:
    """A matrix over atomic orbitals, row 0 on top.

    The axes are marked with atoms, and nearer with shells and orbitals.

    Parameters
    ----------
    matrix
        Shape (n, n).
    orbitals
        The atomic orbitals of rows and columns.
    title, unit
        Of the values.
    logarithmic
        Draw log₁₀ of the magnitudes, instead of signed values around zero.
    dark
        Whether the page behind is dark.

    Raises
    ------
    ValueError
        If the matrix is not as large as the orbitals are many.
    """
    import plotly.graph_objects as go

    n = len(orbitals)
    if matrix.shape != (n, n):
        raise ValueError(f"the matrix must have shape {(n, n)}, not {matrix.shape}")
    names = [plot_text(name) for name in orbital_names(orbitals)]
    colors, note = _logarithmic(matrix) if logarithmic else _signed(matrix, unit, dark)
    said = f"log₁₀(|{title}| / {unit})" if logarithmic else f"{title} ({unit})"
    figure = go.Figure(layout=layout(dark))
    figure.add_trace(
        go.Heatmap(
            z=colors.pop("z"),
            x=names,
            y=names,
            hovertemplate=f"%{{y}} – %{{x}}<br>{said}: %{{z:.4~g}}<extra></extra>",
            colorbar={
                "title": {"text": said, "side": "right"}, "thickness": 10, "outlinewidth": 0, "len": 1,
                "exponentformat": "power",
            },
            **colors,
        )
    )  # fmt: skip
    marks = axis_marks(orbitals)
    axis: dict[str, Any] = {
        "type": "category", "showgrid": False, "tickfont": {"size": 10}, "constrain": "domain",
        "tickmode": "array", "tickvals": marks[-1]["places"], "ticktext": marks[-1]["texts"],
    }  # fmt: skip
    note = f"<span style='font-size:11px'>{note}</span>"
    figure.update_layout(
        xaxis=axis | {"title": {"text": note}, "constraintoward": "right", "tickangle": -90},
        yaxis=axis | {"autorange": "reversed", "scaleanchor": "x"},
        shapes=_atom_lines(orbitals, ink(dark)[1]),
        dragmode="zoom",
        uirevision=" ".join(marks[-1]["texts"]),  # another matrix of the same atoms keeps the zoom
        meta={"marks": marks},
        margin={"l": 50, "r": 8, "t": 8, "b": 40},
    )
    return figure


def outline(orbitals: Layout, i: int, j: int, dark: bool = False) -> list[dict[str, Any]]:
    """Frames around the two blocks of a pair of atoms, for :meth:`Plot.mark`."""
    path = ""
    for row, column in dict.fromkeys([(i, j), (j, i)]):
        (top, bottom), (left, right) = (
            (orbitals.atom_offsets[atom] - 0.5, orbitals.atom_offsets[atom + 1] - 0.5)
            for atom in (row, column)
        )
        path += f"M{left} {top}H{right}V{bottom}H{left}Z"
    line = {"color": "#ffffff" if dark else "#000000", "width": 2}
    return [{"shape": {"type": "path", "path": path, "line": line}}]


def axis_marks(orbitals: Layout) -> list[dict[str, Any]]:
    """What may be written along an axis: orbitals, shells, atoms; ``places`` and ``texts`` of each.

    The page takes the finest that fits the part of the axis that is shown.
    """
    shells = (orbitals.shell_offsets[:-1] + orbitals.shell_offsets[1:] - 1) / 2
    atoms = (orbitals.atom_offsets[:-1] + orbitals.atom_offsets[1:] - 1) / 2
    symbols = [f"{SYMBOLS[z]}{atom}" for atom, z in enumerate(orbitals.numbers.tolist())]
    named = [
        f"{symbol} {shell.split()[2]}"
        for symbol, shell in zip(np.array(symbols)[orbitals.shell_atom], orbitals.shell_labels, strict=True)
    ]
    whole = [
        f"{symbol} {name.split()[2]}"
        for symbol, name in zip(np.array(symbols)[orbitals.ao_atom], orbital_names(orbitals), strict=True)
    ]
    return [
        {"places": places.tolist(), "texts": texts}
        for places, texts in ((np.arange(len(orbitals)), whole), (shells, named), (atoms, symbols))
    ]


def _signed(matrix: np.ndarray, unit: str, dark: bool) -> tuple[dict[str, Any], str]:
    magnitudes = np.abs(matrix)
    end = float(np.percentile(magnitudes, SHOWN_PART)) or float(magnitudes.max()) or 1.0
    tones = DIVERGING_DARK if dark else DIVERGING
    scale = list(zip((0.0, 0.25, 0.5, 0.75, 1.0), tones, strict=True))
    beyond, written = np.mean(magnitudes > end), f"{float(f'{end:.2g}'):,g}"
    note = say("matrix.ends", end=written, unit=unit, part=f"{beyond:.1%}") if beyond else ""
    colors = {"z": matrix.astype(np.float32), "zmin": -end, "zmax": end, "zmid": 0, "colorscale": scale}
    return colors, note


def _logarithmic(matrix: np.ndarray) -> tuple[dict[str, Any], str]:
    magnitudes = np.abs(matrix)
    values = np.log10(np.maximum(magnitudes, FLOOR)).astype(np.float32)
    low, high = float(np.percentile(values, 100 - SHOWN_PART)), float(values.max())
    below = np.mean(values < low)
    start = f"{low:.1f}".replace("-", "−")
    note = say("matrix.begins", low=start, part=f"{below:.1%}") if below else ""
    return {"z": values, "zmin": low, "zmax": max(high, low + 1e-3), "colorscale": SCALE}, note


def _atom_lines(orbitals: Layout, color: str) -> list[dict[str, Any]]:
    """Thin lines between atoms, one shape for each direction."""
    ends = (orbitals.atom_offsets[1:-1] - 0.5).tolist()
    n = len(orbitals)
    paths = ("".join(f"M{e} -0.5V{n - 0.5}" for e in ends), "".join(f"M-0.5 {e}H{n - 0.5}" for e in ends))
    line = {"color": color, "width": 0.5}
    return [{"type": "path", "path": path, "line": line, "opacity": 0.4} for path in paths if path]
