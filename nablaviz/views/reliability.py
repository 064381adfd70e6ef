"""How far a prediction can be trusted, as a line of HTML: a pure function, every string escaped."""

from __future__ import annotations

import html

from nablaviz.models.second import Found
from nablaviz.models.trust import FAR, Closeness
from nablaviz.views.energy_units import write_energy

DOMAIN = (
    "Mean distance between the surroundings of each atom (pairs and angles within 4 Å) and the nearest of "
    "the same element in the training data. So many percent of the training conformers are closer to those "
    f"of other molecules; beyond the {FAR:.0f}th percentile errors are larger as a rule."
)
UNKNOWN = "The model file does not say; nablaviz evaluate --domain adds it from the data that its card names."
SPREAD = (
    "Standard deviation between the models of the ensemble, of S^(−½) H S^(−½) and of the orbital energies."
)


def reliability_html(found: Found) -> str:
    """What is known of a model's prediction: closeness to its training data, spread of an ensemble."""
    parts = [_badge(found.closeness)]
    if found.spread is not None:
        spread = found.spread
        said = f"models disagree by {write_energy(spread.mean)} in H, {write_energy(spread.homo)} (HOMO), "
        parts.append(_part("spread", f"{said}{write_energy(spread.lumo)} (LUMO)", SPREAD))
    return "".join(parts)


def _badge(closeness: Closeness | None) -> str:
    if closeness is None:
        return _part("unknown", "distance to the training data unknown", UNKNOWN)
    percentile = f"{_ordinal(round(closeness.percentile))} percentile"
    hover = f"{DOMAIN} Distance here: {closeness.distance:.3f}."
    if closeness.far:
        return _part("far", f"far from the training data ({percentile}): expect larger errors", hover)
    return _part("near", f"similar to the training data: {percentile}", hover)


def _part(kind: str, text: str, hover: str) -> str:
    title = html.escape(hover)
    return f'<span class="nablaviz-trust-{kind}" title="{title}">{html.escape(text)}</span>'


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in (11, 12, 13) else ending}"
