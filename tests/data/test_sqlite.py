"""SQLite files from anyone: threads, forks, read-only folders, hostile names and schemas."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nablaviz.data.dataset import DataError
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.sqlite import ReadOnly

V1 = Path(__file__).parents[1] / "files" / "psi4_hamiltonians_v1.db"
V2 = V1.with_name("psi4_hamiltonians_v2.db")
ENERGIES = [
    -76.33690953189367,
    -115.59468021696543,
    -477.80553738087946,
    -599.0444824959166,
    -208.996342575646,
]


def energies(dataset: HamiltonianDatabase, times: int = 20) -> list[list[float]]:
    return [[c.energy for c in dataset] for _ in range(times)]


def test_many_threads_read_one_dataset():
    dataset, together = HamiltonianDatabase(V2), threading.Barrier(8)

    def work(_: int) -> list[list[float]]:
        together.wait()
        return energies(dataset)

    with ThreadPoolExecutor(8) as pool:
        assert all(found == [ENERGIES] * 20 for found in pool.map(work, range(8)))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_reads_with_a_connection_of_its_own():
    dataset = HamiltonianDatabase(V2)
    assert energies(dataset, 1) == [ENERGIES]  # the parent's connection is open
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            sound = energies(dataset) == [ENERGIES] * 20 and len(dataset._file._local.connections) == 2
            os.write(writer, b"1" if sound else b"0")
        finally:
            os._exit(0)
    assert energies(dataset) == [ENERGIES] * 20
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"1"
    os.close(reader), os.close(writer)


def test_a_dataset_travels_to_another_process():
    dataset = HamiltonianDatabase(V2)
    assert energies(pickle.loads(pickle.dumps(dataset)), 1) == [ENERGIES]  # noqa: S301
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(dataset.__getitem__, 3).result().energy == ENERGIES[3]


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    path = Path(shutil.copy(V2, tmp_path / "h.db"))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert energies(HamiltonianDatabase(path), 1) == [ENERGIES]
    assert os.listdir(tmp_path) == ["h.db"]


def test_nothing_is_ever_written(tmp_path):
    path = Path(shutil.copy(V2, tmp_path / "h.db"))
    before = path.read_bytes()
    dataset = HamiltonianDatabase(path)
    energies(dataset), dataset.table
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        dataset._file._connection().execute("DELETE FROM data")
    assert (os.listdir(tmp_path), path.read_bytes()) == (["h.db"], before)


@pytest.mark.parametrize(
    "name",
    [
        "<img src=x onerror=alert(1)>.db",
        "a?mode=rw&x.db",
        "100%25#.db",
        "ü ' \" ;--.db",
        "no suffix",
        "x.npy",
    ],
)
def test_any_file_name_opens(tmp_path, name):
    path = Path(shutil.copy(V2, tmp_path / name))
    dataset = open_dataset(path)
    assert energies(dataset, 1) == [ENERGIES]
    assert dataset[0].source == f"{path}, row 0 (id 0)"


def test_control_characters_of_a_name_do_not_reach_the_terminal(tmp_path):
    path = tmp_path / "a\x1b[31m\n.db"
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a\\x1b\[31m\\n\.db: not a published") as refusal:
        open_dataset(path)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "schema",
    [
        "CREATE VIEW data AS SELECT id, Z, R, E, F, H, S, C FROM rows",
        "CREATE VIRTUAL TABLE data USING fts5(id, Z, R, E, F, H, S, C)",
        "CREATE TABLE data (id INTEGER PRIMARY KEY, Z, R, E, F, S, C, H AS (zeroblob(1000)))",
    ],
)
def test_tables_that_run_expressions_are_refused(tmp_path, schema):
    path = Path(shutil.copy(V2, tmp_path / "h.db"))
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE data RENAME TO rows")
        connection.execute(schema)
    with pytest.raises(DataError, match="table data lacks|neither table systems nor data"):
        open_dataset(path)
    with pytest.raises(DataError, match="table data lacks"):
        HamiltonianDatabase(path)


def test_an_enormous_value_is_refused(monkeypatch):
    monkeypatch.setattr("nablaviz.data.sqlite.LARGEST_VALUE", 10_000)
    dataset = HamiltonianDatabase(V2)  # finds the order from water and methanol, whose matrices are smaller
    assert dataset[1].energy == ENERGIES[1]
    with pytest.raises(DataError, match=r"row 2 \(id 2\): H has 23104 bytes, more than 10000"):
        dataset[2]


@pytest.mark.parametrize("length", [0, 5, 50, 99, 100, 4096, 20_000, 100_000, -1])
def test_a_truncated_file_is_an_error(tmp_path, length):
    path = tmp_path / "h.db"
    path.write_bytes(V2.read_bytes()[:length])
    with pytest.raises(DataError, match=str(path)):
        ReadOnly(path)
    with pytest.raises(DataError, match=str(path)):
        open_dataset(path)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, V1.stat().st_size - 1), st.integers(0, 255)), min_size=1, max_size=12)
)
def test_flipped_bytes_are_an_error_or_still_a_conformer(tmp_path_factory, flips):
    data = bytearray(V1.read_bytes())
    for at, value in flips:
        data[at % 300 if value % 2 else at] = value  # the headers and the schema get half of them
    path = tmp_path_factory.mktemp("flipped") / "h.db"
    path.write_bytes(data)
    try:
        dataset = open_dataset(path)
    except DataError as fault:
        assert str(path) in str(fault)
        return
    for row in range(min(len(dataset), 4)):
        try:
            conformer = dataset[row]
        except DataError as fault:
            assert str(path) in str(fault)
        else:
            assert conformer.hamiltonian is None or len(conformer.hamiltonian) == len(conformer.overlap)
