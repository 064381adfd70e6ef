"""Files of named tensors with a header of strings: safetensors, written whole or not at all.

Nothing in such a file is run when it is read. A digest of its content, where it has one, finds damage.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nablaviz.data.atomic import taking_its_place

DIGEST = "sha256"
"""Its name in the header; files without it are read as well."""


def write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a file, replacing an older one only when the new one is complete."""
    # Contiguous copies: safetensors stores no two names for one memory.
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with taking_its_place(path) as part:
        # not save_file, whose own temporary file a kill would leave behind
        part.write_bytes(save(copies, metadata={**header, DIGEST: _digest(copies, header)}))


def read(path: Path, format: str, entry: str, says: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors, on the CPU, and the header.

    Parameters
    ----------
    format
        What the header must have under ``format``.
    entry
        The one other thing that such a header holds.
    says
        What a file that does not is told not to be, as "a model written by nablaviz".

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it is a folder, or may not be read.
    ValueError
        If it is truncated, damaged or of another kind; the message names the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if not path.is_file():
        raise OSError(f"{path}: a folder or device, not a file")
    with path.open("rb"):  # its errors name the file, those of safe_open do not
        pass
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != format:
                raise ValueError(f"{path}: not {says} ({format!r} is not in its header)")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as fault:
        raise ValueError(f"{path}: not a safetensors file, or truncated ({fault})") from fault
    if strange := sorted(header.keys() - {"format", DIGEST, entry}):
        raise ValueError(f"{path}: damaged: there is no {strange[0]!r:.80} in the header of such a file")
    if header.pop(DIGEST, None) not in (None, _digest(tensors, header)):
        raise ValueError(f"{path}: damaged: its content is not what was written (another {DIGEST})")
    return tensors, header


def _digest(tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> str:
    """Of names, types, shapes and values."""
    found = hashlib.sha256(repr(sorted(header.items())).encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def check_like(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise ``ValueError`` if there are not the same names and shapes."""
    for verb, names in (
        ("lacks", expected.keys() - tensors.keys()),
        ("has a foreign", tensors.keys() - expected.keys()),
    ):
        if names:
            raise ValueError(f"{verb} tensor {min(names)!r} ({len(names)} in all)")
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(expected[name].shape)}"
            raise ValueError(f"tensor {name!r} has shape {shapes}")
