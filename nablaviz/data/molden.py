"""Molden files: orbitals with their basis, for programs that draw them by themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nablaviz.chem.basis import SHELLS, layout
from nablaviz.chem.orbitals import Orbitals
from nablaviz.chem.primitives import contractions
from nablaviz.data.atomic import replacing
from nablaviz.molecule import Molecule
from nablaviz.units import ANGSTROM2BOHR

WITHIN = {0: (0,), 1: (0, 1, 2), 2: (2, 3, 1, 4, 0)}
"""Orders of the orbitals of a shell by l: Molden's orbital k is PySCF's orbital ``list[k]``.

p is x, y, z in both; d is m = 0, +1, −1, +2, −2 in Molden files.
"""


def write_molden(path: str | Path, molecule: Molecule, orbitals: Orbitals) -> None:
    """Write orbitals, their energies and occupations; the file is there only once it is complete.

    Raises
    ------
    ValueError
        If the coefficients are not those of this molecule.
    """
    shells = layout(molecule.numbers)
    if len(orbitals.coefficients) != len(shells):
        raise ValueError(
            f"{len(orbitals.coefficients)} coefficients in each orbital, "
            f"where {molecule.formula} has {len(shells)} atomic orbitals"
        )
    starts = zip(shells.shell_offsets, shells.shell_l, strict=False)
    order = np.concatenate([first + np.array(WITHIN[int(ell)]) for first, ell in starts])
    with replacing(path) as file:
        file.write("[Molden Format]\n[Atoms] AU\n")
        atoms = zip(molecule.symbols, molecule.numbers, molecule.positions * ANGSTROM2BOHR, strict=True)
        for i, (symbol, number, (x, y, z)) in enumerate(atoms, start=1):
            file.write(f"{symbol:3}{i:6d}{number:5d}{x:20.12f}{y:20.12f}{z:20.12f}\n")
        file.write("[GTO]\n")
        for i, number in enumerate(molecule.numbers.tolist(), start=1):
            file.write(f"{i} 0\n")
            for letter, radial in zip(SHELLS[number], contractions(number), strict=True):
                file.write(f" {letter} {len(radial.exponents)} 1.00\n")
                for exponent, coefficient in zip(radial.exponents, radial.coefficients, strict=True):
                    file.write(f"{exponent:24.14E}{coefficient:24.14E}\n")
            file.write("\n")
        file.write("[5D]\n[MO]\n")
        columns = zip(orbitals.energies, orbitals.occupations, orbitals.coefficients[order].T, strict=True)
        for energy, occupation, column in columns:
            file.write(f" Sym= A\n Ene= {energy:.12E}\n Spin= Alpha\n Occup= {occupation:.6f}\n")
            file.writelines(f"{i:6d}{value:24.14E}\n" for i, value in enumerate(column.tolist(), start=1))
