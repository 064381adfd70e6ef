"""A molecule's matrix taken apart into coefficients of its pairs and atoms, and put together again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from nablaviz.chem import basis
from nablaviz.models.angular import frames, rotations
from nablaviz.models.graph import pairs
from nablaviz.models.hamiltonian.blocks import (
    TEMPLATE,
    degrees,
    orbitals,
    pair_expansion,
    site_expansion,
)
from nablaviz.molecule import Molecule

PairClass = tuple[int, int]
"""Templates of the two atoms, the larger first."""


@dataclass(eq=False)
class Coefficients:
    """A symmetric matrix as coefficients, in the order of a :class:`BlockMap`."""

    pairs: dict[PairClass, torch.Tensor]
    "For each class of pairs, shape (pairs, K)."
    sites: dict[int, torch.Tensor]
    "For each template, shape (atoms, K)."


@dataclass(eq=False)
class BlockMap:
    """Which blocks a molecule's matrix has, within a cutoff, and in which frames they are written.

    A pair of different elements is listed once, the heavier atom first. A pair of one element has no
    first atom: it is listed in both directions, and its block is the mean of what they say.
    """

    numbers: np.ndarray
    first: np.ndarray
    "Atom i of each pair, shape (P,), sorted by class."
    second: np.ndarray
    "Atom j of each pair, shape (P,)."
    frames: torch.Tensor
    "Rotation of each pair onto z, shape (P, 3, 3), float64."
    classes: dict[PairClass, slice]
    "Where each class of pairs lies."
    sites: dict[int, np.ndarray]
    "Atoms of each template."

    @classmethod
    def of(cls, molecule: Molecule, cutoff: float) -> BlockMap:
        """The blocks of a molecule's pairs within ``cutoff`` Å."""
        z = molecule.numbers
        i, j = pairs(molecule, cutoff)
        kept = z[i] >= z[j]
        i, j = i[kept], j[kept]
        template = np.array([TEMPLATE[n] for n in z.tolist()])
        order = np.lexsort((template[j], template[i]))
        i, j = i[order], j[order]
        keys = list(zip(template[i].tolist(), template[j].tolist(), strict=True))
        starts = {key: keys.index(key) for key in dict.fromkeys(keys)}
        classes = {key: slice(start, start + keys.count(key)) for key, start in starts.items()}
        vectors = torch.as_tensor(molecule.positions[j] - molecule.positions[i]).view(-1, 3)
        sites = {t: np.flatnonzero(template == t) for t in np.unique(template).tolist()}
        return cls(z, i, j, frames(vectors), classes, sites)

    def __len__(self) -> int:
        return len(self.first)

    def resolve(self, matrix: np.ndarray) -> Coefficients:
        """Coefficients of a symmetric matrix, shape (n, n), in PySCF's order; float64."""
        ordered = torch.as_tensor(basis.from_pyscf(matrix, self.numbers, "m-ordered"), dtype=torch.float64)
        flat = ordered.reshape(-1)
        pair_values, site_values = {}, {}
        for (a, b), rows in self.classes.items():
            left, right = self._turns(a, rows), self._turns(b, rows)
            blocks = left @ flat[self._index(a, self.first[rows], b, self.second[rows])] @ right.mT
            pair_values[a, b] = blocks.flatten(1) @ pair_expansion(a, b).matrices.flatten(1).T
        for a, atoms in self.sites.items():
            blocks = flat[self._index(a, atoms, a, atoms)]
            site_values[a] = blocks.flatten(1) @ site_expansion(a).matrices.flatten(1).T
        return Coefficients(pair_values, site_values)

    def assemble(self, coefficients: Coefficients) -> np.ndarray:
        """The symmetric matrix, shape (n, n), PySCF's order, float64; inverse of ``resolve``."""
        size = basis.size(self.numbers)
        flat = torch.zeros(size * size, dtype=torch.float64)
        for (a, b), rows in self.classes.items():
            left, right = self._turns(a, rows), self._turns(b, rows)
            values = coefficients.pairs[a, b].double() @ pair_expansion(a, b).matrices.flatten(1)
            blocks = left.mT @ values.view(-1, orbitals(a), orbitals(b)) @ right
            same = torch.as_tensor(self.numbers[self.first[rows]] == self.numbers[self.second[rows]])
            weight = torch.where(same, 0.5, 1.0).to(torch.float64)[:, None, None]
            flat[self._index(a, self.first[rows], b, self.second[rows])] = weight * blocks
        for a, atoms in self.sites.items():
            values = coefficients.sites[a].double() @ site_expansion(a).matrices.flatten(1)
            flat[self._index(a, atoms, a, atoms)] = values.view(-1, orbitals(a), orbitals(a)) / 2
        matrix = flat.view(size, size)
        return basis.to_pyscf((matrix + matrix.T).numpy(), self.numbers, "m-ordered")

    def _index(self, a: int, first: np.ndarray, b: int, second: np.ndarray) -> torch.Tensor:
        """Where the blocks' elements lie in the flattened matrix, shape (p, rows, columns)."""
        offsets = basis.layout(self.numbers).atom_offsets
        rows = offsets[first][:, None, None] + np.arange(orbitals(a))[:, None]
        columns = offsets[second][:, None, None] + np.arange(orbitals(b))
        return torch.as_tensor(rows * int(offsets[-1]) + columns)

    def _turns(self, template: int, rows: slice) -> torch.Tensor:
        """Rotation of a template's orbitals into the frames of some pairs, shape (p, n, n)."""
        matrices = {degree: rotations(degree, self.frames[rows]) for degree in set(degrees(template))}
        size = orbitals(template)
        turns = self.frames.new_zeros(rows.stop - rows.start, size, size)
        start = 0
        for degree in degrees(template):
            part = slice(start, start + 2 * degree + 1)
            turns[:, part, part] = matrices[degree]
            start = part.stop
        return turns
