"""How a training run goes: its budget, its batches, its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass

UNITS = ("steps", "epochs", "seconds")
PRECISIONS = ("float32", "bfloat16")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Settings:
    """What decides how a run goes; a changed setting is another run.

    Raises
    ------
    ValueError
        If a value is not allowed.
    """

    budget: float = 100
    unit: str = "epochs"
    "What the budget counts: optimiser ``steps``, ``epochs`` or wall ``seconds``."
    pairs_per_batch: int = 800
    "Atom pairs in a batch, per device: what memory and time are proportional to."
    learning_rate: float = 1e-3
    "The highest: reached after ``warmup`` steps, then falling as a cosine to 1 % at the end."
    warmup: int = 50
    weight_decay: float = 0.0
    gradient_norm: float = 1.0
    "Longer gradients are shortened to this."
    average: float = 0.995
    "Decay of the running average of the weights, which is what validates and what is kept."
    validate_every: int = 100
    "Steps."
    patience: int | None = None
    "Validations without a better one after which training stops; None: it does not."
    checkpoint_every: int = 200
    "Steps."
    precision: str = "float32"
    "``bfloat16``: mixed precision, for a loss that takes no derivative of the prediction."
    devices: int = 1
    seed: int = 0
    "Of the order of the data and of what the model draws in training."

    def __post_init__(self) -> None:
        for name, allowed in (("unit", UNITS), ("precision", PRECISIONS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, not {getattr(self, name)!r}")
        counts = "budget", "pairs_per_batch", "validate_every", "checkpoint_every", "devices"
        for name in (*counts, "learning_rate", "gradient_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and less than 1, not {self.average}")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience must be at least 1, not {self.patience}")

    def rate(self, step: int, fraction: float) -> float:
        """Learning rate of a step, at a fraction of the budget."""
        cosine = 0.01 + 0.99 * (1 + math.cos(math.pi * min(1.0, fraction))) / 2
        return self.learning_rate * min(1.0, (step + 1) / max(1, self.warmup)) * cosine
