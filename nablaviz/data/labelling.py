"""Labelling many conformers on a Dask client, straight into a native store.

Each finished conformer is on disk before the next is waited for, so that a kill at any moment loses
none, and a rerun does only what is missing. A failed calculation is a row with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nablaviz.chem.dft import Settings, label
from nablaviz.data.dataset import Key
from nablaviz.data.store_writer import StoreWriter
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    from distributed import Client

IN_FLIGHT = 2
"""Conformers handed out per worker thread: one at work, one waiting."""

DEFAULT_SETTINGS = Settings()

WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    # PySCF allocates and frees large arrays all the time; giving them back to the system each time
    # costs up to a fifth of the run.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 36),
}

PATIENT = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.deploy.lost-worker-timeout": "1000 days",
}
"""A worker that was killed comes back, but on a busy machine later than a local cluster waits by default."""


class Source(Protocol):
    """Where conformers to label come from: a recipe, a list of SMILES, a file of geometries."""

    def __len__(self) -> int: ...

    def conformers(self, skip: AbstractSet[Key], failures: dict[int, str]) -> Iterator[Conformer]: ...


@dataclass(frozen=True)
class Summary:
    """What a labelling run did."""

    path: Path
    done: int
    "Conformers labelled in this run."
    failed: int
    "Of these, calculations that failed; their rows hold the reason."
    before: int
    "Conformers that were in the store already."
    not_embedded: dict[int, str]
    "Molecules without a geometry, and so without a row: the reason by moses_id."


@contextmanager
def connect(scheduler: str | None = None, workers: int | None = None) -> Iterator[Client]:
    """A Dask client: of the scheduler at an address, or of local processes, one per core.

    Raises
    ------
    OSError
        If no scheduler answers at that address, or it vanishes.
    """
    from distributed import Client, LocalCluster
    from distributed.comm import CommClosedError

    if scheduler is not None:
        with Client(scheduler, timeout="10s") as client:
            try:
                yield client
            except (CommClosedError, ConnectionError, CancelledError) as fault:
                raise ConnectionError(f"the Dask scheduler at {scheduler} has vanished") from fault
        return
    import dask

    environment = {**dask.config.get("distributed.nanny.pre-spawn-environ"), **WORKER_ENVIRONMENT}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": environment, **PATIENT}),
        LocalCluster(
            n_workers=workers or os.cpu_count(), threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def label_all(
    source: Source,
    path: str | Path,
    client: Client,
    *,
    settings: Settings = DEFAULT_SETTINGS,
    shard_rows: int = 64,
    progress: bool = True,
) -> Summary:
    """Label every conformer of ``source`` that the store at ``path`` does not have.

    Raises
    ------
    DataError
        If the store is being written by another process, or is not a store.
    """
    from distributed import as_completed
    from tqdm.auto import tqdm

    with StoreWriter(path, shard_rows=shard_rows, durable=True) as writer:
        before, failed, not_embedded = writer.rows, 0, dict[int, str]()
        todo = source.conformers(set(writer.keys), not_embedded)
        slots = IN_FLIGHT * max(1, sum(client.nthreads().values()))
        bar = tqdm(total=len(source), initial=before, unit="conformer", disable=not progress, smoothing=0.05)
        with bar:
            waiting = {}
            running = as_completed()

            def hand_out(count: int) -> None:
                for conformer in islice(todo, count):
                    future = client.submit(label_or_explain, conformer, settings, pure=False)
                    waiting[future] = conformer
                    running.add(future)

            hand_out(slots)
            for future in running:
                conformer = waiting.pop(future)
                if future.status == "error":  # its worker died, again and again
                    result = replace(conformer, error=f"no result: {future.exception()}")
                else:  # CancelledError if the scheduler has vanished
                    result = future.result()
                writer.add(result)
                failed += result.error is not None
                bar.update()
                bar.set_postfix_str(f"{failed} failed" if failed else "", refresh=False)
                hand_out(1)
        return Summary(Path(path), writer.rows - before, failed, before, not_embedded)


def label_or_explain(conformer: Conformer, settings: Settings) -> Conformer:
    """The labelled conformer, or one whose ``error`` says why there are no labels."""
    try:
        labels = label(conformer.molecule, settings=settings)
    except (ArithmeticError, MemoryError, RuntimeError, ValueError) as fault:
        return replace(conformer, error=f"{type(fault).__name__}: {fault}")
    names = ("energy", "formation_energy", "forces", "hamiltonian", "orbital_energies", "dipole")
    return replace(conformer, **{n: getattr(labels, n) for n in (*names, "scf_iterations", "wall_time")})
