"""From atoms' features to coefficients of the blocks of pairs and of atoms."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from nablaviz.models.angular import coupling
from nablaviz.models.hamiltonian.block_map import PairClass
from nablaviz.models.hamiltonian.blocks import (
    NATURAL,
    PARTS,
    TEMPLATES,
    UNNATURAL,
    orbitals,
    pair_expansion,
    site_expansion,
)
from nablaviz.models.hamiltonian.edges import DEGREE, ORDERS, SITE_DEGREE, Edges
from nablaviz.models.hamiltonian.layers import (
    Message,
    PerDegree,
    PerOrder,
    copies,
    mlp,
    split_orders,
    squares,
)
from nablaviz.molecule import SUPPORTED

PAIR_CLASSES = [(a, b) for a in range(len(TEMPLATES)) for b in range(a + 1)]
UNNATURAL_FROM = {1: (1, 1), 2: (1, 2), 3: (1, 3)}
"""Degrees whose product gives each unnatural degree."""


def multiply(a: Tensor, b: Tensor) -> Tensor:
    """Product of complex numbers (E, 2, n): from orders m and n to m + n."""
    (ac, as_), (bc, bs) = a.unbind(1), b.unbind(1)
    return torch.stack([ac * bc - as_ * bs, ac * bs + as_ * bc], 1)


def multiply_conjugate(a: Tensor, b: Tensor) -> Tensor:
    """Product of b and the conjugate of a (E, 2, n): from orders m and n to n − m."""
    (ac, as_), (bc, bs) = a.unbind(1), b.unbind(1)
    return torch.stack([ac * bc + as_ * bs, ac * bs - as_ * bc], 1)


class PairHead(nn.Module):
    """Coefficients of the blocks of pairs, in units of their scales.

    1. Features of both atoms, projected and turned into the frame, are mixed per |m| and gated.
    2. Products of them reach what linear maps cannot: Re(z z̄′) is 0⁺, Im(z z̄′) is 0⁻, z₁z₁ has
       m = 2, z₁z₂ has 3, z₂z₂ has 4, z̄₁z₂ has 1.
    3. They are mixed again, weighted by functions of the distance, and read out by one linear layer
       per class of pairs and part; elements of one template differ by their embeddings.
    """

    def __init__(
        self, channels: int, narrow: int, wide: int, radial: int, embedding: int, hidden: int
    ) -> None:
        super().__init__()
        self.wide = wide
        self.project = PerDegree(channels, narrow)
        extra = radial + 2 * embedding
        self.elements = nn.Embedding(len(SUPPORTED), embedding)
        first = {m: (2 * n * narrow, wide) for m, n in enumerate(copies(DEGREE))}
        first[0] = (first[0][0] + extra, 3 * wide)
        self.first = PerOrder(first)
        self.gates = mlp(3 * wide, 2 * wide, (DEGREE + 1) * wide)
        self.partner = PerOrder(dict.fromkeys(ORDERS[1:], (wide, wide)))
        self.second = PerOrder({m: (wide if m == 0 else 2 * wide, wide) for m in ORDERS})
        self.radial = mlp(extra, hidden, (DEGREE + 1) * wide)
        widths = {part: wide * (DEGREE if part == "0-" else 1) for part in PARTS}
        self.read = nn.ModuleDict()
        for a, b in PAIR_CLASSES:
            counts = pair_expansion(a, b).counts.items()
            layers = {p: nn.Linear(widths[p], n, bias=p == "0+") for p, n in counts if n}
            self.read[f"{a}-{b}"] = nn.ModuleDict(layers)
            self.register_buffer(f"scale_{a}_{b}", torch.ones(len(pair_expansion(a, b))))

    def forward(
        self,
        x: Tensor,
        species: Tensor,
        edges: Edges,
        radial: Tensor,
        near: Tensor,
        classes: dict[PairClass, int],
    ) -> dict[PairClass, Tensor]:
        """``radial`` (P, radial) and the envelope ``near`` (P,) of the pairs; ``classes`` count them."""
        wide = self.wide
        projected = self.project(x)
        ends = [projected.index_select(0, end) for end in (edges.first, edges.second)]
        embedded = self.elements(species)
        known = torch.cat([radial, *(embedded.index_select(0, e) for e in (edges.first, edges.second))], 1)
        features = split_orders(edges.turn @ torch.cat(ends, 2))
        features[0] = torch.cat([features[0], known], 1)
        mixed = self.first(features)
        scalar, *gates = self.gates(functional.silu(mixed[0])).split(wide, 1)
        z = {m: mixed[m] * gates[m - 1][:, None] for m in ORDERS[1:]}
        w = self.partner(z)
        inner = [z[m] * w[m] for m in ORDERS[1:]]
        products = {1: multiply_conjugate(z[1], w[2]), 2: multiply(z[1], w[1]), 3: multiply(z[1], w[2])}
        again = {0: scalar + sum(inner).sum(1)}
        again |= {m: torch.cat([z[m], products[m]], 2) for m in ORDERS[1:]}
        again = self.second(again)
        weights = (self.radial(known) * near[:, None]).split(wide, 1)
        crossed = [z[m][:, 0] * w[m][:, 1] - z[m][:, 1] * w[m][:, 0] for m in ORDERS[1:]]
        parts = {
            "0+": functional.silu(again[0]) * weights[0],
            "0-": torch.cat([c * weights[m + 1] for m, c in enumerate(crossed)], 1),
            "4": multiply(z[2], w[2]) * weights[0][:, None],
            **{str(m): again[m] * weights[m][:, None] for m in ORDERS[1:]},
        }
        cut = {part: value.split(list(classes.values())) for part, value in parts.items()}
        return {key: self._read(key, {p: v[k] for p, v in cut.items()}) for k, key in enumerate(classes)}

    def _read(self, key: PairClass, parts: dict[str, Tensor]) -> Tensor:
        layers = cast(nn.ModuleDict, self.read["{}-{}".format(*key)])
        return torch.cat([layers[p](parts[p]).flatten(1) for p in PARTS if p in layers], 1)

    def scale(self, key: PairClass) -> Tensor:
        """Sizes of the coefficients of a class, Eh, shape (K,)."""
        return self.get_buffer("scale_{}_{}".format(*key))


class SiteHead(nn.Module):
    """Coefficients of the blocks of atoms, in units of their scales, without their elements' means.

    A last message with degrees up to 4 gives the natural parts. The unnatural ones (p with p′, p with
    d) come from vector products.
    """

    means: Tensor

    def __init__(self, channels: int, width: int, radial: int, hidden: int) -> None:
        super().__init__()
        self.message = Message(channels, width, radial, hidden, SITE_DEGREE)
        scalars = channels + (SITE_DEGREE + 1) * width
        self.norm = nn.LayerNorm(scalars)
        self.gates = mlp(scalars, 2 * channels, (SITE_DEGREE + 1) * width)
        self.mixed = nn.ModuleList(PerDegree(width, width, SITE_DEGREE) for _ in range(2))
        self.read = nn.ModuleList()
        for t in range(len(TEMPLATES)):
            counts = site_expansion(t).counts.items()
            layers = {_key(part): nn.Linear(width, n, bias=part == (0, NATURAL)) for part, n in counts}
            self.read.append(nn.ModuleDict(layers))
            self.register_buffer(f"scale_{t}", torch.ones(len(site_expansion(t))))
        widest = max(site_expansion(t).counts[0, NATURAL] for t in range(len(TEMPLATES)))
        self.register_buffer("means", torch.zeros(len(SUPPORTED), widest))

    def forward(
        self, x: Tensor, species: Tensor, edges: Edges, radial: Tensor, back: Tensor, sites: dict[int, Tensor]
    ) -> dict[int, Tensor]:
        y = self.message(x, species, edges, radial, back)
        norms = squares(y)[:, 1:].flatten(1)
        gates = self.gates(self.norm(torch.cat([x[:, 0], y[:, 0], norms], 1)))
        gates = gates.view(len(y), SITE_DEGREE + 1, -1)
        degrees = [y[:, n * n : (n + 1) ** 2] * gates[:, n : n + 1] for n in range(1, SITE_DEGREE + 1)]
        natural = [(y[:, 0] + gates[:, 0])[:, None], *degrees]
        u, v = (layer(torch.cat(natural, 1)) for layer in self.mixed)
        features = {_key((n, NATURAL)): value for n, value in enumerate(natural)}
        for degree, (a, b) in UNNATURAL_FROM.items():
            left, right = u[:, a * a : (a + 1) ** 2], v[:, b * b : (b + 1) ** 2]
            # From float64 at each call: a rounded coupling would not be equivariant to more than float32.
            features[_key((degree, UNNATURAL))] = torch.einsum(
                "nik,njk,ijm->nmk", left, right, coupling(a, b, degree).to(left)
            )
        found = {}
        for template, atoms in sites.items():
            layers = cast(nn.ModuleDict, self.read[template])
            parts = [
                layer(features[part].index_select(0, atoms)).flatten(1) for part, layer in layers.items()
            ]
            found[template] = torch.cat(parts, 1)
        return found

    def scale(self, template: int) -> Tensor:
        """Sizes of the coefficients of a template, Eh, shape (K,)."""
        return self.get_buffer(f"scale_{template}")

    def mean(self, template: int, species: Tensor) -> Tensor:
        """Mean coefficients of atoms' elements, Eh, shape (A, K): only those of degree 0 are not 0."""
        count = site_expansion(template).counts[0, NATURAL]
        rest = orbitals(template) * (orbitals(template) + 1) // 2 - count
        return functional.pad(self.means[species, :count], (0, rest))


def _key(part: tuple[int, int]) -> str:
    return "{}{}".format(part[0], "-" if part[1] == UNNATURAL else "+")
