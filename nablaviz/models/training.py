"""Training a model: on the CPU, on one GPU or on several; stopped, killed and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nablaviz.models.interrupt import interruptible
from nablaviz.models.loop import Loop, Progress
from nablaviz.models.network import Network
from nablaviz.models.schedule import DEVICES, Settings
from nablaviz.models.training_set import TrainingSet

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Run:
    """A training run that has ended."""

    model: Network
    "With the best weights that validation found; without validation, the averaged ones."
    history: pd.DataFrame
    "See :func:`~nablaviz.models.history.read_history`."
    reason: str
    "Why it ended: ``budget``, ``early stopping``, ``stopped`` or ``closed form``."
    path: Path | None
    "The folder, where there is one."


def check_device(device: str) -> None:
    """Raise ``ValueError`` if there is no such device."""
    if device not in DEVICES:
        raise ValueError(f"device is one of {', '.join(DEVICES)}, not {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device 'cuda': there is no GPU that PyTorch can use")


def train(
    model: Network,
    data: TrainingSet,
    settings: Settings | None = None,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    callback: Callable[[Progress], object] | None = None,
    stop: Callable[[], bool] | None = None,
    progress: bool = True,
) -> Run:
    """Train a model, or go on where a run in ``out`` was.

    Parameters
    ----------
    model
        Trained in place.
    data
        What it learns from; see :func:`~nablaviz.models.training_set.prepare`.
    out
        Folder for the history, the checkpoint and the model. A run that was stopped or killed there
        goes on as if it had not been, from its last checkpoint; one that ended is read, not redone.
    device
        ``"auto"`` is a GPU where there is one.
    callback
        Called after each step.
    stop
        Asked after each step; when true, the state is saved and the run returned. Ctrl-C saves it too,
        then raises ``KeyboardInterrupt``.

    Raises
    ------
    TrainingError
        If the loss is not finite; the state before that step is saved.
    MemoryError
        If the device's memory does not suffice; the state before that step is saved.
    ValueError
        If a sample is larger than a batch, ``out`` holds another run or is in use, or its checkpoint is
        damaged.
    """
    from filelock import FileLock, Timeout
    from lightning_fabric import Fabric

    settings = settings or Settings()
    check_device(device)
    cuda = device != "cpu" and torch.cuda.is_available()
    fabric = Fabric(
        accelerator="cuda" if cuda else "cpu",
        # a batch without some element gives what knows it no gradient
        strategy="ddp_find_unused_parameters_true" if settings.devices > 1 else "auto",
        devices=settings.devices,
    )
    fabric.launch()
    path = None if out is None else Path(out)
    lock: AbstractContextManager[Any] = nullcontext()
    if path is not None:
        path.mkdir(parents=True, exist_ok=True)
        if fabric.is_global_zero:
            lock = FileLock(path / ".lock", timeout=0)
    try:
        with lock, torch.random.fork_rng([fabric.device] if cuda else []), interruptible() as interrupted:
            loop = Loop(model, data, settings, fabric, path)
            loop.run(callback, lambda: interrupted() or (stop is not None and stop()), progress=progress)
            if interrupted():
                raise KeyboardInterrupt
    except Timeout:
        raise ValueError(f"{path}: another process is training there") from None
    return Run(model, loop.history.table, loop.state.reason or "stopped", path)
