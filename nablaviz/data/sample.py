"""The sample that comes with the package; its data card is `bundled/sample.md`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nablaviz.data.store import Store

BUNDLED = Path(__file__).parent / "bundled"


@cache
def sample() -> Store:
    """The bundled sample: fragments of drug-like molecules and a few whole ones, with DFT labels."""
    return Store(BUNDLED / "sample")
