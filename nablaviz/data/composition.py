"""Formula and free-atom energy of many molecules at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nablaviz.molecule import SUPPORTED, check_closed_shell, check_elements, hill_formula

_LANE = np.zeros(256, dtype=np.uint64)
"""A counter of eight bits in a 64-bit word for each of nablaDFT's elements."""
_LANE[list(SUPPORTED)] = np.uint64(1) << (np.uint64(8) * np.arange(8, dtype=np.uint64))


_NOT_NUMBERS = "the atomic numbers must be a blob of int32"


def atomic_numbers(blob: object) -> np.ndarray:
    """Atomic numbers of a molecule, shape (N,), int64, from a blob of int32.

    Raises
    ------
    ValueError
        If the blob is empty or no blob of int32, an element is not one of nablaDFT's, or the number of
        electrons is odd.
    """
    if type(blob) is not bytes or not blob or len(blob) % 4:
        raise ValueError(_NOT_NUMBERS)
    numbers = np.frombuffer(blob, "<i4").astype(np.int64)
    check_elements(numbers)
    check_closed_shell(numbers)
    return numbers


class Compositions:
    """Reads atomic numbers; each formula is worked out once.

    Parameters
    ----------
    atom_energies
        Energy of each free atom by atomic number, Eh; NaN where it is not known.
    """

    def __init__(self, atom_energies: np.ndarray) -> None:
        self._atom_energies = atom_energies
        self._known: dict[int, tuple[str, float]] = {}

    def __call__(self, blobs: Sequence[bytes]) -> tuple[np.ndarray, list[str], np.ndarray]:
        """Number of atoms, formula, and sum of the free atoms' energies (Eh) of each molecule.

        Parameters
        ----------
        blobs
            Atomic numbers of each molecule, int32.

        Raises
        ------
        ValueError
            If a blob is empty or no blob of int32, an element is not one of nablaDFT's, or the number of
            electrons is odd.
        """
        lengths = np.array([len(b) if type(b) is bytes else 1 for b in blobs])
        if not lengths.all() or (lengths % 4).any():
            raise ValueError(_NOT_NUMBERS)
        sizes = lengths // 4
        firsts = np.cumsum(sizes) - sizes
        atoms = np.frombuffer(b"".join(blobs), "<i4")
        lanes = _LANE[np.where((atoms > 0) & (atoms < len(_LANE)), atoms, 0)]
        if not lanes.all():
            check_elements(atoms)
        if (odd := np.add.reduceat(atoms, firsts) % 2).any():
            first = int(odd.argmax())
            check_closed_shell(atoms[firsts[first] : firsts[first] + sizes[first]])
        if sizes.max() > 255:  # a counter could overflow
            known = [self._describe(atoms[i : i + n]) for i, n in zip(firsts, sizes, strict=True)]
        else:
            codes = np.add.reduceat(lanes, firsts).tolist()
            for row, code in enumerate(codes):
                if code not in self._known:
                    self._known[code] = self._describe(atoms[firsts[row] : firsts[row] + sizes[row]])
            known = [self._known[code] for code in codes]
        formulas, energies = zip(*known, strict=True)
        return sizes, list(formulas), np.array(energies)

    def _describe(self, numbers: np.ndarray) -> tuple[str, float]:
        return hill_formula(numbers), float(self._atom_energies[numbers].sum())
