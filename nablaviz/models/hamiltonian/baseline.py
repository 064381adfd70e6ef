"""Baselines under the contract of models, so that every plot can show them."""

from __future__ import annotations

from nablaviz.chem import baselines
from nablaviz.models.interface import HAMILTONIAN, ModelCard, Prediction
from nablaviz.models.predictor import Predictor
from nablaviz.molecule import Molecule


class Baseline(Predictor):
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

    def predict_all(self, molecules: list[Molecule]) -> list[Prediction]:
        """The baseline of each."""
        name = self.card.name
        return [Prediction(m, hamiltonian=baselines.baseline(name, m)) for m in molecules]
