"""Blocks of a Hamiltonian as coefficients that symmetry allows to be predicted one by one.

The block of two atoms, written in a frame with z along the bond, splits into irreducible parts of
O(2): scalars 0⁺, pseudoscalars 0⁻ and, for m = 1 … 4, pairs (cos mφ, sin mφ). The block of one atom
splits into harmonics of degree L = 0 … 4, natural (parity (−1)^L) or not. Both maps are orthogonal,
so that errors of coefficients and of matrix elements have the same norm.

Atomic orbitals are in the order m = −l … l here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from nablaviz.chem.basis import SHELLS
from nablaviz.models.angular import coupling
from nablaviz.molecule import SUPPORTED

TEMPLATES = tuple(dict.fromkeys(SHELLS[z] for z in SUPPORTED))
"""The different sets of shells; elements with one set share output layers."""

TEMPLATE = {z: TEMPLATES.index(SHELLS[z]) for z in SUPPORTED}

PARTS = ("0+", "0-", "1", "2", "3", "4")
"""Irreducible parts of O(2) in the block of a pair, in order."""

NATURAL, UNNATURAL = 0, 1


@dataclass(frozen=True, eq=False)
class Expansion:
    """An orthonormal set of block matrices, grouped into irreducible parts.

    For a pair the parts are ``PARTS`` and the coefficients of one part are its cosines, then its
    sines. For an atom the parts are (L, naturalness) and the coefficients run over m, then copies.
    """

    counts: dict[Any, int]
    "Copies of each part, in order."
    matrices: torch.Tensor
    "Shape (K, rows, columns), float64."
    group: torch.Tensor
    "Which coefficients are components of one quantity, shape (K,): these must be scaled alike."

    def __len__(self) -> int:
        return len(self.group)


def degrees(template: int) -> list[int]:
    """Angular momenta of a template's shells."""
    return ["spd".index(letter) for letter in TEMPLATES[template]]


def _starts(ls: list[int]) -> list[int]:
    return [sum(2 * k + 1 for k in ls[:n]) for n in range(len(ls) + 1)]


def orbitals(template: int) -> int:
    """Number of atomic orbitals of a template."""
    return _starts(degrees(template))[-1]


@cache
def pair_expansion(first: int, second: int) -> Expansion:
    """The expansion of the block of two atoms of the given templates, in the frame of their bond.

    Products of cos and sin of m₁φ and m₂φ are sums of those of (m₁ ± m₂)φ.
    """
    half = 1 / math.sqrt(2)
    left, right = degrees(first), degrees(second)
    starts_left, starts_right = _starts(left), _starts(right)
    # Each entry is a part's component: (row, column, factor) of its non-zero elements.
    cosines: dict[str, list[list[tuple[int, int, float]]]] = {part: [] for part in PARTS}
    sines: dict[str, list[list[tuple[int, int, float]]]] = {part: [] for part in PARTS}
    for p, a in enumerate(left):
        for q, b in enumerate(right):
            row, column = starts_left[p] + a, starts_right[q] + b
            for m in range(a + 1):
                for n in range(b + 1):
                    cc, ss = (row + m, column + n), (row - m, column - n)
                    sc, cs = (row - m, column + n), (row + m, column - n)
                    if m == n == 0:
                        cosines["0+"].append([(*cc, 1.0)])
                    elif m == 0 or n == 0:
                        cosines[str(m + n)].append([(*cc, 1.0)])
                        sines[str(m + n)].append([(*ss, 1.0)])
                    else:
                        cosines[str(m + n)].append([(*cc, half), (*ss, -half)])
                        sines[str(m + n)].append([(*sc, half), (*cs, half)])
                        sign = half if m >= n else -half
                        cosines[str(abs(m - n)) if m != n else "0+"].append([(*cc, half), (*ss, half)])
                        sines[str(abs(m - n)) if m != n else "0-"].append([(*sc, sign), (*cs, -sign)])
    counts: dict[str, int] = {}
    entries: list[list[tuple[int, int, float]]] = []
    group: list[int] = []
    for part in PARTS:
        components = (
            [cosines[part], sines[part]] if part not in ("0+", "0-") else [cosines[part] + sines[part]]
        )
        counts[part] = len(components[0])
        for component in components:
            group += range(sum(counts.values()) - counts[part], sum(counts.values()))
            entries += component
    matrices = torch.zeros(len(entries), starts_left[-1], starts_right[-1], dtype=torch.float64)
    for k, entry in enumerate(entries):
        for i, j, factor in entry:
            matrices[k, i, j] = factor
    return Expansion(counts, matrices, torch.tensor(group))


@cache
def site_expansion(template: int) -> Expansion:
    """The expansion of the symmetric block of one atom of a template."""
    ls = degrees(template)
    starts, size = _starts(ls), orbitals(template)
    found: dict[tuple[int, int], list[torch.Tensor]] = {}
    for p, a in enumerate(ls):
        for q, b in enumerate(ls[: p + 1]):
            for total in range(abs(a - b), a + b + 1):
                if p == q and total % 2:
                    continue  # antisymmetric
                tensor = coupling(a, b, total).permute(2, 0, 1)
                matrix = torch.zeros(2 * total + 1, size, size, dtype=torch.float64)
                matrix[:, starts[p] : starts[p + 1], starts[q] : starts[q + 1]] = tensor
                symmetric = (matrix + matrix.transpose(1, 2)) / (2 if p == q else math.sqrt(2))
                found.setdefault((total, (a + b + total) % 2), []).append(symmetric)
    order = sorted(found, key=lambda part: (part[1], part[0]))
    counts = {part: len(found[part]) for part in order}
    matrices = torch.cat([torch.stack(found[part], 1).flatten(0, 1) for part in order])
    group: list[int] = []
    seen = 0
    for (total, _), count in counts.items():
        group += list(range(seen, seen + count)) * (2 * total + 1)
        seen += count
    return Expansion(counts, matrices, torch.tensor(group))
