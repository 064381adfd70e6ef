"""Files of models and of their training."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from fuzzing import seeds
from fuzzing.checks import digest, must


def model(path: Path) -> str:
    from nablaviz.models.library import load_model

    found: Any = load_model(path)
    tensors = found.state_dict()
    for name, tensor in tensors.items():
        must(tensor.isfinite().all(), f"{name} is not finite")
    return digest(str(found.card), *(t.numpy() for t in tensors.values()))


def checkpoint(path: Path) -> str:
    from nablaviz.models import checkpoint

    tensors, state = checkpoint.load(path)
    return digest(json.dumps(state, sort_keys=True), *(tensors[name].numpy() for name in sorted(tensors)))


def run_folder(path: Path) -> str:
    """What going on with a training run makes of its checkpoint."""
    from nablaviz.models.options import configure
    from nablaviz.models.training import train

    model, settings = configure("schnet", SMALL, {"budget": 2, "unit": "steps"})
    found = train(model, _training_set(), settings, out=path.parent, device="cpu", progress=False)
    tensors = found.model.state_dict()
    must(all(t.isfinite().all() for t in tensors.values()), "weights are not finite")
    return digest(*(t.numpy() for t in tensors.values()))


SMALL = {"channels": "8", "layers": "1", "checkpoint_every": "1"}


@cache
def _training_set() -> Any:
    from nablaviz.models.options import configure
    from nablaviz.models.training_set import prepare

    return prepare(configure("schnet", SMALL, {})[0], seeds.smallest(4), progress=False)


def history(path: Path) -> str:
    from nablaviz.models.history import read_history

    found = read_history(path.parent)
    for name in ("step", "loss"):
        must(len(found) == 0 or name in found, f"no column {name}")
    return digest(found.to_csv())
