"""Ridge regression of a Hamiltonian: the linear model, in the frames of the pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nablaviz.models.angular import all_rotations, harmonics
from nablaviz.models.graph import gaussians, pairs
from nablaviz.models.hamiltonian.block_map import BlockMap, Coefficients
from nablaviz.models.hamiltonian.blocks import NATURAL, TEMPLATE, pair_expansion, site_expansion
from nablaviz.models.hamiltonian.delta import Delta, DeltaSettings, Sample
from nablaviz.models.hamiltonian.edges import DEGREE, SITE_DEGREE, by_order
from nablaviz.models.hamiltonian.layers import rows
from nablaviz.models.network import Tensors
from nablaviz.molecule import SUPPORTED, Molecule

PARTS = ("0+", "1", "2", "3")
"""What a linear function of densities can have; 0⁻ and m = 4 it cannot, and they are left at 0."""

VALENCE = {1: 1, 6: 4, 7: 5, 8: 6, 9: 7, 16: 6, 17: 7, 35: 7}
"""Electrons in the outer shell of each element."""

KINDS = 3
"""Densities of the neighbours: of hydrogens, of other atoms, of these by their valence electrons."""

ROUNDING = 1e-12
"""Mean square of a feature that is taken for noise, in that of the largest."""


@dataclass(frozen=True)
class RidgeSettings(DeltaSettings):
    """What the features are, and how strongly large weights are avoided."""

    radial: int = 4
    "Gaussians of the distance, of each density."
    pair_radial: int = 6
    "Gaussians of a pair's distance."
    density_cutoff: float = 5.0
    "Å."
    ridge: float = 1e-3
    "Penalty of a squared weight, per row, where features have unit mean square."

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.ridge > 0:
            raise ValueError(f"ridge must be positive, not {self.ridge}")


@dataclass(eq=False)
class Features(Tensors):
    """Of one molecule; C = KINDS · radial densities."""

    distance: Tensor  # (P, pair_radial)
    pairs: dict[str, Tensor]  # for m = 0 (P, 1, 1 + 8C), for m > 0 (P, 2, 2 (4 − m) C)
    sites: dict[int, Tensor]  # for each degree L, (N, 2L + 1, features)


@dataclass(eq=False)
class RidgeBatch(Tensors):
    """Samples; a closed form has nothing to gain from putting them together."""

    samples: list[Sample]


class Ridge(Delta):
    """Coefficients of blocks as linear functions of densities, one for each pair of elements.

    The densities of the neighbours of both atoms, l ≤ 3, in the frame of the pair, times Gaussians of
    its distance, give the parts m = 0 … 3 of its block; densities of degree L give those of an atom's.
    """

    architecture = "hamiltonian-ridge"
    Settings = RidgeSettings

    def __init__(self, settings: RidgeSettings | None = None) -> None:
        super().__init__(settings)
        for name, features, targets in self._tables():
            self.register_buffer(name, torch.zeros(features, targets))

    def _tables(self) -> Iterator[tuple[str, int, int]]:
        """Name, features and coefficients of each regression."""
        densities = KINDS * self.settings.radial
        for a in SUPPORTED:
            site = site_expansion(TEMPLATE[a]).counts
            for degree in range(SITE_DEGREE + 1):
                if count := site.get((degree, NATURAL)):
                    yield (
                        f"site_{a}_{degree}",
                        1 + densities if degree == 0 else densities * (1 + densities),
                        count,
                    )
            for b in SUPPORTED[: SUPPORTED.index(a) + 1]:
                counts = pair_expansion(TEMPLATE[a], TEMPLATE[b]).counts
                for m, part in enumerate(PARTS):
                    width = 2 * (DEGREE + 1 - m) * densities + (m == 0)
                    if counts[part]:
                        yield f"pair_{a}_{b}_{m}", width * self.settings.pair_radial, counts[part]

    def _geometry(self, molecule: Molecule, blocks: BlockMap) -> Features:
        s = self.settings
        i, j = pairs(molecule, s.density_cutoff)
        vectors = torch.as_tensor(molecule.positions[j] - molecule.positions[i]).view(-1, 3)
        length = vectors.norm(dim=1)
        z = molecule.numbers[j]
        heavy = torch.as_tensor(z > 1, dtype=torch.float64)
        valence = torch.tensor([VALENCE[n] for n in z.tolist()], dtype=torch.float64)
        kinds = torch.stack([1 - heavy, heavy, heavy * (valence - 4)], 1).view(-1, KINDS)
        radial = gaussians(length, s.density_cutoff, s.radial)
        angular = harmonics(SITE_DEGREE, vectors / length[:, None])
        outer = torch.einsum("ea,ek,er->eakr", angular, kinds, radial).flatten(2)
        density = outer.new_zeros(len(molecule), *outer.shape[1:]).index_add(0, torch.as_tensor(i), outer)

        turn = all_rotations(DEGREE, blocks.frames)[:, by_order(DEGREE)]
        small = density[:, : (DEGREE + 1) ** 2]
        both = torch.cat([turn @ small[torch.as_tensor(end)] for end in (blocks.first, blocks.second)], 2)
        split = both.split(rows(DEGREE), 1)
        found = {str(m): part.unflatten(1, (2, -1)).flatten(2) for m, part in enumerate(split) if m}
        ones = both.new_ones(len(blocks), 1)
        found["0+"] = torch.cat([ones, split[0].flatten(1)], 1)[:, None]
        apart = molecule.positions[blocks.second] - molecule.positions[blocks.first]
        distance = gaussians(torch.as_tensor(np.linalg.norm(apart, axis=1)), s.pair_cutoff, s.pair_radial)

        scalars = torch.cat([density.new_ones(len(molecule), 1), density[:, 0]], 1)
        sites = {0: scalars[:, None]}
        for degree in range(1, SITE_DEGREE + 1):
            part = density[:, degree**2 : (degree + 1) ** 2]
            sites[degree] = torch.einsum("nma,nb->nmab", part, scalars).flatten(2)
        return Features(distance, found, sites)

    def _regressions(self, sample: Sample) -> Iterator[tuple[str, Tensor, tuple[str, Any, Tensor, int, int]]]:
        """Table, its features (rows, components, features) and where its coefficients are."""
        features, blocks = sample.geometry, sample.blocks
        for template, atoms in blocks.sites.items():
            numbers = sample.molecule.numbers[atoms]
            start = 0
            for (degree, parity), count in site_expansion(template).counts.items():
                stop = start + (2 * degree + 1) * count
                for z in np.unique(numbers).tolist() if parity == NATURAL else ():
                    chosen = torch.as_tensor(np.flatnonzero(numbers == z))
                    x = features.sites[degree][torch.as_tensor(atoms)[chosen]]
                    yield f"site_{z}_{degree}", x, ("sites", template, chosen, start, stop)
                start = stop
        for key, part in blocks.classes.items():
            a, b = sample.molecule.numbers[blocks.first[part]], sample.molecule.numbers[blocks.second[part]]
            start = 0
            for name, count in pair_expansion(*key).counts.items():
                stop = start + count * (1 if name in ("0+", "0-") else 2)
                for one, two in (
                    sorted(set(zip(a.tolist(), b.tolist(), strict=True))) if name in PARTS and count else ()
                ):
                    chosen = torch.as_tensor(np.flatnonzero((a == one) & (b == two)))
                    near = features.distance[part][chosen][:, None, None]
                    x = (features.pairs[name][part][chosen][..., None] * near).flatten(2)
                    yield f"pair_{one}_{two}_{PARTS.index(name)}", x, ("pairs", key, chosen, start, stop)
                start = stop

    def size(self, sample: Sample) -> int:
        """Pairs whose blocks are predicted."""
        return len(sample.blocks)

    def fit_reference(self, samples: Sequence[Sample]) -> None:
        """Solve the regressions."""
        super().fit_reference(samples)
        grams: dict[str, Tensor] = {}
        rights: dict[str, Tensor] = {}
        for sample in samples:
            residual = self.residual(sample)
            for name, x, (kind, key, chosen, start, stop) in self._regressions(sample):
                target = getattr(residual, kind)[key][chosen, start:stop].double()
                x, y = x.flatten(0, 1), target.view(len(x) * x.shape[1], -1)
                grams[name] = grams.get(name, 0) + x.T @ x
                rights[name] = rights.get(name, 0) + x.T @ y
        for name, _, _ in self._tables():
            self.get_buffer(name).zero_()
            if name in grams:
                self.get_buffer(name).copy_(_solve(grams[name], rights[name], self.settings.ridge))

    def collate(self, samples: Sequence[Sample]) -> RidgeBatch:
        """Keep the samples side by side."""
        if not samples:
            raise ValueError("a batch needs at least one sample")
        return RidgeBatch(list(samples))

    def loss(self, batch: RidgeBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Mean absolute error of the coefficients of Y, Eh."""
        absolute, squared = [], []
        for sample, found in zip(batch.samples, self._coefficients(batch), strict=True):
            residual = self.residual(sample)
            pair_errors = [found.pairs[k] - v for k, v in residual.pairs.items()]
            errors = pair_errors + [found.sites[k] - v for k, v in residual.sites.items()]
            flat = torch.cat([error.flatten() for error in errors])
            absolute.append(flat.abs().mean())
            squared.append(flat.square().mean().sqrt())
        mae, rmse = torch.stack(absolute), torch.stack(squared)
        return mae.mean(), self._metrics(mae, rmse)

    def _coefficients(self, batch: RidgeBatch) -> list[Coefficients]:
        results = []
        for sample in batch.samples:
            blocks = sample.blocks
            result = Coefficients({}, {})
            for key, part in blocks.classes.items():
                result.pairs[key] = torch.zeros(
                    part.stop - part.start, len(pair_expansion(*key)), dtype=self.dtype
                )
            for template, atoms in blocks.sites.items():
                result.sites[template] = torch.zeros(
                    len(atoms), len(site_expansion(template)), dtype=self.dtype
                )
            for name, x, (kind, key, chosen, start, stop) in self._regressions(sample):
                values = x.to(self.dtype).cpu() @ self.get_buffer(name).cpu()
                getattr(result, kind)[key][chosen, start:stop] = values.flatten(1)
            results.append(result)
        return results


def _solve(gram: Tensor, right: Tensor, penalty: float) -> Tensor:
    """Weights of a ridge regression whose features are brought to unit mean square first.

    Features that symmetry makes 0 are not quite: brought to the size of the others, that noise would be
    learned, with weights without bound.
    """
    squares = gram.diagonal()
    unit = squares.clamp(min=max(ROUNDING * squares.max().item(), 1e-30)).sqrt()
    scaled = gram / torch.outer(unit, unit) + penalty * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(scaled, right / unit[:, None]) / unit[:, None]
