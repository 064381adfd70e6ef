"""Files that appear complete or not at all, whatever ends the process or the machine that writes them."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

DAY = 86400.0
"""Age, seconds, at which what another machine left unfinished in a shared folder counts as given up."""

_PART = re.compile(r"\..+\.(?P<host>[^/]*)\.(?P<pid>\d+)\.part", re.DOTALL)


@contextmanager
def taking_its_place(path: str | Path) -> Iterator[Path]:
    """Where to write a file, which then takes the place of an older one, if nothing goes wrong inside.

    It is on the disk before it gets its name. What killed processes left unfinished in the folder is removed.
    """
    path = Path(path)
    _remove_abandoned(path.parent)
    part = path.with_name(f".{path.name}.{_host()}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    with open(part, "x") as file:  # not through a link that somebody else put there
        mode = os.fstat(file.fileno()).st_mode
    try:
        yield part
        with open(part, "rb") as file:
            os.fchmod(file.fileno(), mode & 0o777)  # some writers make files that only their owner can read
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as fault:
        if fault.filename is None:  # a full disk
            raise OSError(fault.errno, fault.strerror or str(fault), str(path)) from fault
        raise
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing(path: str | Path) -> Iterator[TextIO]:
    """A text file to write, which takes its name, in place of an older one, once all of it is written."""
    with taking_its_place(path) as part, open(part, "w", encoding="utf-8", newline="\n") as file:
        yield file


def _host() -> str:
    return re.sub(r"[^\w-]", "-", socket.gethostname())


def _remove_abandoned(folder: Path) -> None:
    """Remove unfinished files of processes of this machine that are gone, and very old ones of any other."""
    with suppress(OSError):  # whoever cannot list the folder will learn it from writing there
        for name in os.listdir(folder):
            found = _PART.fullmatch(name) if name.endswith(".part") else None
            if found and _abandoned(folder / name, found["host"], int(found["pid"])):
                (folder / name).unlink(missing_ok=True)


def _abandoned(part: Path, host: str, pid: int) -> bool:
    if host == _host():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # it is there, and another user's; or no process has that number
            return False
    return time.time() - part.stat().st_mtime > DAY
