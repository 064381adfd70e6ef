"""The layers of QHNet; features of atoms and pairs are e3nn's, (A, Σ C (2l + 1)), degree after degree."""

from __future__ import annotations

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from nablaviz.models.angular import coupling
from nablaviz.models.extras import optional
from nablaviz.models.hamiltonian.blocks import TEMPLATES, degrees
from nablaviz.models.hamiltonian.layers import NEIGHBOURS, mlp

SHELLS = tuple(max(degrees(t).count(degree) for t in range(len(TEMPLATES))) for degree in range(3))
"""s, p and d shells of the largest template: every block is predicted with all of them, then cut out."""

UNION = sum(n * (2 * degree + 1) for degree, n in enumerate(SHELLS))
"""Orbitals of these shells, s before p before d."""


def require() -> Any:
    """The module ``e3nn.o3``; ``ImportError`` if it is not installed."""
    return optional("e3nn.o3", "qhnet")


def natural(channels: int, degree: int) -> Any:
    """Irreducible parts of parity (−1)^l, l up to ``degree``."""
    o3 = require()
    return o3.Irreps([(channels, (n, (-1) ** n)) for n in range(degree + 1)])


def unnatural(channels: int) -> Any:
    """Those of the other parity that blocks of p and d shells have: l = 1, 2, 3."""
    o3 = require()
    return o3.Irreps([(channels, (n, -((-1) ** n))) for n in (1, 2, 3)])


def product(left: Any, right: Any, out: Any, mode: str, **options: bool) -> Any:
    """The tensor product with every path from ``left`` and ``right`` to ``out``, all weighted."""
    o3 = require()
    paths = [
        (i, j, k, mode, True)
        for i, (_, a) in enumerate(left)
        for j, (_, b) in enumerate(right)
        for k, (_, c) in enumerate(out)
        if c in a * b
    ]
    return o3.TensorProduct(left, right, out, paths, **options)


def sharpen(module: nn.Module) -> None:
    """Compute e3nn's coupling coefficients anew in the precision that the module has now."""
    o3 = require()
    for name, buffer in module.named_buffers():
        if found := re.search(r"_w3j_(\d+)_(\d+)_(\d+)$", name):
            buffer.copy_(o3.wigner_3j(*map(int, found.groups()), dtype=torch.float64))


def bernstein(distance: Tensor, cutoff: float, count: int) -> Tensor:
    """Exponential Bernstein functions of the distance that fade out at the cutoff, shape (E, count).

    O. T. Unke et al., Nat. Commun. 12, 7273 (2021), eqs. 11, 12, with the decay 1/2 bohr⁻¹ ≈ 1 Å⁻¹.
    """
    k = torch.arange(count, dtype=torch.float64)
    binomial = math.lgamma(count) - torch.lgamma(k + 1) - torch.lgamma(count - k)
    fall = distance[:, None]
    logarithm = binomial.to(distance) - k.to(distance) * fall
    logarithm = logarithm + (count - 1 - k).to(distance) * torch.log(-torch.expm1(-fall))
    return logarithm.exp() * fade(distance, cutoff)[:, None]


def fade(distance: Tensor, cutoff: float) -> Tensor:
    """exp(−r² / ((r_c − r)(r_c + r))): 1 at distance 0, 0 at the cutoff with all its derivatives."""
    inside = distance.clamp(max=cutoff * (1 - 1e-4))
    return torch.exp(-(inside**2) / ((cutoff - inside) * (cutoff + inside)))


def parts(x: Tensor, irreps: Any) -> list[Tensor]:
    """Features of each degree, (rows, C, 2l + 1)."""
    split = x.split([mul * ir.dim for mul, ir in irreps], 1)
    return [part.unflatten(1, (mul, ir.dim)) for part, (mul, ir) in zip(split, irreps, strict=True)]


class Gate(nn.Module):
    """New scalars, and factors for all else, from the scalars and norms (eq. 6)."""

    def __init__(self, irreps: Any) -> None:
        super().__init__()
        self.irreps = irreps
        self.net = mlp(irreps.num_irreps, irreps.num_irreps, irreps.num_irreps)

    def forward(self, x: Tensor) -> Tensor:
        scalar, *others = parts(x, self.irreps)
        # The small constant keeps the norm differentiable where a feature is zero.
        norms = [(part.square().sum(2) + 1e-8).sqrt() for part in others]
        factors = self.net(torch.cat([scalar[:, :, 0], *norms], 1)).split([m for m, _ in self.irreps], 1)
        gated = [(p * f[:, :, None]).flatten(1) for p, f in zip(others, factors[1:], strict=True)]
        return torch.cat([factors[0], *gated], 1)


class PairWeights(nn.Module):
    """Weights of a product, from the distance times a function of both atoms' invariants (eqs. 4, 5)."""

    def __init__(self, irreps: Any, radial: int, hidden: int, count: int) -> None:
        super().__init__()
        from e3nn.nn import FullyConnectedNet

        self.irreps = irreps
        self.mix = require().Linear(irreps, irreps)
        self.distance = FullyConnectedNet([radial, hidden, count], nn.functional.silu)
        self.invariants = mlp(irreps.num_irreps + irreps[0].mul, hidden, count)

    def forward(self, x: Tensor, first: Tensor, second: Tensor, radial: Tensor) -> Tensor:
        mixed = self.mix(x)
        ours, theirs = (parts(mixed.index_select(0, end), self.irreps) for end in (first, second))
        inner = [(a * b).mean(2) for a, b in zip(ours[1:], theirs[1:], strict=True)]
        scalars = torch.cat([ours[0][:, :, 0], theirs[0][:, :, 0], *inner], 1)
        return self.distance(radial) * self.invariants(scalars)


class Interaction(nn.Module):
    """Messages m_ij = w_ij x_j ⊗ Y(r_ij), summed over the neighbours (eqs. 3 to 6)."""

    def __init__(self, irreps: Any, out: Any, harmonics: Any, radial: int, hidden: int) -> None:
        super().__init__()
        o3 = require()
        self.same = irreps == out
        self.prepare = nn.Sequential(Gate(irreps), o3.Linear(irreps, irreps)) if self.same else nn.Identity()
        self.product = product(irreps, harmonics, out, "uvu", shared_weights=False, internal_weights=False)
        self.weights = PairWeights(irreps, radial, hidden, self.product.weight_numel)
        self.mix = o3.Linear(out, out)

    def forward(self, x: Tensor, first: Tensor, second: Tensor, angular: Tensor, radial: Tensor) -> Tensor:
        weights = self.weights(x, first, second, radial)
        ready = self.prepare(x)
        messages = self.product(ready.index_select(0, second), angular, weights)
        sums = messages.new_zeros(len(x), messages.shape[1]).index_add(0, first, messages) * NEIGHBOURS
        return x + self.mix(sums + ready) if self.same else self.mix(sums)


class AtomLayer(nn.Module):
    """Features of the block of an atom, from the product of its features with themselves (eq. 7)."""

    def __init__(self, irreps: Any, out: Any) -> None:
        super().__init__()
        o3 = require()
        self.sides = nn.ModuleList(nn.Sequential(Gate(irreps), o3.Linear(irreps, irreps)) for _ in range(2))
        self.product = product(irreps, irreps, out, "uuu")
        self.mix = nn.Sequential(Gate(out), o3.Linear(out, out))
        self.keep = o3.Linear(irreps, out)

    def forward(self, x: Tensor) -> Tensor:
        left, right = (side(x) for side in self.sides)
        return self.mix(self.product(left, right)) + self.keep(x)


class PairLayer(nn.Module):
    """Features of the block of a pair, w_ij x_i ⊗ x_j (eqs. 8, 9)."""

    def __init__(self, irreps: Any, out: Any, radial: int, hidden: int) -> None:
        super().__init__()
        o3 = require()
        self.prepare = nn.Sequential(Gate(irreps), o3.Linear(irreps, irreps))
        self.product = product(irreps, irreps, out, "uuu", shared_weights=False, internal_weights=False)
        self.weights = PairWeights(irreps, radial, hidden, self.product.weight_numel)
        self.mix = nn.Sequential(Gate(out), o3.Linear(out, out))

    def forward(self, x: Tensor, first: Tensor, second: Tensor, radial: Tensor) -> Tensor:
        ready = self.prepare(x)
        ends = (ready.index_select(0, end) for end in (first, second))
        return self.mix(self.product(*ends, self.weights(x, first, second, radial)))


class Expansion(nn.Module):
    """Blocks (rows, UNION, UNION) from features: shells a, b get Σ_L C^{abL} Σ_c w_c f_c^L (eq. 10).

    The weights w and, for scalars where asked for, a bias depend on the elements, given as an index.
    """

    def __init__(self, irreps: Any, elements: int, *, bias: bool) -> None:
        super().__init__()
        self.irreps, self.channels, self.bias = irreps, irreps[0].mul, bias
        place = {(ir.l, ir.p): k for k, (_, ir) in enumerate(irreps)}
        self.paths = [
            (a, b, total, place[total, (-1) ** (a + b)])
            for a in range(3)
            for b in range(3)
            for total in range(abs(a - b), a + b + 1)
        ]
        rows = self.channels + bias
        self.sizes = [
            SHELLS[a] * SHELLS[b] * (rows if t == 0 else self.channels) for a, b, t, _ in self.paths
        ]
        self.net = mlp(elements, elements, sum(self.sizes))

    def forward(self, x: Tensor, embedded: Tensor, index: Tensor) -> Tensor:
        """``embedded`` (kinds, elements) describes the elements of each kind of row."""
        weights = self.net(embedded).split(self.sizes, 1)
        features = [part / math.sqrt(self.channels) for part in parts(x, self.irreps)]
        blocks: dict[tuple[int, int], Tensor] = {}
        for (a, b, total, k), table in zip(self.paths, weights, strict=True):
            feature = features[k]
            if table.shape[1] > SHELLS[a] * SHELLS[b] * self.channels:
                feature = torch.cat([feature, torch.ones_like(feature[:, :1])], 1)
            weight = table.unflatten(1, (-1, SHELLS[a] * SHELLS[b])).mT.index_select(0, index)
            shells = weight @ feature  # (rows, n_a n_b, 2L + 1)
            block = shells @ coupling(a, b, total).to(x).flatten(0, 1).T
            blocks[a, b] = blocks.get((a, b), 0) + block
        rows = []
        for a in range(3):
            sizes = [(SHELLS[a], SHELLS[b], 2 * a + 1, 2 * b + 1) for b in range(3)]
            found = [
                blocks[a, b].unflatten(1, size[:2]).unflatten(3, size[2:]) for b, size in enumerate(sizes)
            ]
            rows.append(torch.cat([f.transpose(2, 3).flatten(3).flatten(1, 2) for f in found], 2))
        return torch.cat(rows, 1)
