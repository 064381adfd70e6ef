"""A study whose workers, scheduler and kernel are killed at random moments ends as one left in peace.

    python benchmarks/study_kills.py --kills 20

A small study is run undisturbed. Then it is run again, from a process like a notebook's kernel, while
``kill -9`` strikes: a worker; the process that holds Dask's scheduler; the kernel. Where the study's process
is gone or has given a run up, a kernel resumes it. Once the study has finished, another one begins, until
each kind of process was killed often enough. Moments are drawn in seconds of computing, of which the study
left in peace took as many on a busy machine as on an idle one.

``lost``: rows of the final tables that are missing or differ by more than 1e-6. ``redone``: finished runs
that were touched again. ``orphaned``: studies that ended with the kernel that had started them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import psutil

from nablaviz.studies import control, engine, results
from nablaviz.studies.execution import ERRORS
from nablaviz.studies.study import Contender, Study, create, runs

SMALL = {"channels": "8", "layers": "1", "checkpoint_every": "10", "validate_every": "25", "warmup": "5"}
STUDY = Study(
    data="sample",
    contenders=(Contender("composition", "composition"), Contender("SchNet", "schnet", SMALL)),
    sizes=(30, 60),
    seeds=(0,),
    splits=("test_conformations", "larger_molecules"),
    budget=150,
    device="cpu",
)
KINDS = "worker", "scheduler", "kernel"
KERNEL = """
import sys, time
from nablaviz.studies import engine
engine.resume(sys.argv[1])
print("ready", flush=True)
time.sleep(1e6)
"""
KEYS = ["model", "size", "seed", "split", "metric", "unit"]
NUMBERS = ["value", "low", "high", "n_molecules", "n_conformers", "steps", "samples_seen"]


class Disturbed:
    """A study that is killed now and then."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kernel, self.redone = folder, None, 0
        self.finished: dict[str, int] = {}
        create(folder, STUDY)

    def go_on(self) -> None:
        """See to it that there is a kernel, and a process that runs the study."""
        if self.kernel is None or self.kernel.poll() is not None or not engine.is_running(self.folder):
            self.end_kernel()
            command = [sys.executable, "-c", KERNEL, str(self.folder)]
            self.kernel = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            self.kernel.stdout.readline()

    def end_kernel(self) -> None:
        if self.kernel is not None:
            self.kernel.kill()
            self.kernel.communicate()
            self.kernel = None

    def over(self) -> bool:
        """Whether all runs have finished; counts finished ones that have been touched."""
        table = results.progress(self.folder)
        for run in runs(self.folder):
            if (table.set_index("run").state[run.name]) == "finished":
                written = (run.folder / ERRORS).stat().st_mtime_ns
                self.redone += self.finished.setdefault(run.name, written) != written
        return bool((table.state == "finished").all()) and not engine.is_running(self.folder)

    def working(self) -> bool:
        return bool((results.progress(self.folder).state == "running").any())

    def wait(self, seconds: float) -> None:
        """Until the study has computed for so long, or is over."""
        last = computed(self.folder)
        while seconds > 0 and engine.is_running(self.folder):
            time.sleep(0.05)
            now = computed(self.folder)
            seconds -= max(now - last, 0.0)
            last = now

    def kill(self, kind: str, draw: random.Random) -> bool:
        """Kill a process of a kind, if there is one."""
        if kind == "kernel":
            self.end_kernel()
            return True
        owner = control.alive(self.folder)
        if owner is None:
            return False
        try:
            process = psutil.Process(owner.pid)
            if kind == "worker":
                found = [p for p in process.children() if "spawn_main" in " ".join(p.cmdline())]
                process = draw.choice(found)
            process.kill()
        except (psutil.NoSuchProcess, IndexError):
            return False
        return True


def computed(folder: Path) -> float:
    """Seconds of computing of the processes that work on a study."""
    owner = control.alive(folder)
    if owner is None:
        return 0.0
    try:
        study = psutil.Process(owner.pid)
        return sum(sum(p.cpu_times()[:2]) for p in (study, *study.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def table(folder: Path) -> pd.DataFrame:
    return results.results(folder).set_index(KEYS).sort_index()[NUMBERS]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="of each kind (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    draw = random.Random(args.seed)
    with tempfile.TemporaryDirectory(prefix="study-kills-") as name:
        found = experiment(Path(name), args.kills, draw)
    if args.json:
        print(json.dumps({**found, "seed": args.seed, "cores": os.cpu_count()}))
    else:
        for key, value in found.items():
            print(f"{key}: {value}")
    sys.exit(bool(found["lost"] or found["redone"] or found["orphaned"]))


def experiment(root: Path, kills: int, draw: random.Random) -> dict[str, object]:
    began, span = time.monotonic(), 0.0
    create(root / "peace", STUDY)
    engine.start(root / "peace")
    while engine.is_running(root / "peace"):
        span = max(span, computed(root / "peace"))
        time.sleep(0.1)
    assert (results.progress(root / "peace").state == "finished").all()
    reference = table(root / "peace")
    left = dict.fromkeys(KINDS, kills)
    lost = redone = orphaned = studies = resumed = 0
    largest = 0.0
    while any(left.values()):
        study = Disturbed(root / f"{studies}")
        studies += 1
        while not study.over():
            resumed += not engine.is_running(study.folder)
            study.go_on()
            if not any(left.values()):
                time.sleep(0.5)
                continue
            # Half of the time processes that are just starting may be struck too.
            if draw.random() < 0.5:
                while engine.is_running(study.folder) and not study.working():
                    time.sleep(0.05)
            study.wait(draw.uniform(0, span / 2))
            kind = draw.choice([kind for kind, count in left.items() if count])
            if engine.is_running(study.folder) and study.kill(kind, draw):
                left[kind] -= 1
                if kind == "kernel":
                    orphaned += not (engine.is_running(study.folder) or study.over())
                print(f"{time.monotonic() - began:.0f} s: {kind} killed, {left} left", file=sys.stderr)
        study.end_kernel()
        difference = (table(study.folder) - reference).abs()
        same = (difference <= 1e-6).all(axis=1) | (difference.isna() & table(study.folder).isna()).any(axis=1)
        lost += int((~same).sum()) + len(reference.index.symmetric_difference(table(study.folder).index))
        largest = max(largest, float(difference.max(axis=None)))
        redone += study.redone
        print(f"study {studies} has finished: {lost} rows lost so far", file=sys.stderr)
    return {
        "kills": dict.fromkeys(KINDS, kills),
        "studies": studies,
        "runs": studies * len(runs(root / "peace")),
        "resumed": resumed - studies,
        "rows": len(reference) * studies,
        "lost": lost,
        "redone": redone,
        "orphaned": orphaned,
        "largest_difference": largest,
    }


if __name__ == "__main__":
    main()
