"""Densities of states over each other: a pure function, orbitals to a plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.density_of_states import density_of_states, projections
from nablaviz.molecule import SYMBOLS
from nablaviz.units import HARTREE2EV
from nablaviz.views.figures import PALETTE, PALETTE_DARK, ink, layout, plot_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from nablaviz.chem.comparison import Solution

POINTS = 600
VALENCE = -2.0
"""Eh. Orbitals below are of inner shells, and outside the figure at first."""

ABOVE = 0.5
"""Eh above the LUMO where the figure ends at first."""

DASHES = ("solid", "dash")


def states_figure(
    solutions: Sequence[Solution], width: float = 0.01, *, by_element: bool = False, dark: bool = False
) -> go.Figure:
    """Density of states of one or two Hamiltonians, what is occupied filled, HOMO and LUMO as lines.

    Parameters
    ----------
    solutions
        One or two of one molecule; the second is dashed.
    width
        Standard deviation of the normal distribution that each orbital is drawn as, Eh.
    by_element
        Draw the parts on each element (Löwdin) instead of the whole.
    dark
        Whether the page behind is dark.

    Raises
    ------
    ValueError
        If ``width`` is not above zero, or there are not one or two solutions.
    """
    import plotly.graph_objects as go

    if not 1 <= len(solutions) <= len(DASHES):
        raise ValueError(f"one or two densities of states can be drawn, not {len(solutions)}")
    at = _energies(solutions, width)
    colors = PALETTE_DARK if dark else PALETTE
    figure = go.Figure(layout=layout(dark))
    for place, (solved, dash) in enumerate(zip(solutions, DASHES, strict=False)):
        own = colors[(0, 5)[place]]
        parts = _elements(solved) if by_element else {"": np.ones(len(solved.orbitals))}
        for part, (name, weights) in enumerate(parts.items()):
            color = colors[part % len(colors)] if by_element else own
            figure.add_traces(_curves(solved, at, width, weights, name, color, dash))
        for label, energy in (("HOMO", solved.homo), ("LUMO", solved.lumo)):
            figure.add_vline(
                x=energy,
                line={
                    "color": ink(dark)[0] if by_element else own,
                    "width": 1,
                    "dash": ("dot", "dashdot")[place],
                },
                **({"annotation": _label(label, dark)} if place == 0 else {}),
            )
    figure.update_layout(
        xaxis={"title": {"text": "ε (Eh)"}, "range": [at[0], at[-1]]},
        yaxis={"title": {"text": "Density of states (1/Eh)"}, "rangemode": "tozero"},
        hovermode="x unified",
    )
    return figure


def _energies(solutions: Sequence[Solution], width: float) -> np.ndarray:
    valence = [s.orbitals.energies[s.orbitals.energies > VALENCE].min() for s in solutions]
    low, high = min(valence) - 5 * width, max(s.lumo for s in solutions) + ABOVE
    return np.linspace(low, high, POINTS)


def _elements(solved: Solution) -> dict[str, np.ndarray]:
    """Fraction of each orbital on each element, heaviest first."""
    numbers = solved.molecule.numbers
    groups = numbers[basis.layout(numbers).ao_atom]
    weights = projections(solved.orbitals, solved.overlap, groups)
    return {SYMBOLS[z]: row for z, row in reversed(list(zip(np.unique(groups), weights, strict=True)))}


def _curves(
    solved: Solution, at: np.ndarray, width: float, weights: np.ndarray, name: str, color: str, dash: str
) -> list[dict[str, Any]]:
    """The density of states as a line, and the part of occupied orbitals as an area."""
    energies = solved.orbitals.energies
    values = density_of_states(
        energies, at, width, np.stack([weights, weights * solved.orbitals.occupations / 2])
    )
    said = plot_text(f"{solved.name} {name}".strip(), 24)
    common = {
        "type": "scatter", "mode": "lines", "x": at.astype(np.float32), "name": said, "legendgroup": said,
    }  # fmt: skip
    electronvolts = (at * HARTREE2EV).astype(np.float32)
    line = {
        "y": values[0].astype(np.float32), "line": {"color": color, "width": 1.6, "dash": dash},
        "text": [f"{e:.2f} eV" for e in electronvolts],
        "hovertemplate": "%{y:.3~g} /Eh at %{text}",
    }  # fmt: skip
    area = {
        "y": values[1].astype(np.float32), "line": {"width": 0}, "fill": "tozeroy",
        "fillcolor": _translucent(color), "showlegend": False, "hoverinfo": "skip",
    }  # fmt: skip
    return [common | area, common | line]


def _translucent(color: str) -> str:
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},0.22)"


def _label(text: str, dark: bool) -> dict[str, Any]:
    return {
        "text": text, "font": {"size": 11, "color": ink(dark)[1]}, "yref": "paper", "y": 1, "yanchor": "top",
        "xanchor": "right" if text == "HOMO" else "left", "showarrow": False,
    }  # fmt: skip
