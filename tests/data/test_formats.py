"""Opening by content: the right reader whatever the name, a clear error for all else."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import nablaviz
from nablaviz.data.convert import convert
from nablaviz.data.dataset import DataError
from nablaviz.data.energy_db import EnergyDatabase
from nablaviz.data.formats import open as open_dataset
from nablaviz.data.hamiltonian_db import HamiltonianDatabase
from nablaviz.data.store import Store
from nablaviz.data.wavefunction import WavefunctionFile

FILES = Path(__file__).parents[1] / "files"
V2, METHANOL = FILES / "psi4_hamiltonians_v2.db", FILES / "psi4_wavefunction.npy"


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> dict[type, Path]:
    """One source of each kind."""
    folder = tmp_path_factory.mktemp("sources")
    convert(V2, folder / "store", progress=False)
    convert(V2, folder / "energy.db", to="energy", progress=False)
    return {
        EnergyDatabase: folder / "energy.db",
        HamiltonianDatabase: V2,
        WavefunctionFile: METHANOL,
        Store: folder / "store" / "shard-00000.parquet",
    }


@pytest.mark.parametrize("name", ["x.db", "x.npy", "x.parquet", "x", "store", "sample.csv.gz"])
@pytest.mark.parametrize("kind", [EnergyDatabase, HamiltonianDatabase, WavefunctionFile, Store])
def test_the_content_decides_not_the_name(tmp_path, sources, kind, name):
    path = Path(shutil.copy(sources[kind], tmp_path / name))
    dataset = nablaviz.open(path)
    assert type(dataset) is kind
    assert [c.energy for c in dataset] == [c.energy for c in open_dataset(str(sources[kind]))]


def test_folders(tmp_path, sources):
    assert type(open_dataset(sources[Store].parent)) is Store
    shutil.copy(METHANOL, tmp_path / "1_2.npy")
    assert type(open_dataset(tmp_path)) is WavefunctionFile


def test_a_dataset_is_returned_as_it_is():
    dataset = HamiltonianDatabase(V2)[1:3]
    assert open_dataset(dataset) is dataset


def test_the_sample_has_a_name_and_a_path_goes_before_it(tmp_path, monkeypatch):
    marker = object()
    monkeypatch.setattr("nablaviz.data.formats.sample", lambda: marker)
    monkeypatch.chdir(tmp_path)
    shutil.copy(V2, tmp_path / "sample")
    assert open_dataset("sample") is marker
    assert type(open_dataset("./sample")) is type(open_dataset(Path("sample"))) is HamiltonianDatabase


def test_nothing_there_gives_the_nearest_names(tmp_path):
    for name in ("train_2k.db", "train_5k.db", "test.db"):
        (tmp_path / name).touch()
    with pytest.raises(
        FileNotFoundError, match=r"there is no .*train2k\.db; did you mean train_2k\.db or train_5k"
    ):
        open_dataset(tmp_path / "train2k.db")
    with pytest.raises(FileNotFoundError, match=r"there is no .*zzz$"):
        open_dataset(tmp_path / "zzz")
    with pytest.raises(FileNotFoundError, match="there is no"):
        open_dataset(tmp_path / "no folder" / "x.db")
    with pytest.raises(FileNotFoundError, match="did you mean sample"):
        open_dataset("sampel")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"moses_id,smiles\n", "not a published energy or Hamiltonian database.*begins with b'moses_id'"),
        (b"<script>alert(1)</script>", "begins with b'<script>'"),
        (b"SQLite format 3\0", "not a SQLite database"),
        (b"\x93NUMPY", "header|EOF|NumPy"),
        (b"PAR1PAR1", "not a readable Parquet file"),
        (b"PAR1" + b"\xff" * 100 + b"PAR1", "not a readable Parquet file"),
        (bytes(range(7, 256)) * 16, "not a published energy"),
    ],
)
def test_anything_else_is_refused(tmp_path, content, message):
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as refusal:
        open_dataset(path)
    assert str(path) in str(refusal.value)


def test_a_database_of_something_else_names_its_tables(tmp_path):
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE '<b>bookmarks</b>' (id)")
    with pytest.raises(DataError, match="neither table systems nor data; it has <b>bookmarks</b>"):
        open_dataset(path)


def test_folders_and_things_that_are_no_datasets(tmp_path):
    with pytest.raises(DataError, match="a folder without Parquet shards or wavefunction files"):
        open_dataset(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="not a file"):  # reading it would wait for ever
        open_dataset(tmp_path / "pipe")


def test_another_parquet_table_is_refused(tmp_path):
    import pandas as pd

    pd.DataFrame({"energy": [1.0]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="not a native store"):
        open_dataset(tmp_path / "x.parquet")


def test_importing_and_opening_load_nothing_heavy(sources):
    code = (
        "import sys, nablaviz; ds = nablaviz.open(sys.argv[1]); ds[0]; "
        "print(*sorted({'torch', 'pyscf', 'rdkit', 'pandas', 'pyarrow', 'ase', 'duckdb'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(sources[EnergyDatabase])]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "\n"
