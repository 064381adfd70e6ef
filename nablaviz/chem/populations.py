"""What a density matrix says of atoms: charges, bond orders, dipole moment."""

from __future__ import annotations

import numpy as np

from nablaviz.chem import basis
from nablaviz.chem.lowdin import roots
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR, AU2DEBYE


def mulliken_charges(density: np.ndarray, overlap: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Charge of each atom, shape (N,), e: Z_A − Σ_{μ∈A} (PS)_μμ (Mulliken, J. Chem. Phys. 1955, 23, 1833).

    Parameters
    ----------
    density
        P, closed shell, shape (n, n).
    overlap
        S, shape (n, n).
    numbers
        Atomic numbers, shape (N,).
    """
    return _charges(np.einsum("ij,ji->i", density, overlap), numbers)


def lowdin_charges(density: np.ndarray, overlap: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Charge of each atom, shape (N,), e: Z_A − Σ_{μ∈A} (S^½PS^½)_μμ (Löwdin, J. Chem. Phys. 1950, 18, 365).

    Parameters are those of :func:`mulliken_charges`.
    """
    return _charges(_orthogonal(density, overlap).diagonal(), numbers)


def mayer_bond_orders(density: np.ndarray, overlap: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Bond orders B_AB = Σ_{μ∈A, ν∈B} (PS)_μν (PS)_νμ, shape (N, N) (Mayer, Chem. Phys. Lett. 1983, 97, 270).

    The diagonal is zero. Parameters are those of :func:`mulliken_charges`.
    """
    product = density @ overlap
    return _bond_orders(product * product.T, numbers)


def wiberg_bond_orders(density: np.ndarray, overlap: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Bond orders B_AB = Σ_{μ∈A, ν∈B} (S^½PS^½)_μν², shape (N, N) (Wiberg, Tetrahedron 1968, 24, 1083).

    In Löwdin's orthogonal basis. The diagonal is zero. Parameters are those of :func:`mulliken_charges`.
    """
    return _bond_orders(_orthogonal(density, overlap) ** 2, numbers)


def dipole(molecule: Molecule, density: np.ndarray) -> np.ndarray:
    """Dipole moment Σ_A Z_A R_A − ⟨r⟩, shape (3,), debye.

    Of a neutral molecule, so that it does not depend on the origin.

    Parameters
    ----------
    density
        P, shape (n, n).
    """
    positions = molecule.positions * ANGSTROM2BOHR
    centre = positions.mean(axis=0)  # a near origin keeps the two terms small
    mol = basis.mole(molecule)
    with mol.with_common_origin(centre):
        electrons = np.einsum("xij,ij->x", mol.intor_symmetric("int1e_r", comp=3), density)
    return (molecule.numbers @ (positions - centre) - electrons) * AU2DEBYE


def _orthogonal(density: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    root, _ = roots(overlap)
    return root @ density @ root


def _charges(electrons: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Nuclear charges less the electrons in each orbital, shape (n,), summed on atoms."""
    return numbers - np.add.reduceat(electrons, basis.layout(numbers).atom_offsets[:-1])


def _bond_orders(elements: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    starts = basis.layout(numbers).atom_offsets[:-1]
    orders = np.add.reduceat(np.add.reduceat(elements, starts, axis=0), starts, axis=1)
    np.fill_diagonal(orders, 0)
    return (orders + orders.T) / 2  # symmetric but for rounding
