"""Model files: one safetensors file that holds the weights and, in its header, the card as JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch.nn.modules import module as modules

from nablaviz.models.interface import ModelCard
from nablaviz.models.kinds import build, kinds
from nablaviz.models.network import Network
from nablaviz.models.tensor_file import check_like, read, write
from nablaviz.models.trust import TrainingDomain

FORMAT = "nablaviz model 1"
"""Value of ``format`` in the header; the card is under ``card``."""


DOMAIN = "training_domain."
"""Begins the names of the arrays that summarise the training data; files without them are read as well."""


WRONG = (TypeError, ValueError, AttributeError, LookupError, RuntimeError, ArithmeticError, AssertionError)
"""What comes of settings that no model can be built with."""


TABLES = 10_000_000
"""Numbers that a model may keep in tables which are not in its file."""


class ModelFileError(ValueError):
    """A file is no model of ours, or is damaged; the message names it and says what is wrong."""


def save(model: Network, path: Path) -> None:
    """Write a model to one file, replacing an older one only when the new one is complete."""
    tensors = model.state_dict()
    if model.domain is not None:
        tensors |= {DOMAIN + name: torch.as_tensor(a) for name, a in model.domain.tensors().items()}
    card = json.dumps(asdict(model.card), ensure_ascii=False)
    write(path, tensors, {"format": FORMAT, "card": card})


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
    summary = {name: t for name, t in tensors.items() if name.startswith(DOMAIN)}
    tensors = {name: t for name, t in tensors.items() if name not in summary}
    try:
        kind = architecture(card.architecture)
        with _no_larger(tensors, kind, card):
            model = kind.from_card(card)
        if summary:
            domain = {name.removeprefix(DOMAIN): t.numpy() for name, t in summary.items()}
            model.domain = TrainingDomain.from_tensors(domain)
        check_like(tensors, model.state_dict())
    except WRONG as fault:
        raise ModelFileError(f"{path}: {fault}") from fault
    for name, tensor in tensors.items():
        if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 2:
            raise ModelFileError(f"{path}: tensor {name!r} is {tensor.dtype}, which no model computes in")
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"{path}: tensor {name!r} is not finite")
    floating = {t.dtype for t in tensors.values() if t.is_floating_point()}
    if len(floating) > 1:
        raise ModelFileError(f"{path}: tensors of several precisions ({', '.join(map(str, floating))})")
    model.to(next(iter(floating), torch.float32)).load_state_dict(tensors)
    return model.eval()


def _read(path: Path) -> tuple[ModelCard, dict[str, torch.Tensor]]:
    try:
        tensors, header = read(path, FORMAT, "card", "a model written by nablaviz")
    except ValueError as fault:
        raise ModelFileError(str(fault)) from fault
    try:
        return build(ModelCard, json.loads(header["card"])), tensors
    except (ValueError, KeyError, RecursionError) as fault:
        raise ModelFileError(f"{path}: the model card cannot be read ({fault})") from fault


@contextmanager
def _no_larger(tensors: dict[str, torch.Tensor], kind: type[Network], card: ModelCard) -> Iterator[None]:
    """Inside, this thread builds no model far larger than a file, whatever the card's settings ask for.

    A size is seen in the shapes or in their number; tensors are counted as they come, parameters before they
    are filled.
    """
    most = max([len(tensors), *(size for t in tensors.values() for size in t.shape)])
    known = kinds(kind.Settings)
    for name, value in card.settings.items():
        if known.get(name) is int and isinstance(value, int) and value > most:
            raise ValueError(f"{name} is {value}, but no tensor has a dimension above {most}")
    total, thread = sum(t.numel() for t in tensors.values()), threading.get_ident()

    def counter(left: int) -> Callable[..., None]:
        def count(owner: torch.nn.Module, name: str, tensor: torch.Tensor | None) -> None:
            nonlocal left
            if tensor is not None and threading.get_ident() == thread:
                left -= tensor.numel()
                if left < 0:
                    raise ValueError("its settings are those of a larger model than its tensors make")

        return count

    handles = (
        modules.register_module_parameter_registration_hook(counter(2 * total)),
        modules.register_module_buffer_registration_hook(counter(2 * total + TABLES)),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
