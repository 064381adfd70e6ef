"""What each rung of the ladder gave, or is expected to take, as an HTML table: pure functions."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nablaviz.chem.ladder import DONE, FAILED, REFUSED
from nablaviz.chem.ladder_guard import Forecast
from nablaviz.chem.reactions import ARROW
from nablaviz.chem.rung_cost import write_bytes, write_seconds
from nablaviz.units import HARTREE2KCAL
from nablaviz.views.energy_units import write_number
from nablaviz.views.language import say, term
from nablaviz.views.property_table import STYLE

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 2
"""Of kcal/mol."""


def ladder_table(
    forecasts: Sequence[Forecast],
    differences: pd.DataFrame,
    states: Mapping[str, tuple[str, str]],
    total: bool = False,
) -> str:
    """One line per rung: energies, how far they are from the reference, time, what was expected.

    Parameters
    ----------
    forecasts
        Of the rungs, in the order of the lines.
    differences
        As :func:`nablaviz.chem.ladder.differences` gives them.
    states
        State and note of each rung that was begun, by its key.
    total
        Whether it is the total energy of one molecule, which is written in Eh.
    """
    labels = list(dict.fromkeys(differences["difference"]))
    head = [say("ladder.method")]
    for label in labels:
        unit = "Eh" if total else "kcal/mol"
        head += [f"{term(label).replace(ARROW, '→')} ({unit})", say("ladder.deviation")]
    head += [say("ladder.time"), say("ladder.expected"), say("ladder.memory"), ""]
    body = "".join(_line(one, differences, labels, states, total) for one in forecasts)
    titles = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in head)
    return (
        f'{STYLE}<table class="nablaviz-properties nablaviz-rungs"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _line(
    one: Forecast,
    differences: pd.DataFrame,
    labels: Sequence[str],
    states: Mapping[str, tuple[str, str]],
    total: bool,
) -> str:
    own = differences[differences["rung"] == one.rung.key].set_index("difference")
    state, note = states.get(one.rung.key, ("", one.reason))
    cells = []
    for label in labels:
        if label not in own.index:
            cells += ["", ""]
            continue
        line = own.loc[label]
        scale, decimals = (HARTREE2KCAL, 6) if total else (1.0, DECIMALS)
        error = f" ± {line['error'] / scale:.{decimals}f}" if line["error"] else ""
        reference = line["reference"] == one.rung.key
        apart = say("ladder.reference") if reference else write_number(line["deviation"], DECIMALS, True)
        cells += [write_number(line["value"] / scale, decimals, not total) + error, apart]
    wall = float(own["wall"].iloc[0]) if len(own) else float("nan")
    cells.append("" if wall != wall else write_seconds(wall))
    refused = bool(one.reason) and one.cost.seconds == 0
    cells.append("" if refused else write_seconds(one.cost.seconds))
    cells.append("" if refused else write_bytes(one.cost.memory))
    texts = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    said = " ".join(filter(None, (say(f"ladder.{state}") if state in (REFUSED, FAILED) else "", note)))
    kind = " class='nablaviz-refused'" if said and state != DONE else ""
    return (
        f'<tr{kind}><th scope="row" title="{html.escape(one.rung.says)}">{html.escape(one.rung.title)}</th>'
        f"{texts}<td class='nablaviz-note'>{html.escape(said)}</td></tr>"
    )
