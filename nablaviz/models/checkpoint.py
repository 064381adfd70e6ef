"""The state of a training run in one file: tensors, and the rest as JSON in its header.

safetensors runs no code when it is read; a file is complete or is not there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

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
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    try:
        save_file(copies, part, metadata={"format": FORMAT, "state": json.dumps(state)})
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint; the tensors are on the CPU.

    Raises
    ------
    CheckpointError
        If the file is truncated, or nothing that nablaviz wrote.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as fault:
        raise CheckpointError(f"{path}: not a checkpoint, or truncated ({fault})") from fault
    if header.get("format") != FORMAT:
        raise CheckpointError(f"{path}: no checkpoint of nablaviz ({FORMAT!r} is not in its header)")
    return tensors, json.loads(header["state"])


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
    """Inverse of :func:`optimizer_tensors`; other tensors are passed over."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        kind, _, rest = key.partition(".")
        if kind == "optimizer":
            place, _, name = rest.partition(".")
            states.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": states, "param_groups": optimizer.state_dict()["param_groups"]})
