"""What models of the Hamiltonian share: they learn what a baseline leaves, in the Löwdin basis.

H = H₀ + S^½ Y S^½ + S c S, with the baseline H₀ and Y, which the model predicts block by block.
Isotropic on-site numbers c, fitted by least squares, are left out unless the settings ask for them: they
lower the root mean square of what remains, but spread it over the pairs, whose many small elements are
then harder to learn.

For comparison, Y can be learnt in the basis of the atomic orbitals, H = H₀ + Y + S c S, and without a
baseline, as most published models do.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from nablaviz.chem import baselines, basis, lowdin, orbitals
from nablaviz.data.baseline_cache import BaselineCache
from nablaviz.models.hamiltonian.block_map import BlockMap, Coefficients
from nablaviz.models.interface import HAMILTONIAN, Prediction
from nablaviz.models.network import Network
from nablaviz.molecule import SUPPORTED, Conformer, Molecule

LOWDIN, ATOMIC = "lowdin", "atomic"
NONE = "none"
"""No baseline: the Hamiltonian itself is learnt."""

SMALLEST = 1e-5
"""Eh: no size of what is to be learned is taken to be less."""

WEAKEST = 1e-8
"""Ridge of the least-squares fit of c, relative to the diagonal of its normal equations."""


@dataclass(frozen=True)
class DeltaSettings:
    """What is learnt."""

    baseline: str = "coarse-scf"
    "A name of ``chem.baselines.BASELINES``, or ``none``: the Hamiltonian itself is learnt."
    basis: str = LOWDIN
    "Of Y: ``lowdin`` or ``atomic``."
    correction: bool = False
    "Whether on-site numbers c are fitted before anything else."
    pair_cutoff: float = 10.0
    "Å; blocks of pairs farther apart are the baseline's."

    def __post_init__(self) -> None:
        for name, allowed in (("baseline", (*baselines.BASELINES, NONE)), ("basis", (LOWDIN, ATOMIC))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"no {name} {getattr(self, name)!r}; there are {', '.join(allowed)}")


@dataclass(eq=False)
class Sample:
    """One molecule prepared for a model; n orbitals."""

    molecule: Molecule
    blocks: BlockMap
    geometry: Any
    "What the model itself asks for."
    root: np.ndarray
    "S^½, or S where Y is learnt in the basis of the atomic orbitals; shape (n, n)."
    baseline: np.ndarray | None
    "H₀, shape (n, n), Eh; kept for prediction only."
    target: np.ndarray | None
    "S^−½ (H − H₀) S^−½, or H − H₀; shape (n, n), Eh, float32; where there are labels."
    residual: Coefficients | None = None
    "The target less the correction, once it has been asked for."


class Delta(Network[Sample]):
    """A model of Y; subclasses give ``_geometry``, ``collate`` and ``_coefficients``."""

    kind = HAMILTONIAN
    onsite: torch.Tensor

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self.register_buffer("onsite", torch.zeros(len(lowdin.onsite_terms())))
        self._cache: BaselineCache | None = None

    def _blocks(self, molecule: Molecule) -> BlockMap:
        """Which blocks are predicted, and in which frames."""
        return BlockMap.of(molecule, self.settings.pair_cutoff)

    def _start(self, molecule: Molecule) -> np.ndarray:
        """The baseline H₀."""
        if self.settings.baseline == NONE:
            return np.zeros((basis.size(molecule.numbers),) * 2)
        if self._cache is not None:
            return self._cache.baseline(self.settings.baseline, molecule)
        double = self.onsite.dtype == torch.float64
        return baselines.baseline(self.settings.baseline, molecule, double=double)

    @contextmanager
    def remembering(
        self, cache: BaselineCache, molecules: Sequence[Molecule], *, progress: bool
    ) -> Iterator[None]:
        """Inside, baselines are read from a cache; entering computes those that it lacks."""
        for molecule in molecules:
            self.card.check_elements(molecule.numbers)
        cache.fill(self.settings.baseline, molecules, progress=progress)
        self._cache = cache
        try:
            yield
        finally:
            self._cache = None

    @abstractmethod
    def _geometry(self, molecule: Molecule, blocks: BlockMap) -> Any:
        """What the model needs of a geometry beside its blocks."""

    @abstractmethod
    def _coefficients(self, batch: Any) -> list[Coefficients]:
        """Y of each sample of a batch, Eh."""

    def prepare(self, conformer: Conformer, *, labels: bool = True) -> Sample:
        """Baseline, S^½, frames of the pairs and, with labels, what is to be learned."""
        molecule = conformer.molecule
        name = f"conformer {conformer.moses_id}/{conformer.conformation_id} ({molecule.formula})"
        self.card.check_elements(molecule.numbers)
        if labels and conformer.hamiltonian is None:
            raise ValueError(f"{name} has no Hamiltonian to learn")
        blocks = self._blocks(molecule)
        overlap = basis.overlap(molecule)
        in_lowdin = self.settings.basis == LOWDIN
        root, inverse = lowdin.roots(overlap) if in_lowdin else (overlap, None)
        start = self._start(molecule)
        geometry = self._geometry(molecule, blocks)
        if not labels or conformer.hamiltonian is None:
            return Sample(molecule, blocks, geometry, root, start, None)
        matrix = orbitals.check_hamiltonian(conformer.hamiltonian, molecule.numbers, name)
        left = matrix - start
        target = left if inverse is None else inverse @ left @ inverse
        return Sample(molecule, blocks, geometry, root.astype(np.float32), None, target.astype(np.float32))

    def fit_reference(self, samples: Sequence[Sample]) -> None:
        """Fit the on-site numbers c; subclasses go on with what they need."""
        if not samples:
            raise ValueError("the training set is empty")
        if self.settings.correction:
            self._fit_correction(samples)
        seen = {z for sample in samples for z in sample.molecule.numbers.tolist()}
        self.card = replace(self.card, elements=tuple(z for z in SUPPORTED if z in seen))
        for sample in samples:
            sample.residual = None

    def _fit_correction(self, samples: Sequence[Sample]) -> None:
        sizes = _shell_sizes(samples)
        count = len(self.onsite)
        matrix, right = np.zeros((count, count)), np.zeros(count)
        for sample in samples:
            numbers = sample.molecule.numbers
            per_shell = np.concatenate([sizes[z] for z in numbers.tolist()])
            weights = 1 / np.maximum(per_shell, SMALLEST)[basis.layout(numbers).ao_shell]
            root, target = sample.root.astype(np.float64), self._target(sample)
            more, more_right = lowdin.normal_equations(root, target, weights, numbers)
            matrix += more
            right += more_right
        unit = np.sqrt(np.where(matrix.diagonal() > 0, matrix.diagonal(), 1.0))
        scaled = matrix / np.outer(unit, unit) + WEAKEST * np.eye(count)
        self.onsite.copy_(torch.as_tensor(np.linalg.solve(scaled, right / unit) / unit))

    def residual(self, sample: Sample) -> Coefficients:
        """The target less the correction, as coefficients of the model's precision; kept once computed.

        Raises
        ------
        ValueError
            If the sample was prepared without labels.
        """
        if sample.residual is None:
            root = sample.root.astype(np.float64)
            known = root @ lowdin.onsite_matrix(self._onsite(), sample.molecule.numbers) @ root
            found = sample.blocks.resolve(self._target(sample) - known)
            pairs = {key: value.to(self.dtype) for key, value in found.pairs.items()}
            sites = {key: value.to(self.dtype) for key, value in found.sites.items()}
            sample.residual = Coefficients(pairs, sites)
        return sample.residual

    def _metrics(self, mae: torch.Tensor, rmse: torch.Tensor) -> dict[str, torch.Tensor]:
        """Errors of each sample's coefficients of Y, Eh, by name."""
        return {f"{self.settings.basis}_mae": mae, f"{self.settings.basis}_rmse": rmse}

    def predict_batch(self, batch: Any) -> list[Prediction]:
        """Hamiltonians, put together in float64."""
        with torch.no_grad():
            found = self._coefficients(batch)
        predictions = []
        for sample, coefficients in zip(batch.samples, found, strict=True):
            root, numbers = sample.root.astype(np.float64), sample.molecule.numbers
            onsite = lowdin.onsite_matrix(self._onsite(), numbers)
            learned = sample.blocks.assemble(coefficients) + root @ onsite @ root
            start = self._start(sample.molecule) if sample.baseline is None else sample.baseline
            matrix = start + (root @ learned @ root if self.settings.basis == LOWDIN else learned)
            predictions.append(Prediction(sample.molecule, hamiltonian=(matrix + matrix.T) / 2))
        return predictions

    def _onsite(self) -> np.ndarray:
        return self.onsite.detach().cpu().double().numpy()

    def _target(self, sample: Sample) -> np.ndarray:
        if sample.target is None:
            raise ValueError(f"{sample.molecule} was prepared without labels")
        return sample.target.astype(np.float64)


def _shell_sizes(samples: Sequence[Sample]) -> dict[int, np.ndarray]:
    """Root mean square of the rows of Y for each element's shells, Eh."""
    squares: dict[int, list[np.ndarray]] = {}
    for sample in samples:
        numbers = sample.molecule.numbers
        assert sample.target is not None
        rows = lowdin.shell_sizes(sample.target.astype(np.float64), numbers)
        atoms = np.split(rows, np.searchsorted(basis.layout(numbers).shell_atom, np.arange(1, len(numbers))))
        for z, values in zip(numbers.tolist(), atoms, strict=True):
            squares.setdefault(z, []).append(values)
    return {z: np.sqrt(np.mean(values, axis=0)) for z, values in squares.items()}
