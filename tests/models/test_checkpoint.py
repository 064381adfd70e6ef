from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

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
    with pytest.raises(checkpoint.CheckpointError, match=r"c\.safetensors: not a checkpoint, or truncated"):
        checkpoint.load(path)


def test_from_elsewhere(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "c.safetensors")
    with pytest.raises(checkpoint.CheckpointError, match="no checkpoint of nablaviz"):
        checkpoint.load(tmp_path / "c.safetensors")


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
