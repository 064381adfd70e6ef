"""What is written above three views of two Hamiltonians."""

from __future__ import annotations

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.views.energy_units import write_energy, write_number
from nablaviz.views.language import say


def orbital_titles(shown: Comparison | Solution, number: int, factor: int = 1) -> list[tuple[str, str]]:
    """Of each view a name, and which orbital it shows.

    Parameters
    ----------
    number
        Of the matched pair, or of the orbital where there is one Hamiltonian.
    factor
        What the difference is multiplied with.
    """
    if isinstance(shown, Solution):
        return [(shown.name, _orbital(shown, number))]
    i, j = shown.matching.pairs[number].tolist()
    shift = write_energy(float(shown.matching.differences[number]), signed=True)
    overlap = f"{shown.matching.overlaps[number]:.3f}"
    return [
        (shown.names[0], _orbital(shown.reference, i)),
        (shown.names[1], _orbital(shown.other, j)),
        (_difference(factor), say("orbitals.overlap", overlap=overlap, shift=shift)),
    ]


def density_titles(shown: Comparison | Solution, factor: int = 1) -> list[tuple[str, str]]:
    """The same for electron densities."""
    said = say("orbitals.density")
    if isinstance(shown, Solution):
        return [(shown.name, said)]
    ours, theirs = shown.names
    return [(ours, said), (theirs, said), (_difference(factor), say("orbitals.of_density"))]


def potential_titles(shown: Comparison | Solution) -> list[tuple[str, str]]:
    """The same for electrostatic potentials on densities."""
    said = say("orbitals.potential")
    if isinstance(shown, Solution):
        return [(shown.name, said)]
    ours, theirs = shown.names
    return [(ours, said), (theirs, said), (_difference(), say("orbitals.of_potential", name=ours))]


def _difference(factor: int = 1) -> str:
    return say("orbitals.difference") + (f" ×{factor:,}" if factor > 1 else "")


def _orbital(side: Solution, level: int) -> str:
    return f"{side.orbitals.label(level)}, {write_number(float(side.orbitals.energies[level]), 4)} Eh"
