"""Two Hamiltonians of one molecule: what follows from each, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem import basis, blocks, populations
from nablaviz.chem.lowdin import roots
from nablaviz.chem.matching import Matching, match
from nablaviz.chem.orbitals import Orbitals, check_hamiltonian, solve
from nablaviz.molecule import Molecule

if TYPE_CHECKING:
    import pandas as pd

BOND = 0.1
"""The table of bonds has all pairs of atoms whose bond order is at least this on either side."""


@dataclass(frozen=True, eq=False)
class Solution:
    """What follows from one Hamiltonian of a molecule: N atoms, n atomic orbitals."""

    name: str
    molecule: Molecule
    hamiltonian: np.ndarray = field(repr=False)
    "Shape (n, n), Eh."
    overlap: np.ndarray = field(repr=False)
    "Of the atomic orbitals, shape (n, n)."
    orbitals: Orbitals = field(repr=False)
    energy: float | None = None
    "Total energy where known, Eh: a Hamiltonian alone does not say it."

    @property
    def homo(self) -> float:
        """Energy of the highest occupied orbital, Eh."""
        return float(self.orbitals.energies[self.orbitals.homo])

    @property
    def lumo(self) -> float:
        """Energy of the lowest virtual orbital, Eh."""
        return float(self.orbitals.energies[self.orbitals.lumo])

    @property
    def band_energy(self) -> float:
        """As :attr:`~nablaviz.chem.orbitals.Orbitals.band_energy`, Eh."""
        return self.orbitals.band_energy

    @cached_property
    def dipole(self) -> np.ndarray:
        """Dipole moment, shape (3,), debye."""
        return populations.dipole(self.molecule, self.orbitals.density_matrix)

    @cached_property
    def mulliken(self) -> np.ndarray:
        """Mulliken charges, shape (N,), e."""
        return populations.mulliken_charges(self.orbitals.density_matrix, self.overlap, self.molecule.numbers)

    @cached_property
    def lowdin(self) -> np.ndarray:
        """Löwdin charges, shape (N,), e."""
        return populations.lowdin_charges(self.orbitals.density_matrix, self.overlap, self.molecule.numbers)

    @cached_property
    def bond_orders(self) -> np.ndarray:
        """Mayer bond orders, shape (N, N)."""
        return populations.mayer_bond_orders(
            self.orbitals.density_matrix, self.overlap, self.molecule.numbers
        )

    @cached_property
    def properties(self) -> pd.DataFrame:
        """One line per property: ``property``, ``unit``, ``value``."""
        import pandas as pd

        lines = [
            ("total energy", "Eh", self.energy),
            ("band energy", "Eh", self.band_energy),
            ("HOMO", "Eh", self.homo),
            ("LUMO", "Eh", self.lumo),
            ("gap", "Eh", self.orbitals.gap),
            ("dipole moment", "D", float(np.linalg.norm(self.dipole))),
        ]
        return pd.DataFrame(lines, columns=["property", "unit", "value"]).astype({"value": float})


def solution(
    molecule: Molecule,
    hamiltonian: np.ndarray,
    name: str = "DFT",
    *,
    energy: float | None = None,
    source: str = "",
) -> Solution:
    """Solve HC = SCε for a molecule.

    Parameters
    ----------
    hamiltonian
        Shape (n, n), Eh, PySCF order.
    name
        Of the method.
    energy
        Total energy where known, Eh.
    source
        What the molecule is, such as "conformer 12/3", for errors.

    Raises
    ------
    ValueError
        If it cannot be the Hamiltonian of a closed shell of this molecule, naming source and method.
    """
    where = f"{source}, {name}" if source else name
    checked = check_hamiltonian(hamiltonian, molecule.numbers, where)
    overlap = basis.overlap(molecule)
    orbitals = solve(checked, overlap, int(molecule.numbers.sum()), name=where)
    return Solution(name, molecule, checked, overlap, orbitals, energy)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two Hamiltonians of one molecule: N atoms, n atomic orbitals, k matched pairs of orbitals.

    Differences are the other less the reference.
    """

    reference: Solution
    other: Solution
    matching: Matching = field(repr=False)

    @property
    def molecule(self) -> Molecule:
        """The molecule of both."""
        return self.reference.molecule

    @property
    def names(self) -> tuple[str, str]:
        """What the two are called."""
        return self.reference.name, self.other.name

    @cached_property
    def difference(self) -> np.ndarray:
        """ΔH, shape (n, n), Eh."""
        return self.other.hamiltonian - self.reference.hamiltonian

    @cached_property
    def lowdin_difference(self) -> np.ndarray:
        """S^−½ ΔH S^−½, ΔH in Löwdin's orthogonal basis, shape (n, n), Eh.

        Orbital energies are eigenvalues of an ordinary symmetric matrix there, so that none is farther off
        than its largest eigenvalue (Weyl).
        """
        _, inverse = roots(self.reference.overlap)
        whole = inverse @ self.difference @ inverse
        return (whole + whole.T) / 2

    @cached_property
    def atom_errors(self) -> np.ndarray:
        """Mean |ΔH| over the rows of each atom, shape (N,), Eh."""
        return blocks.atom_errors(self.difference, self.molecule.numbers)

    @cached_property
    def pair_errors(self) -> np.ndarray:
        """Mean |ΔH| in the block of each pair of atoms, shape (N, N), Eh."""
        return blocks.pair_matrix(np.abs(self.difference), self.molecule.numbers)

    @cached_property
    def levels(self) -> pd.DataFrame:
        """One line per matched pair of orbitals, in the order of ``matching.pairs``; energies in Eh."""
        import pandas as pd

        ours, theirs = self.reference.orbitals, self.other.orbitals
        i, j = self.matching.pairs.T
        return pd.DataFrame(
            {
                "orbital": [ours.label(k) for k in i],
                "other_orbital": [theirs.label(k) for k in j],
                "occupied": i < ours.n_occupied,
                "reference_energy": ours.energies[i],
                "other_energy": theirs.energies[j],
                "difference": self.matching.differences,
                "overlap": self.matching.overlaps,
            }
        ).rename_axis("pair")

    @cached_property
    def atoms(self) -> pd.DataFrame:
        """One line per atom: charges of both, e; mean |ΔH| over its rows, Eh."""
        import pandas as pd

        return pd.DataFrame(
            {
                "element": self.molecule.symbols,
                "reference_mulliken": self.reference.mulliken,
                "other_mulliken": self.other.mulliken,
                "reference_lowdin": self.reference.lowdin,
                "other_lowdin": self.other.lowdin,
                "hamiltonian_error": self.atom_errors,
            }
        ).rename_axis("atom")

    @cached_property
    def bonds(self) -> pd.DataFrame:
        """One line per pair of atoms with a bond order of `BOND` or more on either side; distances in Å."""
        import pandas as pd

        ours, theirs = self.reference.bond_orders, self.other.bond_orders
        i, j = np.nonzero(np.triu(np.maximum(ours, theirs) >= BOND, k=1))
        symbols = self.molecule.symbols
        positions = self.molecule.positions
        return pd.DataFrame(
            {
                "atom_i": i,
                "atom_j": j,
                "elements": [f"{symbols[a]}–{symbols[b]}" for a, b in zip(i, j, strict=True)],
                "distance": np.linalg.norm(positions[i] - positions[j], axis=1),
                "reference_order": ours[i, j],
                "other_order": theirs[i, j],
                "difference": theirs[i, j] - ours[i, j],
            }
        )

    @cached_property
    def blocks(self) -> pd.DataFrame:
        """Errors of the Hamiltonian by block: see :func:`nablaviz.chem.blocks.block_errors`."""
        return blocks.block_errors(self.difference, self.molecule)

    @cached_property
    def properties(self) -> pd.DataFrame:
        """One line per property: ``property``, ``unit``, ``reference``, ``other``, ``difference``."""
        table = self.reference.properties.rename(columns={"value": "reference"})
        table["other"] = self.other.properties["value"]
        table["difference"] = table["other"] - table["reference"]
        return table.dropna(subset=["reference", "other"], how="all", ignore_index=True)

    @cached_property
    def errors(self) -> pd.DataFrame:
        """One line per measure of error: ``measure``, ``unit``, ``value``.

        Occupied energies are compared in ascending order, as benchmarks do; overlaps are those of the
        matched orbitals.
        """
        import pandas as pd

        ours, theirs = self.reference.orbitals, self.other.orbitals
        occupied = slice(ours.n_occupied)
        frontier = self.matching.pairs[:, 0] <= ours.lumo
        shift = np.abs(theirs.energies[occupied] - ours.energies[occupied])
        lines = [
            ("mean |ΔH|", "Eh", np.abs(self.difference).mean()),
            ("largest |ΔH|", "Eh", np.abs(self.difference).max()),
            ("mean |ΔH|, Löwdin basis", "Eh", np.abs(self.lowdin_difference).mean()),
            ("mean |Δε|, occupied", "Eh", shift.mean()),
            ("|Δgap|", "Eh", abs(theirs.gap - ours.gap)),
            ("|Δdipole|", "D", np.linalg.norm(self.other.dipole - self.reference.dipole)),
            ("mean |Δcharge| (Löwdin)", "e", np.abs(self.other.lowdin - self.reference.lowdin).mean()),
            ("mean overlap, occupied and LUMO", "", self.matching.overlaps[frontier].mean()),
        ]
        return pd.DataFrame(lines, columns=["measure", "unit", "value"]).astype({"value": float})


def compare(reference: Solution, other: Solution) -> Comparison:
    """Match the orbitals of two Hamiltonians of one molecule.

    Raises
    ------
    ValueError
        If they are of different molecules or geometries.
    """
    ours, theirs = reference.molecule, other.molecule
    if not np.array_equal(ours.numbers, theirs.numbers) or not np.allclose(
        ours.positions, theirs.positions, rtol=0, atol=1e-6
    ):
        raise ValueError(
            f"{reference.name} is of {ours!r}, {other.name} of {theirs!r} or of another geometry: "
            "only Hamiltonians of one geometry can be compared"
        )
    return Comparison(reference, other, match(reference.orbitals, other.orbitals, reference.overlap))
