from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.data.memory import Memory
from nablaviz.models import checkpoint
from nablaviz.models.batching import Stream
from nablaviz.models.checkpoint import CheckpointError, load
from nablaviz.models.energy.painn import PaiNN
from nablaviz.models.history import read_history
from nablaviz.models.library import architecture, load_model
from nablaviz.models.loop import TrainingError
from nablaviz.models.training import Settings, train
from nablaviz.models.training_set import prepare
from nablaviz.molecule import SYMBOLS

SHORT = Settings(
    budget=12, unit="steps", pairs_per_batch=300, warmup=3, validate_every=4, checkpoint_every=5, average=0.8
)


def small(seed: int = 0) -> PaiNN:
    torch.manual_seed(seed)
    return PaiNN(PaiNN.Settings(channels=8, layers=1, radial=6))


def hamiltonian():
    """Parts of it are of elements that a batch may lack."""
    torch.manual_seed(0)
    kind = architecture("edge-frame")
    few = {"channels": 4, "pair_channels": 4, "head_channels": 4, "layers": 1, "radial": 4, "pair_radial": 3}
    return kind(kind.Settings(baseline="sap-fit", **few))


def chosen():
    """Conformers of eleven molecules to train on, then other conformers of four of these."""
    sample = nablaviz.sample()
    table = sample.table[sample.table.n_atoms < 12]
    groups = [rows for _, rows in table.groupby("moses_id").groups.items() if len(rows) > 1][::6][:11]
    assert len(groups) == 11
    return [sample[i] for i in (*(rows[0] for rows in groups), *(rows[1] for rows in groups[:4]))]


@pytest.fixture(scope="module")
def conformers():
    return chosen()


@pytest.fixture(scope="module")
def data(conformers):
    return prepare(small(), conformers[:11], conformers[11:], progress=False)


def go(data, settings=SHORT, model=None, **options):
    return train(model or small(), data, settings, device="cpu", progress=False, **options)


def curve(history):
    """The history less the times it took."""
    return history.drop(columns="seconds")


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.fixture(scope="module")
def unbroken(data):
    torch.set_num_threads(1)
    return go(data)


def test_rows(unbroken):
    history = unbroken.history
    assert unbroken.reason == "budget"
    assert list(history[history.split == "train"].step) == list(range(1, 13))
    assert list(history[history.split == "validation"].step) == [4, 8, 12]
    assert {"loss", "energy", "forces", "learning_rate", "gradient_norm", "epoch"} <= set(history)
    assert history.loss.notna().all()
    rates = history[history.split == "train"].learning_rate.to_numpy()
    assert rates.argmax() == 2
    assert rates[-1] < 0.05 * rates.max()


def test_same_seed_same_curve_and_another_seed_another(data, unbroken):
    torch.manual_seed(99)  # the caller's random numbers play no part, and are left alone
    state = torch.get_rng_state()
    model = small()
    torch.set_rng_state(state)
    again = go(data, model=model)
    assert torch.equal(torch.get_rng_state(), state)
    assert curve(again.history).equals(curve(unbroken.history))
    assert torch.equal(weights(again.model), weights(unbroken.model))
    other = go(data, replace(SHORT, seed=1))
    assert not curve(other.history).equals(curve(unbroken.history))


@pytest.mark.parametrize("at", [1, 4, 5, 11])
def test_stopped_and_gone_on_with(data, unbroken, tmp_path, at):
    steps = []
    stopped = go(data, out=tmp_path, callback=lambda p: steps.append(p.step), stop=lambda: len(steps) == at)
    assert (stopped.reason, steps[-1]) == ("stopped", at)
    load_model(tmp_path / "model.safetensors")
    finished = go(data, model=small(seed=7), out=tmp_path)  # its weights come from the checkpoint
    assert curve(finished.history).equals(curve(unbroken.history))
    assert curve(read_history(tmp_path)).equals(curve(unbroken.history))
    assert torch.equal(weights(finished.model), weights(unbroken.model))


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from test_training import *
torch.set_num_threads(1)
conformers = chosen()
data = prepare(small(), conformers[:11], conformers[11:], progress=False)
print("go", flush=True)
go(data, out={out!r}, callback=lambda p: (print(p.step, flush=True), time.sleep(0.1)))
"""


def test_killed_in_the_middle(data, unbroken, tmp_path):
    script = SCRIPT.format(tests=str(Path(__file__).parent), out=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line == "8\n":
                process.kill()
                break
    assert load(tmp_path / "checkpoint.safetensors")[1]["state"]["step"] == 5
    assert not (tmp_path / "model.safetensors").exists()
    finished = go(data, out=tmp_path)
    assert curve(finished.history).equals(curve(unbroken.history))
    assert torch.equal(weights(finished.model), weights(unbroken.model))


def test_interrupted(data, unbroken, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        go(data, out=tmp_path, callback=lambda p: p.step == 7 and signal.raise_signal(signal.SIGINT))
    assert load(tmp_path / "checkpoint.safetensors")[1]["state"]["step"] == 7
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert curve(go(data, out=tmp_path).history).equals(curve(unbroken.history))


def test_a_finished_run_is_read_not_redone(data, unbroken, tmp_path):
    go(data, out=tmp_path)
    called = []
    again = go(data, model=small(seed=3), out=tmp_path, callback=called.append)
    assert called == []
    assert again.reason == "budget"
    assert torch.equal(weights(again.model), weights(unbroken.model))
    card = load_model(tmp_path / "model.safetensors").card
    assert (card.steps, card.seed, card.version) == (12, 0, nablaviz.__version__)


def test_another_setting_or_other_data_is_another_run(data, conformers, tmp_path):
    go(data, replace(SHORT, budget=1), out=tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate is 0\.001 there and 0\.1 here"):
        go(data, replace(SHORT, budget=1, learning_rate=0.1), out=tmp_path)
    with pytest.raises(CheckpointError, match=r"model\.channels is 8 there and 12 here"):
        go(
            data,
            replace(SHORT, budget=1),
            out=tmp_path,
            model=PaiNN(PaiNN.Settings(channels=12, layers=1, radial=6)),
        )
    less = prepare(small(), conformers[:10], conformers[11:], progress=False)
    with pytest.raises(CheckpointError, match="data is"):
        go(less, replace(SHORT, budget=1), out=tmp_path)


def test_damaged_checkpoint(data, tmp_path):
    go(data, replace(SHORT, budget=1), out=tmp_path)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="truncated"):
        go(data, replace(SHORT, budget=1), out=tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda tensors, held: held.pop("identity"), "'identity'"),
        (lambda tensors, held: held.update(identity=[3]), "list"),
        (lambda tensors, held: held.update(state={"step": "three"}), "step must be an integer, not 'three'"),
        (lambda tensors, held: held.update(stream={"page": 3}), "page"),
        (lambda tensors, held: tensors.pop("best.0"), "lacks tensor 'best.0'"),
        (lambda tensors, held: tensors.update({"average.1": torch.ones(1)}), "'average.1' has shape"),
        (lambda tensors, held: tensors.update({"random.cpu": torch.ones(3)}), "ByteTensor"),
        (lambda tensors, held: tensors.pop("random.cpu"), "random.cpu"),
    ],
    ids=range(8),
)
def test_a_checkpoint_that_is_no_such_runs_is_refused_and_kept(data, tmp_path, change, says):
    go(data, replace(SHORT, budget=1), out=tmp_path)
    file = tmp_path / "checkpoint.safetensors"
    tensors, held = load(file)
    change(tensors, held)
    checkpoint.save(file, tensors, held)
    before = file.read_bytes()
    with pytest.raises(CheckpointError, match=rf"checkpoint\.safetensors .*{says}"):
        go(data, replace(SHORT, budget=1), out=tmp_path)
    assert file.read_bytes() == before


def test_two_processes_do_not_share_a_folder(data, tmp_path):
    from filelock import FileLock

    with FileLock(tmp_path / ".lock"), pytest.raises(ValueError, match="another process is training there"):
        go(data, out=tmp_path)


def test_budget_in_epochs_and_seconds(data):
    epochs = go(data, replace(SHORT, budget=2, unit="epochs"))
    assert epochs.history.epoch.iloc[-1] == pytest.approx(2, abs=0.5)
    began = time.monotonic()
    seconds = go(data, replace(SHORT, budget=0.5, unit="seconds"))
    assert 0.5 <= time.monotonic() - began < 5
    assert seconds.history.seconds.iloc[-2] >= 0.5


def test_the_best_weights_are_kept_and_patience_ends(data):
    settings = replace(
        SHORT, budget=200, learning_rate=0.5, warmup=0, patience=2, validate_every=2, average=0.0
    )
    run = go(data, settings)
    assert run.reason == "early stopping"
    found = run.history[run.history.split == "validation"]
    assert found.energy.argmin() == len(found) - 3
    with torch.no_grad():
        _, metrics = run.model.loss(run.model.collate(data.validation))
    assert metrics["energy"].mean().item() == pytest.approx(found.energy.min(), rel=1e-5)


def test_models_in_closed_form(conformers, tmp_path):
    model = architecture("composition")()
    data = prepare(model, conformers[:11], conformers[11:], progress=False)
    for _ in range(2):
        run = go(data, model=model, out=tmp_path)
        assert run.reason == "closed form"
        assert list(run.history.split) == ["train", "validation"]
    expected = [
        abs(p.energy - c.energy)
        for p, c in zip(model.predict([c.molecule for c in conformers[:11]]), conformers, strict=False)
    ]
    assert run.history.energy[0] == pytest.approx(np.mean(expected), rel=1e-4)


def test_nan_label_is_refused_by_name(conformers):
    bad = replace(conformers[3], energy=np.nan, formation_energy=np.nan)
    name = f"conformer {bad.moses_id}/{bad.conformation_id}"
    with pytest.raises(ValueError, match=rf"{name} .*the label energy is not finite"):
        prepare(small(), Memory([*conformers[:3], bad]), progress=False)


def test_validation_has_no_new_element(conformers):
    rare = max(z for c in conformers for z in c.molecule.numbers)
    with_it = [c for c in conformers if rare in c.molecule.numbers]
    others = [c for c in conformers if rare not in c.molecule.numbers]
    says = rf"validation conformer .* has {SYMBOLS[rare]}, which no training molecule has"
    with pytest.raises(ValueError, match=says):
        prepare(small(), others, with_it[:1], progress=False)


def test_nothing_to_train_on():
    with pytest.raises(ValueError, match="no conformers to train on"):
        prepare(small(), [], progress=False)


def test_a_molecule_larger_than_a_batch_is_named(data):
    with pytest.raises(
        ValueError, match=r"conformer \d+/\d+ \(\S+\) has \d+ atom pairs: pairs_per_batch must be"
    ):
        go(data, replace(SHORT, pairs_per_batch=20))


class Breaks(PaiNN):
    """Fails in its step ``at``, as long as ``fault`` is set."""

    at, fault, calls = 7, "nan", 0

    def loss(self, batch):
        loss, metrics = super().loss(batch)
        if torch.is_grad_enabled():
            self.calls += 1
        if self.calls == self.at and self.fault == "nan":
            loss = loss * torch.nan
        if self.calls == self.at and self.fault == "memory":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return loss, metrics


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (
            "nan",
            TrainingError,
            r"step 7: loss nan, gradient nan at learning rate .*, on conformers \d+/\d+ \(",
        ),
        (
            "memory",
            MemoryError,
            "step 7: the memory of cpu does not suffice; train with pairs_per_batch below 300",
        ),
    ],
)
def test_what_breaks_a_step_keeps_the_state_before_it(data, unbroken, tmp_path, fault, kind, says):
    def model():
        settings = small().settings
        torch.manual_seed(0)
        return Breaks(settings)

    first = model()
    first.fault = fault
    with pytest.raises(kind, match=says):
        go(data, model=first, out=tmp_path)
    assert load(tmp_path / "checkpoint.safetensors")[1]["state"]["step"] == 6
    mended = model()
    mended.fault = "none"
    finished = go(data, model=mended, out=tmp_path)
    assert curve(finished.history).equals(curve(unbroken.history))


def test_progress_says_where_it_is(data, conformers):
    seen = []

    def watch(progress):
        last = weights(progress.model).clone()
        with progress.averaged():
            inside = weights(progress.model).clone()
            progress.model.predict(conformers[0].molecule)
        assert torch.equal(weights(progress.model), last)
        seen.append(
            (
                progress.step,
                progress.fraction,
                [r["split"] for r in progress.rows],
                not torch.equal(last, inside),
            )
        )

    watched = go(data, callback=watch)
    assert [s[0] for s in seen] == list(range(1, 13))
    assert seen[3] == (4, pytest.approx(4 / 12), ["train", "validation"], True)
    assert curve(watched.history).equals(curve(go(data).history))


def test_in_a_thread(data, unbroken):
    runs = []
    thread = threading.Thread(target=lambda: runs.append(go(data)))
    thread.start()
    thread.join()
    assert curve(runs[0].history).equals(curve(unbroken.history))


def test_mixed_precision(data):
    run = go(data, replace(SHORT, budget=4, precision="bfloat16"))
    assert run.history.loss.notna().all()
    assert all(p.dtype == torch.float32 for p in run.model.parameters())


@pytest.mark.parametrize(("make", "more"), [(small, 3), (hamiltonian, 1)], ids=["energy", "hamiltonian"])
def test_two_devices(tmp_path, conformers, make, more):
    script = tmp_path / "two.py"
    text = SCRIPT.format(tests=str(Path(__file__).parent), out=str(tmp_path / "run")).replace(
        "small", make.__name__
    )
    two = f"go(data, replace(SHORT, budget=4, devices=2), model={make.__name__}(), out"
    script.write_text(text.replace("go(data, out", two))
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    history = read_history(tmp_path / "run")
    assert list(history.step) == [1, 2, 3, 4, 4]
    assert history.epoch.iloc[0] > more / 11  # two batches a step
    load_model(tmp_path / "run" / "model.safetensors")
    norms = history.gradient_norm.dropna()
    expected = in_one_process(make(), conformers, replace(SHORT, budget=4, devices=2))
    assert norms.iloc[0] == pytest.approx(expected[0], rel=1e-4)
    assert list(norms) == pytest.approx(expected, rel=0.02)  # Adam makes much of rounding


def in_one_process(model, conformers, settings):
    """Lengths of the gradients in training by hand: the batches of a step count by their samples."""
    data = prepare(model, conformers[:11], conformers[11:], progress=False)
    model.fit_reference(data.samples)
    stream = Stream([model.size(s) for s in data.samples], settings.pairs_per_batch, settings.seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=settings.weight_decay)
    model.train()
    norms = []
    for step in range(int(settings.budget)):
        batches = [stream.take() for _ in range(settings.devices)]
        optimizer.zero_grad()
        for chosen in batches:
            loss, _ = model.loss(model.collate([data.samples[i] for i in chosen]))
            (loss * len(chosen) / sum(map(len, batches))).backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm).item())
        optimizer.param_groups[0]["lr"] = settings.rate(step, step / settings.budget)
        optimizer.step()
    return norms


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"unit": "hours"}, "unit is one of steps, epochs, seconds, not 'hours'"),
        ({"precision": "float16"}, "precision is one of float32, bfloat16"),
        ({"budget": 0}, "budget must be positive, not 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, not nan"),
        ({"average": 1.0}, "average must be at least 0 and less than 1"),
        ({"patience": 0}, "patience must be at least 1"),
    ],
)
def test_wrong_settings(wrong, says):
    with pytest.raises(ValueError, match=says):
        Settings(**wrong)


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_wrong_device(data, device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match=f"device.*'{device}'"):
        train(small(), data, SHORT, device=device)
