from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from nablaviz.cli import main
from nablaviz.models.history import read_history
from nablaviz.models.library import load_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    small = ["--set", "channels=8", "--set", "layers=1", "--set", "pairs_per_batch=600"]
    command = [
        "train",
        "painn",
        "sample",
        "--out",
        str(folder),
        "--split",
        "train_50",
        *small,
        "--steps",
        "4",
    ]
    assert main(command) == 0
    return folder, command


def test_train_writes_a_model_that_says_how_it_was_made(run, capsys):
    folder, command = run
    card = load_model(folder / "model.safetensors").card
    assert (card.data, card.split, card.steps) == ("sample", "train_50: 50 conformers", 4)
    assert card.settings["channels"] == 8
    assert f" --out {folder} --split train_50 --steps 4 --seed 0 " in card.command
    assert list(read_history(folder).split) == ["train"] * 4 + ["validation"]
    assert main([*command, "--json"]) == 0  # finished: read, not redone
    said = json.loads(capsys.readouterr().out)
    assert (said["reason"], said["steps"], said["model"]) == ("budget", 4, str(folder / "model.safetensors"))
    assert said["validation"]["energy"] > 0


def test_evaluate_gives_a_row_per_split_and_measure(run, capsys, tmp_path):
    folder, _ = run
    splits = ["--split", "validation_50", "--split", "test_structures"]
    rows = tmp_path / "rows.csv"
    assert (
        main(
            ["evaluate", str(folder / "model.safetensors"), "sample", *splits, "--json", "--rows", str(rows)]
        )
        == 0
    )
    table = pd.DataFrame(json.loads(capsys.readouterr().out))
    assert list(table.split.unique()) == ["validation_50", "test_structures"]
    energy = table[(table.metric == "energy_mae") & (table.unit == "Eh")].set_index("split")
    assert (energy.low < energy.value).all()
    assert (energy.value < energy.high).all()
    found = pd.read_csv(rows)
    assert found.groupby("split").energy_mae.mean().to_numpy() == pytest.approx(
        energy.value[["test_structures", "validation_50"]]
    )


def test_evaluate_writes_the_means_into_the_card(run, capsys):
    path = run[0] / "model.safetensors"
    command = ["evaluate", str(path), "sample", "--split", "validation_50", "--card"]
    assert main(command) == 0
    shown = re.search(r"energy_mae +kcal/mol +(\S+)", capsys.readouterr().out)
    card = load_model(path).card
    assert card.metrics["energy_mae/validation_50/kcal/mol"] == pytest.approx(float(shown[1]), rel=1e-3)
    assert card.steps == 4
    assert main(["evaluate", "sap", "sample", "--card"]) == 1
    assert "--card needs a model file, not the name 'sap'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["train", "pain", "sample"], "no architecture 'pain'"),
        (["train", "painn", "sample", "--split", "train_51"], "no training set of 51; there are: [50, 100"),
        (["train", "painn", "nowhere"], "there is no nowhere"),
        (["train", "painn", "sample", "--set", "chanels=1"], "no setting 'chanels'"),
        (["train", "painn", "sample", "--device", "tpu"], "device is one of auto, cpu, cuda, not 'tpu'"),
        (["train", "painn", "sample", "--steps", "-1"], "budget must be positive"),
    ],
)
def test_bad_input_is_one_clear_line(command, says, tmp_path, capsys):
    assert main([*command, "--out", str(tmp_path / "run")]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
