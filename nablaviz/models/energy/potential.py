"""What all models of the energy share: references, units, forces by differentiation, and the loss."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from nablaviz.chem.atoms import atomic_energy
from nablaviz.models.energy.graph import Graph, graph, join
from nablaviz.models.interface import ENERGY, Prediction
from nablaviz.models.network import Network
from nablaviz.molecule import SUPPORTED, Conformer


@dataclass(frozen=True)
class PotentialSettings:
    """What every potential is told."""

    cutoff: float = 5.0
    "Å; all pairs of atoms nearer than this exchange messages."
    energy_weight: float = 1.0
    "Of |ΔE| per atom in the loss, in units of the spread of the atoms' energies."
    force_weight: float = 1.0
    "Of |ΔF| per component in the loss, in units of the spread of the forces; 0: train on energies alone."

    def __post_init__(self) -> None:
        if not self.cutoff > 0:
            raise ValueError(f"the cutoff must be positive, not {self.cutoff} Å")
        weights = self.energy_weight, self.force_weight
        if min(weights) < 0 or sum(weights) == 0:
            raise ValueError(f"energy_weight and force_weight must be ≥ 0, not both zero, not {weights}")


class Potential(Network[Graph]):
    """A potential energy surface as a sum over atoms.

    E = Σ_a [E_free(Z_a) + e_ref(Z_a) + σ e_a],    F = −∂E/∂R,

    with the energies of the free atoms, the element's mean energy in a molecule e_ref (least squares
    on the training set), the spread σ of what they leave, and e_a from the subclass.

    Subclasses give ``atomic_energies``; those that look at angles set ``triplets``.
    """

    kind = ENERGY
    Settings: ClassVar[type] = PotentialSettings
    triplets: ClassVar[bool] = False

    reference: Tensor
    energy_scale: Tensor
    force_scale: Tensor

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self.register_buffer("reference", torch.zeros(len(SUPPORTED)))
        self.register_buffer("energy_scale", torch.ones(()))
        self.register_buffer("force_scale", torch.ones(()))

    @abstractmethod
    def atomic_energies(self, graph: Graph) -> Tensor:
        """e_a of every atom, shape (A,), about 1 in size."""

    def prepare(self, conformer: Conformer, *, labels: bool = True) -> Graph:
        weights = {"energy": self.settings.energy_weight, "forces": self.settings.force_weight}
        return graph(
            conformer,
            self.settings.cutoff,
            self.dtype,
            labels=[name for name, weight in weights.items() if weight] if labels else (),
            triplets=self.triplets,
        )

    def size(self, sample: Graph) -> int:
        return sample.pairs.shape[1]

    def collate(self, samples: Sequence[Graph]) -> Graph:
        return join(samples)

    def fit_reference(self, samples: Sequence[Graph]) -> None:
        """Fit e_ref and both scales; what cannot be told apart gets the smallest energies."""
        batch = join(samples)
        seen = batch.species.unique()
        if batch.energy is not None:
            counts, energy = batch.counts.double(), batch.energy.double()
            found = torch.linalg.lstsq(counts.cpu(), energy.cpu()[:, None], driver="gelsd").solution[:, 0]
            left = energy - counts @ found.to(energy)
            self.reference.copy_(found)
            self.energy_scale.copy_(_spread(left / batch.n_atoms.sqrt()))
        if batch.forces is not None:
            self.force_scale.copy_(_spread(batch.forces))
        self.card = replace(self.card, elements=tuple(SUPPORTED[s] for s in seen.tolist()))

    def formation_energy(self, graph: Graph) -> Tensor:
        """Energy less that of the free atoms, shape (B,), Eh."""
        return graph.per_molecule(
            self.reference[graph.species] + self.energy_scale * self.atomic_energies(graph)
        )

    def energy_and_forces(self, graph: Graph, *, differentiable: bool = False) -> tuple[Tensor, Tensor]:
        """Formation energies (B,), Eh, and forces (A, 3), Eh/Å.

        Parameters
        ----------
        differentiable
            Whether the loss will be differentiated through the forces.
        """
        with torch.enable_grad():
            graph = replace(graph, positions=graph.positions.detach().requires_grad_())
            energy = self.formation_energy(graph)
            if not energy.requires_grad:  # the geometry plays no part
                return energy, torch.zeros_like(graph.positions)
            (gradient,) = torch.autograd.grad(
                energy.sum(), graph.positions, create_graph=differentiable, materialize_grads=True
            )
        return energy, -gradient

    def predict_batch(self, batch: Graph) -> list[Prediction]:
        energy, forces = self.energy_and_forces(batch)
        split = forces.double().cpu().split(batch.n_atoms.tolist())
        return [
            Prediction(molecule, atomic_energy(molecule.numbers) + float(e), f.numpy())
            for molecule, e, f in zip(batch.molecules, energy.detach().double().cpu(), split, strict=True)
        ]

    def loss(self, batch: Graph) -> tuple[Tensor, dict[str, Tensor]]:
        """w_E ⟨|ΔE|/N⟩/σ + w_F ⟨|ΔF|⟩/σ_F, means over molecules and over components.

        The metrics are |ΔE| (Eh) and the mean |ΔF| (Eh/Å) of each molecule.
        """
        training, n_atoms = torch.is_grad_enabled(), batch.n_atoms
        if batch.forces is not None:
            energy, forces = self.energy_and_forces(batch, differentiable=training)
        else:
            energy = self.formation_energy(batch)
        loss, metrics = energy.new_zeros(()), dict[str, Tensor]()
        if batch.energy is not None:
            error = (energy - batch.energy).abs()
            loss = loss + self.settings.energy_weight / self.energy_scale * (error / n_atoms).mean()
            metrics["energy"] = error.detach()
        if batch.forces is not None:
            components = (forces - batch.forces).abs()
            loss = loss + self.settings.force_weight / self.force_scale * components.mean()
            metrics["forces"] = batch.per_molecule(components.detach().mean(dim=1)) / n_atoms
        return loss, metrics


def _spread(values: Tensor) -> Tensor:
    """Root mean square, or 1 where there is no spread to divide by."""
    spread = values.double().square().mean().sqrt()
    return spread if spread > 1e-8 else torch.ones_like(spread)
