"""Settings given as text, such as ``channels=32`` on a command line, and models made from them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

import torch

from nablaviz.models.kinds import kinds, words
from nablaviz.models.library import architecture
from nablaviz.models.network import Network
from nablaviz.models.schedule import Settings

LARGEST = 4096
"""Largest whole number among a model's settings: more channels or layers than anybody trains."""


def configure(name: str, text: Mapping[str, str], training: Mapping[str, Any]) -> tuple[Network, Settings]:
    """A new model and the settings of its training.

    Parameters
    ----------
    name
        The architecture.
    text
        Settings of either, as text.
    training
        Settings of the training; its seed decides the model's first weights too.

    Raises
    ------
    ValueError
        If there is no such architecture or setting, a value is not of its kind, or too large.
    """
    kind = architecture(name)
    of_model, of_training = kinds(kind.Settings), kinds(Settings)
    for key in text:
        if key not in of_model.keys() | of_training.keys():
            raise ValueError(
                f"no setting {key!r}; {name} has {', '.join(of_model)}; training has {', '.join(of_training)}"
            )
    read = {key: _read(key, value, of_model | of_training) for key, value in text.items()}
    settings = Settings(**{**training, **{k: v for k, v in read.items() if k in of_training}})
    own = {k: v for k, v in read.items() if k in of_model}
    for key, value in own.items():
        if isinstance(value, int) and value > LARGEST:
            raise ValueError(f"{key} must be at most {LARGEST:,}, not {value:.6g}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        try:
            model = kind(kind.Settings(**own))
        except RuntimeError as fault:  # how PyTorch says that memory does not suffice
            raise ValueError(f"no {name} with {', '.join(text)} of this size fits into memory") from fault
    return model, settings


def _read(name: str, text: str, kinds: Mapping[str, Any]) -> Any:
    """The value that a text stands for."""
    hint = kinds[name]
    allowed = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for kind in allowed:
        try:
            if get_origin(kind) is tuple:
                return tuple(get_args(kind)[0](part) for part in text.split(","))
            if kind is types.NoneType and text.lower() == "none":
                return None
            if kind is bool and text.lower() in ("true", "false"):
                return text.lower() == "true"
            if kind in (int, float, str):
                return kind(text)
        except ValueError:
            continue
    raise ValueError(f"{name} must be {words(hint)}, not {text!r}")
