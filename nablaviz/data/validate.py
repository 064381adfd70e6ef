"""Checks of what was read from a file, and errors that say where in it the fault is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.arrays import finite
from nablaviz.data.dataset import DataError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

LARGEST_TEXT = 1 << 26
"""Longest file of text that is read whole, bytes."""


def shown(name: str | Path) -> str:
    """A file name as it may be printed: control characters are escaped."""
    text = str(name)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextmanager
def located(where: str) -> Iterator[None]:
    """Put the place (file and row) before the message of any ``ValueError``, as a ``DataError``.

    An error that is a ``DataError`` already knows its place and goes through as it is.
    """
    try:
        yield
    except DataError:
        raise
    except (ValueError, TypeError, OverflowError) as fault:
        raise DataError(f"{where}: {fault}") from fault


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """The text of a small file from anyone.

    Raises
    ------
    DataError
        If it is larger than that many bytes, or not UTF-8.
    OSError
        If there is no such file, or it may not be read.
    """
    size = path.stat().st_size
    if size > largest:
        raise DataError(f"{shown(path)}: {size} bytes are too many; at most {largest} are read")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as fault:
        raise DataError(f"{shown(path)}: not a text in UTF-8: {fault}") from fault


def real(dtype: DTypeLike) -> np.dtype[Any]:
    """The type of real numbers that is meant.

    Raises
    ------
    ValueError
        If it is neither float32 nor float64.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be float32 or float64, not {dtype!r}")
    return found


def number(value: object, name: str) -> float:
    """A finite float.

    Raises
    ------
    ValueError
        If it is not a number.
    NotFinite
        If it is NaN or infinite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number, not {_brief(value)}")
    return float(finite(np.asarray(float(value)), name))


def identifier(*values: object, name: str) -> None:
    """Check that every value is a whole number or None.

    Raises
    ------
    ValueError
        If one is anything else.
    """
    _check_type(values, name, int, "a whole number")


def text(*values: object, name: str) -> None:
    """Check that every value is text or None.

    Raises
    ------
    ValueError
        If one is anything else.
    """
    _check_type(values, name, str, "text")


def _check_type(values: tuple[object, ...], name: str, kind: type, what: str) -> None:
    if not set(map(type, values)) <= {kind, type(None)}:
        wrong = next(v for v in values if not (v is None or type(v) is kind))
        raise ValueError(f"{name} must be {what}, not {_brief(wrong)}")


def from_blob(blob: object, dtype: str, shape: tuple[int, ...], name: str) -> np.ndarray:
    """The array in a blob, read-only.

    Raises
    ------
    ValueError
        If it is not a blob, or not of the length that ``shape`` asks for.
    """
    if not isinstance(blob, bytes):
        raise ValueError(f"{name} must be a blob, not {_brief(blob)}")
    expected = math.prod(shape) * np.dtype(dtype).itemsize
    if len(blob) != expected:
        raise ValueError(f"{name} has {len(blob)} bytes; shape {shape} asks for {expected}")
    return np.frombuffer(blob, dtype).reshape(shape)


def _brief(value: object) -> str:
    text = repr(value[:24] if isinstance(value, (str, bytes)) else value)
    return f"{type(value).__name__} {text[:32]}"
