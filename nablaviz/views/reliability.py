"""How far a prediction can be trusted, as a line of HTML: a pure function, every string escaped."""

from __future__ import annotations

import html

from nablaviz.models.second import Found
from nablaviz.models.trust import FAR, Closeness
from nablaviz.views.energy_units import write_energy
from nablaviz.views.language import say


def reliability_html(found: Found) -> str:
    """What is known of a model's prediction: closeness to its training data, spread of an ensemble."""
    parts = [_badge(found.closeness)]
    if found.spread is not None:
        spread = found.spread
        sizes = {name: write_energy(getattr(spread, name)) for name in ("mean", "homo", "lumo")}
        parts.append(_part("spread", say("trust.spread", **sizes), say("trust.spread_is")))
    return "".join(parts)


def _badge(closeness: Closeness | None) -> str:
    if closeness is None:
        return _part("unknown", say("trust.unknown"), say("trust.unknown_why"))
    number = round(closeness.percentile)
    kind = "far" if closeness.far else "near"
    hover = say("trust.domain", limit=f"{FAR:.0f}", distance=f"{closeness.distance:.3f}")
    return _part(kind, say(f"trust.{kind}", ordinal=_ordinal(number)), hover)


def _part(kind: str, text: str, hover: str) -> str:
    title = html.escape(hover)
    return f'<span class="nablaviz-trust-{kind}" title="{title}">{html.escape(text)}</span>'


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return say(f"trust.{'th' if number % 100 in (11, 12, 13) else ending}", n=number)
