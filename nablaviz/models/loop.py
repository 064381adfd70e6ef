"""The training loop and the state it carries from step to step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import nablaviz.models.checkpoint as checkpoints
from nablaviz.models.averaging import Average, assign
from nablaviz.models.batching import Stream, pack
from nablaviz.models.history import HISTORY, MODEL, History, Progress
from nablaviz.models.kinds import build
from nablaviz.models.network import Network
from nablaviz.models.schedule import Settings
from nablaviz.models.tensor_file import check_like
from nablaviz.models.training_set import TrainingSet

CHECKPOINT = "checkpoint.safetensors"
"""A file in the folder of a run, beside its history and its model."""


class TrainingError(ValueError):
    """The loss or its gradient is not finite."""


@dataclass
class State:
    """Counters of a run."""

    step: int = 0
    seconds: float = 0.0
    best: float = math.inf
    "Best validation value."
    worse: int = 0
    "Validations since."
    reason: str = ""
    "Why the run ended, once it did."


class Objective(torch.nn.Module):
    """The loss as a forward pass, which is what Fabric wraps."""

    def __init__(self, model: Network, precision: str) -> None:
        super().__init__()
        self.model, self.mixed = model, precision == "bfloat16"

    def forward(self, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        with torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.mixed):
            return self.model.loss(batch)


class Loop:
    """One run of :func:`nablaviz.models.training.train`."""

    def __init__(
        self, model: Network, data: TrainingSet, settings: Settings, fabric: Any, path: Path | None
    ) -> None:
        self.model, self.data, self.settings, self.fabric, self.path = model, data, settings, fabric, path
        torch.manual_seed(settings.seed)
        model.cpu().fit_reference(data.samples)
        sizes = [model.size(s) for s in data.samples]
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        largest = max(range(len(sizes)), key=sizes.__getitem__)
        if self.parameters and sizes[largest] > settings.pairs_per_batch:
            raise ValueError(
                f"conformer {data.names[largest]} has {sizes[largest]} atom pairs: "
                f"pairs_per_batch must be at least that, not {settings.pairs_per_batch}"
            )
        self.stream = Stream(sizes, settings.pairs_per_batch, settings.seed)
        self.plain = self.objective = Objective(model, settings.precision)
        if self.parameters:
            rate, decay = settings.learning_rate, settings.weight_decay
            self.optimizer = torch.optim.AdamW(self.parameters, rate, weight_decay=decay)
            self.objective, self.stepper = fabric.setup(self.plain, self.optimizer)
        self.average = Average(self.parameters, settings.average)
        self.best = [value.clone() for value in self.average.values]
        self.state = State()
        kept = self._restore()
        self.history = History(path / HISTORY if path and fabric.is_global_zero else None, kept)
        self.begun = time.monotonic() - self.state.seconds

    @property
    def epoch(self) -> float:
        """Samples seen, in units of the training set."""
        return self.stream.samples / len(self.data.samples)

    @property
    def fraction(self) -> float:
        """How much of the budget is spent."""
        spent = {"steps": self.state.step, "epochs": self.epoch, "seconds": self.state.seconds}
        return spent[self.settings.unit] / self.settings.budget

    def run(
        self, callback: Callable[[Progress], object] | None, stop: Callable[[], bool], *, progress: bool
    ) -> None:
        """Train until the budget is spent, validation or ``stop`` ends it; then save the model."""
        try:
            if not self.parameters and not self.state.reason:
                self._evaluate("train", self.data.samples)
                self._validate()
                self.state.reason = "closed form"
            self._steps(callback, stop, progress and self.fabric.is_global_zero)
        except (RuntimeError, TrainingError) as fault:
            self._save()
            if isinstance(fault, torch.cuda.OutOfMemoryError) or "allocate memory" in str(fault):
                raise MemoryError(
                    f"step {self.state.step + 1}: the memory of {self.model.device} does not suffice; train "
                    f"with pairs_per_batch below {self.settings.pairs_per_batch}, or a smaller model"
                ) from fault
            raise
        finally:
            self.history.close()
        self._save()
        self._finish()

    def _steps(
        self, callback: Callable[[Progress], object] | None, stop: Callable[[], bool], progress: bool
    ) -> None:
        from tqdm.auto import tqdm

        def spent() -> float:
            return round(min(1.0, self.fraction) * self.settings.budget, 1)

        with tqdm(
            total=self.settings.budget,
            initial=spent(),
            unit=self.settings.unit,
            bar_format="{l_bar}{bar}| {n:g}/{total:g} {unit} [{elapsed}<{remaining}{postfix}]",
            disable=not (progress and self.parameters),
        ) as bar:
            while not self.state.reason:
                seen = len(self.history.rows)
                self._step()
                if self.fraction >= 1:
                    self.state.reason = "budget"
                if self.state.reason or self.state.step % self.settings.validate_every == 0:
                    self._validate()
                if self.state.step % self.settings.checkpoint_every == 0:
                    self._save()
                rows = self.history.rows[seen:]
                bar.set_postfix({r["split"]: f"{r['loss']:.3g}" for r in rows}, refresh=False)
                bar.update(spent() - bar.n)
                if callback:
                    now = self.state.step, self.epoch, self.state.seconds, self.fraction
                    callback(Progress(*now, rows, self.model, self.average.applied))
                if self._any(stop()):
                    break

    def _step(self) -> None:
        """One optimiser step and its row."""
        settings, state = self.settings, self.state
        before = replace(self.stream)
        batches = [self.stream.take() for _ in range(self.fabric.world_size)]
        chosen = batches[self.fabric.global_rank]
        rate = settings.rate(state.step, self.fraction)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        try:
            batch = self.model.collate([self.data.samples[i] for i in chosen]).to(self.model.device)
            self.optimizer.zero_grad()
            loss, metrics = self.objective(batch)
            share = len(chosen) * len(batches) / sum(map(len, batches))  # Fabric takes the mean over devices
            self.fabric.backward(loss * share)
            norm = torch.nn.utils.clip_grad_norm_(self.parameters, settings.gradient_norm)
            if self._any(not (torch.isfinite(loss) and torch.isfinite(norm))):
                names = ", ".join(self.data.names[i] for i in chosen)
                raise TrainingError(
                    f"step {state.step + 1}: loss {loss.item():.3g}, gradient {norm.item():.3g} "
                    f"at learning rate {rate:.2g}, on conformers {names}"
                )
        except (RuntimeError, TrainingError):
            self.stream = before
            raise
        self.stepper.step()
        self.average.update(state.step)
        state.step += 1
        state.seconds = self.fabric.broadcast(time.monotonic() - self.begun)
        row = {"loss": loss.item(), **{name: float(v.mean()) for name, v in metrics.items()}}
        row |= {"learning_rate": rate, "gradient_norm": norm.item()}
        if self.model.device.type == "cuda":
            row["memory"] = torch.cuda.max_memory_allocated()
        self._report("train", row)

    def _report(self, split: str, values: dict[str, float]) -> None:
        head = {"step": self.state.step, "epoch": self.epoch, "seconds": round(self.state.seconds, 3)}
        self.history.append({**head, "split": split, **values})

    @torch.no_grad()
    def _evaluate(self, split: str, samples: Sequence[Any]) -> float:
        """Report means over samples; returns the first metric's."""
        sizes = [self.model.size(s) for s in samples]
        sums: dict[str, float] = {}
        self.model.eval()
        for chosen in pack(range(len(samples)), sizes, max(self.settings.pairs_per_batch, *sizes)):
            batch = self.model.collate([samples[i] for i in chosen]).to(self.model.device)
            loss, metrics = self.plain(batch)
            sums["loss"] = sums.get("loss", 0.0) + float(loss) * len(chosen)
            for name, value in metrics.items():
                sums[name] = sums.get(name, 0.0) + float(value.double().sum())
        means = {name: value / len(samples) for name, value in sums.items()}
        self._report(split, means)
        return list(means.values())[1]

    def _validate(self) -> None:
        """Evaluate the averaged weights, keep them if they are the best, stop if none have been for long."""
        state = self.state
        if not self.data.validation:
            return
        with self.average.applied():
            # Every process sees all of it; they decide alike because they hear one value.
            value = self.fabric.broadcast(self._evaluate("validation", self.data.validation))
        if value < state.best:
            state.best, state.worse = value, 0
            self.best = [v.clone() for v in self.average.values]
        else:
            state.worse += 1
        if self.settings.patience and state.worse >= self.settings.patience and not state.reason:
            state.reason = "early stopping"

    def _any(self, said: bool) -> bool:
        """Whether any process says so."""
        if self.fabric.world_size == 1:
            return said
        total = torch.tensor(float(said), device=self.model.device)
        return bool(self.fabric.all_reduce(total, reduce_op="sum") > 0)

    @property
    def _identity(self) -> dict[str, Any]:
        """What must be the same for a run to go on."""
        card = self.model.card
        model = {"architecture": card.architecture, **{f"model.{k}": v for k, v in card.settings.items()}}
        return {"data": self.data.fingerprint, **model, **asdict(self.settings)}

    @property
    def _weights(self) -> dict[str, torch.Tensor]:
        """Those of now, their average and the best ones."""
        tensors = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        tensors |= {f"average.{i}": t for i, t in enumerate(self.average.values)}
        return tensors | {f"best.{i}": t for i, t in enumerate(self.best)}

    def _save(self) -> None:
        """Write the checkpoint."""
        if self.path is None or not self.fabric.is_global_zero:
            return
        tensors = self._weights
        tensors["random.cpu"] = torch.get_rng_state()
        if self.model.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state()
        if self.parameters:
            tensors |= checkpoints.optimizer_tensors(self.optimizer)
        stream = {name: getattr(self.stream, name) for name in ("epoch", "place", "samples")}
        state = {"identity": self._identity, "state": asdict(self.state), "stream": stream}
        checkpoints.save(self.path / CHECKPOINT, tensors, state)

    def _restore(self) -> int:
        """Go on from the checkpoint, if there is one; returns the last step of which rows are kept."""
        file = self.path / CHECKPOINT if self.path else None
        if file is None or not file.exists():
            return -1
        tensors, held = checkpoints.load(file)
        with checkpoints.naming(file):
            checkpoints.check_same(file, held["identity"], self._identity)
            other = ("optimizer.", "random.")
            weights = {name: t for name, t in tensors.items() if not name.startswith(other)}
            ours = self._weights
            check_like(weights, ours)
            assign(list(ours.values()), [weights[name] for name in ours])
            if self.parameters:
                checkpoints.restore_optimizer(self.optimizer, tensors)
            torch.set_rng_state(tensors["random.cpu"])
            if "random.cuda" in tensors and self.model.device.type == "cuda":
                torch.cuda.set_rng_state(tensors["random.cuda"])
            self.state = build(State, held["state"])
            self.stream = replace(self.stream, **checkpoints.counts(held["stream"]))
        return self.state.step

    def _finish(self) -> None:
        """Put the best weights in place, complete the card, write the model."""
        assign(self.parameters, self.best if self.state.best < math.inf else self.average.values)
        self.model.eval()
        self.model.domain = self.data.domain
        card = replace(
            self.model.card,
            seed=self.settings.seed,
            steps=self.state.step,
            seconds=round(self.state.seconds, 1),
            version=version("nablaviz"),
        )
        self.model.card = card
        if self.path is not None and self.fabric.is_global_zero:
            self.model.save(self.path / MODEL)
