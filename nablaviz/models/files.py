"""Model files: one safetensors file that holds the weights and, in its header, the card as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from nablaviz.models.interface import ModelCard
from nablaviz.models.network import Network
from nablaviz.models.trust import TrainingDomain

FORMAT = "nablaviz model 1"
"""Value of ``format`` in the header; the card is under ``card``."""


DOMAIN = "training_domain."
"""Begins the names of the arrays that summarise the training data; files without them are read as well."""


WRONG = (TypeError, ValueError, AttributeError, LookupError, RuntimeError, OverflowError)
"""What comes of values in a card that are not what the model expects."""


class ModelFileError(ValueError):
    """A file is no model of ours, or is damaged; the message names it and says what is wrong."""


def save(model: Network, path: Path) -> None:
    """Write a model to one file, replacing an older one only when the new one is complete."""
    # Contiguous copies: safetensors stores no two names for one memory.
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    if model.domain is not None:
        tensors |= {DOMAIN + name: torch.as_tensor(a) for name, a in model.domain.tensors().items()}
    header = {"format": FORMAT, "card": json.dumps(asdict(model.card), ensure_ascii=False)}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        save_file(tensors, part, metadata=header)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_card(path: Path) -> ModelCard:
    """The card of a model file, without its weights.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no model file, or damaged.
    """
    return _read(path)[0]


def load(path: Path, architecture: Callable[[str], type[Network]]) -> Network:
    """Read a model, on the CPU, in the precision in which it was saved.

    Parameters
    ----------
    architecture
        Gives the class for the card's ``architecture``, or raises ``ValueError``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ModelFileError
        If it is no model file, is damaged, or its tensors are not those of the architecture.
    """
    card, tensors = _read(path)
    domain = {name.removeprefix(DOMAIN): t.numpy() for name, t in tensors.items() if name.startswith(DOMAIN)}
    tensors = {name: t for name, t in tensors.items() if not name.startswith(DOMAIN)}
    try:
        model = architecture(card.architecture).from_card(card)
        model.domain = TrainingDomain.from_tensors(domain) if domain else None
    except WRONG as fault:
        raise ModelFileError(f"{path}: {fault}") from fault
    expected = model.state_dict()
    for verb, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has a foreign", tensors.keys() - expected.keys()),
    ):
        if names:
            raise ModelFileError(f"{path}: {verb} tensor {min(names)!r} ({len(names)} in all)")
    for name, tensor in tensors.items():
        if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 2:
            raise ModelFileError(f"{path}: tensor {name!r} is {tensor.dtype}, which no model computes in")
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
            raise ModelFileError(f"{path}: tensor {name!r} has shape {shapes}")
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"{path}: tensor {name!r} is not finite")
    floating = {t.dtype for t in tensors.values() if t.is_floating_point()}
    if len(floating) > 1:
        raise ModelFileError(f"{path}: tensors of several precisions ({', '.join(map(str, floating))})")
    model.to(next(iter(floating), torch.float32)).load_state_dict(tensors)
    return model.eval()


def _read(path: Path) -> tuple[ModelCard, dict[str, torch.Tensor]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as fault:
        raise ModelFileError(f"{path}: not a safetensors file, or truncated ({fault})") from fault
    if header.get("format") != FORMAT:
        raise ModelFileError(f"{path}: not a model written by nablaviz ({FORMAT!r} is not in its header)")
    try:
        return ModelCard(**json.loads(header["card"])), tensors
    except WRONG as fault:
        raise ModelFileError(f"{path}: the model card cannot be read ({fault})") from fault
