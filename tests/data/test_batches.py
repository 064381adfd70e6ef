from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nablaviz
from nablaviz.data.batches import Batches
from nablaviz.data.convert import convert
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.sqlite import SqliteDataset
from nablaviz.data.store import Store
from nablaviz.molecule import Conformer

COUNT = 40


@pytest.fixture(scope="module", params=["store", "hamiltonian-v2", "energy"])
def dataset(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("batches") / request.param
    sample = nablaviz.sample()
    small = np.flatnonzero(sample.table.n_atoms < 9)[:COUNT]
    convert(sample.select(small), path, to=request.param, progress=False)
    return nablaviz.open(path)


def values(conformers: Sequence[Conformer]) -> list[tuple[Any, ...]]:
    """Everything that a conformer holds, in a form that can be compared."""
    names = ("positions", "numbers", "smiles")
    found = []
    for c in conformers:
        arrays = [getattr(c.molecule, n) for n in names] + [c.forces, c.hamiltonian]
        plain = [a.tobytes() if isinstance(a, np.ndarray) else a for a in arrays]
        found.append((c.moses_id, c.conformation_id, c.energy, c.formation_energy, c.source, *plain))
    return found


def read_there(dataset: Dataset, rows: list[int], answer: Any) -> None:
    answer.put(values(dataset.read(rows)))


def consume(batches: Batches, seen: list[Conformer]) -> None:
    for batch in batches:
        seen += batch


def test_rows_read_together_are_those_read_alone(dataset: Dataset) -> None:
    rows = [7, 3, 39, 3, 0, -1]
    assert values(dataset.read(rows)) == values([dataset[row] for row in rows])
    assert values(dataset[10:30].read([5, 0, 19])) == values([dataset[row] for row in (15, 10, 29)])
    assert dataset.read([]) == []
    with pytest.raises(IndexError, match=r"rows must lie in 0…39, not 3…40"):
        dataset.read([3, 40])


def test_hamiltonians_in_the_precision_of_the_file(dataset: Dataset) -> None:
    if not isinstance(dataset, (HamiltonianDatabase, Store)):
        with pytest.raises(ValueError, match="float32 is for Hamiltonian databases and native stores"):
            nablaviz.open(dataset.path, dtype="float32")
        return
    single = nablaviz.open(dataset.path, dtype="float32")
    rows = [7, 3, 39, 3, 0]
    for found, exact in zip([*single.read(rows), single[1]], dataset.read([*rows, 1]), strict=True):
        assert found.hamiltonian.dtype == np.float32 != exact.hamiltonian.dtype
        assert found.hamiltonian.tobytes() == exact.hamiltonian.astype(np.float32).tobytes()
        assert np.array_equal(found.forces, exact.forces)
    for dtype in ("float16", "int64", "wide"):
        with pytest.raises(ValueError, match=f"dtype must be float32 or float64, not {dtype!r}"):
            nablaviz.open(dataset.path, dtype=dtype)


def test_a_dataset_that_is_given_keeps_its_precision() -> None:
    single = nablaviz.open(nablaviz.sample(), dtype="float32")
    assert single[0].hamiltonian.dtype == np.float32
    assert nablaviz.sample()[0].hamiltonian.dtype == np.float64


def test_a_batch_is_one_query(tmp_path: Path, dataset: Dataset) -> None:
    if not isinstance(dataset, SqliteDataset):
        pytest.skip("a store has no queries")
    asked: list[str] = []
    dataset._file._connection().set_trace_callback(asked.append)
    dataset.read(list(range(20)))
    dataset._file._connection().set_trace_callback(None)
    assert len(asked) == 1


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_another_process_reads_the_same_through_a_connection_of_its_own(
    dataset: Dataset, method: str
) -> None:
    rows = list(range(0, COUNT, 3))
    here = values(dataset.read(rows))  # the connection is open before the fork
    context = multiprocessing.get_context(method)
    answer = context.Queue()
    workers = [context.Process(target=read_there, args=(dataset, rows, answer)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [answer.get(timeout=60) for _ in workers] == [here, here]
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert values(dataset.read(rows)) == here


def test_a_data_loader_with_workers_gives_every_row_once(dataset: Dataset) -> None:
    from torch.utils.data import DataLoader

    dataset.read([0])
    loader = DataLoader(dataset, batch_size=7, num_workers=2, collate_fn=values)  # type: ignore[arg-type]
    found = [line for batch in loader for line in batch]
    assert found == values(list(dataset))


def test_batches_are_the_dataset(dataset: Dataset) -> None:
    batches = Batches(dataset, 7)
    found = list(batches)
    assert [len(batch) for batch in found] == [7, 7, 7, 7, 7, 5] and len(batches) == 6
    assert values([c for batch in found for c in batch]) == values(list(dataset))


def test_each_epoch_is_shuffled_anew_and_reproducible(dataset: Dataset) -> None:
    def ids(batches: Batches) -> list[tuple[int | None, int | None]]:
        return [(c.moses_id, c.conformation_id) for batch in batches for c in batch]

    first = Batches(dataset, 9, seed=3)
    epochs = [ids(first), ids(first)]
    assert epochs[0] != epochs[1] and sorted(epochs[0]) == sorted(epochs[1])
    again = Batches(dataset, 9, seed=3)
    again.epoch = 1
    assert ids(again) == epochs[1]


def test_a_pass_that_is_given_up_ends_and_a_fault_is_raised(dataset: Dataset, tmp_path: Path) -> None:
    for _ in Batches(dataset, 3, ahead=4):
        break
    if isinstance(dataset, SqliteDataset):
        import shutil
        import sqlite3

        broken = tmp_path / "broken.db"
        shutil.copy(dataset.path, broken)
        with sqlite3.connect(broken) as database:
            numbers = "Z" if dataset.TABLE == "data" else "numbers"
            key = int(dataset._ids[17])
            database.execute(f"UPDATE {dataset.TABLE} SET {numbers} = x'07000000' WHERE id = ?", [key])
        seen: list[Conformer] = []
        with pytest.raises(DataError, match=r"broken.db, row 17 \(id"):
            consume(Batches(nablaviz.open(broken), 5), seen)
        assert len(seen) == 15
    with pytest.raises(ValueError, match="size must be at least 1, not 0"):
        Batches(dataset, 0)


def test_a_conversion_that_goes_on_reads_no_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = np.flatnonzero(nablaviz.sample().table.n_atoms < 9)[:12]
    convert(nablaviz.sample().select(small), tmp_path / "a.db", to="hamiltonian-v2", progress=False)
    database = nablaviz.open(tmp_path / "a.db")
    convert(database[3:8], tmp_path / "store", progress=False)
    read: list[int] = []
    one = type(database)._read
    monkeypatch.setattr(type(database), "_read", lambda self, row: read.append(row) or one(self, row))
    summary = convert(database, tmp_path / "store", progress=False)
    assert (summary.written, summary.skipped) == (7, 5)
    assert read == [0, 1, 2, 8, 9, 10, 11]
    assert sorted(values(nablaviz.open(tmp_path / "store")))[0][0] == min(c.moses_id for c in database)
