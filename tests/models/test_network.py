"""Prediction in batches where the memory of a GPU is scarce."""

from __future__ import annotations

import pytest
import torch

import nablaviz
from nablaviz.models.energy.painn import PaiNN, PaiNNSettings


class Scarce(PaiNN):
    """Has room for so many atoms at once."""

    room = 30

    def predict_batch(self, batch):
        if len(batch.species) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().predict_batch(batch)


@pytest.fixture(scope="module")
def molecules():
    return [nablaviz.sample()[row].molecule for row in range(0, 100, 12)]


def test_batches_are_made_smaller_where_the_gpu_has_no_room(molecules):
    torch.manual_seed(0)
    settings = PaiNNSettings(channels=4)
    scarce, plenty = Scarce(settings), PaiNN(settings)
    plenty.load_state_dict(scarce.state_dict())
    found, expected = scarce.predict(molecules), plenty.predict(molecules)
    assert sum(map(len, molecules)) > 2 * Scarce.room
    assert [p.molecule for p in found] == molecules
    assert [p.energy for p in found] == pytest.approx([p.energy for p in expected], abs=1e-5)


def test_a_molecule_that_does_not_fit_is_named(molecules, monkeypatch):
    monkeypatch.setattr(Scarce, "room", 7)
    large = next(m for m in molecules if len(m) > 7)
    with pytest.raises(MemoryError, match=rf"{large.formula}.*memory of cpu .*model\.to\('cpu'\)"):
        Scarce(PaiNNSettings(channels=4)).predict([*molecules[:1], large])
