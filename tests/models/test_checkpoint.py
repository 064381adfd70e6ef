from __future__ import annotations

import json

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from nablaviz.models import checkpoint
from nablaviz.models.averaging import Average
from nablaviz.models.history import History, read_history


def test_round_trip_is_exact(tmp_path):
    path = tmp_path / "c.safetensors"
    tensors = {
        "a": torch.randn(3, 4, dtype=torch.float64),
        "b": torch.randint(0, 255, (9,), dtype=torch.uint8),
    }
    state = {"step": 3, "best": float("inf"), "seconds": 0.1 + 0.2, "name": "Å"}
    checkpoint.save(path, tensors, state)
    read, held = checkpoint.load(path)
    assert held == state
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


def test_a_failed_write_leaves_the_old_one(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"a": torch.ones(2)}, {"step": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        checkpoint.save(path, {"a": torch.zeros(2)}, {"step": object()})
    assert checkpoint.load(path)[1] == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["c.safetensors"]


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_truncated(tmp_path, keep):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"a": torch.ones(200)}, {"step": 1})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        checkpoint.CheckpointError, match=r"c\.safetensors: not a safetensors file, or truncated"
    ):
        checkpoint.load(path)


def test_from_elsewhere(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "c.safetensors")
    with pytest.raises(checkpoint.CheckpointError, match="not a checkpoint of nablaviz"):
        checkpoint.load(tmp_path / "c.safetensors")


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"c\.safetensors: no such file"):
        checkpoint.load(tmp_path / "c.safetensors")
    with pytest.raises(OSError, match="a folder or device, not a file"):
        checkpoint.load(tmp_path)


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(data=st.data())
def test_a_flipped_bit_is_found(tmp_path, data):
    path, tensors, state = tmp_path / "c.safetensors", {"a": torch.arange(9.0)}, {"step": 3, "rate": 0.1}
    checkpoint.save(path, tensors, state)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 8 * len(content) - 1))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    try:
        read, held = checkpoint.load(path)
    except checkpoint.CheckpointError as fault:
        assert str(fault).startswith(str(path))
    else:  # of the digest's name, or of the padding
        assert held == state
        assert torch.equal(read["a"], tensors["a"])


@quick
@given(text=st.none() | st.text(max_size=20) | st.recursive(st.integers(), st.lists).map(json.dumps))
def test_any_header_is_refused_by_name(tmp_path, text):
    path = tmp_path / "c.safetensors"
    meta = {"format": checkpoint.FORMAT} | ({} if text is None else {"state": text})
    path.write_bytes(save({"a": torch.ones(2)}, meta))
    with pytest.raises(checkpoint.CheckpointError, match=r"c\.safetensors: the state of the run"):
        checkpoint.load(path)


def test_states_of_an_optimizer_that_do_not_fit():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    tensors = checkpoint.optimizer_tensors(optimizer)
    for change, says in (
        ({"optimizer.0.exp_avg": torch.ones(1)}, r"'exp_avg' has shape \(1,\), not \(2, 3\)"),
        ({"optimizer.0.max": torch.ones(1)}, "has a foreign tensor 'max'"),
        ({"optimizer.x.step": torch.ones(())}, "invalid literal"),
        ({"optimizer.7.step": torch.ones(())}, "out of range"),
    ):
        fresh = torch.optim.AdamW(model.parameters(), 0.1)
        with pytest.raises(checkpoint.CheckpointError, match=says), checkpoint.naming("run"):
            checkpoint.restore_optimizer(fresh, tensors | change)


def test_another_run_is_named(tmp_path):
    checkpoint.check_same(tmp_path, {"sizes": [1, 2], "lr": 0.1}, {"sizes": (1, 2), "lr": 0.1})
    with pytest.raises(checkpoint.CheckpointError, match=r"another run: lr is 0\.1 there and 0\.2 here"):
        checkpoint.check_same(tmp_path, {"lr": 0.1}, {"lr": 0.2})


def test_optimizer_goes_on_exactly():
    def steps(model, optimizer, count, seed):
        torch.manual_seed(seed)
        for _ in range(count):
            optimizer.zero_grad()
            model(torch.randn(5, 3)).square().sum().backward()
            optimizer.step()

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    steps(model, optimizer, 3, seed=1)
    tensors = {name: t.clone() for name, t in checkpoint.optimizer_tensors(optimizer).items()}
    other = torch.nn.Linear(3, 2)
    other.load_state_dict(model.state_dict())
    again = torch.optim.AdamW(other.parameters(), 0.1)
    checkpoint.restore_optimizer(again, tensors | {"model.weight": torch.ones(1)})
    steps(model, optimizer, 3, seed=2)
    steps(other, again, 3, seed=2)
    assert torch.equal(model.weight, other.weight)


def test_average_is_the_weighted_mean_and_is_taken_back():
    weight = torch.nn.Parameter(torch.zeros(1))
    average, expected = Average([weight], 0.5), 0.0
    for step in range(20):
        with torch.no_grad():
            weight += 1
        average.update(step)
        keep = min(0.5, (1 + step) / (10 + step))
        expected = keep * expected + (1 - keep) * weight.item()
    assert average.values[0].item() == pytest.approx(expected, rel=1e-6)
    with average.applied():
        assert weight.item() == pytest.approx(expected, rel=1e-6)
    assert weight.item() == 20


def test_history_forgets_what_will_be_made_again(tmp_path):
    path = tmp_path / "history.jsonl"
    history = History(path, -1)
    for step in range(5):
        history.append({"step": step, "split": "train", "loss": 1 / 3})
    history.close()
    with path.open("a") as file:  # killed while it wrote
        file.write('{"step": 5, "spl')
    assert list(read_history(tmp_path)["step"]) == [0, 1, 2, 3, 4]
    again = History(path, 2)
    again.append({"step": 3, "split": "train", "loss": 2.0})
    assert list(again.table["loss"]) == [1 / 3, 1 / 3, 1 / 3, 2.0]
    assert read_history(tmp_path).equals(again.table)
    again.close()


@pytest.mark.parametrize("value", [-1, 1.5, "3", [1], True, None])
def test_the_place_in_the_data_is_made_of_counts(value):
    assert checkpoint.counts({"epoch": 0, "samples": 7}) == {"epoch": 0, "samples": 7}
    with pytest.raises(ValueError, match="samples is .*, not a count"):
        checkpoint.counts({"epoch": 0, "samples": value})
