"""Small energies in a unit that makes them handy, as text with a true minus sign."""

from __future__ import annotations

import math

UNITS = {"Eh": 1.0, "mEh": 1e3, "µEh": 1e6, "nEh": 1e9}
"""How many of each unit are one hartree."""


def handy_unit(largest: float) -> tuple[float, str]:
    """The largest unit in which an energy, Eh, is at least 1: how many of it are one hartree, its name.

    Zero and what is below 1 nEh has the smallest unit, except zero itself: Eh.
    """
    if not largest:
        return 1.0, "Eh"
    for unit, factor in UNITS.items():
        if abs(largest) * factor >= 1:
            return factor, unit
    return UNITS["nEh"], "nEh"


def write_number(value: float, decimals: int, signed: bool = False) -> str:
    """A number with a true minus sign and no negative zero; a dash where there is none."""
    if math.isnan(value):
        return "–"
    text = f"{abs(value):.{decimals}f}"
    if not float(text):
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def write_energy(value: float, signed: bool = False) -> str:
    """A small energy, Eh, with three digits in its handy unit."""
    if math.isnan(value):
        return "–"
    factor, unit = handy_unit(value)
    scaled = value * factor
    decimals = max(0, 2 - math.floor(math.log10(abs(scaled)))) if scaled else 0
    return f"{write_number(scaled, min(decimals, 3), signed)} {unit}"
