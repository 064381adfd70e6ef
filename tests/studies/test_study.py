from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nablaviz.studies import control
from nablaviz.studies.study import (
    SPECIFICATIONS,
    Contender,
    Study,
    check,
    create,
    find,
    fingerprint,
    read,
    runs,
    specification,
)

LINEAR = Contender("linear", "composition")
NETWORK = Contender("a network, small", "painn", {"channels": "8"})
STUDY = Study("sample", (LINEAR, NETWORK), (60, 100), (0, 1), ("test_scaffolds",), 10)


def names(folder):
    return {run.name for run in runs(folder)}


def test_round_trip(tmp_path):
    create(tmp_path / "study", STUDY)
    assert read(tmp_path / "study") == STUDY
    made = runs(tmp_path / "study")
    assert len({run.name for run in made}) == 8
    assert {(run.contender.name, run.size, run.seed) for run in made} == {
        (name, size, seed) for name in ("linear", NETWORK.name) for size in (60, 100) for seed in (0, 1)
    }
    assert made[0].name.startswith("linear-60-0-")
    assert made[1].folder == tmp_path / "study" / "runs" / made[1].name
    assert find(tmp_path / "study", made[3].name) == made[3]
    with pytest.raises(ValueError, match="no run 'nope'"):
        find(tmp_path / "study", "nope")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"contenders": (LINEAR, NETWORK, Contender("third", "schnet"))}, 8),
        ({"sizes": (60, 100, 200)}, 8),
        ({"seeds": (0, 1, 2)}, 8),
        ({"splits": ("test_scaffolds", "test_structures")}, 8),
        ({"device": "cpu"}, 8),
        ({"contenders": (LINEAR, replace(NETWORK, settings={"channels": "16"}))}, 4),
        ({"contenders": (LINEAR, replace(NETWORK, settings={"channels": "8", "learning_rate": "1"}))}, 4),
        ({"budget": 11}, 0),
        ({"unit": "epochs"}, 0),
    ],
)
def test_what_is_more_keeps_the_runs_and_what_is_other_makes_new_ones(tmp_path, change, kept):
    create(tmp_path, STUDY)
    before = names(tmp_path)
    create(tmp_path, replace(STUDY, **change))
    assert len(before & names(tmp_path)) == kept
    create(tmp_path, STUDY)
    assert names(tmp_path) == before


def test_other_data_are_other_runs(tmp_path):
    create(tmp_path, STUDY)
    before = names(tmp_path)
    values = json.loads((tmp_path / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps(values | {"fingerprint": "other"}))
    assert fingerprint(tmp_path) == "other"
    assert not before & names(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"contenders": ()}, "a study needs contenders; there are none"),
        ({"sizes": ()}, "a study needs sizes"),
        ({"splits": ()}, "a study needs splits"),
        ({"contenders": (LINEAR, LINEAR)}, "contender 'linear' is there twice"),
        ({"contenders": (Contender(" ", "painn"),)}, "a contender needs a name"),
        ({"seeds": (1, 1)}, "seed 1 is there twice"),
        ({"seeds": (-1,)}, "seeds are not negative, as -1 is"),
        ({"splits": ("test_scaffolds",) * 2}, "split 'test_scaffolds' is there twice"),
        ({"sizes": (100, 50)}, "sizes are ascending and positive, not 100, 50"),
        ({"sizes": (50, 50)}, "sizes are ascending"),
        ({"sizes": (0, 50)}, "positive"),
        ({"budget": -1}, "budget must be positive"),
        ({"unit": "hours"}, "unit is one of steps"),
        ({"device": "tpu"}, "device is one of auto, cpu, cuda, not 'tpu'"),
    ],
)
def test_wrong_studies(wrong, says):
    with pytest.raises(ValueError, match=says):
        replace(STUDY, **wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"contenders": (Contender("x", "pain"),)}, "contender 'x': no architecture 'pain'; there are comp"),
        ({"contenders": (Contender("x", "painn", {"chanels": "8"}),)}, "contender 'x': no setting 'chanels'"),
        (
            {"contenders": (Contender("x", "painn", {"channels": "a"}),)},
            "channels must be an integer, not 'a'",
        ),
        ({"contenders": (Contender("x", "painn", {"seed": "8"}),)}, "seed cannot be set for one model"),
        ({"contenders": (Contender("x", "painn", {"budget": "8"}),)}, "budget cannot be set for one model"),
        ({"splits": ("validation",)}, "no test split 'validation'"),
        ({"sizes": (60, 501)}, "size 501: there are only 500 training conformers"),
        ({"sizes": (2, 60)}, "size 2, seed 0: .* lack an element"),
    ],
)
def test_what_cannot_be_run_is_refused_before_it_begins(tmp_path, wrong, says):
    with pytest.raises(ValueError, match=says):
        create(tmp_path / "study", replace(STUDY, **wrong))
    assert not (tmp_path / "study").exists()


def test_there_are_no_data(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no .*nowhere"):
        create(tmp_path / "study", replace(STUDY, data=str(tmp_path / "nowhere")))


def test_what_is_no_study(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no study \(study.json\)"):
        read(tmp_path)
    for text, says in (("{", "not a study"), ("{}", "not a study"), ("[]", "not a study")):
        (tmp_path / "study.json").write_text(text)
        with pytest.raises(ValueError, match=says):
            read(tmp_path)
    create(tmp_path, STUDY)
    values = json.loads((tmp_path / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps(values | {"colour": "red"}))
    with pytest.raises(ValueError, match="colour"):
        read(tmp_path)


def test_a_study_that_is_run_is_not_changed(tmp_path):
    create(tmp_path, STUDY)
    control.write_owner(tmp_path, control.Owner.of(1))  # a process that is there
    with pytest.raises(ValueError, match="is being run; stop it"):
        create(tmp_path, STUDY)


@pytest.mark.parametrize("path", sorted(SPECIFICATIONS.glob("*.toml")), ids=lambda path: path.stem)
def test_studies_that_come_with_the_package_can_be_run(path):
    check(specification(path.stem))


def test_specifications(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'data = "sample"\nsizes = [50]\nseeds = [0]\n'
        '[[contenders]]\nname = "x"\narchitecture = "painn"\nsettings = { channels = 8, patience = "none" }'
    )
    assert specification(file).contenders == (Contender("x", "painn", {"channels": "8", "patience": "none"}),)
    file.write_text("sizes = [50]")
    with pytest.raises(ValueError, match="'contenders' is missing"):
        specification(file)
    file.write_text("sizes = [")
    with pytest.raises(ValueError, match=r"mine\.toml"):
        specification(file)
    with pytest.raises(FileNotFoundError, match="come with nablaviz: .*reduced"):
        specification("nope")
