"""The def2-SVP spherical basis: its orbitals, their order in other programs, matrices from geometry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.molecule import SYMBOLS, Molecule, check_closed_shell, check_elements
from nablaviz.units import ANGSTROM2BOHR, BOHR2ANGSTROM

if TYPE_CHECKING:
    from pyscf import gto

BASIS = "def2-svp"

SHELLS = {
    1: "ssp",
    6: "sssppd",
    7: "sssppd",
    8: "sssppd",
    9: "sssppd",
    16: "sssspppd",
    17: "sssspppd",
    35: "sssssppppddd",
}
"""The shells of each element in def2-SVP, by atomic number, in order."""

CONVENTIONS: dict[str, dict[str, tuple[int, ...]]] = {
    "psi4": {"s": (0,), "p": (1, 2, 0), "d": (4, 2, 0, 1, 3)},
    "pyscf": {"s": (0,), "p": (0, 1, 2), "d": (0, 1, 2, 3, 4)},
    "m-ordered": {"s": (0,), "p": (2, 0, 1), "d": (0, 1, 2, 3, 4)},
}
"""Orders of the orbitals within a shell: PySCF's orbital k is the convention's orbital ``list[k]``.

psi4: m = 0, +1, −1, +2, −2. pyscf: p as x, y, z; d as m = −2…2. m-ordered: m = −l…l, so p is y, z, x.
The signs are the same in all three.
"""

LENGTH_UNITS = {"bohr": BOHR2ANGSTROM, "Å": 1.0}
"""Units a file may give positions in, and their size in Å."""

MATCH = 1e-5
"""Largest difference of two overlap matrices that are taken to be the same."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Which atomic orbitals a molecule has, in PySCF's order.

    N atoms, K shells, n orbitals.
    """

    numbers: np.ndarray
    "Atomic numbers, shape (N,)."
    shell_atom: np.ndarray
    "Atom of each shell, shape (K,)."
    shell_l: np.ndarray
    "Angular momentum of each shell, shape (K,)."
    shell_n: np.ndarray
    "Principal number in each shell's label (1s, 2s, 2p), shape (K,)."
    shell_offsets: np.ndarray
    "First orbital of each shell and, last, n; shape (K + 1,)."
    atom_offsets: np.ndarray
    "First orbital of each atom and, last, n; shape (N + 1,)."

    def __len__(self) -> int:
        return int(self.atom_offsets[-1])

    @cached_property
    def ao_shell(self) -> np.ndarray:
        """Shell of each orbital, shape (n,)."""
        return np.repeat(np.arange(len(self.shell_l)), 2 * self.shell_l + 1)

    @cached_property
    def ao_atom(self) -> np.ndarray:
        """Atom of each orbital, shape (n,)."""
        return self.shell_atom[self.ao_shell]

    @cached_property
    def ao_l(self) -> np.ndarray:
        """Angular momentum of each orbital, shape (n,)."""
        return self.shell_l[self.ao_shell]

    def atom(self, i: int) -> slice:
        """The orbitals of atom i; ``H[layout.atom(i), layout.atom(j)]`` is the block of a pair."""
        return slice(int(self.atom_offsets[i]), int(self.atom_offsets[i + 1]))

    def shell(self, k: int) -> slice:
        """The orbitals of shell k."""
        return slice(int(self.shell_offsets[k]), int(self.shell_offsets[k + 1]))

    @cached_property
    def shell_labels(self) -> list[str]:
        """One label per shell: atom index, symbol, shell; for example ``"0 C 2p"``."""
        columns = zip(self.shell_atom, self.shell_n, self.shell_l, strict=True)
        return [f"{a} {SYMBOLS[self.numbers[a]]} {n}{'spd'[ell]}" for a, n, ell in columns]


def layout(numbers: np.ndarray) -> Layout:
    """The atomic orbitals of atoms with these atomic numbers.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's.
    """
    check_elements(numbers)
    return _layout(tuple(np.asarray(numbers).tolist()))


@lru_cache(maxsize=1024)
def _layout(numbers: tuple[int, ...]) -> Layout:
    atoms = np.array([i for i, z in enumerate(numbers) for _ in SHELLS[z]], dtype=np.int64)
    ls = np.array(["spd".index(s) for z in numbers for s in SHELLS[z]], dtype=np.int64)
    # The k-th shell of momentum l is labelled k + l: 1s 2s …, 2p 3p …, 3d ….
    ns = np.array(
        [SHELLS[z][: k + 1].count(s) + "spd".index(s) for z in numbers for k, s in enumerate(SHELLS[z])],
        dtype=np.int64,
    )
    offsets = np.concatenate([[0], np.cumsum(2 * ls + 1)])
    firsts = np.searchsorted(atoms, np.arange(len(numbers) + 1))
    arrays = (np.array(numbers, dtype=np.int64), atoms, ls, ns, offsets, offsets[firsts])
    for array in arrays:
        array.flags.writeable = False
    return Layout(*arrays)


def size(numbers: np.ndarray) -> int:
    """Number of atomic orbitals, n."""
    return len(layout(numbers))


def order(numbers: np.ndarray, convention: str) -> np.ndarray:
    """Indices, shape (n,), that put a vector in ``convention`` into PySCF's order: ``v[order]``.

    Raises
    ------
    ValueError
        If there is no such convention or an element is not one of nablaDFT's.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"no convention {convention!r}; there are {', '.join(CONVENTIONS)}")
    check_elements(numbers)
    return _order(tuple(np.asarray(numbers).tolist()), convention)


@lru_cache(maxsize=1024)
def _order(numbers: tuple[int, ...], convention: str) -> np.ndarray:
    shells, table = _layout(numbers), CONVENTIONS[convention]
    within = [np.array(table["spd"[ell]]) for ell in shells.shell_l]
    index = np.concatenate([first + w for first, w in zip(shells.shell_offsets, within, strict=False)])
    index.flags.writeable = False
    return index


def to_pyscf(matrix: np.ndarray, numbers: np.ndarray, convention: str) -> np.ndarray:
    """Reorder a matrix, shape (n, n), from ``convention`` to PySCF's order."""
    index = order(numbers, convention)
    return matrix if convention == "pyscf" else matrix.take(index, axis=0).take(index, axis=1)


def from_pyscf(matrix: np.ndarray, numbers: np.ndarray, convention: str) -> np.ndarray:
    """Reorder a matrix, shape (n, n), from PySCF's order to ``convention``."""
    index = np.argsort(order(numbers, convention))
    return matrix if convention == "pyscf" else matrix.take(index, axis=0).take(index, axis=1)


@dataclass(frozen=True)
class Match:
    """The convention and length unit in which overlap matrices agree with PySCF's."""

    convention: str
    length: str
    mismatch: float
    "Largest difference of an element."


def detect(
    samples: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
    rows: int = 4,
    lengths: Sequence[str] = tuple(LENGTH_UNITS),
) -> Match:
    """Find the order and length unit of a file from the overlap matrices in it.

    Parameters
    ----------
    samples
        Of some molecules: atomic numbers (N,), positions (N, 3) as stored, overlap (n, n) as stored.
    rows
        Look at no more once this many have been seen and one candidate is left.
    lengths
        The units of length that are possible.

    Raises
    ------
    ValueError
        If no candidate agrees to ``MATCH``, with the mismatch of each; or if several do and differ,
        so that the samples do not tell them apart.
    """
    worst = {(c, u): 0.0 for u in lengths for c in CONVENTIONS}
    left = list(worst)
    for seen, (numbers, positions, stored) in enumerate(samples, start=1):
        # A unit that no row has agreed with is still measured: the message needs its mismatch.
        for unit in {u for _, u in left or worst}:
            ours = overlap(Molecule(numbers, positions * LENGTH_UNITS[unit]))
            for convention in CONVENTIONS:
                gap = float(np.abs(to_pyscf(stored, numbers, convention) - ours).max())
                worst[convention, unit] = max(worst[convention, unit], gap)
        left = [candidate for candidate in left if worst[candidate] <= MATCH]
        if not left or (len(left) == 1 and seen >= rows):
            break
    if len(left) == 1:
        return Match(*left[0], worst[left[0]])
    names = "; ".join(f"{c}, {u}: {worst[c, u]:.1e}" for c, u in (left or worst))
    if left:
        raise ValueError(f"the overlap matrices do not tell these orders and units apart ({names})")
    raise ValueError(f"the overlap matrix agrees with no known order and unit to {MATCH:.0e} ({names})")


@cache
def _shells(symbol: str) -> list[Any]:
    from pyscf import gto

    return gto.basis.load(BASIS, symbol)


def mole(molecule: Molecule) -> gto.Mole:
    """PySCF's molecule in def2-SVP (spherical).

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, or the number of electrons is odd.
    """
    from pyscf import gto

    check_elements(molecule.numbers)
    check_closed_shell(molecule.numbers)
    atoms = list(zip(molecule.symbols, molecule.positions * ANGSTROM2BOHR, strict=True))
    basis = {symbol: _shells(symbol) for symbol in set(molecule.symbols)}
    return gto.M(atom=atoms, basis=basis, unit="Bohr", verbose=0, max_memory=8000)


def overlap(molecule: Molecule) -> np.ndarray:
    """Overlap matrix, shape (n, n), PySCF order."""
    return mole(molecule).intor_symmetric("int1e_ovlp")


def core_hamiltonian(molecule: Molecule) -> np.ndarray:
    """Kinetic energy plus nuclear attraction, shape (n, n), Eh, PySCF order."""
    mol = mole(molecule)
    return mol.intor_symmetric("int1e_kin") + mol.intor_symmetric("int1e_nuc")
