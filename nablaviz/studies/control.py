"""Who works on a folder, and what it is asked to do: small files, so that any process can see and say."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from nablaviz.data.atomic import replacing
from nablaviz.models.kinds import build

OWNER, REQUEST = "owner.json", "request"
"""Who works on the folder; what it is asked."""

PAUSE, STOP = "pause", "stop"


@dataclass(frozen=True)
class Owner:
    """The process that works on a folder, or the last one that did."""

    pid: int
    started: float
    "When the process did, seconds since the epoch: another process may have its number later."
    host: str
    address: str | None = None
    "Of the Dask scheduler it was given."
    workers: int | None = None
    "How many it was told to start."
    over: bool = False
    "Whether it has ended its work on the folder."
    fault: str = ""
    "Why it gave up, if it did."

    @classmethod
    def of(cls, pid: int, address: str | None = None, workers: int | None = None) -> Owner:
        """The owner that a living process is."""
        import psutil

        return cls(pid, psutil.Process(pid).create_time(), socket.gethostname(), address, workers)

    @property
    def session(self) -> str:
        """What tells it from all others."""
        return f"{self.host} {self.pid} {self.started}"

    @property
    def alive(self) -> bool:
        """Whether it is at work; a process on another machine is taken to be there."""
        import psutil

        if self.over or self.host != socket.gethostname():
            return not self.over
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def owner(folder: Path) -> Owner | None:
    """Who works on the folder, or did last; ``None`` if nobody ever did.

    Raises
    ------
    ValueError
        If there is something else in its file.
    """
    path = folder / OWNER
    try:
        found = build(Owner, json.loads(path.read_text(encoding="utf-8")))
        if not 0 < found.pid < 1 << 31 or (found.workers is not None and found.workers < 1):
            raise ValueError(f"process {found.pid}, {found.workers} workers")
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"{path}: damaged ({fault}); if no process works on the study, delete it") from fault
    return found


def write_owner(folder: Path, owner: Owner) -> None:
    """Put down who works on the folder."""
    with replacing(folder / OWNER) as file:
        json.dump(asdict(owner), file)


def alive(folder: Path) -> Owner | None:
    """Who works on the folder, if anybody does."""
    found = owner(folder)
    return found if found and found.alive else None


@contextmanager
def taking(folder: Path) -> Iterator[Owner | None]:
    """Inside, nobody else can become the owner; yields the one there is, if alive."""
    from filelock import FileLock

    with FileLock(folder / ".lock"):
        yield alive(folder)


def ask(folder: Path, request: str | None) -> None:
    """Ask for ``PAUSE`` or ``STOP``; ``None`` takes that back."""
    if request is None:
        (folder / REQUEST).unlink(missing_ok=True)
    else:
        with replacing(folder / REQUEST) as file:
            file.write(request)


def asked(folder: Path) -> str | None:
    """What has been asked for; what is no request is none."""
    try:
        found = (folder / REQUEST).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    return found if found in (PAUSE, STOP) else None
