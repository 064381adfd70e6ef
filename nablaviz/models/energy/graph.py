"""Molecules as graphs: all pairs of atoms within a cutoff, none left out, and what labels there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nablaviz.chem.atoms import formation_energy
from nablaviz.models.graph import pairs
from nablaviz.models.network import Tensors
from nablaviz.molecule import SUPPORTED, Conformer, Molecule, check_elements


@dataclass(eq=False)
class Graph(Tensors):
    """One molecule, or several put together, B of them with A atoms in all.

    P directed pairs and T triplets of atoms. Floating-point tensors share one type.
    """

    molecules: list[Molecule]
    species: Tensor  # (A,) position of the element in SUPPORTED
    positions: Tensor  # (A, 3) Å
    owner: Tensor  # (A,) the molecule of each atom
    pairs: Tensor  # (2, P) atoms i, j; i receives from j
    triplets: Tensor | None  # (2, T) pairs (j ← k), (i ← j) with k ≠ i
    energy: Tensor | None  # (B,) formation energy, Eh
    forces: Tensor | None  # (A, 3) Eh/Å

    @property
    def n_atoms(self) -> Tensor:
        """Atoms of each molecule, shape (B,)."""
        return torch.bincount(self.owner, minlength=len(self.molecules))

    @property
    def counts(self) -> Tensor:
        """Atoms of each element of each molecule, shape (B, elements)."""
        flat = self.owner * len(SUPPORTED) + self.species
        counts = torch.bincount(flat, minlength=len(self.molecules) * len(SUPPORTED))
        return counts.view(-1, len(SUPPORTED)).to(self.positions.dtype)

    def vectors(self) -> Tensor:
        """From each pair's i to its j, shape (P, 3), Å."""
        i, j = self.pairs
        return self.positions.index_select(0, j) - self.positions.index_select(0, i)

    def per_molecule(self, values: Tensor) -> Tensor:
        """Sum over the atoms of each molecule: (A, ...) -> (B, ...)."""
        return sum_by(values, self.owner, len(self.molecules))

    def per_atom(self, messages: Tensor) -> Tensor:
        """Sum over the pairs that each atom receives: (P, ...) -> (A, ...)."""
        return sum_by(messages, self.pairs[0], len(self.species))


def sum_by(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Sum the rows of ``values`` (K, ...) that have the same ``index`` (K,): shape (size, ...)."""
    return values.new_zeros(size, *values.shape[1:]).index_add(0, index, values)


def graph(
    conformer: Conformer,
    cutoff: float,
    dtype: torch.dtype,
    *,
    labels: Sequence[str] = (),
    triplets: bool = False,
) -> Graph:
    """The graph of one conformer, on the CPU.

    Parameters
    ----------
    cutoff
        Å.
    labels
        Which labels are needed: of ``"energy"`` and ``"forces"``.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, two atoms are at one place, or a label is missing, not finite
        or of another shape; the message names the conformer.
    """
    molecule = conformer.molecule
    check_elements(molecule.numbers)
    neighbours = pairs(molecule, cutoff)
    energy = _formation_energy(conformer) if "energy" in labels else None
    forces = (
        _finite(conformer, "forces", conformer.forces, molecule.positions.shape)
        if "forces" in labels
        else None
    )
    return Graph(
        [molecule],
        torch.as_tensor(np.searchsorted(SUPPORTED, molecule.numbers)),
        torch.tensor(molecule.positions, dtype=dtype),
        torch.zeros(len(molecule), dtype=torch.int64),
        torch.as_tensor(neighbours),
        torch.as_tensor(_triplets(*neighbours)) if triplets else None,
        None if energy is None else torch.tensor([energy], dtype=dtype),
        None if forces is None else torch.tensor(forces, dtype=dtype),
    )


def _triplets(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Pairs (j ← k) and (i ← j) with k ≠ i, shape (2, T), from the atoms of each pair."""
    first, second = np.nonzero((i[:, None] == j) & (j[:, None] != i))
    return np.stack([first, second])


def _formation_energy(conformer: Conformer) -> float:
    value = conformer.formation_energy
    if value is None and conformer.energy is not None:
        value = formation_energy(conformer.energy, conformer.molecule.numbers)
    return float(_finite(conformer, "energy", value, ()))


def _finite(
    conformer: Conformer, name: str, value: np.ndarray | float | None, shape: tuple[int, ...]
) -> np.ndarray:
    where = f"conformer {conformer.moses_id}/{conformer.conformation_id} ({conformer.molecule.formula})"
    if value is None:
        raise ValueError(f"{where} has no {name}")
    if np.shape(value) != shape:
        raise ValueError(f"{where}: the label {name} has shape {np.shape(value)}, not {shape}")
    if not np.isfinite(value).all():
        raise ValueError(f"{where}: the label {name} is not finite")
    return np.array(value)


def join(graphs: Sequence[Graph]) -> Graph:
    """Several graphs as one.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not graphs:
        raise ValueError("no molecules to put together: the batch is empty")
    atoms = np.cumsum([0, *(len(g.species) for g in graphs)]).tolist()
    bonds = np.cumsum([0, *(g.pairs.shape[1] for g in graphs)]).tolist()
    owners = np.cumsum([0, *(len(g.molecules) for g in graphs)]).tolist()
    shifted = [(g, a, p, b) for g, a, p, b in zip(graphs, atoms, bonds, owners, strict=False)]
    return Graph(
        [m for g in graphs for m in g.molecules],
        torch.cat([g.species for g in graphs]),
        torch.cat([g.positions for g in graphs]),
        torch.cat([g.owner + b for g, _, _, b in shifted]),
        torch.cat([g.pairs + a for g, a, _, _ in shifted], dim=1),
        _joined([None if g.triplets is None else g.triplets + p for g, _, p, _ in shifted], dim=1),
        _joined([g.energy for g in graphs]),
        _joined([g.forces for g in graphs]),
    )


def _joined(tensors: Sequence[Tensor | None], dim: int = 0) -> Tensor | None:
    """The tensors one after another; ``None`` when one is missing."""
    present = [t for t in tensors if t is not None]
    return torch.cat(present, dim=dim) if len(present) == len(tensors) else None
