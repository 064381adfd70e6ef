"""A selection is saved as a list and as a store, and nothing is lost on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz.data.selection import write_list, write_store


@pytest.fixture(scope="module")
def dataset():
    return nablaviz.sample()[:12]


def test_a_list_of_ids_and_smiles(dataset, tmp_path):
    path = tmp_path / "chosen.csv"
    write_list(dataset, [7, 2], path, "train")
    found = pd.read_csv(path)
    assert found.columns.tolist() == ["moses_id", "conformation_id", "smiles", "split"]
    assert found.smiles.tolist() == dataset.table.smiles[[7, 2]].tolist()
    assert found.moses_id.tolist() == dataset.table.moses_id[[7, 2]].tolist()
    assert set(found.split) == {"train"}
    with pytest.raises(FileExistsError, match="choose another name"):
        write_list(dataset, [1], path, "train")


def test_a_store_with_all_labels_grows(dataset, tmp_path):
    path = tmp_path / "store"
    assert write_store(dataset, [0, 3, 5], path, "train") == 3
    said = []
    assert write_store(dataset, [3, 5, 6], path, "test_structures", lambda *told: said.append(told)) == 1
    assert len(said) == 3
    found = nablaviz.open(path)
    assert found.table.split.tolist() == ["train"] * 3 + ["test_structures"]
    for place, row in enumerate((0, 3, 5, 6)):
        ours, theirs = found[place], dataset[row]
        assert (ours.moses_id, ours.conformation_id) == (theirs.moses_id, theirs.conformation_id)
        assert np.array_equal(ours.molecule.positions, theirs.molecule.positions)
        assert np.array_equal(ours.hamiltonian, theirs.hamiltonian)
        assert ours.energy == theirs.energy
        assert ours.train_size is None


def test_stopped_it_keeps_what_is_written(dataset, tmp_path):
    def tell(text, part):
        if part > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_store(dataset, [0, 1, 2, 3], tmp_path / "store", "train", tell)
    assert len(nablaviz.open(tmp_path / "store")) == 3
    assert write_store(dataset, [0, 1, 2, 3], tmp_path / "store", "train") == 1


@pytest.mark.parametrize("write", [write_list, write_store])
def test_what_cannot_be_written_is_refused(dataset, tmp_path, write):
    with pytest.raises(ValueError, match="no split 'training'; there are train"):
        write(dataset, [0], tmp_path / "x", "training")
    with pytest.raises(ValueError, match="nothing is selected"):
        write(dataset, [], tmp_path / "x", "train")
    with pytest.raises(FileNotFoundError, match="no folder"):
        write(dataset, [0], tmp_path / "none" / "x", "train")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        write(dataset, [0], tmp_path / "file", "train")
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "x").exists()


def test_a_store_that_was_killed_before_its_first_shard_is_gone_on_with(dataset, tmp_path):
    path = tmp_path / "store"
    (path / ".pending").mkdir(parents=True)
    (path / ".pending" / "shard-00000.parquet.tmp").write_bytes(b"PAR1 half")
    (path / ".lock").touch()
    assert write_store(dataset, [0, 1], path, "train") == 2
    assert [file.suffix for file in path.iterdir() if not file.name.startswith(".")] == [".parquet"]
    assert not (path / ".pending").exists()
