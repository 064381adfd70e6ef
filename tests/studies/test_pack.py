"""A packed study says what the whole one says; the one that comes with nablaviz can be opened anywhere."""

from __future__ import annotations

import os

import pandas as pd
import pytest

from nablaviz.studies import control, results
from nablaviz.studies.control import Owner
from nablaviz.studies.execution import execute
from nablaviz.studies.pack import pack, shipped
from nablaviz.studies.study import Contender, Study, create, read, runs

SETTINGS = {"channels": "4", "layers": "1", "validate_every": "25", "warmup": "2"}
STUDY = Study(
    "sample", (Contender("SchNet", "schnet", SETTINGS),), (30,), (0,), ("larger_molecules",), 50, device="cpu"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    create(folder, STUDY)
    control.write_owner(folder, Owner.of(os.getpid()))
    with pytest.raises(ValueError, match="1 runs have not finished, the first is SchNet-30-0"):
        pack(folder, folder.parent / "early")
    (run,) = runs(folder)
    execute(folder, run, STUDY, control.owner(folder).session, folder / "cache")
    return folder


def test_a_packed_study_says_the_same(finished, tmp_path):
    pack(finished, tmp_path / "small")
    pd.testing.assert_frame_equal(results.results(tmp_path / "small"), results.results(finished))
    (run,) = runs(finished)
    errors = [results.conformer_errors(folder, run.name) for folder in (finished, tmp_path / "small")]
    pd.testing.assert_frame_equal(*errors)
    whole, small = (results.losses(folder, run.name) for folder in (finished, tmp_path / "small"))
    assert small[small["split"] == "train"]["step"].tolist() == [1, 21, 41]
    assert (
        small[small["split"] != "train"]["loss"].tolist() == whole[whole["split"] != "train"]["loss"].tolist()
    )
    assert not list((tmp_path / "small").rglob("*.safetensors"))


def test_nothing_is_overwritten(finished, tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="mine is there already"):
        pack(finished, tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_shipped_study_shows_what_it_was_made_for():
    """More data help, but not the linear model; new structures and scaffolds are harder."""
    folder = shipped()
    study = read(folder)
    assert (len(study.sizes), len(study.seeds)) == (4, 3)
    assert set(results.progress(folder)["state"]) == {"finished"}
    table = results.results(folder).query("metric in ('energy_mae', 'hamiltonian_mae') and unit == 'Eh'")
    mean = table.groupby(["model", "split", "size"])["value"].mean()
    largest = study.sizes[-1]
    for model in ("SchNet", "PaiNN", "H ridge", "H edge-frame"):
        known = mean[model, "test_conformations", largest]
        for split in ("test_structures", "test_scaffolds"):
            assert mean[model, split, largest] > known
            assert mean[model, split, largest] < mean[model, split, study.sizes[0]]
    later = mean.xs("test_structures", level="split").unstack("size")
    falls = later[largest] / later[study.sizes[1]]
    assert falls["LR"] > 0.8 and falls["PaiNN"] < 0.4


def test_unknown_ones_are_refused():
    with pytest.raises(ValueError, match="no study 'mine' comes with nablaviz; there are sample"):
        shipped("mine")
