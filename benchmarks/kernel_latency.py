"""How soon a notebook's kernel answers while a study runs on all cores.

    python benchmarks/kernel_latency.py --json

A Jupyter kernel opens the panel of the study that ``make study`` runs and starts it. Once each of its workers
trains, a client asks the kernel to execute a line, waits for the reply, rests, and asks again; the same is
done before the study begins. Milliseconds from the request to the reply.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from jupyter_client import KernelManager
from jupyter_client.blocking import BlockingKernelClient

from nablaviz.studies import engine, results

PANEL = """
import nablaviz
from dataclasses import replace
from nablaviz.studies.study import specification
panel = nablaviz.learning_curves(replace(specification("reduced"), device="cpu"), folder={folder!r})
"""
LINE = "len(panel.status.runs.value)"
REST = 0.05
"""Seconds between an answer and the next question."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--asked", type=int, default=400, help="times (default: 400)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    with tempfile.TemporaryDirectory(prefix="kernel-latency-") as name:
        folder = Path(name) / "study"
        try:
            client.wait_for_ready(timeout=120)
            found = measured(client, folder, args.asked)
        finally:
            end(folder)
            client.stop_channels()
            manager.shutdown_kernel(now=True)
    if args.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            print(f"{key}: {value}")


def measured(client: BlockingKernelClient, folder: Path, asked: int) -> dict[str, object]:
    """The times without and with a study."""
    execute(client, PANEL.format(folder=str(folder)), timeout=300)
    alone = round_trips(client, asked)
    execute(client, "panel.start()", timeout=300)
    workers = min(os.cpu_count() or 1, len(results.progress(folder)))
    while training(folder) < workers:
        assert engine.is_running(folder), (folder / engine.LOG).read_text()
        time.sleep(0.2)
    beside = round_trips(client, asked)
    assert engine.is_running(folder), "the study ended too soon"
    return {
        "alone": summary(alone),
        "beside": summary(beside),
        "workers": workers,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


def training(folder: Path) -> int:
    """How many runs are at work."""
    table = results.progress(folder)
    return int(((table["state"] == "running") & (table["message"] == "training")).sum())


def execute(client: BlockingKernelClient, code: str, timeout: float = 60) -> None:
    reply = client.execute(code, reply=True, timeout=timeout, store_history=False)["content"]
    assert reply["status"] == "ok", "\n".join(reply["traceback"])


def round_trips(client: BlockingKernelClient, asked: int) -> list[float]:
    """Milliseconds of each."""
    times = []
    for _ in range(asked):
        begun = time.perf_counter()
        execute(client, LINE)
        times.append(1000 * (time.perf_counter() - begun))
        time.sleep(REST)
    return times


def summary(times: list[float]) -> dict[str, float]:
    """Median, 95th percentile and longest."""
    return {
        "median_ms": statistics.median(times),
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "max_ms": max(times),
        "n": len(times),
    }


def end(folder: Path) -> None:
    """Stop the study, and wait until it has ended."""
    if (folder / "study.json").exists() and engine.is_running(folder):
        engine.stop(folder)
        while engine.is_running(folder):
            time.sleep(0.2)


if __name__ == "__main__":
    main()
