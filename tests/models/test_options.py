from __future__ import annotations

import pytest
import torch

from nablaviz.models.options import configure


def test_settings_of_model_and_training():
    text = {"channels": "8", "cutoff": "4", "learning_rate": "5e-4", "patience": "3", "precision": "bfloat16"}
    model, settings = configure("painn", text, {"seed": 3, "unit": "steps", "budget": 7.0})
    assert (model.settings.channels, model.settings.cutoff) == (8, 4.0)
    assert (settings.learning_rate, settings.patience, settings.precision) == (5e-4, 3, "bfloat16")
    assert (settings.seed, settings.unit, settings.budget) == (3, "steps", 7.0)
    assert configure("painn", {"patience": "none"}, {})[1].patience is None


def test_the_seed_decides_the_first_weights():
    weights = [
        torch.cat([p.flatten() for p in configure("schnet", {"channels": "4"}, {"seed": s})[0].parameters()])
        for s in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        (
            "painn",
            {"chanels": "3"},
            "no setting 'chanels'; painn has .*channels.*; training has .*learning_rate",
        ),
        ("painn", {"channels": "x"}, "channels must be an integer, not 'x'"),
        ("painn", {"patience": "soon"}, "patience must be an integer or none, not 'soon'"),
        ("painn", {"cutoff": "-1"}, "the cutoff must be positive"),
        ("painn", {"cutoff": "inf"}, "cutoff must be finite, not inf"),
        ("painn", {"channels": "0"}, "channels must be at least 1, not 0"),
        ("pain", {}, "no architecture 'pain'; there are composition"),
    ],
)
def test_what_is_wrong_is_named(name, text, says):
    with pytest.raises(ValueError, match=says):
        configure(name, text, {})


@pytest.mark.parametrize("size", ["4097", "99999999999999999999"])
def test_a_model_of_absurd_size_is_refused(size):
    with pytest.raises(ValueError, match="channels must be at most 4,096, not "):
        configure("schnet", {"channels": size}, {})
