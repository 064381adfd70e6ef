"""Numbers of one geometry on a torsion path, and of the points checked with DFT, as HTML: pure functions."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from nablaviz.units import HARTREE2EV, HARTREE2KCAL
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say
from nablaviz.views.property_table import STYLE

if TYPE_CHECKING:
    import pandas as pd


def facts_html(line: pd.Series, lowest: pd.Series, start: str) -> str:
    """Tiles of numbers.

    Parameters
    ----------
    line
        Of the path's table: see :func:`nablaviz.models.torsion_check.path_table`.
    lowest
        The smallest ``energy`` and ``band_energy`` of the path, Eh: the zero, of DFT's too.
    start
        Name of the orbital at the first geometry.
    """
    orbital = str(line["orbital"])
    name = say("torsion_facts.level", orbital=orbital)
    if orbital != start:
        name = say("torsion_facts.level_was", orbital=orbital, start=start)
    level = [*_with_dft(line, "level", HARTREE2EV, 2, "eV")]
    if not math.isnan(line["overlap"]):
        level.append(say("torsion_facts.overlap", overlap=write_number(line["overlap"], 3)))
    tiles = [
        (name, level),
        (say("torsion_facts.gap"), _with_dft(line, "gap", HARTREE2EV, 2, "eV")),
        (say("torsion_facts.dipole"), _with_dft(line, "dipole", 1.0, 2, "D")),
    ]
    for quantity, title in (
        ("energy", say("torsion_facts.energy")),
        ("band_energy", say("torsion_facts.band_energy")),
    ):
        if not math.isnan(line[quantity]):
            tiles.append((title, _relative(line, lowest, quantity)))
    return "".join(
        f"<div><span>{html.escape(title)}</span><b>{html.escape(first)}</b>"
        + "".join(f"<span>{html.escape(each)}</span>" for each in rest)
        + "</div>"
        for title, (first, *rest) in tiles
    )


def _with_dft(line: pd.Series, name: str, factor: float, decimals: int, unit: str) -> list[str]:
    found = [f"{write_number(line[name] * factor, decimals)} {unit}"]
    if not math.isnan(line[f"{name}_dft"]):
        value, difference = line[f"{name}_dft"] * factor, line[f"{name}_error"] * factor
        found.append(_dft(value, difference, decimals))
    return found


def _relative(line: pd.Series, lowest: pd.Series, name: str) -> list[str]:
    ours = (line[name] - lowest[name]) * HARTREE2KCAL
    found = [f"{write_number(ours, 1)} kcal/mol", say("torsion_facts.above")]
    if not math.isnan(line[f"{name}_dft"]):
        theirs = (line[f"{name}_dft"] - lowest[name]) * HARTREE2KCAL
        found[1] = _dft(theirs, ours - theirs, 1)
    return found


def _dft(value: float, difference: float, decimals: int) -> str:
    return say(
        "torsion_facts.dft",
        value=write_number(value, decimals),
        difference=write_number(difference, decimals, signed=True),
    )


def checks_html(table: pd.DataFrame, orbital: str) -> str:
    """Errors of the points checked with DFT, a line for each and one for all, as an HTML table.

    Parameters
    ----------
    table
        As of :func:`facts_html`; lines without DFT are left out.
    orbital
        The one that is followed, by its name at the first geometry.
    """
    table = table[table["homo_dft"].notna()].sort_values("angle")
    if not len(table):
        return f'<div class="nablaviz-info">{html.escape(say("torsion.nothing_checked"))}</div>'
    columns = [
        (say("torsion_facts.energy_error"), "kcal/mol", table["energy_error"] * HARTREE2KCAL, 1),
        (say("torsion_facts.homo_error"), "eV", table["homo_error"] * HARTREE2EV, 3),
        (say("torsion_facts.level_error", orbital=orbital), "eV", table["level_error"] * HARTREE2EV, 3),
        (say("torsion_facts.overlaps"), "", table["overlap"], 3),
        (say("torsion_facts.gap_error"), "eV", table["gap_error"] * HARTREE2EV, 3),
        (say("torsion_facts.hamiltonian_mae"), "mEh", table["hamiltonian_mae"] * 1e3, 2),
    ]
    if orbital == "HOMO":
        del columns[2]
    titles = "".join(
        f'<th scope="col">{html.escape(title)}{f"<br>{unit}" if unit else ""}</th>'
        for title, unit, _, _ in columns
    )
    angle = html.escape(say("torsion_facts.angle"))
    lines = []
    for place, degrees in enumerate(table["angle"]):
        cells = "".join(
            f"<td>{write_number(values.iloc[place], digits, signed=bool(unit) and unit != 'mEh')}</td>"
            for _, unit, values, digits in columns
        )
        lines.append(f'<tr><th scope="row">{write_number(degrees, 0)}°</th>{cells}</tr>')
    means = "".join(f"<td>{write_number(values.abs().mean(), digits)}</td>" for *_, values, digits in columns)
    lines.append(f'<tr><th scope="row">{html.escape(say("torsion_facts.mean"))}</th>{means}</tr>')
    caption = html.escape(say("torsion_facts.summary", n=len(table), orbital=orbital))
    return (
        f'{STYLE}<table class="nablaviz-properties"><thead><tr><th scope="col">{angle}</th>{titles}</tr>'
        f'</thead><tbody>{"".join(lines)}</tbody></table><div class="nablaviz-info">{caption}</div>'
    )
