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
from nablaviz.views.language import say

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from nablaviz.chem.comparison import Solution

POINTS = 600
VALENCE = -2.0
"""Eh. Orbitals below are of inner shells, and outside the figure at first."""

ABOVE = 0.5
"""Eh above the LUMO where the figure ends at first."""

DASHES = ("solid", "dash")
MARKS = ("dot", "dashdot")


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
            area, line = _curves(solved, at, width, weights, color)
            line["line"]["dash"] = dash
            # one entry of the legend is enough for an element
            line |= {"name": plot_text(name or solved.name, 24), "showlegend": not (by_element and place)}
            figure.add_traces([area, line])
        for label, energy in (("HOMO", solved.homo), ("LUMO", solved.lumo)):
            figure.add_vline(
                x=energy,
                line={"color": ink(dark)[0] if by_element else own, "width": 1, "dash": MARKS[place]},
                **({"annotation": _label(label, dark)} if place == 0 else {}),
            )
    styles = " – – ".join(plot_text(s.name, 24) for s in solutions)
    note = f"<br><span style='font-size:11px'>—— {styles}</span>" if by_element else ""
    figure.update_layout(
        xaxis={"title": {"text": f"ε (Eh){note}"}, "range": [at[0], at[-1]]},
        yaxis={"title": {"text": say("states.density")}, "rangemode": "tozero"},
        hovermode="x unified",
    )
    return figure


def _energies(solutions: Sequence[Solution], width: float) -> np.ndarray:
    """From the lowest valence orbital, of a poor Hamiltonian at least from the HOMO, to above the LUMO."""
    valence = [e for s in solutions for e in s.orbitals.energies.tolist() if e > VALENCE]
    low = min(*valence, *(s.homo for s in solutions)) - 5 * width
    return np.linspace(low, max(s.lumo for s in solutions) + ABOVE, POINTS)


def _elements(solved: Solution) -> dict[str, np.ndarray]:
    """Fraction of each orbital on each element, heaviest first."""
    numbers = solved.molecule.numbers
    groups = numbers[basis.layout(numbers).ao_atom]
    weights = projections(solved.orbitals, solved.overlap, groups)
    return {SYMBOLS[z]: row for z, row in reversed(list(zip(np.unique(groups), weights, strict=True)))}


def _curves(
    solved: Solution, at: np.ndarray, width: float, weights: np.ndarray, color: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The part of occupied orbitals as an area, the density of states as a line."""
    occupied = weights * solved.orbitals.occupations / 2
    values = density_of_states(solved.orbitals.energies, at, width, np.stack([weights, occupied]))
    whole, filled = values.astype(np.float32)
    common = {"type": "scatter", "mode": "lines", "x": at.astype(np.float32)}
    area = {
        "y": filled, "line": {"width": 0}, "fill": "tozeroy", "fillcolor": _translucent(color),
        "showlegend": False, "hoverinfo": "skip",
    }  # fmt: skip
    line = {
        "y": whole, "line": {"color": color, "width": 1.6},
        "text": [f"{energy:.2f} eV" for energy in at * HARTREE2EV],
        "hovertemplate": say("states.point", y="%{y:.3~g}", energy="%{text}"),
    }  # fmt: skip
    return common | area, common | line


def _translucent(color: str) -> str:
    red, green, blue = bytes.fromhex(color[1:])
    return f"rgba({red},{green},{blue},0.22)"


def _label(text: str, dark: bool) -> dict[str, Any]:
    return {
        "text": text, "font": {"size": 11, "color": ink(dark)[1]}, "yref": "paper", "y": 1, "yanchor": "top",
        "xanchor": "right" if text == "HOMO" else "left", "showarrow": False,
    }  # fmt: skip
