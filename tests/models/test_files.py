"""Model files: what is written is read; what is damaged or foreign is refused by name."""

from __future__ import annotations

import errno
import json
import math
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, load_file, save, save_file

import nablaviz
from nablaviz.models import files
from nablaviz.models.energy.painn import PaiNN, PaiNNSettings
from nablaviz.models.hamiltonian.edge_frame import EdgeFrame, EdgeFrameSettings

TINY = EdgeFrameSettings(
    baseline="sap-fit", channels=4, pair_channels=4, head_channels=4, layers=1, radial=4, hidden=8
)


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = EdgeFrame(TINY)
    path = tmp_path / "model.safetensors"
    model.save(path, replace(model.card, name="mine", seed=3, metrics={"hamiltonian_mae/all/Eh": 1e-4}))
    return model, path


def header(path):
    size = int.from_bytes(path.read_bytes()[:8], "little")
    return json.loads(path.read_bytes()[8 : 8 + size])["__metadata__"]


def test_round_trip_is_exact(saved):
    model, path = saved
    again = nablaviz.load_model(path)
    assert again.card == model.card == files.read_card(path)
    assert again.card.seed == 3
    assert again.settings == TINY
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    molecule = nablaviz.sample()[300].molecule
    assert (model.predict(molecule).hamiltonian == again.predict(molecule).hamiltonian).all()


def test_precision_is_kept(saved):
    model, path = saved
    model.double().save(path)
    assert nablaviz.load_model(path).dtype == torch.float64


@pytest.mark.parametrize("kept", [0, 5, 300, 0.5, 0.999])
def test_truncated(saved, kept):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(
        files.ModelFileError, match=r"model\.safetensors: not a safetensors file, or truncated"
    ):
        nablaviz.load_model(path)


def test_files_of_others(tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, foreign)
    with pytest.raises(files.ModelFileError, match=r"foreign\.safetensors: not a model written by nablaviz"):
        nablaviz.load_model(foreign)
    text = tmp_path / "notes.txt"
    text.write_text("no weights here, but long enough to be something")
    with pytest.raises(files.ModelFileError, match="not a safetensors file"):
        nablaviz.load_model(text)
    with pytest.raises(FileNotFoundError, match="missing"):
        nablaviz.load_model(tmp_path / "missing.safetensors")


def rewrite(path, change=lambda tensors: None, **card):
    tensors, meta = load_file(path), header(path)
    change(tensors)
    meta["card"] = json.dumps(json.loads(meta["card"]) | card)
    del meta["sha256"]  # as another program would write it
    save_file(tensors, path, metadata=meta)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("unit"), "lacks tensor 'unit'"),
        (lambda t: t.update(extra=torch.zeros(1)), "has a foreign tensor 'extra'"),
        (lambda t: t.update(onsite=torch.zeros(3)), r"'onsite' has shape \(3,\), not \(109,\)"),
        (lambda t: t["onsite"].fill_(torch.nan), "'onsite' is not finite"),
        (lambda t: t.update(onsite=t["onsite"].double()), "several precisions"),
        (lambda t: t.update(onsite=t["onsite"].to(torch.float8_e4m3fn)), "'onsite' is torch.float8"),
    ],
    ids=["lacking", "foreign", "shape", "nan", "mixed", "eighth"],
)
def test_tensors_that_do_not_fit(saved, change, message):
    _, path = saved
    rewrite(path, change)
    with pytest.raises(files.ModelFileError, match=message):
        nablaviz.load_model(path)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"architecture": "os.system"}, "no architecture 'os.system'; there are .*edge-frame"),
        ({"settings": {"depth": 3}}, "edge-frame: there is no 'depth'; there are baseline, "),
        ({"settings": {"baseline": "pm7"}}, "no baseline 'pm7'; there are core, minao"),
        ({"kind": "forces"}, "the model card cannot be read"),
        ({"nonsense": 1}, "the model card cannot be read"),
        ({"kind": "energy"}, "edge-frame predicts the hamiltonian, not the energy"),
        ({"settings": []}, r"model\.safetensors: .*settings must be a table of names and values"),
        ({"settings": {"channels": -1}}, r"model\.safetensors: channels must be at least 1, not -1"),
        ({"settings": {"channels": "4"}}, r"model\.safetensors: .*channels must be an integer, not '4'"),
        ({"settings": {"layers": 10**6}}, "layers is 1000000, but no tensor has a dimension above"),
        ({"settings": {**asdict(TINY), "layers": 20}}, "those of a larger model than its tensors make"),
        ({"elements": ["H"]}, "elements must be a list, each an integer, not"),
        ({"elements": [1, 300]}, "elements are atomic numbers up to 54, not 300"),
        ({"metrics": {"mae": "small"}}, "metrics must be a table of"),
    ],
    ids=range(14),
)
def test_cards_that_do_not_fit(saved, card, message):
    _, path = saved
    rewrite(path, **card)
    with pytest.raises(files.ModelFileError, match=message):
        nablaviz.load_model(path)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    model, path = saved
    before = path.read_bytes()

    def fail(part, content):
        with part.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", fail)
        with pytest.raises(OSError, match=r"no space left on device: '.*model\.safetensors'"):
            model.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_file(saved, tmp_path):
    _, path = saved
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "energy").mkdir()
    os.mkfifo(tmp_path / "pipe.safetensors")
    for name in ("folder.safetensors", "pipe.safetensors"):  # a pipe would be waited for
        with pytest.raises(OSError, match=rf"{name}: a folder or device, not a file"):
            nablaviz.load_model(tmp_path / name)
    with pytest.raises(ValueError, match="no model or file '.*energy'"):
        nablaviz.load_model(tmp_path / "energy")
    path.chmod(0)
    if not os.access(path, os.R_OK):  # root may read everything
        with pytest.raises(PermissionError, match=r"model\.safetensors"):
            nablaviz.load_model(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small model's file, a place to put changed ones, and what they hold."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("files") / "small.safetensors"
    PaiNN(PaiNNSettings(channels=2, layers=1, radial=2)).save(path)
    return path, path.with_name("changed.safetensors"), path.read_bytes()


def read_or_refused(path):
    """The model in a file, or None where it is refused as it should be."""
    try:
        return nablaviz.load_model(path)
    except files.ModelFileError as fault:
        assert str(fault).startswith(f"{path}: ")
        assert len(str(fault)) > len(f"{path}: ") + 10
        return None


def test_every_beginning_of_a_file_is_refused(small):
    _, changed, content = small
    for length in range(len(content)):
        changed.write_bytes(content[:length])
        assert read_or_refused(changed) is None


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(data=st.data())
def test_a_flipped_bit_is_found(small, data):
    path, changed, content = small
    damaged = bytearray(content)
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    damaged[place // 8] ^= 1 << place % 8
    changed.write_bytes(damaged)
    found = read_or_refused(changed)
    if found is not None:  # of the digest's name, or of the padding
        whole = nablaviz.load_model(path)
        assert found.card == whole.card
        assert all(torch.equal(t, found.state_dict()[name]) for name, t in whole.state_dict().items())


@quick
@given(junk=st.binary(max_size=400), start=st.integers(0, 3000))
def test_foreign_bytes_are_refused(small, junk, start):
    _, changed, content = small
    changed.write_bytes(content[:start] + junk + content[start + len(junk) :])
    read_or_refused(changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(10**9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@quick
@given(data=st.data())
def test_cards_of_any_kind_are_read_or_refused(small, data):
    """Without a digest, as of another program: wrong kinds, sizes that would fill the memory."""
    path, changed, content = small
    meta = header(path)
    card = json.loads(meta["card"])
    names = st.sampled_from([*card, "other"])
    card |= data.draw(st.dictionaries(names.filter("settings".__ne__), JSON, max_size=1))
    if data.draw(st.booleans()):
        wild = JSON | st.integers(-3, 10**12)
        card["settings"] |= data.draw(
            st.dictionaries(st.sampled_from([*card["settings"], "other"]), wild, min_size=1, max_size=3)
        )
    changed.write_bytes(save(load(content), {"format": meta["format"], "card": json.dumps(card)}))
    found = read_or_refused(changed)
    if found is not None:
        assert repr(found.card) == repr(files.read_card(changed))  # NaN is not equal to itself
        assert all(math.isfinite(v) for v in asdict(found.settings).values())


def test_names():
    assert nablaviz.load_model("huckel").card.name == "huckel"
    with pytest.raises(ValueError, match="no model or file 'minoa'; did you mean 'minao'"):
        nablaviz.load_model("minoa")
