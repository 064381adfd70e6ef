"""The grid on which exchange and correlation are integrated: the default one of Psi4 1.3.2.

Forces feel the grid by 1e-4 Eh/Å, so labels that are to agree with Psi4's better than that need the same
points: 75 Treutler–Ahlrichs shells of 302 Lebedev points on every atom, scaled by Psi4's atomic radii,
and along the principal axes of the nuclear charges. The last makes labels independent of how a molecule
is turned. Psi4 1.4 and newer have other radii; which of the two the published data were made with is not
settled.
"""

from __future__ import annotations

from collections.abc import Callable
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

MEDIUM, MEDIUM_H = (15, 194), (12, 110)
"""Shells of an atom, and of hydrogen, and points on each, of the medium grid.

Few shells and many points on each: the error of the shells is the same in every direction, and can be learned
from an atom's surroundings; that of the spheres depends on how the grid is turned."""

DEGENERATE = 1e-9
"""Of the largest moment: principal moments that differ by less are taken for the same."""

TOO_NEAR = 1e-3
"""Of the molecule's radius: atoms so near to the axes found before decide nothing."""


def published(mol: gto.Mole, radial: int = 75, angular: int = 302) -> tuple[np.ndarray, np.ndarray]:
    """Points, shape (points, 3), bohr, and weights of the grid.

    Parameters
    ----------
    mol
        PySCF's molecule.
    radial, angular
        Shells on each atom, and points on a shell (one of ``LEBEDEV``).
    """
    return _turned(mol, lambda grid: configure(grid, radial, angular))


def medium(mol: gto.Mole) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a grid with a tenth of the points, along the same axes."""

    def fewer(grid: Grids) -> None:
        grid.atom_grid = {symbol: MEDIUM_H if symbol == "H" else MEDIUM for symbol in mol.elements}

    return _turned(mol, fewer)


def coarse(mol: gto.Mole) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of PySCF's smallest grid, along the same axes."""

    def smallest(grid: Grids) -> None:
        grid.level = 0

    return _turned(mol, smallest)


def _turned(mol: gto.Mole, configure: Callable[[Grids], object]) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of a grid along the principal axes."""
    from pyscf.dft.gen_grid import Grids

    axes = principal_axes(mol.atom_charges(), mol.atom_coords())
    grid = Grids(mol.set_geom_(mol.atom_coords() @ axes, unit="Bohr", inplace=False))
    configure(grid)
    grid.build(sort_grids=False)
    kept = abs(grid.weights) > VANISHING
    return grid.coords[kept] @ axes.T, grid.weights[kept]


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
    """Principal axes of charges (N,) at positions (N, 3), as the columns of a (3, 3) matrix.

    Where moments are the same, as in symmetric molecules, the first atoms away from the other axes decide.
    """
    centred = positions - charges @ positions / charges.sum()
    moments, axes = np.linalg.eigh((centred.T * charges) @ centred)
    same = np.diff(moments) < DEGENERATE * moments[-1]
    groups = np.split(np.arange(3), np.flatnonzero(~same) + 1)
    return np.column_stack([_toward_atoms(axes[:, group], centred) for group in groups])


def _toward_atoms(axes: np.ndarray, centred: np.ndarray) -> np.ndarray:
    """Axes of the same space, shape (3, k), that turn with the atoms at ``centred`` (N, 3)."""
    within = centred @ axes
    apart = TOO_NEAR * np.linalg.norm(centred, axis=1).max()
    directions: list[np.ndarray] = []
    for place in within if axes.shape[1] > 1 else ():
        rest = place - sum((place @ d) * d for d in directions)
        if np.linalg.norm(rest) > apart:
            directions.append(rest / np.linalg.norm(rest))
    found = np.array(directions).reshape(-1, axes.shape[1])
    missing = np.linalg.svd(found)[2][len(found) :]  # no atom tells: a line, or the last one of three
    return axes @ np.concatenate([found, missing]).T


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
