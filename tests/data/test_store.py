"""The native store: round trips, crash safety, bad input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nablaviz.data.dataset import COLUMNS, DataError
from nablaviz.data.store import Store, pack_triangle, schema, unpack_triangle
from nablaviz.data.store_writer import StoreWriter
from nablaviz.molecule import Conformer, Molecule

FLOAT32 = st.floats(-1e3, 1e3, width=32)


def water(moses_id: int = 0, conformation_id: int = 0, **labels) -> Conformer:
    molecule = Molecule([8, 1, 1], [[0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]], "O")
    return Conformer(molecule, moses_id, conformation_id, **labels)


@given(st.integers(1, 12).flatmap(lambda n: arrays(np.float32, (n, n), elements=FLOAT32)))
def test_triangle_round_trip_is_exact(matrix):
    symmetric = np.tril(matrix) + np.tril(matrix, -1).T
    assert np.array_equal(unpack_triangle(pack_triangle(symmetric)), symmetric)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_triangle_are_refused(data):
    n = next((n for n in range(1, 11) if 2 * n * (n + 1) == len(data)), None)
    if n is None:
        with pytest.raises(ValueError, match=f"{len(data)} bytes"):
            unpack_triangle(data)
    else:
        assert unpack_triangle(data).shape == (n, n)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    energy=st.none() | st.floats(-1e4, 0),
    forces=st.none() | arrays(np.float64, (3, 3), elements=st.floats(-1, 1)),
    dipole=st.none() | arrays(np.float64, 3, elements=st.floats(-9, 9)),
    split=st.none() | st.text(max_size=8),
    error=st.none() | st.text(max_size=8),
    train_size=st.none() | st.integers(1, 100),
)
def test_a_conformer_comes_back_as_it_was(tmp_path_factory, **labels):
    path = tmp_path_factory.mktemp("store")
    before = water(7, 3, **labels)
    with StoreWriter(path) as writer:
        writer.add(before)
    after = Store(path)[0]
    for name in ("moses_id", "conformation_id", *labels):
        assert np.array_equal(getattr(after, name), getattr(before, name)), name
    assert np.array_equal(after.molecule.positions, before.molecule.positions)
    assert after.molecule.smiles == "O"


def test_rows_keep_their_order_over_shards_and_row_groups(tmp_path, monkeypatch):
    matrix = np.eye(24)
    monkeypatch.setattr("nablaviz.data.store_writer.ROW_GROUP_BYTES", 4000)
    with StoreWriter(tmp_path, shard_rows=7) as writer:
        for i in range(30):
            writer.add(water(i, 0, hamiltonian=i * matrix))
    store = Store(tmp_path)
    assert len(store) == 30 and len(store.shards) == 5
    assert pq.read_metadata(store.shards[0]).num_row_groups > 1
    for i in (0, 6, 7, 13, 29, -1):
        assert store[i].moses_id == i % 30
        assert store[i].hamiltonian[0, 0] == i % 30
    assert store.table["moses_id"].tolist() == list(range(30))
    assert [c.moses_id for c in store[5:20:5]] == [5, 10, 15]
    assert store[5:20:5].table["moses_id"].tolist() == [5, 10, 15]
    with pytest.raises(IndexError, match="row 30"):
        store[30]


def test_the_table_has_all_columns_and_derives_the_gap(tmp_path):
    levels = np.linspace(-10, 2, 24)
    with StoreWriter(tmp_path) as writer:
        writer.add(
            water(orbital_energies=levels, forces=np.full((3, 3), 0.1), dipole=np.array([0, 3.0, 4.0]))
        )
    table = Store(tmp_path).table
    assert list(table.columns) == list(COLUMNS)
    row = table.iloc[0]
    assert row["homo"] == levels[4] and row["lumo"] == levels[5]
    assert row["gap"] == pytest.approx(levels[5] - levels[4])
    assert row["mean_force"] == pytest.approx(0.1 * 3**0.5)
    assert row["dipole"] == pytest.approx(5)


def test_a_writer_that_was_killed_loses_nothing_it_had_added(tmp_path):
    writer = StoreWriter(tmp_path, shard_rows=4, durable=True)
    for i in range(6):  # one shard of four, two pending
        writer.add(water(i))
    writer._lock.release()  # what the system does when the process dies
    (tmp_path / ".pending" / "half.parquet.tmp").write_bytes(b"PAR1")
    with StoreWriter(tmp_path, shard_rows=4, durable=True) as again:
        assert again.rows == 6
        assert (5, 0) in again.keys
        again.add(water(6))
    assert sorted(Store(tmp_path).keys) == [(i, 0) for i in range(7)]


def test_a_kill_between_rename_and_clean_up_duplicates_nothing(tmp_path):
    writer = StoreWriter(tmp_path, durable=True)
    writer.add(water(1))
    left_over = next((tmp_path / ".pending").glob("*.parquet")).read_bytes()
    writer.close()
    (tmp_path / ".pending").mkdir()
    (tmp_path / ".pending" / "000000000.parquet").write_bytes(left_over)
    with StoreWriter(tmp_path, durable=True) as again:
        assert again.rows == 1
    assert len(Store(tmp_path)) == 1


def test_two_writers_are_refused(tmp_path):
    with StoreWriter(tmp_path), pytest.raises(DataError, match="another process"):
        StoreWriter(tmp_path)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"energy": np.nan}, "5/2: energy is not finite"),
        ({"forces": np.full((3, 3), np.inf)}, "forces is not finite"),
        ({"hamiltonian": np.array([[0.0, 1.0], [0.0, 0.0]])}, "not symmetric"),
        ({"hamiltonian": np.zeros((2, 3))}, "must be square"),
    ],
)
def test_bad_labels_are_refused_by_name(tmp_path, labels, message):
    with StoreWriter(tmp_path) as writer, pytest.raises(DataError, match=message):
        writer.add(water(5, 2, **labels))


def test_the_same_ids_twice_are_refused(tmp_path):
    with StoreWriter(tmp_path) as writer:
        writer.add(water(1, 1))
        with pytest.raises(DataError, match="1/1 is in the store already"):
            writer.add(water(1, 1))


def test_foreign_and_broken_files_are_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Store(tmp_path / "nowhere")
    with pytest.raises(DataError, match="without Parquet shards"):
        Store(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet.*moses_id"):
        Store(tmp_path)
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"a\.parquet: not a readable Parquet file"):
        Store(tmp_path)


def test_column_names_that_are_no_text_are_refused(tmp_path):
    with StoreWriter(tmp_path) as writer:
        writer.add(water(1))
    (shard,) = tmp_path.glob("*.parquet")
    shard.write_bytes(shard.read_bytes().replace(b"smiles", b"\xff\xfeiles"))
    with pytest.raises(DataError, match=shard.name):
        Store(tmp_path)


def test_a_truncated_shard_is_refused(tmp_path):
    with StoreWriter(tmp_path) as writer:
        writer.add(water(1, hamiltonian=np.eye(24)))
    shard = next(tmp_path.glob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a readable"):
        Store(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("positions", [0.0] * 8, "positions has 8 values where 9"),
        ("positions", [np.nan] * 9, "not finite"),
        ("forces", [0.0] * 6, "forces has 6 values"),
        ("hamiltonian", b"12345", "5 bytes"),
        ("numbers", None, "no atoms"),
        ("numbers", [8, 1, 14], "Si"),
        ("hamiltonian", np.eye(3)[np.tril_indices(3)].astype("f4").tobytes(), "H has 3 rows; H2O has 24"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_row(tmp_path, column, value, message):
    from nablaviz.data.store import to_row

    row = to_row(replace(water(), forces=np.zeros((3, 3)), hamiltonian=np.eye(24))) | {column: value}
    pq.write_table(pa.Table.from_pylist([row], schema=schema()), tmp_path / "s.parquet")
    with pytest.raises(DataError, match=rf"s\.parquet, row 0.*{message}"):
        Store(tmp_path)[0]
