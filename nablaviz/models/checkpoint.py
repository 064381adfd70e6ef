"""The state of a training run in one file: tensors, and the rest as JSON in its header.

safetensors runs no code when it is read; a file is complete or is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nablaviz.models.tensor_file import check_like, read, write

FORMAT = "nablaviz checkpoint 1"


class CheckpointError(ValueError):
    """A checkpoint is damaged, or of another run; the message names the file and says what is wrong."""


def save(path: Path, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
    """Write a checkpoint, replacing an older one only when the new one is complete.

    Parameters
    ----------
    state
        Anything JSON holds; floats keep every digit.
    """
    write(path, tensors, {"format": FORMAT, "state": json.dumps(state)})


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint; the tensors are on the CPU.

    Raises
    ------
    OSError
        If there is no such file, or it may not be read.
    CheckpointError
        If the file is truncated, damaged, or nothing that nablaviz wrote.
    """
    try:
        tensors, header = read(path, FORMAT, "state", "a checkpoint of nablaviz")
    except ValueError as fault:
        raise CheckpointError(str(fault)) from fault
    try:
        state = json.loads(header["state"])
    except (ValueError, KeyError, RecursionError) as fault:
        raise CheckpointError(f"{path}: the state of the run cannot be read ({fault!r})") from fault
    if not isinstance(state, dict):
        raise CheckpointError(f"{path}: the state of the run is {state!r:.80}, not names and values")
    return tensors, state


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Inside, what comes of a state that is not such a run's is a ``CheckpointError`` that names the file."""
    try:
        yield
    except CheckpointError:
        raise
    except (TypeError, ValueError, AttributeError, LookupError, RuntimeError) as fault:
        raise CheckpointError(f"{path} does not hold the state of such a run: {fault}") from fault


def counts(values: dict[str, Any]) -> dict[str, Any]:
    """The values, if all of them are whole numbers from 0; else a ``ValueError``."""
    for name, value in values.items():
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is {value!r:.80}, not a count")
    return values


def check_same(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    """Raise ``CheckpointError`` naming the first entry in which two descriptions of a run differ."""
    ours = json.loads(json.dumps(ours))
    for name in sorted(theirs.keys() | ours.keys()):
        there, here = theirs.get(name), ours.get(name)
        if there != here:
            raise CheckpointError(
                f"{path} belongs to another run: {name} is {there!r} there and {here!r} here; "
                "take another folder, or give what it was started with"
            )


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The tensors of an optimiser's state: ``optimizer.<parameter>.<name>``."""
    states = optimizer.state_dict()["state"]
    return {f"optimizer.{k}.{name}": value for k, state in states.items() for name, value in state.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Inverse of :func:`optimizer_tensors`; other tensors are passed over.

    Raises
    ------
    ValueError
        If they are not of such parameters.
    """
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimizer":
            place, _, name = rest.partition(".")
            states.setdefault(int(place), {})[name] = value
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, state in states.items():
        like = parameters[number]
        check_like(state, {"step": torch.zeros(()), "exp_avg": like, "exp_avg_sq": like})
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
