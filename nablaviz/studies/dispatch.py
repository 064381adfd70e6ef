"""Handing the runs of a study to Dask: processes of this machine, or a cluster."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nablaviz.chem.free_memory import free_memory
from nablaviz.studies import control
from nablaviz.studies.execution import execute
from nablaviz.studies.state import FAILED, RUNNING, State, read_state, write_state
from nablaviz.studies.study import Run, Study

if TYPE_CHECKING:
    from distributed import Client, Future

WORKER = 8e8
"""Bytes of memory that a worker takes with a small model: no more of them are started than fit by default."""

RETRIES = 2
"""How often a run is begun again when its worker has vanished."""

BAR = "{l_bar}{bar}| {n:.2f}/{total} runs [{elapsed}<{remaining}{postfix}]"


@contextmanager
def connected(device: str, address: str | None, workers: int | None, runs: int) -> Iterator[Client]:
    """A Dask client: of the scheduler at an address, or of processes here, one for each device.

    Raises
    ------
    ValueError
        If there is no such device.
    OSError
        If no scheduler answers at that address.
    """
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    if address is not None:
        with Client(address, timeout="10s") as client:
            yield client
        return
    gpus = _gpus(device)
    cores = os.cpu_count() or 1
    count = workers or len(gpus) or min(cores, runs, max(1, int(free_memory() / WORKER)))
    threads = str(max(1, cores // count))
    environment = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # its own keeps 0.2 GB that it has once held
    }
    options = {"nthreads": 1, "memory_limit": 0, "silence_logs": logging.ERROR}
    specification = {}
    for place in range(count):
        own = {"CUDA_VISIBLE_DEVICES": gpus[place % len(gpus)]} if gpus else {}
        specification[place] = {"cls": Nanny, "options": {**options, "env": {**environment, **own}}}
    scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}}
    # Nannies see that a worker has ended, and start it again. A scheduler that asks for signs of life would
    # take workers of a machine that was asleep for dead; a cluster that waits 15 s for a worker to come back,
    # as it does by default, would give it up on a busy machine, and the study would wait for ever.
    here = {
        "distributed.scheduler.allowed-failures": RETRIES,
        "distributed.scheduler.worker-ttl": None,
        "distributed.deploy.lost-worker-timeout": "1000 days",
    }
    with (
        dask.config.set(here),
        SpecCluster(specification, scheduler=scheduler, silence_logs=logging.ERROR) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _gpus(device: str) -> list[str]:
    """What ``CUDA_VISIBLE_DEVICES`` calls the GPUs to use."""
    if device == "cpu":
        return []  # without torch, which this process does not need
    import torch

    from nablaviz.models.training import check_device

    check_device(device)
    count = torch.cuda.device_count()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (visible.split(",") if visible else list(map(str, range(count))))[:count]


def dispatch(
    folder: Path, study: Study, runs: list[Run], client: Client, session: str, *, progress: bool
) -> None:
    """Have the runs done, and put down those that could not be. Ctrl-C stops them; a second one gives up.

    Raises
    ------
    OSError
        If the scheduler vanishes.
    """
    from distributed import wait
    from tqdm.auto import tqdm

    from nablaviz.data.baseline_cache import default_folder

    def submit(run: Run) -> Future:
        return client.submit(execute, folder, run, study, session, default_folder(), pure=False)

    waiting = {submit(run): run for run in runs}
    with tqdm(total=len(runs), unit="run", disable=not progress, bar_format=BAR) as bar:
        while waiting:
            try:
                done = wait(list(waiting), timeout=1, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                done = set()
            except KeyboardInterrupt:
                if control.asked(folder) == control.STOP:
                    raise
                control.ask(folder, control.STOP)
                continue
            for future in done:
                run = waiting.pop(future)
                found = _outcome(future, run, session)
                if found is None:
                    waiting[submit(run)] = run
                elif found.state == FAILED:
                    bar.write(f"{run.name}: {found.message}", file=sys.stderr)
            states = [read_state(run.folder) for run in waiting.values()]
            bar.n = len(runs) - len(waiting) + sum(s.fraction for s in states)
            bar.set_postfix_str(control.asked(folder) or "")


def _outcome(future: Future, run: Run, session: str) -> State | None:
    """What has become of a run; ``None`` if it is to be begun once more."""
    from distributed import KilledWorker

    if future.status == "finished":
        return future.result()
    if future.status != "error":
        raise ConnectionError("the Dask scheduler has vanished; resume goes on where the runs were")
    found, fault = read_state(run.folder), future.exception()
    if not isinstance(fault, KilledWorker):
        message = f"{type(fault).__name__}: {fault}"
    elif found.session == session and found.state == RUNNING:
        message = "its worker vanished again and again: killed, or out of memory"
    else:
        return None  # it only waited in line behind another, which its workers vanished with
    failed = replace(found, state=FAILED, message=message)
    write_state(run.folder, failed)
    return failed
