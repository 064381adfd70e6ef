"""How far a molecule is from what a model was trained on: a warning that needs no labels.

Each atom's surroundings, by descriptors of pairs and angles within 4 Å, are compared with the nearest ones
of the same element in the training set. What is near and what is far is learnt from the training
molecules themselves: from the distances of their conformers to all other molecules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Self

import numpy as np

from nablaviz.molecule import SYMBOLS, Conformer, Molecule

if TYPE_CHECKING:
    from nablaviz.models.energy.descriptors import Descriptors

AXES = 32
"""Principal components of the descriptors that are kept."""

PER_ELEMENT = 1000
"""Atoms of an element that are kept at most, chosen at random."""

CONFORMERS = 2000
"""Training conformers that are looked at at most, chosen at random."""

BATCH = 64
"""Molecules whose descriptors are computed at once."""

EQUAL = 1e-5
"""Distances that differ by less are equal."""

FAR = 95.0
"""Percentile beyond which a molecule is called far from the training data."""


@dataclass(frozen=True, eq=False)
class Closeness:
    """Where a molecule of N atoms lies beside the training data."""

    distance: float
    "Mean of ``atoms``."
    percentile: float
    "So many percent of the training conformers are closer to those of other molecules, 0 to 100."
    atoms: np.ndarray
    "Distance of each atom's surroundings to the nearest of the same element, shape (N,)."

    @property
    def far(self) -> bool:
        """Whether errors larger than those on molecules like the training data are to be expected."""
        return self.percentile > FAR


@dataclass(frozen=True, eq=False)
class TrainingDomain:
    """A summary of the surroundings of the atoms in a training set: M atoms, K axes."""

    axes: np.ndarray = field(repr=False)
    "Principal axes of the descriptors within the elements, shape (descriptors, K)."
    atoms: np.ndarray = field(repr=False)
    "Projected descriptors, shape (M, K)."
    numbers: np.ndarray = field(repr=False)
    "Atomic numbers, shape (M,), ascending."
    quantiles: np.ndarray = field(repr=False)
    "Of the distances of training conformers to those of other molecules, 0 % to 100 %, shape (101,)."

    def __post_init__(self) -> None:
        if self.atoms.ndim != 2:
            raise ValueError(f"a training domain has atoms of shape {self.atoms.shape}, not (M, K)")
        count, axes = self.atoms.shape
        shapes = [(self.axes, (_descriptors().weights.shape[1], axes)), (self.numbers, (count,))]
        for array, shape in [*shapes, (self.quantiles, (101,))]:
            if array.shape != shape:
                raise ValueError(f"a training domain has an array of shape {array.shape}, not {shape}")

    def closeness(self, molecule: Molecule) -> Closeness:
        """Where a molecule lies.

        Raises
        ------
        ValueError
            If an element was not in the training data.
        """
        unknown = sorted(set(molecule.numbers.tolist()) - set(self.numbers.tolist()))
        if unknown:
            raise ValueError(f"{molecule}: there was no {SYMBOLS[unknown[0]]} in the training data")
        (rows,) = surroundings([molecule])
        found = _nearest(rows @ self.axes, molecule.numbers, self.atoms, self.numbers)
        distance = float(found.mean())
        # Of equal quantiles the middle one: half of the equals count as closer.
        below = np.searchsorted(self.quantiles, distance - EQUAL, "left")
        above = np.searchsorted(self.quantiles, distance + EQUAL, "right")
        return Closeness(distance, float(np.clip((below + above - 1) / 2, 0, 100)), found)

    def tensors(self) -> dict[str, np.ndarray]:
        """The arrays by name, to be stored with a model."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, np.ndarray]) -> Self:
        """Inverse of :meth:`tensors`.

        Raises
        ------
        ValueError
            If one is missing, or a shape or value is wrong.
        """
        wanted = cls.__dataclass_fields__.keys()
        if tensors.keys() != wanted:
            raise ValueError(f"a training domain has {', '.join(wanted)}, not {', '.join(tensors)}")
        for name, array in tensors.items():
            if not np.isfinite(array).all():
                raise ValueError(f"{name} of the training domain is not finite")
        return cls(**tensors)


def describe(conformers: Sequence[Conformer]) -> TrainingDomain:
    """Summarise training data, whose labels are not looked at.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not len(conformers):
        raise ValueError("there are no conformers to describe")
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(conformers))[:CONFORMERS])
    training = [conformers[int(place)] for place in chosen]
    molecules = [conformer.molecule for conformer in training]
    names = [c.moses_id or c.molecule.smiles or c.molecule.formula for c in training]
    _, owners = np.unique(np.array(names, dtype=str), return_inverse=True)
    descriptors = np.concatenate(list(surroundings(molecules)))
    numbers = np.concatenate([m.numbers for m in molecules])
    sizes = [len(m) for m in molecules]
    owner = np.repeat(owners, sizes)

    means = np.zeros((numbers.max() + 1, descriptors.shape[1]))
    for z in np.unique(numbers):
        means[z] = descriptors[numbers == z].mean(axis=0)
    spread = descriptors - means[numbers]
    _, axes = np.linalg.eigh(spread.T @ spread)  # ascending
    axes = axes[:, ::-1][:, :AXES]
    points = descriptors @ axes

    kept = np.concatenate(
        [random.permutation(np.flatnonzero(numbers == z))[:PER_ELEMENT] for z in np.unique(numbers)]
    )
    apart = np.full(len(points), np.inf)
    for one in np.unique(owner):
        rest = kept[owner[kept] != one]
        apart[owner == one] = _nearest(
            points[owner == one], numbers[owner == one], points[rest], numbers[rest]
        )
    alone = np.add.reduceat(apart, np.cumsum([0, *sizes[:-1]])) / sizes
    alone = alone[np.isfinite(alone)]  # an element of one molecule only has no other to be near to
    quantiles = np.percentile(alone, np.arange(101)) if len(alone) else np.zeros(101)
    return TrainingDomain(axes.astype(np.float32), points[kept].astype(np.float32), numbers[kept], quantiles)


def surroundings(molecules: Iterable[Molecule]) -> Iterator[np.ndarray]:
    """Descriptors of the atoms of each molecule, shape (N, descriptors), as ``Descriptors`` defines them.

    Who is how far, and at which angles, within 4 Å: turning a molecule does not change them.

    Raises
    ------
    ValueError
        If an element is not one of nablaDFT's, or two atoms are at one place.
    """
    import torch

    model, left = _descriptors(), iter(molecules)
    while part := list(islice(left, BATCH)):
        with torch.no_grad():
            batch = model.collate([model.prepare(Conformer(m), labels=False) for m in part])
            found = model.descriptors(batch).numpy()
        yield from np.split(found, np.cumsum([len(m) for m in part])[:-1])


@cache
def _descriptors() -> Descriptors:
    from nablaviz.models.energy.descriptors import Descriptors

    return Descriptors().double()


def _nearest(
    points: np.ndarray, numbers: np.ndarray, training: np.ndarray, elements: np.ndarray
) -> np.ndarray:
    """Distance of each point to the nearest one of the same element, infinite where there is none."""
    from scipy.spatial.distance import cdist

    found = np.full(len(points), np.inf)
    for z in np.unique(numbers):
        if (elements == z).any():
            found[numbers == z] = cdist(points[numbers == z], training[elements == z]).min(axis=1)
    return found
