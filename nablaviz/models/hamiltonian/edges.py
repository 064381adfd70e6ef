"""Atoms and pairs of one or several molecules as tensors, with the rotations into the pairs' frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nablaviz.models.angular import all_rotations, frames
from nablaviz.models.graph import pairs
from nablaviz.models.hamiltonian.block_map import BlockMap
from nablaviz.models.hamiltonian.blockwise import Arrangement, arrange
from nablaviz.models.network import Tensors
from nablaviz.molecule import SUPPORTED, Molecule

DEGREE = 3
"""Largest degree of the atoms' features."""

SITE_DEGREE = 4
"""Largest degree in the block of one atom."""

ORDERS = range(DEGREE + 1)
"""The |m| of the pairs' features."""


def by_order(degree: int) -> list[int]:
    """Harmonics l² + l + m sorted by |m| ≤ DEGREE, then sign, then l: what one O(2) map mixes is together."""
    signed = [0, *(sign * m for m in ORDERS[1:] for sign in (1, -1))]
    return [n * n + n + m for m in signed for n in range(abs(m), degree + 1)]


@dataclass(eq=False)
class Edges(Tensors):
    """E directed pairs of atoms."""

    first: torch.Tensor  # (E,) atom i
    second: torch.Tensor  # (E,) atom j
    distance: torch.Tensor  # (E,) Å
    turn: torch.Tensor  # (E, 16, 16) harmonics -> the frame of the pair, sorted by |m|
    site_turn: torch.Tensor | None = None  # (E, 23, 25) the same up to degree 4


@dataclass(eq=False)
class Geometry(Tensors):
    """One molecule, or several put together with their atoms renumbered."""

    species: torch.Tensor  # (A,) position of the element in SUPPORTED
    messages: Edges
    "Pairs that exchange messages, both directions."
    pairs: Edges
    "Pairs whose block is predicted, in the order of a ``BlockMap``."


@dataclass(eq=False)
class Joined(Arrangement):
    """Several molecules put together."""

    geometry: Geometry


def geometry(molecule: Molecule, blocks: BlockMap, cutoff: float, dtype: torch.dtype) -> Geometry:
    """Prepare one molecule; messages pass within ``cutoff`` Å."""
    species = torch.tensor([SUPPORTED.index(z) for z in molecule.numbers.tolist()])
    i, j = pairs(molecule, cutoff)
    around = _edges(molecule, i, j, None, dtype)
    return Geometry(species, around, _edges(molecule, blocks.first, blocks.second, blocks.frames, dtype))


def _edges(
    molecule: Molecule, i: np.ndarray, j: np.ndarray, matrices: torch.Tensor | None, dtype: torch.dtype
) -> Edges:
    vectors = torch.as_tensor(molecule.positions[j] - molecule.positions[i]).view(-1, 3)
    indices = torch.as_tensor(i), torch.as_tensor(j)
    distance = vectors.norm(dim=1).to(dtype)
    if matrices is not None:
        turn = all_rotations(DEGREE, matrices)[:, by_order(DEGREE)]
        return Edges(*indices, distance, turn.to(dtype))
    whole = all_rotations(SITE_DEGREE, frames(vectors))
    columns = (DEGREE + 1) ** 2
    turn, site_turn = whole[:, by_order(DEGREE), :columns], whole[:, by_order(SITE_DEGREE)]
    return Edges(*indices, distance, turn.to(dtype).contiguous(), site_turn.to(dtype))


def join(parts: Sequence[Geometry], blocks: Sequence[BlockMap], dtype: torch.dtype) -> Joined:
    """Put molecules together."""
    found = arrange(blocks)
    merged = Geometry(
        torch.cat([part.species for part in parts]),
        _concatenate([part.messages for part in parts], found.starts, dtype),
        _concatenate([part.pairs for part in parts], found.starts, dtype, found.order),
    )
    return Joined(**vars(found), geometry=merged)


def _concatenate(
    edges: Sequence[Edges], starts: Sequence[int], dtype: torch.dtype, order: torch.Tensor | None = None
) -> Edges:
    shifted = zip(edges, starts, strict=True)
    first, second = (
        torch.cat(x) for x in zip(*((e.first + s, e.second + s) for e, s in shifted), strict=True)
    )
    distance = torch.cat([e.distance for e in edges]).to(dtype)
    turn = torch.cat([e.turn for e in edges]).to(dtype)
    if order is not None:
        return Edges(first[order], second[order], distance[order], turn[order])
    site_turns = [e.site_turn for e in edges if e.site_turn is not None]
    return Edges(first, second, distance, turn, torch.cat(site_turns).to(dtype))
