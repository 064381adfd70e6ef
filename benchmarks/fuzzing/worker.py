"""Reads cases in a process of its own, which may hang, crash or run out of memory without harm."""

from __future__ import annotations

import os
import resource
import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil

from fuzzing.checks import Wrong
from fuzzing.seeds import content
from fuzzing.target import Target, case, place

TIME, MEMORY = 5.0, 1 << 30
"""What a case may take: seconds of processor time, bytes beyond what the process had before."""

WALL = 60.0
"""Seconds after which a case that computes nothing hangs too."""


@dataclass(frozen=True)
class Outcome:
    """What came of a case."""

    kind: str
    "``read``, ``error``, or a fault: ``raised``, ``unnamed``, ``wrong``, ``memory``, ``hang``, ``crash``."
    what: str = ""
    seconds: float = 0.0

    @property
    def fault(self) -> bool:
        return self.kind not in ("read", "error")


def read(target: Target, value: bytes | str, path: Path | None, original: set[str] | None) -> Outcome:
    """Read one case here.

    Parameters
    ----------
    path
        Where to put a file.
    original
        What undamaged files give; anything else is wrong. ``None``: other values may be right.
    """
    begun = time.process_time()

    def outcome(kind: str, what: str = "") -> Outcome:
        return Outcome(kind, what[:300], time.process_time() - begun)

    if path is not None:
        path.write_bytes(value if isinstance(value, bytes) else value.encode())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = target.read(value if path is None else path)
    except Wrong as fault:
        return outcome("wrong", str(fault))
    except MemoryError as fault:
        return outcome("memory", str(fault))
    except target.allowed as fault:
        if path is not None and target.named and path.name not in str(fault):
            return outcome("unnamed", f"{type(fault).__name__}: {fault}")
        if not str(fault).strip():
            return outcome("unnamed", f"{type(fault).__name__} without a word")
        return outcome("error", type(fault).__name__)
    except Exception as fault:
        return outcome("raised", f"{type(fault).__name__}: {fault}")
    except BaseException as fault:  # a panic of Rust's, SystemExit
        return outcome("raised", f"{type(fault).__name__}: {fault}")
    if original is not None and repr(found) not in original:
        return outcome("wrong", "what is read is not what was written, and nothing was said")
    return outcome("read")


def undamaged(target: Target, folder: Path) -> set[str]:
    """What the seeds of a target give; each must be read."""
    found = set()
    path = place(target, folder)
    kept = path.read_bytes()
    for name in target.seeds:
        path.write_bytes(content(folder, name))
        found.add(repr(target.read(path)))
    path.write_bytes(kept)
    return found


def serve(link: Connection, target: Target, folder: Path, seed: int) -> None:
    """Read the cases whose numbers come through ``link``, and send what came of them."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what C libraries say of each case
    path = None if target.text else place(target, folder)
    original = None if target.text else undamaged(target, folder)
    if target.text and target.warm:
        for text in target.seeds:
            read(target, text, None, None)
    _limit_memory()
    link.send("ready")
    while (number := link.recv()) is not None:
        value, damage = case(target, folder, seed, number)
        outcome = read(target, value, path, original if target.sealed and damage else None)
        link.send((outcome, _memory("VmHWM")))  # getrusage counts the process that began this one too


def _memory(name: str) -> int:
    """What the kernel says of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _limit_memory() -> None:
    held = _memory("VmData")
    resource.setrlimit(resource.RLIMIT_DATA, (held + MEMORY, held + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Worker:
    """A process that reads the cases of one target, begun again when it is lost."""

    def __init__(self, target: Target, folder: Path, seed: int) -> None:
        self.target, self.folder, self.seed = target, folder, seed
        self.process: Any = None
        self.peak = self.base = 0

    def _start(self) -> None:
        self.temporary = tempfile.TemporaryDirectory(prefix="fuzz-worker-")
        context = get_context("spawn")
        self.link, theirs = context.Pipe()
        arguments = (
            theirs,
            self.target,
            copied(self.folder, Path(self.temporary.name) / "own"),
            self.seed,
        )
        self.process = context.Process(target=serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        if not self.link.poll(300) or self.link.recv() != "ready":
            raise RuntimeError(f"the worker for {self.target.name} did not start")
        self.statistics = psutil.Process(self.process.pid)
        self.base = self.statistics.memory_info().rss

    def read(self, number: int) -> Outcome:
        """What comes of a case."""
        if self.process is None:
            self._start()
        begun, computed = time.monotonic(), self._computed()
        self.link.send(number)
        while True:
            try:
                if self.link.poll(0.5):
                    outcome, peak = self.link.recv()
                    self.peak = max(self.peak, peak - self.base)
                    return outcome
            except (EOFError, ConnectionError):
                code = self.close(wait=True)
                return Outcome("crash", f"the process ended with {code}")
            spent = self._computed() - computed
            if spent > TIME or time.monotonic() - begun > WALL:
                self.close()
                return Outcome("hang", f"{spent:.1f} s of processor time", spent)

    def _computed(self) -> float:
        try:
            return sum(self.statistics.cpu_times()[:2])
        except psutil.NoSuchProcess:
            return 0.0

    def close(self, *, wait: bool = False) -> int | None:
        """End the process."""
        if self.process is None:
            return None
        if wait:
            self.process.join(10)
        self.process.kill()
        self.process.join()
        code, self.process = self.process.exitcode, None
        self.temporary.cleanup()
        return code


def copied(folder: Path, to: Path) -> Path:
    """Seeds that one process alone changes."""
    return Path(shutil.copytree(folder, to / "copy"))
