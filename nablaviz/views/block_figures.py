"""Where the errors of a Hamiltonian are, as figures: pure functions, tables to plotly figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.blocks import summarise
from nablaviz.views.energy_units import handy_unit, write_energy
from nablaviz.views.figures import PALETTE, PALETTE_DARK, layout, plot_text
from nablaviz.views.language import say

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


BY = ("kind", "elements", "momenta", "shells", "distance")
"""What errors can be drawn by, columns of :func:`~nablaviz.chem.blocks.block_errors`."""

WIDE = 20
"""A larger ratio of values is drawn on a logarithmic axis."""


def block_figure(blocks: pd.DataFrame, by: str = "elements", *, dark: bool = False) -> go.Figure:
    """|ΔH| of each kind of block, the worst first, or of each pair of atoms against its distance.

    By distance, ``customdata`` stands for the pair of atoms: :func:`pair_of` gives it back.

    Parameters
    ----------
    blocks
        From :func:`~nablaviz.chem.blocks.block_errors`.
    by
        One of `BY`.
    dark
        Whether the page behind is dark.

    Raises
    ------
    ValueError
        If ``by`` is not one of `BY`.
    """
    import plotly.graph_objects as go

    if by not in BY:
        raise ValueError(f"errors cannot be drawn by {by!r}; choose {', '.join(BY)}")
    figure = go.Figure(layout=layout(dark))
    colors = PALETTE_DARK if dark else PALETTE
    if by == "distance":
        _draw_pairs(figure, blocks, colors)
    else:
        _draw_groups(figure, summarise(blocks, by), by, colors[0])
    return figure


def pair_of(row: int, n_atoms: int) -> tuple[int, int]:
    """The atoms that a point of the figure by distance stands for."""
    i, j = divmod(row, n_atoms)
    return i, j


def _draw_groups(figure: go.Figure, groups: pd.DataFrame, by: str, color: str) -> None:
    """Mean and largest |ΔH| of each group."""
    groups = groups.sort_values("mean_abs", ascending=False)
    names = [plot_text(name) for name in groups.index]
    factor, unit = handy_unit(float(groups["max_abs"].max()))
    texts = [
        _hover(name, mean, largest, count)
        for name, mean, largest, count in zip(
            names, groups["mean_abs"], groups["max_abs"], groups["count"], strict=True
        )
    ]
    for column, said, marker in (
        ("mean_abs", say("blocks.mean"), {"symbol": "circle", "size": 9}),
        ("max_abs", say("blocks.largest"), {"symbol": "circle-open", "size": 7}),
    ):
        figure.add_scatter(
            x=names, y=groups[column].to_numpy() * factor, mode="markers", name=said,
            marker=marker | {"color": color}, text=texts, hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(
        xaxis={
            "title": {"text": say(f"blocks.{by}")},
            "type": "category",
            "tickangle": -60 if len(names) > 12 else 0,
        },
        yaxis=_error_axis(groups[["mean_abs", "max_abs"]].to_numpy() * factor, f"|ΔH| ({unit})"),
        hovermode="closest",
    )


def _draw_pairs(figure: go.Figure, blocks: pd.DataFrame, colors: Sequence[str]) -> None:
    """Mean |ΔH| of each pair of atoms against their distance, of the atoms themselves at 0."""
    ends = np.sort(blocks[["atom_i", "atom_j"]], axis=1)  # in the table their order follows the shells
    pairs = summarise(
        blocks.assign(atom_i=ends[:, 0], atom_j=ends[:, 1]), ["atom_i", "atom_j", "distance"]
    ).reset_index()
    names = _atom_names(blocks)
    factor, unit = handy_unit(float(pairs["mean_abs"].max()))
    drawn = pairs[pairs["mean_abs"] > 0]
    hydrogens = sum(drawn[atom].map(names).str.startswith("H").astype(int) for atom in ("atom_i", "atom_j"))
    for count, name in enumerate(("heavy", "mixed", "hydrogens")):
        part = drawn[hydrogens == count]
        figure.add_scatter(
            x=part["distance"].to_numpy(dtype=float), y=part["mean_abs"].to_numpy() * factor, mode="markers",
            customdata=(part["atom_i"] * len(names) + part["atom_j"]).to_numpy(dtype=np.int32),
            text=[_describe(names, *line) for line in part.itertuples(index=False)],
            hovertemplate="%{text}<extra></extra>", name=say(f"blocks.{name}"),
            marker={"color": colors[count], "size": 6, "opacity": 0.75},
        )  # fmt: skip
    missing = len(pairs) - len(drawn)
    note = f"<br><span style='font-size:11px'>{say('blocks.missing', n=missing)}</span>"
    figure.update_layout(
        xaxis={"title": {"text": say("blocks.distance") + (note if missing else "")}},
        yaxis=_error_axis(drawn["mean_abs"].to_numpy() * factor, say("blocks.mean_axis", unit=unit)),
        hovermode="closest",
    )


def _atom_names(blocks: pd.DataFrame) -> dict[int, str]:
    """Element and number of each atom, such as ``"C3"``."""
    first = blocks.drop_duplicates("atom_i")
    last = blocks.drop_duplicates("atom_j")
    symbols = dict(zip(first["atom_i"], first["elements"].str.split("–").str[0], strict=True))
    symbols |= dict(zip(last["atom_j"], last["elements"].str.split("–").str[1], strict=True))
    return {int(atom): f"{symbol}{atom}" for atom, symbol in symbols.items()}


def _describe(
    names: dict[int, str], i: int, j: int, distance: float, mean: float, largest: float, count: int
) -> str:
    who = f"{names[i]} – {names[j]}, {distance:.2f} Å" if i != j else say("blocks.on_site", atom=names[i])
    return _hover(who, mean, largest, count)


def _hover(who: str, mean: float, largest: float, count: int) -> str:
    errors = say("blocks.hover", mean=write_energy(mean), largest=write_energy(largest), n=count)
    return f"<b>{who}</b><br>{errors}"


def _error_axis(values: np.ndarray, title: str) -> dict[str, Any]:
    """Logarithmic where the values need it, else from zero."""
    positive = values[values > 0]
    axis: dict[str, Any] = {"title": {"text": title}}
    if len(positive) and positive.max() > WIDE * positive.min():
        return axis | {"type": "log"}
    return axis | {"rangemode": "tozero"}
