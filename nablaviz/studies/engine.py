"""Running a study: in this process or one of its own; pausing it, stopping it, going on with it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from nablaviz.studies import control, schedulers
from nablaviz.studies.control import Owner
from nablaviz.studies.dispatch import connected, dispatch
from nablaviz.studies.state import FAILED, read_state
from nablaviz.studies.study import check, fingerprint, read, runs

LOG = "log.txt"
"""What processes in the background say."""


def is_running(folder: str | Path) -> bool:
    """Whether a process works on the study."""
    return control.alive(Path(folder)) is not None


def fault(folder: str | Path) -> str:
    """Why the last process that worked on the study gave up, where that was no run's fault."""
    owner = control.owner(Path(folder))
    return owner.fault if owner else ""


def pause(folder: str | Path) -> None:
    """Let the runs save their state and wait in their workers until :func:`resume`.

    Raises
    ------
    ValueError
        If nothing is running.
    """
    _ask(Path(folder), control.PAUSE)


def stop(folder: str | Path) -> None:
    """Let the runs save their state and end; :func:`resume` goes on with them.

    Raises
    ------
    ValueError
        If nothing is running.
    """
    _ask(Path(folder), control.STOP)


def _ask(folder: Path, request: str) -> None:
    if not is_running(folder):
        raise ValueError(f"{folder}: the study is not being run")
    control.ask(folder, request)


def resume(folder: str | Path) -> None:
    """Go on with a study that was paused, stopped or killed, as it was run before; return at once.

    Runs that failed are tried again.

    Raises
    ------
    FileNotFoundError
        If there is no study.
    ValueError
        If the folder names a Dask scheduler that this user has never named.
    """
    folder = Path(folder)
    owner = control.owner(folder)
    if owner and owner.alive:
        control.ask(folder, None)
    elif owner:
        schedulers.check_known(owner.address, folder)
        start(folder, address=owner.address, workers=owner.workers)
    else:
        start(folder)


def start(folder: str | Path, *, address: str | None = None, workers: int | None = None) -> None:
    """Run a study in a process of its own, which outlives this one; return at once.

    Parameters
    ----------
    address, workers
        As for :func:`run`.

    Raises
    ------
    FileNotFoundError
        If there is no study.
    ValueError
        If it is being run already.
    """
    folder = Path(folder).resolve()
    read(folder)
    _check_links(folder)
    command = [sys.executable, "-m", "nablaviz", "study", "run", str(folder)]
    command += ["--address", address] if address else []
    command += ["--workers", str(workers)] if workers else []
    if address:
        schedulers.remember(address)
    with _taking(folder), open(folder / LOG, "a", encoding="utf-8", opener=_no_link) as log:
        control.ask(folder, None)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in this terminal is not for it
        )
        control.write_owner(folder, Owner.of(process.pid, address, workers))
    threading.Thread(target=process.wait, daemon=True).start()  # it leaves no zombie


def _no_link(path: str, flags: int) -> int:
    """Open a file, but not through a link that came with the folder and leads elsewhere."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def _check_links(folder: Path) -> None:
    """Raise ``ValueError`` if what is written in the folder would land elsewhere."""
    for path in (folder / "runs", folder / LOG, *(run.folder for run in runs(folder))):
        if path.is_symlink():
            raise ValueError(f"{path} is a link: a study writes only into its own folder")


@contextmanager
def _taking(folder: Path) -> Iterator[None]:
    """Inside, this process may name an owner of the folder, which has none yet."""
    with control.taking(folder) as owner:
        if owner and owner.pid != os.getpid():
            who = f"process {owner.pid} on {owner.host}"
            where = folder / control.OWNER
            raise ValueError(f"{folder}: {who} runs the study; if there is no such process, delete {where}")
        yield


def run(
    folder: str | Path, *, address: str | None = None, workers: int | None = None, progress: bool = True
) -> None:
    """Run a study, or what is left of it; Ctrl-C stops it, and nothing is lost.

    Runs that fail say why in their state; the others go on.

    Parameters
    ----------
    address
        Of a running Dask scheduler, such as ``tcp://host:8786``, whose workers see the folder and the data
        at the same paths.
    workers
        Processes on this machine; by default one for each GPU or, without, one for each core, as far as
        memory allows, and at most one for each run.

    Raises
    ------
    FileNotFoundError
        If there is no study, or there are no data.
    ValueError
        If the study cannot be run, is being run already, or its data have changed.
    OSError
        If no scheduler answers, or it vanishes.
    """
    folder = Path(folder).resolve()
    study = read(folder)
    _check_links(folder)
    if address:
        schedulers.remember(address)
    owner = Owner.of(os.getpid(), address, workers)
    with _taking(folder):
        if control.owner(folder) != owner:  # else start() has done this
            control.write_owner(folder, owner)
            control.ask(folder, None)
    reason = ""
    try:
        if check(study).fingerprint != fingerprint(folder):
            raise ValueError(
                f"{folder}: {study.data} has changed since the study was made; make it again: its runs are "
                "then new ones"
            )
        todo = [each for each in runs(folder) if not read_state(each.folder).finished(study.splits)]
        if todo:
            with connected(study.device, address, workers, len(todo)) as client:
                dispatch(folder, study, todo, client, owner.session, progress=progress)
    except BaseException as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise
    finally:
        control.write_owner(folder, replace(owner, over=True, fault=reason))


def failed(folder: str | Path) -> dict[str, str]:
    """The runs that have failed, and why."""
    states = {each.name: read_state(each.folder) for each in runs(folder)}
    return {name: found.message for name, found in states.items() if found.state == FAILED}
