"""Where a run is: a small file in its folder, which any process can read at any time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from nablaviz.data.atomic import replacing
from nablaviz.models.kinds import build

STATE = "state.json"

WAITING, RUNNING, PAUSED, STOPPED = "waiting", "running", "paused", "stopped"
FINISHED, FAILED = "finished", "failed"
STATES = (WAITING, RUNNING, PAUSED, STOPPED, FINISHED, FAILED)


@dataclass(frozen=True)
class State:
    """Where a run is."""

    state: str = WAITING
    message: str = ""
    "What is being done, or what went wrong."
    fraction: float = 0.0
    "Of the training budget."
    step: int = 0
    seconds: float = 0.0
    "Of training."
    samples_seen: int = 0
    joules: float | None = None
    "Energy the GPU took in training, where it is known."
    device: str = ""
    "What it was trained on: ``cpu``, or the name of the GPU."
    trained: bool = False
    "Whether training has ended."
    splits: tuple[str, ...] = ()
    "Whose errors have been measured."
    session: str = ""
    "Who put the run to work."

    def finished(self, splits: Iterable[str]) -> bool:
        """Whether the run has ended well, with these test splits measured."""
        return self.state == FINISHED and set(splits) <= set(self.splits)


def read_state(folder: Path) -> State:
    """The state of the run in a folder.

    Raises
    ------
    ValueError
        If there is something else in its file.
    """
    path = folder / STATE
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):  # not begun; or it is being written in place
        return State()
    try:
        found = build(State, values)
        if found.state not in STATES:
            raise ValueError(f"state is one of {', '.join(STATES)}, not {found.state!r:.80}")
        if not 0 <= found.fraction <= 1:
            raise ValueError(f"fraction is a number from 0 to 1, not {found.fraction}")
    except ValueError as fault:
        raise ValueError(f"{path}: not the state of a run ({fault})") from fault
    return found


def write_state(folder: Path, state: State) -> None:
    """Put down the state of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(state))
    try:
        with replacing(folder / STATE) as file:
            file.write(text)
    except OSError:
        # A full disk has no room for another file, but there is some in the one that was written before.
        if (folder / STATE).is_symlink():
            raise
        with open(folder / STATE, "r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()
