"""The records that everything else passes around: a molecule and a conformer of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

SYMBOLS = (
    "X H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As "
    "Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe"
).split()
"""Element symbols by atomic number, up to xenon."""

SUPPORTED = (1, 6, 7, 8, 9, 16, 17, 35)
"""Atomic numbers in nablaDFT: H C N O F S Cl Br."""


def check_elements(numbers: np.ndarray) -> None:
    """Raise ``ValueError`` naming the first element that is not one of nablaDFT's."""
    unknown = sorted(set(np.asarray(numbers).tolist()) - set(SUPPORTED))
    if unknown:
        name = SYMBOLS[unknown[0]] if 0 < unknown[0] < len(SYMBOLS) else "no element"
        allowed = ", ".join(SYMBOLS[z] for z in SUPPORTED)
        raise ValueError(f"atomic number {unknown[0]} ({name}) is not supported; allowed: {allowed}")


def check_closed_shell(numbers: np.ndarray) -> None:
    """Raise ``ValueError`` when a neutral molecule of these atoms has an odd electron count."""
    electrons = int(np.sum(numbers))
    if electrons % 2:
        raise ValueError(f"odd number of electrons ({electrons}): only closed shells are supported")


@dataclass(frozen=True, eq=False)
class Molecule:
    """A neutral, closed-shell molecule at one geometry.

    Parameters
    ----------
    numbers
        Atomic numbers, shape (N,), int64.
    positions
        Coordinates in Å, shape (N, 3), float64.
    smiles
        SMILES of the molecule where known; its atom order need not be that of ``numbers``.

    Raises
    ------
    ValueError
        If shapes disagree, there is no atom, or a coordinate is not finite.
    """

    numbers: np.ndarray
    positions: np.ndarray
    smiles: str | None = None

    def __post_init__(self) -> None:
        numbers = np.array(self.numbers, dtype=np.int64)
        positions = np.array(self.positions, dtype=np.float64)
        if numbers.ndim != 1 or len(numbers) == 0:
            raise ValueError(f"numbers must have shape (N,) with N > 0, not {numbers.shape}")
        if positions.shape != (len(numbers), 3):
            raise ValueError(f"positions must have shape {(len(numbers), 3)}, not {positions.shape}")
        if not np.isfinite(positions).all():
            atom = int(np.flatnonzero(~np.isfinite(positions).all(axis=1))[0])
            raise ValueError(f"coordinates of atom {atom} are not finite: {positions[atom].tolist()}")
        numbers.flags.writeable = positions.flags.writeable = False
        object.__setattr__(self, "numbers", numbers)
        object.__setattr__(self, "positions", positions)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def symbols(self) -> list[str]:
        """Element symbols, one per atom."""
        return [SYMBOLS[z] for z in self.numbers]

    @property
    def formula(self) -> str:
        """Formula in Hill order (C, H, then alphabetical)."""
        return hill_formula(self.numbers)

    def __repr__(self) -> str:
        name = f" {self.smiles}" if self.smiles else ""
        return f"<Molecule {self.formula}{name}>"


def hill_formula(numbers: np.ndarray) -> str:
    """Formula of a set of atomic numbers in Hill order (C, H, then alphabetical)."""
    count = Counter(SYMBOLS[z] for z in np.asarray(numbers).tolist())
    first = ["C", "H"] if "C" in count else []
    order = [s for s in first if s in count] + sorted(s for s in count if s not in first)
    return "".join(s + (str(count[s]) if count[s] > 1 else "") for s in order)


@dataclass(frozen=True, eq=False)
class Conformer:
    """One labelled geometry, the same whatever file it came from.

    What the source does not hold is ``None``; what can be computed exactly from the geometry
    (``overlap``, ``core_hamiltonian``) is computed on demand.

    Matrices are float64 in Eh, in PySCF's order of the def2-SVP spherical atomic orbitals (n of
    them).
    """

    molecule: Molecule
    moses_id: int | None = None
    conformation_id: int | None = None
    energy: float | None = None
    "Total energy, Eh."
    formation_energy: float | None = None
    "Total energy less the energies of the free atoms, Eh."
    forces: np.ndarray | None = None
    "−∂E/∂R, shape (N, 3), Eh/Å."
    hamiltonian: np.ndarray | None = field(default=None, repr=False)
    "Kohn–Sham matrix, shape (n, n), Eh."
    orbital_energies: np.ndarray | None = field(default=None, repr=False)
    "Shape (n,), Eh, ascending."
    dipole: np.ndarray | None = None
    "Dipole moment, shape (3,), debye."
    scf_iterations: int | None = None
    wall_time: float | None = None
    "Time the labels took, s."
    scaffold: str | None = None
    "SMILES of the Bemis–Murcko scaffold; empty for a molecule without rings."
    split: str | None = None
    train_size: int | None = None
    "Size of the smallest nested training set that has the molecule."
    error: str | None = None
    "Why there are no labels, where a calculation failed."
    source: str | None = None
    "File and row the record was read from."

    @cached_property
    def overlap(self) -> np.ndarray:
        """Overlap matrix of the atomic orbitals, shape (n, n)."""
        from nablaviz.chem.basis import overlap

        return overlap(self.molecule)

    @cached_property
    def core_hamiltonian(self) -> np.ndarray:
        """Kinetic energy plus nuclear attraction, shape (n, n), Eh."""
        from nablaviz.chem.basis import core_hamiltonian

        return core_hamiltonian(self.molecule)

    def __repr__(self) -> str:
        energy = "no energy" if self.energy is None else f"{self.energy:.6f} Eh"
        return f"<Conformer {self.moses_id}/{self.conformation_id} {self.molecule.formula}, {energy}>"
