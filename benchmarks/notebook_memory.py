"""Memory and time that each notebook takes from top to bottom.

    python benchmarks/notebook_memory.py [NOTEBOOK …] [--json] [--limit 1200] [--threads 2]

Every notebook runs in a kernel and a folder of its own. While it does, its kernel and all processes that this
starts are looked at five times a second. Of each notebook:

pss_mb
    The most memory of all of them together, shared pages counted once: what a container's limit is about.
rss_mb
    The same, shared pages counted in every process.
kernel_mb
    The most that the kernel alone has ever had resident (VmHWM, kept by Linux, so that no moment is missed).
cell
    Number of the code cell, from 0, that was running at the most memory, and its first line.
cells_mb, processes_mb
    The most while each cell was running; at the most of all, what each process had.
wall_s, cpu_s
    From the start of the kernel to the end of the last cell; processor time of all processes.

MB are 10^6 bytes. The exit status is 1 where a notebook needs more than ``--limit`` MB, or fails. What the
server of JupyterLab itself needs comes on top.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ROOT / "notebooks"
LIMIT = 1200
"""MB."""

PAUSE = 0.2
"""Seconds between two looks."""

MEGA = 1e6


@dataclass
class Watched:
    """What a kernel and its children have needed so far."""

    pid: int
    cell: int = 0
    pss: float = 0
    rss: float = 0
    kernel: float = 0
    cells: dict[int, float] = field(default_factory=dict)
    processes: dict[int, int] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Look until it is done."""
        while not self.done.wait(PAUSE):
            self.look()

    def look(self) -> None:
        """Look once."""
        cell, each = self.cell, {}
        pss = rss = 0.0
        try:
            kernel = psutil.Process(self.pid)
            processes = [kernel, *kernel.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                memory, times = process.memory_full_info(), process.cpu_times()
            except psutil.Error:  # it has ended
                continue
            pss += memory.pss
            each[process.pid] = round(memory.pss / MEGA)
            rss += memory.rss
            self.cpu[process.pid] = times.user + times.system
        if pss > self.pss:
            self.pss, self.processes = pss, each
        self.cells[cell] = max(self.cells.get(cell, 0), pss)
        self.rss = max(self.rss, rss)
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
        self.kernel = max(self.kernel, 1024 * float(line.split()[1]))


def measured(path: Path, timeout: int) -> dict[str, Any]:
    """Run one notebook and say what it needed."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory(prefix="notebook-memory-", ignore_cleanup_errors=True) as folder:
        client = NotebookClient(
            notebook, timeout=timeout, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        begun = time.monotonic()
        fault = ""
        with client.setup_kernel():
            assert client.km is not None
            watched = Watched(client.km.provisioner.pid)
            watcher = threading.Thread(target=watched.watch, daemon=True)
            watcher.start()
            try:
                for watched.cell, index in enumerate(code_cells(notebook)):
                    client.execute_cell(notebook.cells[index], index)
            except CellExecutionError as error:
                fault = str(error)[-2000:]
            watched.look()
            wall = time.monotonic() - begun
            watched.done.set()
            watcher.join()
    peak = max(watched.cells, key=watched.cells.__getitem__)
    at = notebook.cells[code_cells(notebook)[peak]].source.partition("\n")[0]
    found: dict[str, Any] = {
        "notebook": path.name,
        "pss_mb": round(watched.pss / MEGA),
        "rss_mb": round(watched.rss / MEGA),
        "kernel_mb": round(watched.kernel / MEGA),
        "cell": f"{peak}: {at}",
        "cells_mb": [round(mb / MEGA) for _, mb in sorted(watched.cells.items())],
        "processes_mb": sorted(watched.processes.values(), reverse=True),
        "wall_s": round(wall, 1),
        "cpu_s": round(sum(watched.cpu.values()), 1),
    }
    return found | ({"fault": fault} if fault else {})


def code_cells(notebook: nbformat.NotebookNode) -> list[int]:
    """Numbers, among all cells, of those that run."""
    return [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"MB (default: {LIMIT})")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch and the like (default: 2)")
    parser.add_argument("--timeout", type=int, default=600, help="seconds per cell (default: 600)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="notebook-memory-home-"))
    os.environ |= {
        "OMP_NUM_THREADS": str(args.threads),
        "IPYTHONDIR": str(home),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    try:
        rows = []
        for path in args.notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
            rows.append(measured(path, args.timeout))
            print(rows[-1], file=sys.stderr)
    finally:
        shutil.rmtree(home)
    found = {
        "limit_mb": args.limit,
        "over": [row["notebook"] for row in rows if row["pss_mb"] > args.limit],
        "failed": [row["notebook"] for row in rows if "fault" in row],
        "threads": args.threads,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "notebooks": rows,
    }
    if args.json:
        print(json.dumps(found))
    else:
        columns = ("notebook", "pss_mb", "rss_mb", "kernel_mb", "wall_s", "cpu_s", "cell")
        for row in [dict(zip(columns, columns, strict=True)), *rows]:
            print(
                "  ".join(f"{row[c]!s:>9}" for c in columns[1:-1]), f"{row['notebook']:32}", row["cell"][:60]
            )
    sys.exit(bool(found["over"] or found["failed"]))


if __name__ == "__main__":
    main()
