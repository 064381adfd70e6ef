"""Work that is killed at random moments, again and again, ends as work left in peace, and leaves no rubbish.

    python benchmarks/power_cuts.py --kills 200 --json

Five kinds of work, each as the command line does it: ``label`` (DFT on Dask workers into a store),
``convert`` (a store into a store, an energy database and a Hamiltonian database), ``download`` (from a slow
server on this machine), ``train``, ``export`` (a cube, a Molden file, a CSV list, a page, a store). Each
is done once undisturbed. Then ``kill -9`` strikes the process and all it has started at a random moment, most
often after the first file has been touched; the work is begun again until it ends, and then anew elsewhere.

``broken``: files with a final name that could not be read, or were not complete, after a kill. ``lost``:
results unlike the undisturbed ones. ``left``: files in the folder in the end that an undisturbed run
does not leave.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import md5
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from power_work import Slowly, Work, inputs, works

SHARES = {"label": 0.1, "convert": 0.25, "download": 0.25, "train": 0.2, "export": 0.2}
"""Of the kills: labelling takes longest."""


def begin(function: Callable[[], object], log: Path) -> int:
    """Run a function in a process and a session of its own; its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        with log.open("ab", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def finish(pid: int) -> int:
    """Wait for a process; its exit status."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill(pid: int) -> None:
    """End a process and all that it has started, at once."""
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    finish(pid)


def spent(pid: int) -> float:
    """Seconds of computing of a process and of those it started."""
    try:
        process = psutil.Process(pid)
        return sum(sum(p.cpu_times()[:2]) for p in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def asked(function: Callable[[], Any], log: Path) -> Any:
    """The value of a function that runs in a process of its own, which may start threads."""
    answer = log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    if finish(begin(lambda: answer.write_text(json.dumps(function())), log)):
        return None
    return json.loads(answer.read_text())


def same(one: Any, other: Any) -> bool:
    """Whether two results are equal up to rounding."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(one[k], other[k]) for k in one)
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-6 * max(1.0, abs(one)) or (one != one and other != other)
    return bool(one == other)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def strike(work: Work, root: Path, kills: int, draw: random.Random) -> dict[str, Any]:
    """Kill one kind of work so many times."""
    log = root / f"{work.name}.log"
    peace = root / f"{work.name}-peace"
    peace.mkdir()
    pid, span, first = begin(lambda: work.do(peace), log), 0.0, 0.0
    began = time.monotonic()
    waits = work.name == "download"  # it computes next to nothing

    def clock(pid: int, since: float) -> float:
        return time.monotonic() - since if waits else spent(pid)

    while os.waitpid(pid, os.WNOHANG) == (0, 0):
        span = max(span, clock(pid, began))
        first = first or (span if any(peace.glob(work.begun)) else 0.0)
        time.sleep(0.01)
    reference = asked(lambda: work.result(peace), log)
    assert reference, log.read_text()[-3000:]
    counts = {"kills": 0, "broken": 0, "lost": 0, "left": 0, "finished": 0}
    folder, left = root / f"{work.name}-0", list[str]()
    folder.mkdir()
    while True:
        pid, began = begin(partial(work.do, folder), log), time.monotonic()
        moment = draw.uniform(0, span) if draw.random() < 0.3 else draw.uniform(first, span)
        ended = None
        while counts["kills"] < kills and clock(pid, began) < moment and ended is None:
            time.sleep(0.01)
            ended = _ended(pid)
        if ended is None and counts["kills"] < kills:
            kill(pid)
            counts["kills"] += 1
            if asked(partial(work.result, folder), log) is None:
                counts["broken"] += 1
                print(f"{work.name}: broken\n{log.read_text()[-2000:]}", file=sys.stderr)
            continue
        status = finish(pid) if ended is None else ended
        counts["finished"] += 1
        found = asked(partial(work.result, folder), log)
        if status or not same(reference, found):
            counts["lost"] += 1
            print(f"{work.name}: {status}, {found}\n{log.read_text()[-2000:]}", file=sys.stderr)
        more = sorted(set(files(folder)) - set(files(peace)))
        counts["left"] += len(more)
        left += more
        print(f"{work.name}: {counts}", file=sys.stderr, flush=True)
        if counts["kills"] >= kills:
            return {**counts, "names_left": left[:10], "seconds_of_one": round(span, 1)}
        shutil.rmtree(folder)
        folder = root / f"{work.name}-{counts['finished']}"
        folder.mkdir()


def _ended(pid: int) -> int | None:
    """The exit status of a process that has ended."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def load() -> None:
    """Import here what the work needs, so that each process begins at once. No thread is started."""
    import dask.distributed  # noqa: F401
    import ipywidgets  # noqa: F401
    import lightning_fabric  # noqa: F401
    import pandas  # noqa: F401
    import plotly.graph_objects  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyscf.dft  # noqa: F401
    import rdkit.Chem.AllChem  # noqa: F401
    import torch

    import nablaviz.models.library  # noqa: F401

    torch.set_num_threads(1)


def experiment(
    root: Path, kills: int, seed: int = 0, only: tuple[str, ...] = tuple(SHARES)
) -> dict[str, Any]:
    """Kill all kinds of work; what came of each."""
    load()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slowly)
    url = f"http://127.0.0.1:{server.server_port}"
    registry = root / "registry.json"
    tag = md5(Slowly.content).hexdigest()
    entry = {"name": "file", "path": "file.db", "etag": tag, "content": "noise"}
    registry.write_text(json.dumps({"base_url": url, "files": [entry]}))
    assert finish(begin(lambda: inputs(root), root / "inputs.log")) == 0, (root / "inputs.log").read_text()
    pid = begin(server.serve_forever, root / "server.log")
    total = sum(SHARES[name] for name in only)
    found = {}
    try:
        for work in works(root, url, registry):
            if work.name in only:
                draw = random.Random(f"{seed}/{work.name}")
                found[work.name] = strike(work, root, max(1, round(kills * SHARES[work.name] / total)), draw)
    finally:
        kill(pid)
        server.server_close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="in all (default: 200)")
    parser.add_argument("--only", choices=SHARES, action="append", help="this kind of work")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="power-cuts-", ignore_cleanup_errors=True) as name:
        found = experiment(Path(name), args.kills, args.seed, tuple(args.only or SHARES))
    totals = {
        k: sum(work[k] for work in found.values()) for k in ("kills", "finished", "broken", "lost", "left")
    }
    if args.json:
        print(json.dumps({**totals, "seed": args.seed, "work": found}))
    else:
        print("\n".join(f"{name}: {value}" for name, value in {**found, "in all": totals}.items()))
    sys.exit(bool(totals["broken"] or totals["lost"] or totals["left"]))


if __name__ == "__main__":
    main()
