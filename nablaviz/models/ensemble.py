"""Several models as one: the mean of what they predict, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nablaviz.models.interface import HAMILTONIAN, ModelCard, Prediction
from nablaviz.models.network import Network
from nablaviz.models.predictor import Predictor
from nablaviz.molecule import SUPPORTED, Conformer, Molecule


@dataclass(frozen=True, eq=False)
class Spread:
    """Standard deviations between the members of an ensemble: N atoms, n atomic orbitals."""

    hamiltonian: np.ndarray = field(repr=False)
    "Of S^−½ H S^−½, shape (n, n), Eh."
    atoms: np.ndarray = field(repr=False)
    "Its mean over the rows of each atom, shape (N,), Eh."
    homo: float
    "Of the HOMO's energy, Eh."
    lumo: float
    "Of the LUMO's energy, Eh."

    @property
    def mean(self) -> float:
        """Mean of ``hamiltonian``, Eh: what to expect of the error, or less."""
        return float(self.hamiltonian.mean())


@dataclass(frozen=True, eq=False)
class EnsemblePrediction(Prediction):
    """The mean of several predictions."""

    members: tuple[Prediction, ...] = field(default=(), repr=False)
    "What it is the mean of."

    @cached_property
    def spread(self) -> Spread:
        """How far the members' Hamiltonians disagree.

        Raises
        ------
        ValueError
            If they predict none.
        """
        from nablaviz.chem import basis, blocks, lowdin

        if self.hamiltonian is None:
            raise ValueError(f"{self.molecule}: the models predict no Hamiltonian")
        _, inverse = lowdin.roots(basis.overlap(self.molecule))
        whole = np.array([inverse @ member.hamiltonian @ inverse for member in self.members])
        deviation = whole.std(axis=0, ddof=1)
        frontier = [m.orbitals.energies[[m.orbitals.homo, m.orbitals.lumo]] for m in self.members]
        homo, lumo = np.std(frontier, axis=0, ddof=1).tolist()
        return Spread(deviation, blocks.atom_errors(deviation, self.molecule.numbers), homo, lumo)


class Ensemble(Predictor):
    """Models of one architecture and settings, as trained from several seeds.

    Its predictions are :class:`EnsemblePrediction`: energies, forces and Hamiltonians are the members'
    means. Neighbours, frames and baseline of a molecule are computed once for all of them.

    Parameters
    ----------
    models
        Two or more. An element must be known to all.

    Raises
    ------
    ValueError
        If there are less than two, or architecture or settings differ.
    """

    def __init__(self, models: Sequence[Network]) -> None:
        if len(models) < 2:
            raise ValueError(f"an ensemble has two models or more, not {len(models)}")
        first = models[0].card
        for model in models:
            card = model.card
            if not isinstance(model, Network) or card.architecture != first.architecture:
                raise ValueError(
                    f"an ensemble has models of one architecture, not {first.architecture} "
                    f"and {card.architecture}"
                )
            different = [k for k, v in first.settings.items() if card.settings.get(k) != v]
            if different:
                raise ValueError(f"{different[0]} differs between the models of an ensemble")
        self.models = tuple(models)
        known = set.intersection(*(set(model.card.elements) for model in models))
        self.card = ModelCard(
            f"{len(models)} × {first.name}",
            first.architecture,
            first.kind,
            first.settings,
            tuple(z for z in SUPPORTED if z in known),
            data=first.data,
            split=first.split,
        )
        self.domain = models[0].domain

    def predict_all(self, molecules: list[Molecule]) -> list[Prediction]:
        """The means, one molecule after the other."""
        return [self._predict(molecule) for molecule in molecules]

    def _predict(self, molecule: Molecule) -> EnsemblePrediction:
        sample = self.models[0].prepare(Conformer(molecule), labels=False)
        members = []
        for model in self.models:
            model.eval()
            members += model.predict_batch(model.collate([sample]).to(model.device))
        names = ("hamiltonian",) if self.card.kind == HAMILTONIAN else ("energy", "forces")
        means = {name: np.mean([getattr(m, name) for m in members], axis=0) for name in names}
        if "energy" in means:
            means["energy"] = float(means["energy"])
        return EnsemblePrediction(molecule, **means, members=tuple(members))
