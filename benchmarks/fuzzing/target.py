"""A reader of what a stranger wrote, and the cases that it is given.

A target reads one case and gives back all that it read, in a form that can be compared. ``Wrong`` says that
a value was accepted which no such file can hold. What has a checksum is *sealed*: damage to it must be found,
so that anything else than what was written, or an error, is wrong as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from fuzzing import damage
from fuzzing.seeds import content


@dataclass(frozen=True)
class Target:
    """A reader, or a text entry."""

    name: str
    read: Callable[[Any], Any]
    "Of the path of a file, or of a text."
    seeds: tuple[str, ...]
    "Real files, relative to the folder of seeds; or texts."
    text: bool = False
    forge: Callable[[Random, bytes], bytes] | None = None
    sealed: bool = False
    share: float = 1.0
    "Of the cases, relative to the other targets."
    named: bool = True
    "Whether an error must name the file."
    allowed: tuple[type[Exception], ...] = field(default=(ValueError, OSError))
    warm: bool = True
    "Whether its texts are read once before the memory is limited."


def case(target: Target, folder: Path, seed: int, number: int) -> tuple[bytes | str, bool]:
    """One case, always the same for the same numbers, and whether it is damage rather than forgery."""
    random = Random(f"{seed}/{target.name}/{number}")
    chosen = random.choice(target.seeds)
    if target.text:
        return damage.text(random, chosen, list(target.seeds)), False
    data = content(folder, chosen)
    if target.forge and random.random() < 0.5:
        return target.forge(random, data), False
    return damage.damaged(random, data, [content(folder, name) for name in target.seeds]), True


def place(target: Target, folder: Path) -> Path:
    """Where the file of a case is put, beside what it belongs to."""
    (there,) = folder.glob(target.seeds[0])
    return there
