"""The grid on which exchange and correlation are integrated: the default one of Psi4 1.3.2.

Forces feel the grid by 1e-4 Eh/Å, so labels that are to agree with Psi4's better than that need the same
points: 75 Treutler–Ahlrichs shells of 302 Lebedev points on every atom, scaled by Psi4's atomic radii,
and along the principal axes of the nuclear charges. The last makes labels independent of how a molecule
is turned. Psi4 1.4 and newer have other radii; which of the two the published data were made with is not
settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.dispersion import RADII

if TYPE_CHECKING:
    from pyscf import gto
    from pyscf.dft.gen_grid import Grids

LEBEDEV = (110, 146, 170, 194, 230, 266, 302, 350, 434, 590, 770, 974)
"""Numbers of points on a sphere that can be chosen."""

PRUNED = ((0.05, 26), (0.1, 50), (0.2, 110), (0.3, 194), (5.0, np.inf), (np.inf, 194))
"""Fewer points on shells near the nucleus and far away, where the density is smooth on a sphere.

Pairs of an upper bound of radius over atomic radius and the largest number of points. A third of the
points are saved; energies change by 1e-7 Eh, forces by less than 1e-6 Eh/Å."""

VANISHING = 1e-15
"""Points of smaller weight are left out, as in Psi4."""


def published(mol: gto.Mole, radial: int = 75, angular: int = 302) -> tuple[np.ndarray, np.ndarray]:
    """Points, shape (points, 3), bohr, and weights of the grid.

    Parameters
    ----------
    mol
        PySCF's molecule.
    radial, angular
        Shells on each atom, and points on a shell (one of ``LEBEDEV``).
    """
    from pyscf.dft.gen_grid import Grids

    axes = principal_axes(mol.atom_charges(), mol.atom_coords())
    turned = mol.set_geom_(mol.atom_coords() @ axes, unit="Bohr", inplace=False)
    grid = configure(Grids(turned), radial, angular)
    grid.build(sort_grids=False)
    kept = abs(grid.weights) > VANISHING
    return grid.coords[kept] @ axes.T, grid.weights[kept]


def coarse(mol: gto.Mole) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of PySCF's smallest grid."""
    from pyscf.dft.gen_grid import Grids

    grid = Grids(mol)
    grid.level = 0
    grid.build(sort_grids=False)
    return grid.coords, grid.weights


def configure(grid: Grids, radial: int, angular: int) -> Grids:
    """Give PySCF's (or gpu4pyscf's) grid object the published shells, radii and pruning."""
    from pyscf.dft import radi

    grid.atom_grid = (radial, angular)
    grid.radi_method = _shells
    grid.atomic_radii = np.array([RADII.get(z, 1.0) for z in range(max(RADII) + 1)])
    grid.radii_adjust = radi.treutler_atomic_radii_adjust
    grid.prune = _prune
    return grid


def principal_axes(charges: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Principal axes of charges (N,) at positions (N, 3), as the columns of a (3, 3) matrix."""
    centred = positions - charges @ positions / charges.sum()
    return np.linalg.eigh((centred.T * charges) @ centred)[1]


def _shells(n: int, charge: int, *args: object) -> tuple[np.ndarray, np.ndarray]:
    """Radii and their weights dr (Treutler and Ahlrichs, J. Chem. Phys. 1995, 102, 346, map M4)."""
    angle = np.arange(n, 0, -1) * np.pi / (n + 1)
    x = np.cos(angle)
    scale, decay = RADII[charge] / np.log(2), np.log(2 / (1 - x))
    slope = 0.6 * (1 + x) ** -0.4 * decay + (1 + x) ** 0.6 / (1 - x)
    return scale * (1 + x) ** 0.6 * decay, scale * slope * np.sin(angle) * np.pi / (n + 1)


def _prune(charge: int, radii: np.ndarray, angular: int, *args: object) -> np.ndarray:
    """Number of points on each shell."""
    bounds, most = np.array(PRUNED).T
    here = most[np.searchsorted(bounds, radii / RADII[charge])]
    return np.minimum(here, angular).astype(int)
