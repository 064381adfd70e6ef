"""Properties and errors of a comparison as small HTML tables: pure functions, every string escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from nablaviz.views.energy_units import write_energy, write_number
from nablaviz.views.language import say, term

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

DECIMALS = {"Eh": 4, "D": 3, "e": 4, "": 4}
"""Digits after the point of the values in each unit."""

STYLE = """<style>
.nablaviz-properties { border-collapse: collapse;
  font: 12px/1.5 var(--jp-ui-font-family, system-ui, sans-serif);
  color: var(--jp-ui-font-color1, inherit); font-variant-numeric: tabular-nums; }
.nablaviz-properties th, .nablaviz-properties td { padding: 2px 8px; text-align: right; white-space: nowrap;
  border: none; background: none; }
.nablaviz-properties thead th { font-weight: 600; border-bottom: 1px solid var(--jp-border-color1, #9e9e9e);
  max-width: 12em; overflow: hidden; text-overflow: ellipsis; }
.nablaviz-properties tbody tr + tr > * { border-top: 1px solid var(--jp-border-color3, #8884); }
.nablaviz-properties tbody th { font-weight: 400; }
.nablaviz-properties th:first-child, .nablaviz-properties .unit { text-align: left; }
.nablaviz-properties .unit { color: var(--jp-ui-font-color2, inherit); padding-left: 0; }
</style>"""


def property_table(properties: pd.DataFrame, names: Sequence[str]) -> str:
    """Properties of one or of two Hamiltonians, with differences, as HTML.

    Parameters
    ----------
    properties
        :attr:`Comparison.properties` or, of one, :attr:`Solution.properties`.
    names
        Of the one or the two Hamiltonians.
    """
    columns = ["value"] if len(names) == 1 else ["reference", "other"]
    head = [
        say("properties.property"),
        "",
        *names,
        *([say("properties.difference")] if len(names) > 1 else []),
    ]
    lines = []
    for line in properties.dropna(subset=columns, how="all").to_dict("records"):
        unit = line["unit"]
        cells = [write_number(line[column], DECIMALS[unit]) for column in columns]
        if len(names) > 1:
            cells.append(_difference(line["difference"], unit))
        lines.append((term(line["property"]), unit, *cells))
    return _table(head, lines)


def error_table(errors: pd.DataFrame) -> str:
    """Measures of error as HTML.

    Parameters
    ----------
    errors
        :attr:`Comparison.errors`, or ``measure``, ``unit`` and one column for each of several comparisons.
    """
    names = [name for name in errors.columns if name not in ("measure", "unit")]
    lines = [
        (term(line["measure"]), "", *(_difference(line[name], line["unit"], signed=False) for name in names))
        for line in errors.to_dict("records")
    ]
    return _table([say("properties.error"), "", *([""] if names == ["value"] else names)], lines)


def _difference(value: float, unit: str, signed: bool = True) -> str:
    if unit == "Eh":
        return write_energy(value, signed)
    return f"{write_number(value, DECIMALS[unit], signed)} {unit}".rstrip()


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    titles = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in columns)
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td class="unit">{html.escape(unit)}</td>'
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for name, unit, *cells in lines
    )
    head = f"<thead><tr>{titles}</tr></thead>"
    return f'{STYLE}<table class="nablaviz-properties">{head}<tbody>{body}</tbody></table>'
