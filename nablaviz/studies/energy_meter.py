"""Energy that training takes, where a GPU tells its power."""

from __future__ import annotations

import math
import time
from contextlib import suppress


class Meter:
    """Energy that the GPU takes, from its power now and then.

    Parameters
    ----------
    before
        Joules of earlier parts of the run, if there are any.
    """

    def __init__(self, before: float | None) -> None:
        self.joules = before or 0.0
        self.skip()

    def skip(self) -> None:
        """What was taken since the last reading does not count."""
        self.last = time.monotonic()

    def read(self) -> float | None:
        """Joules until now, if the GPU tells its power."""
        now = time.monotonic()
        self.joules += _watts() * (now - self.last)
        self.last = now
        return None if math.isnan(self.joules) else self.joules


def _watts() -> float:
    import torch

    if torch.cuda.is_available():
        with suppress(Exception):  # of a library that may be absent, of a driver that may refuse
            return torch.cuda.power_draw() / 1000
    return math.nan
