"""The running average of a model's weights, which predicts better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """Exponential moving average of parameters.

    Attributes
    ----------
    values
        The average of each parameter, in the order of ``parameters``.
    """

    def __init__(self, parameters: Sequence[torch.nn.Parameter], decay: float) -> None:
        self.parameters, self.decay = list(parameters), decay
        self.values = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after optimiser step ``step``; early steps are forgotten sooner."""
        keep = min(self.decay, (1 + step) / (10 + step))
        for value, parameter in zip(self.values, self.parameters, strict=True):
            value.lerp_(parameter.detach(), 1 - keep)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The parameters are the averages inside the block."""
        current = [p.detach().clone() for p in self.parameters]
        assign(self.parameters, self.values)
        try:
            yield
        finally:
            assign(self.parameters, current)


@torch.no_grad()
def assign(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into parameters."""
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
