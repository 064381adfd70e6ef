"""A histogram with two handles: a range of values to filter by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nablaviz.views.words import Words

STATIC = Path(__file__).parent / "static"


class RangeFilter(anywidget.AnyWidget):
    """Drag the handles, use the arrow keys on them, or type a number."""

    _esm = STATIC / "range.js"

    label = traitlets.Unicode().tag(sync=True)
    """What the values are."""

    unit = traitlets.Unicode().tag(sync=True)
    """Their unit."""

    decimals = traitlets.Int(3).tag(sync=True)
    """Digits after the point; −1 for whole numbers."""

    low = traitlets.Float(0.0).tag(sync=True)
    """Lowest value there is."""

    high = traitlets.Float(1.0).tag(sync=True)
    """Highest value there is."""

    counts = traitlets.List(traitlets.Int()).tag(sync=True)
    """Histogram of all values, equal intervals from `low` to `high`."""

    filtered = traitlets.List(traitlets.Int()).tag(sync=True)
    """Histogram of what passes all filters."""

    missing = traitlets.Int(0).tag(sync=True)
    """How many conformers lack a value."""

    live = traitlets.Bool(True).tag(sync=True)
    """Whether to filter while a handle is dragged, or when it is let go."""

    words = Words("range")
    """Its texts."""

    value: Any = traitlets.List(None, [None, None], minlen=2, maxlen=2).tag(sync=True)
    """Lowest and highest value that pass, ``None`` for no limit."""
