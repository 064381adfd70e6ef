"""Readers that do what none may do: what the fuzz says of them shows that it would notice."""

from __future__ import annotations

import os

from fuzzing.checks import Wrong
from fuzzing.target import Target


def hang(text: str) -> None:
    while True:
        pass


def crash(text: str) -> None:
    os.abort()


def swallow(text: str) -> None:
    held = []
    while True:
        held.append(bytearray(1 << 26))


def accept(text: str) -> None:
    raise Wrong("accepted")


def stumble(text: str) -> None:
    raise KeyError("what")


def mumble(text: str) -> None:
    raise ValueError("")


PROBES = {
    kind: Target(kind, read, ("x",), text=True, warm=False)
    for kind, read in (
        *(("hang", hang), ("crash", crash), ("memory", swallow)),
        *(("wrong", accept), ("raised", stumble), ("unnamed", mumble)),
    )
}
