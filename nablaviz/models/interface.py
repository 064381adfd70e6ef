"""The contract: what a model takes and gives, and what the training loop asks of it.

A model is any object with ``predict`` (:class:`Model`). One that the training loop can train is a
``torch.nn.Module`` with the methods of :class:`Trainable` too; ``models/network.py`` has the base
class that gives it ``predict``, ``save`` and the card. ``models/contract.py`` checks any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

import numpy as np

from nablaviz.models.kinds import check, kinds
from nablaviz.molecule import SUPPORTED, SYMBOLS, Conformer, Molecule

if TYPE_CHECKING:
    import torch

    from nablaviz.chem.orbitals import Orbitals

ENERGY, HAMILTONIAN = "energy", "hamiltonian"
KINDS = (ENERGY, HAMILTONIAN)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a model says of one molecule; what it does not predict is ``None``.

    N atoms, n orbitals. Whatever follows from the Hamiltonian is computed when asked for.

    Raises
    ------
    ValueError
        If a shape is wrong or a value is not finite; or, of a property that needs the Hamiltonian,
        if there is none.
    """

    molecule: Molecule
    energy: float | None = None
    "Total energy, Eh."
    forces: np.ndarray | None = None
    "−∂E/∂R, shape (N, 3), Eh/Å."
    hamiltonian: np.ndarray | None = field(default=None, repr=False)
    "Kohn–Sham matrix, shape (n, n), Eh, PySCF order."

    def __post_init__(self) -> None:
        atoms = len(self.molecule)
        shapes: dict[str, tuple[int, ...]] = {"energy": (), "forces": (atoms, 3)}
        if self.hamiltonian is not None:
            from nablaviz.chem import basis

            shapes["hamiltonian"] = (basis.size(self.molecule.numbers),) * 2
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is None:
                continue
            if np.shape(value) != shape:
                raise ValueError(f"{self.molecule}: {name} has shape {np.shape(value)}, not {shape}")
            if not np.isfinite(value).all():
                raise ValueError(f"{self.molecule}: the predicted {name} is not finite")

    @cached_property
    def orbitals(self) -> Orbitals:
        """Orbitals and their energies, from HC = SCε."""
        from nablaviz.chem import orbitals

        if self.hamiltonian is None:
            raise ValueError(f"{self.molecule}: the model predicts no Hamiltonian, so there are no orbitals")
        return orbitals.orbitals_of(self.molecule, self.hamiltonian)

    @property
    def density(self) -> np.ndarray:
        """Density matrix, shape (n, n)."""
        return self.orbitals.density_matrix

    @property
    def gap(self) -> float:
        """Energy of the LUMO less that of the HOMO, Eh."""
        return self.orbitals.gap

    @property
    def band_energy(self) -> float:
        """As :attr:`~nablaviz.chem.orbitals.Orbitals.band_energy`, Eh: not the total energy."""
        return self.orbitals.band_energy

    @cached_property
    def charges(self) -> np.ndarray:
        """Löwdin charges, shape (N,), e."""
        from nablaviz.chem import basis, populations

        overlap = basis.overlap(self.molecule)
        return populations.lowdin_charges(self.density, overlap, self.molecule.numbers)

    @cached_property
    def dipole(self) -> np.ndarray:
        """Dipole moment, shape (3,), debye."""
        from nablaviz.chem import populations

        return populations.dipole(self.molecule, self.density)


@dataclass(frozen=True)
class ModelCard:
    """What a model is and where it comes from; it travels with the weights."""

    name: str
    architecture: str
    "Its key in ``models.library.ARCHITECTURES``; with the settings it rebuilds the model."
    kind: str
    "``ENERGY`` or ``HAMILTONIAN``."
    settings: Mapping[str, Any] = field(default_factory=dict)
    "Fields of the model's settings, plain JSON values."
    elements: tuple[int, ...] = SUPPORTED
    "Atomic numbers it has been trained on, and accepts."
    data: str = ""
    "What it was trained on, and which rows."
    split: str = ""
    seed: int | None = None
    steps: int = 0
    "Optimiser steps."
    seconds: float = 0.0
    "Wall time of training."
    command: str = ""
    "The command that makes it again."
    metrics: Mapping[str, float] = field(default_factory=dict)
    "Name with split and unit to value, as ``hamiltonian_mae/test_structures/Eh``."
    licence: str = "MIT"
    version: str = ""
    "Version of nablaviz that trained it."

    def __post_init__(self) -> None:
        check(kinds(ModelCard), vars(self))
        if self.kind not in KINDS:
            raise ValueError(f"a model's kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if wrong := [z for z in self.elements if not 0 < z < len(SYMBOLS)]:
            raise ValueError(
                f"a model's elements are atomic numbers up to {len(SYMBOLS) - 1}, not {wrong[0]}"
            )
        object.__setattr__(self, "elements", tuple(self.elements))

    def check_elements(self, numbers: np.ndarray) -> None:
        """Raise ``ValueError`` naming the first element the model was not trained on."""
        unknown = sorted(set(np.asarray(numbers).tolist()) - set(self.elements))
        if unknown:
            first = SYMBOLS[unknown[0]] if 0 < unknown[0] < len(SYMBOLS) else "no element"
            known = ", ".join(SYMBOLS[z] for z in self.elements)
            raise ValueError(
                f"model {self.name!r} does not know atomic number {unknown[0]} ({first}); it knows {known}"
            )


class Model(Protocol):
    """What every part of nablaviz asks of a model.

    A model is a function of the geometry alone: turning, reflecting or renumbering a molecule turns,
    reflects or renumbers the prediction. ``models.contract.validate`` checks that.
    """

    @property
    def card(self) -> ModelCard:
        """What it is."""

    @overload
    def predict(self, molecules: Molecule) -> Prediction: ...
    @overload
    def predict(self, molecules: Sequence[Molecule]) -> list[Prediction]: ...
    def predict(self, molecules: Molecule | Sequence[Molecule]) -> Prediction | list[Prediction]:
        """Predict one molecule or several.

        Raises
        ------
        ValueError
            If there is an element that the model does not know.
        """


class EnergyModel(Model, Protocol):
    """A model whose predictions have ``energy`` and ``forces``."""


class HamiltonianModel(Model, Protocol):
    """A model whose predictions have ``hamiltonian`` and all that follows from it."""


class Batch(Protocol):
    """Samples put together, as tensors."""

    def to(self, device: torch.device | str) -> Batch:
        """The same on another device."""


SampleT = TypeVar("SampleT")
BatchT = TypeVar("BatchT", bound=Batch)


class Trainable(Model, Protocol[SampleT, BatchT]):
    """A ``torch.nn.Module`` that the training loop can train.

    The loop does, in this order::

        samples = [model.prepare(conformer) for conformer in training_set]
        model.fit_reference(samples)
        for chosen in batches:                    # sum of size(sample) at most the budget
            loss, metrics = model.loss(model.collate(chosen).to(device))
            loss.backward()

    ``prepare`` depends on the settings and the dtype only, never on weights or on what was fitted:
    samples may be kept and shared between runs. What ``fit_reference`` finds is kept in buffers, so
    it is in ``state_dict``.
    """

    def prepare(self, conformer: Conformer, *, labels: bool = True) -> SampleT:
        """Compute once what does not change in training: neighbours, frames, baseline, targets.

        Floating-point tensors have the dtype of the model's parameters and lie on the CPU.

        Parameters
        ----------
        labels
            Whether the labels are needed: true in training, false in prediction.

        Raises
        ------
        ValueError
            If an element is unknown, or a label that is needed is missing or not finite; the message
            names the conformer.
        """

    def size(self, sample: SampleT) -> int:
        """Number of directed atom pairs: what time and memory are proportional to."""

    def fit_reference(self, samples: Sequence[SampleT]) -> None:
        """Fit in closed form, on training samples alone, what is fitted before training.

        Energies of the elements, linear corrections, scales of the outputs; and keep the elements
        seen in ``card.elements``. Models that have nothing else to learn are then finished.
        """

    def collate(self, samples: Sequence[SampleT]) -> BatchT:
        """Put samples together.

        Raises
        ------
        ValueError
            If there is none.
        """

    def loss(self, batch: BatchT) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The loss, a scalar to differentiate, and metrics, detached.

        Each metric has one value per sample of the batch, shape (B,), in Eh or Eh/Å, so that means
        over a data set do not depend on how it is cut into batches. The first one is what early
        stopping watches; less is better.
        """

    def predict_batch(self, batch: BatchT) -> list[Prediction]:
        """Predictions, one per sample."""

    # and of torch.nn.Module:
    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Parameters to optimise; there may be none."""

    def state_dict(self) -> dict[str, Any]:
        """Parameters and buffers."""

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any:
        """Inverse of ``state_dict``."""


def as_list(molecules: Molecule | Conformer | Iterable[Molecule | Conformer]) -> list[Molecule]:
    """The molecules to predict, of conformers their geometries; a single one as a list of one.

    Raises
    ------
    TypeError
        If one of them is not a molecule.
    """
    given = [molecules] if isinstance(molecules, Molecule | Conformer) else list(molecules)
    found = [each.molecule if isinstance(each, Conformer) else each for each in given]
    for molecule in found:
        if not isinstance(molecule, Molecule):
            raise TypeError(f"predict takes a Molecule or several, not {type(molecule).__name__}")
    return found
