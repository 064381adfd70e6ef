"""Where in a matrix of atomic orbitals the errors are: by atom, pair of atoms, elements, shells, distance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem import basis
from nablaviz.molecule import SYMBOLS, Molecule

if TYPE_CHECKING:
    import pandas as pd


def block_errors(difference: np.ndarray, molecule: Molecule) -> pd.DataFrame:
    """Errors in the block of each pair of shells, one row for a block and its mirror image.

    Parameters
    ----------
    difference
        Of two symmetric matrices, shape (n, n), Eh.
    molecule
        What they belong to.

    Returns
    -------
    pandas.DataFrame
        ``atom_i``, ``atom_j``, ``shell_i``, ``shell_j`` (indices; the lighter element is first, and of
        equal elements the earlier shell); ``kind`` ("on-site" or "off-site"); ``elements`` ("H–C");
        ``shells`` of these ("1s–2p"); ``momenta`` ("s–p"); ``distance``, Å; ``mean_abs`` and ``max_abs``,
        Eh; ``count``, how many elements of the matrix these are. Averages of ``mean_abs`` are weighted
        with ``count``: see :func:`summarise`.

    Raises
    ------
    ValueError
        If the shape is not that of the molecule's matrices.
    """
    import pandas as pd

    numbers = molecule.numbers
    layout = basis.layout(numbers)
    magnitude = _checked(np.abs(difference), numbers)
    starts = layout.shell_offsets[:-1]
    mean = shell_matrix(magnitude, numbers)
    largest = np.maximum.reduceat(np.maximum.reduceat(magnitude, starts, axis=0), starts, axis=1)

    k, m = np.triu_indices(len(starts))
    rank = numbers[layout.shell_atom] * len(starts) + np.arange(len(starts)) - _first_shell(layout)
    swap = rank[k] > rank[m]
    k, m = np.where(swap, m, k), np.where(swap, k, m)
    atom_i, atom_j = layout.shell_atom[k], layout.shell_atom[m]
    width = 2 * layout.shell_l + 1
    momenta = np.sort([layout.shell_l[k], layout.shell_l[m]], axis=0)
    labels = [f"{n}{'spd'[ell]}" for n in range(10) for ell in range(3)]
    label = layout.shell_n * 3 + layout.shell_l
    separation = np.linalg.norm(molecule.positions[:, None] - molecule.positions, axis=2)
    return pd.DataFrame(
        {
            "atom_i": atom_i,
            "atom_j": atom_j,
            "shell_i": k,
            "shell_j": m,
            "kind": pd.Categorical.from_codes((atom_i != atom_j).astype(int), ["on-site", "off-site"]),
            "elements": _pair_labels(numbers[atom_i], numbers[atom_j], SYMBOLS),
            "shells": _pair_labels(label[k], label[m], labels),
            "momenta": _pair_labels(momenta[0], momenta[1], list("spd")),
            "distance": separation[atom_i, atom_j],
            "mean_abs": mean[k, m],
            "max_abs": largest[k, m],
            "count": width[k] * width[m] * np.where(k == m, 1, 2),
        }
    )


def summarise(errors: pd.DataFrame, by: str | list[str]) -> pd.DataFrame:
    """Rows of :func:`block_errors`, of one molecule or many, summed up by some of its columns.

    Returns
    -------
    pandas.DataFrame
        ``mean_abs`` and ``max_abs``, Eh, and ``count``, one row for each value of ``by``.
    """
    groups = errors.assign(total=errors.mean_abs * errors["count"]).groupby(by, observed=True)
    summary = groups.agg(total=("total", "sum"), max_abs=("max_abs", "max"), count=("count", "sum"))
    summary.insert(0, "mean_abs", summary.pop("total") / summary["count"])
    return summary


def atom_errors(difference: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Mean |element| of the rows that belong to each atom, shape (N,), in the matrix's unit.

    Raises
    ------
    ValueError
        If the shape is not that of the matrices of these atoms.
    """
    rows = _checked(np.abs(difference), numbers).mean(axis=1)
    starts = basis.layout(numbers).atom_offsets
    return np.add.reduceat(rows, starts[:-1]) / np.diff(starts)


def pair_matrix(matrix: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Mean of the block of each pair of atoms, shape (N, N), in the matrix's unit; give it |ΔH| for errors.

    Raises
    ------
    ValueError
        If the shape is not that of the matrices of these atoms.
    """
    return _means(_checked(matrix, numbers), basis.layout(numbers).atom_offsets)


def shell_matrix(matrix: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """As :func:`pair_matrix` for each pair of K shells, shape (K, K)."""
    return _means(_checked(matrix, numbers), basis.layout(numbers).shell_offsets)


def _means(matrix: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    sums = np.add.reduceat(np.add.reduceat(matrix, offsets[:-1], axis=0), offsets[:-1], axis=1)
    sizes = np.diff(offsets)
    return sums / np.outer(sizes, sizes)


def _checked(matrix: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    size = basis.size(numbers)
    if np.shape(matrix) != (size, size):
        raise ValueError(f"the matrix must have shape {(size, size)}, not {np.shape(matrix)}")
    return matrix


def _first_shell(layout: basis.Layout) -> np.ndarray:
    """First shell of the atom that each shell belongs to, shape (K,)."""
    return np.searchsorted(layout.shell_atom, layout.shell_atom)


def _pair_labels(first: np.ndarray, second: np.ndarray, names: list[str]) -> pd.Categorical:
    """``"a–b"`` for each two indices of ``names``."""
    import pandas as pd

    found, codes = np.unique(first * len(names) + second, return_inverse=True)
    pairs = (divmod(int(code), len(names)) for code in found)
    return pd.Categorical.from_codes(codes, [f"{names[a]}–{names[b]}" for a, b in pairs])
