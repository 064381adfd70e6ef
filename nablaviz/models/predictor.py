"""What every model's ``predict`` has in common: one molecule or several, of known elements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import overload

from nablaviz.models.interface import ModelCard, Prediction, as_list
from nablaviz.molecule import Conformer, Molecule


class Predictor(ABC):
    """Subclasses give ``card`` and ``predict_all``."""

    card: ModelCard

    @abstractmethod
    def predict_all(self, molecules: list[Molecule]) -> list[Prediction]:
        """Predictions for molecules whose elements the model knows, in their order."""

    @overload
    def predict(self, molecules: Molecule | Conformer) -> Prediction: ...
    @overload
    def predict(self, molecules: Sequence[Molecule | Conformer]) -> list[Prediction]: ...
    def predict(
        self, molecules: Molecule | Conformer | Sequence[Molecule | Conformer]
    ) -> Prediction | list[Prediction]:
        """Predict one molecule or several; of a conformer its geometry.

        Raises
        ------
        TypeError
            If one is not a molecule.
        ValueError
            If the model does not know an element.
        """
        found = as_list(molecules)
        for molecule in found:
            self.card.check_elements(molecule.numbers)
        predictions = self.predict_all(found)
        return predictions[0] if isinstance(molecules, Molecule | Conformer) else predictions
