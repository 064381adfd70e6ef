from __future__ import annotations

import json

import pytest

from nablaviz.cli import main

SPECIFICATION = """
data = "sample"
sizes = [30, 60]
seeds = [0]
splits = ["larger_molecules", "test_scaffolds"]
device = "cpu"
[[contenders]]
name = "linear"
architecture = "composition"
"""


@pytest.fixture
def specification(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(SPECIFICATION)
    return str(file)


def test_from_end_to_end(specification, tmp_path, capsys):
    folder = str(tmp_path / "study")
    assert main(["study", "create", folder, specification, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert [run["state"] for run in made] == ["waiting", "waiting"]
    assert main(["study", "run", folder, "--workers", "1"]) == 0
    assert "2 finished" in capsys.readouterr().out
    assert main(["study", "status", folder]) == 0
    shown = capsys.readouterr()
    assert shown.out.count("finished") == 2
    assert "not running" in shown.err
    assert main(["study", "report", folder, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["split"] for row in rows} == {"train", "larger_molecules", "test_scaffolds"}
    assert main(["study", "report", folder]) == 0
    shown = capsys.readouterr().out
    (energy,) = [row for row in rows if (row["metric"], row["unit"], row["size"], row["split"]) == KEY]
    assert f"{energy['value']:.4g}" in shown
    assert "trained on cpu" in shown
    assert main(["study", "run", folder]) == 0  # nothing is left to do
    assert "2 finished" in capsys.readouterr().out


KEY = "energy_mae", "kcal/mol", 60, "test_scaffolds"


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["create", "{}", "nope"], "there is no nope; studies that come with nablaviz: "),
        (["create", "{}", "reduced", "--device", "tpu"], "device is one of auto, cpu, cuda, not 'tpu'"),
        (["run", "{}"], "there is no study"),
        (["run", "{}", "--workers", "0"], "--workers must be at least 1"),
        (["stop", "{}"], "is not being run"),
        (["report", "{}"], "there is no study"),
    ],
)
def test_bad_input_is_one_clear_line(command, says, tmp_path, capsys):
    assert main(["study", *(word.format(tmp_path / "study") for word in command)]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "study").exists()
