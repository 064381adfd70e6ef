"""What the picked atoms of a molecule measure, in words."""

from __future__ import annotations

from collections.abc import Sequence

from nablaviz.chem import geometry
from nablaviz.molecule import Molecule


def measure(molecule: Molecule, atoms: Sequence[int]) -> str:
    """Distance (Å) of two atoms, angle (°) of three, torsion (°) of four; empty otherwise or if undefined."""
    try:
        match len(atoms):
            case 2:
                return f"{geometry.distance(molecule.positions, *atoms):.3f} Å"
            case 3:
                return f"{geometry.angle(molecule.positions, *atoms):.1f}°"
            case 4:
                degrees = geometry.torsion(molecule.positions, *atoms)
                return f"{round(degrees, 1) + 0.0:.1f}°"  # -0.0 + 0.0 is 0.0
    except ValueError:
        pass  # atoms on a line have no torsion: nothing to write
    return ""
