"""The ``data`` column of an ASE database (version 9): arrays, then JSON that says where they are.

Eight bytes give the offset of the JSON text (little-endian int64). In it an array is
``{"__ndarray__": [shape, dtype, offset]}``; its bytes, also little-endian, stand before the text.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

DTYPES = {"float64": "<f8", "float32": "<f4", "int64": "<i8", "int32": "<i4"}
LONGEST_TEXT = 1 << 20
_FLOAT = struct.Struct("<d")


@dataclass(frozen=True)
class Stored:
    """An array in the blob: its shape, NumPy dtype, and the bytes it takes."""

    shape: tuple[int, ...]
    dtype: str
    start: int
    stop: int


def contents(blob: object) -> dict[str, Any]:
    """The dict that a blob holds; an array stays a :class:`Stored` until :func:`array` reads it.

    Raises
    ------
    ValueError
        If the blob is not of this form, or an array does not lie within it.
    """
    return _parse(*_text(blob))


def _text(blob: object) -> tuple[bytes, int]:
    if type(blob) is not bytes:
        raise ValueError(
            f"data must be a blob as ASE's database version 9 writes it, not {type(blob).__name__}"
        )
    offset = int.from_bytes(blob[:8], "little", signed=True)
    if not 8 <= offset < len(blob) <= offset + LONGEST_TEXT:
        raise ValueError(f"data is damaged: its text starts at byte {offset} of {len(blob)}")
    return blob[offset:], offset


@lru_cache(maxsize=1024)  # the text is the same for all molecules of a size
def _parse(text: bytes, end: int) -> dict[str, Any]:
    try:
        entries = json.loads(text.decode())
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"data is damaged: {fault}") from fault
    if not isinstance(entries, dict):
        raise ValueError(f"data must hold a dict, not {type(entries).__name__}")
    return {name: _entry(name, value, end) for name, value in entries.items()}


def _entry(name: str, value: Any, end: int) -> Any:
    if not (isinstance(value, dict) and "__ndarray__" in value):
        return value
    try:
        shape, dtype, start = value["__ndarray__"]
        if not all(type(k) is int and k >= 0 for k in (*shape, start)):
            raise ValueError("a size is not a whole number")
        size = np.dtype(DTYPES[dtype]).itemsize
    except (KeyError, TypeError, ValueError) as fault:
        raise ValueError(f"data is damaged: {name} is no array of {', '.join(DTYPES)}") from fault
    for k in shape:
        size = min(size * k, 1 << 60)
    if not 8 <= start <= start + size <= end:
        raise ValueError(f"data is damaged: {name} lies at bytes {start} to {start + size} of {end}")
    return Stored(tuple(shape), DTYPES[dtype], start, start + size)


def array(blob: bytes, value: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    """An entry of :func:`contents` as float64, of the given shape.

    Raises
    ------
    ValueError
        If it is not an array of numbers of that many elements.
    """
    if isinstance(value, Stored):
        found = np.frombuffer(blob[value.start : value.stop], value.dtype).reshape(value.shape)
    elif isinstance(value, (int, float, list)):
        found = np.asarray(value)
        if found.dtype.kind not in "if":  # NumPy would make numbers of texts
            raise ValueError(f"{name} must be numbers")
    else:
        raise ValueError(f"{name} must be numbers, not {type(value).__name__}")
    # A scalar is stored as a number, a list of one or an array of one; all are in published files.
    if found.shape != shape and not (found.size == 1 == int(np.prod(shape))):
        raise ValueError(f"{name} must have shape {shape}, not {found.shape}")
    return found.astype(np.float64).reshape(shape)


def columns(blobs: Sequence[bytes], sizes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The energies (B,) and all forces one after the other (Σ N, 3) of B blobs, as :func:`array`.

    Parameters
    ----------
    sizes
        Number of atoms of each, N.

    Raises
    ------
    ValueError
        If a blob is damaged or does not hold them.
    """
    energies, forces = [], []
    known: dict[bytes, tuple[int, int, int, slice]] = {}  # the text is the same for most molecules of a size
    for blob, n in zip(blobs, sizes, strict=True):
        offset = int.from_bytes(blob[:8], "little")
        place = known.get(blob[offset:])
        if place is None or place[:2] != (offset, n):
            place = _plain(blob, n)
            if place is None:
                entries = contents(blob)
                energies.append(float(array(blob, entries.get("energy"), (), "energy")))
                forces.append(array(blob, entries.get("forces"), (n, 3), "forces").tobytes())
                continue
            known[blob[offset:]] = place
        energies.append(_FLOAT.unpack_from(blob, place[2])[0])
        forces.append(blob[place[3]])
    return np.array(energies), np.frombuffer(b"".join(forces), "<f8").reshape(-1, 3)


def _plain(blob: bytes, n: int) -> tuple[int, int, int, slice] | None:
    """Offset of the text, n, start of the energy, place of the forces, if both are arrays of float64."""
    _, offset = _text(blob)
    entries = contents(blob)
    energy, forces = entries.get("energy"), entries.get("forces")
    if not (
        isinstance(energy, Stored) and isinstance(forces, Stored) and energy.dtype == forces.dtype == "<f8"
    ):
        return None
    if (energy.stop - energy.start, forces.stop - forces.start) != (8, 24 * n):
        return None
    return offset, n, energy.start, slice(forces.start, forces.stop)
