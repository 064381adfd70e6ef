"""A JavaScript library that a page gets once, however many widgets use it."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import anywidget
import traitlets


class _Library(anywidget.AnyWidget):
    """Carries a library to a page; widgets of the page refer to this model."""

    _esm = "export default {}"

    source = traitlets.Bytes().tag(sync=True)
    """The library, compressed with gzip."""


_shared: dict[str, _Library] = {}


def library(name: str, read: Callable[[], bytes]) -> _Library:
    """The one model of this kernel for a library, made when first asked for or after it was closed."""
    if name not in _shared or _shared[name].comm is None:
        _shared[name] = _Library(source=gzip.compress(read(), compresslevel=6, mtime=0))
    return _shared[name]
