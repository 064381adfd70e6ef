"""Baselines under the contract of models, so that every plot can show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from nablaviz.chem import baselines
from nablaviz.models.interface import HAMILTONIAN, ModelCard, Prediction, as_list
from nablaviz.molecule import Molecule


class Baseline:
    """A Hamiltonian that needs no training; see :func:`nablaviz.chem.baselines.baseline`.

    Parameters
    ----------
    name
        One of ``chem.baselines.BASELINES``.

    Raises
    ------
    ValueError
        If there is no such baseline.
    """

    def __init__(self, name: str) -> None:
        if name not in baselines.BASELINES:
            raise ValueError(f"no baseline {name!r}; there are {', '.join(baselines.BASELINES)}")
        self.card = ModelCard(name, "baseline", HAMILTONIAN, {"baseline": name})

    @overload
    def predict(self, molecules: Molecule) -> Prediction: ...
    @overload
    def predict(self, molecules: Sequence[Molecule]) -> list[Prediction]: ...
    def predict(self, molecules: Molecule | Sequence[Molecule]) -> Prediction | list[Prediction]:
        """Compute one molecule or several."""
        found = as_list(molecules)
        for molecule in found:
            self.card.check_elements(molecule.numbers)
        name = self.card.name
        predictions = [Prediction(m, hamiltonian=baselines.baseline(name, m)) for m in found]
        return predictions[0] if isinstance(molecules, Molecule) else predictions
