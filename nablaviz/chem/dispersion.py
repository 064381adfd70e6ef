"""The empirical dispersion term of ωB97X-D, which the electronic energy leaves out."""

from __future__ import annotations

import numpy as np

from nablaviz.molecule import Molecule, check_elements
from nablaviz.units import ANGSTROM2BOHR, BOHR2ANGSTROM

DAMPING = 6.0
"""Strength a of the damping (Chai and Head-Gordon, PCCP 2008, 10, 6615); the global scale s6 is 1."""

C6 = {1: 0.14, 6: 1.75, 7: 1.23, 8: 0.70, 9: 0.75, 16: 5.57, 17: 5.07, 35: 12.47}
"""Dispersion coefficients, J nm⁶ mol⁻¹ (Grimme, J. Comput. Chem. 2006, 27, 1787, table 1)."""

RADII = {1: 1.001, 6: 1.452, 7: 1.397, 8: 1.342, 9: 1.287, 16: 1.683, 17: 1.639, 35: 1.749}
"""Van der Waals radii, Å (the same table)."""

# J nm⁶ mol⁻¹ to Eh a0⁶: Hartree energy and Avogadro constant of CODATA 2018.
_C6_2AU = (10 * ANGSTROM2BOHR) ** 6 / (4.3597447222071e-18 * 6.02214076e23)


def d2(molecule: Molecule) -> tuple[float, np.ndarray]:
    """Dispersion energy and forces of ωB97X-D.

    E = −Σ_{i<j} √(C6_i C6_j) R⁻⁶ / (1 + a (R / (R_i + R_j))⁻¹²)

    (Chai and Head-Gordon, PCCP 2008, 10, 6615, eqs 20 and 21).

    Parameters
    ----------
    molecule
        N atoms.

    Returns
    -------
    energy
        Eh.
    forces
        −∂E/∂R, shape (N, 3), Eh/Å.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, or two atoms coincide.
    """
    check_elements(molecule.numbers)
    numbers = molecule.numbers.tolist()
    i, j = np.triu_indices(len(numbers), 1)
    vector = (molecule.positions[i] - molecule.positions[j]) * ANGSTROM2BOHR  # (pairs, 3)
    distance = np.linalg.norm(vector, axis=1)
    if (distance == 0).any():
        pair = int(np.argmin(distance))
        raise ValueError(f"atoms {i[pair]} and {j[pair]} coincide")

    c6 = np.sqrt([C6[z] for z in numbers]) * np.sqrt(_C6_2AU)
    radius = np.array([RADII[z] for z in numbers]) * ANGSTROM2BOHR
    damping = DAMPING * ((radius[i] + radius[j]) / distance) ** 12
    pair_energy = -c6[i] * c6[j] / distance**6 / (1 + damping)

    # R dE/dR = E (−6 + 12 d / (1 + d)) with the damping d falling as R⁻¹².
    slope = pair_energy * (12 * damping / (1 + damping) - 6) / distance**2
    pair_forces = -slope[:, None] * vector
    forces = np.zeros((len(numbers), 3))
    np.add.at(forces, i, pair_forces)
    np.add.at(forces, j, -pair_forces)
    return float(pair_energy.sum()), forces / BOHR2ANGSTROM
