"""Model files: what is written is read; what is damaged or foreign is refused by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

import nablaviz
from nablaviz.models import files
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
        ({"settings": {"depth": 3}}, "edge-frame has no setting 'depth'"),
        ({"settings": {"baseline": "pm7"}}, "no baseline 'pm7'; there are core, minao"),
        ({"kind": "forces"}, "the model card cannot be read"),
        ({"nonsense": 1}, "the model card cannot be read"),
        ({"settings": []}, r"model\.safetensors: "),
        ({"settings": {"channels": -1}}, r"model\.safetensors: .*negative"),
    ],
    ids=["architecture", "setting", "value", "kind", "field", "list", "negative"],
)
def test_cards_that_do_not_fit(saved, card, message):
    _, path = saved
    rewrite(path, **card)
    with pytest.raises(files.ModelFileError, match=message):
        nablaviz.load_model(path)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    model, path = saved
    before = path.read_bytes()

    def fail(tensors, part, metadata):
        part.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(files, "save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_names():
    assert nablaviz.load_model("huckel").card.name == "huckel"
    with pytest.raises(ValueError, match="no model or file 'minoa'; did you mean 'minao'"):
        nablaviz.load_model("minoa")
