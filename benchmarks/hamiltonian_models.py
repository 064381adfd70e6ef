"""Speed of the models of the Hamiltonian beside QHNet, and of predictions beside the SCF.

    python benchmarks/hamiltonian_models.py [--json] [--qhnet CHECKOUT] [--threads 1] [--repeat 3]
        [--sizes small,medium,…] [--budget SECONDS] [--scf ATOMS] [--device cpu|cuda]

Three parts, in one process, one after the other, with the same number of threads:

1. A training step (loss, gradient, update) and an inference of each size on 4 molecules, 77 atoms in all,
   beside QHNet with 128 and 32 channels: our reading of the paper always, and the published code where
   ``--qhnet`` names a checkout of nablaDFT (see published_qhnet.py). With ``--device cuda`` the memory too.
2. With ``--budget``: QHNet learns the sample's train_50 for so many seconds of processor time, then the
   medium network until its error on the same validation conformers is no larger. Both learn what the sap-fit
   baseline leaves. The error before the first step is given too: the medium network starts from what is
   fitted in closed form, so that a ratio from a budget of few steps says little. Give minutes, better hours.
3. Time of whole predictions for 12 and 40 atoms, part by part: *fast* (sap-fit baseline) and *accurate*
   (coarse-scf, long for 40 atoms), and of one SCF where the molecule has no more than ``--scf``
   atoms. Weights do not matter there.

The fastest of the repeats counts. On a busy machine only processor time is steady: read the ratios named
``cpu``, which with one thread are those of an idle machine.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

MOLECULES = ("CC(=O)Oc1ccccc1C(=O)O", "Cc1ccc(S(N)(=O)=O)cc1", "CCOC(=O)c1cccnc1", "COc1ccc(Br)cc1")
"""Trained on together: 21, 20, 20 and 16 atoms."""

PREDICTED = {12: "OC(=O)CCO", 40: "CC(C)NCC(O)COc1cccc2ccccc12"}
PRESETS = {"fast": "sap-fit", "accurate": "coarse-scf"}
BASELINE = "sap-fit"
HELD_OUT = 10
"""Validation conformers whose error is compared."""

LOOKS = 10
"""How often QHNet's error is looked at, which takes long; the medium network's is after each step."""


def best(
    function: Callable[[], Any], repeat: int, device: str = "cpu", *, warm: bool = True
) -> dict[str, float]:
    """Least wall and processor time of a call; with ``warm`` after one that does not count."""
    import torch

    walls, cpus = [], []
    for _ in range(repeat + warm):
        start, used = time.perf_counter(), time.process_time()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        walls.append(time.perf_counter() - start)
        cpus.append(time.process_time() - used)
    return {"s": min(walls[warm:]), "cpu_s": min(cpus[warm:])}


class Ours:
    """One of our models, with what the benchmark asks of any."""

    def __init__(self, module: Any, device: str) -> None:
        import torch

        self.module = module.to(device)
        self.device = device
        self.optimizer = torch.optim.AdamW(module.parameters(), 1e-3)

    def prepare(self, conformer: Any) -> Any:
        return self.module.prepare(conformer)

    def collate(self, samples: Sequence[Any]) -> Any:
        return self.module.collate(samples).to(self.device)

    def forward(self, batch: Any) -> Any:
        return self.module._values(batch.joined)

    def loss(self, batch: Any) -> Any:
        return self.module.loss(batch)[0]

    def hamiltonians(self, batch: Any) -> list[Any]:
        return [prediction.hamiltonian for prediction in self.module.predict_batch(batch)]


def ours(name: str, device: str) -> Ours:
    """A size of the edge-frame network, or our QHNet as published."""
    import torch

    from nablaviz.models.hamiltonian.edge_frame import EdgeFrame, EdgeFrameSettings
    from nablaviz.models.hamiltonian.qhnet import QHNet, QHNetSettings

    torch.manual_seed(0)
    if name == "qhnet":
        return Ours(QHNet(QHNetSettings(baseline=BASELINE)), device)
    return Ours(EdgeFrame(EdgeFrameSettings.of_size(name, baseline=BASELINE)), device)


def published(checkout: Path, device: str) -> Any:
    import torch
    from published_qhnet import Published

    torch.manual_seed(0)
    return Published(checkout, BASELINE, device)


def step(contender: Any, batch: Any) -> None:
    """One optimiser step."""
    contender.optimizer.zero_grad()
    contender.loss(batch).backward()
    contender.optimizer.step()


def time_step(contender: Any, conformers: Sequence[Any], repeat: int) -> dict[str, Any]:
    """Training step, inference, parameters and, on a GPU, memory."""
    import torch

    samples = [contender.prepare(conformer) for conformer in conformers]
    if hasattr(contender.module, "fit_reference"):
        contender.module.cpu().fit_reference(samples)
        contender.module.to(contender.device)
    batch = contender.collate(samples)
    device = contender.device
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found: dict[str, Any] = {
        "parameters": sum(p.numel() for p in contender.module.parameters()),
        "step": best(lambda: step(contender, batch), repeat, device),
    }
    if device == "cuda":
        found["memory_bytes"] = torch.cuda.max_memory_allocated()
    with torch.no_grad():
        found["inference"] = best(lambda: contender.forward(batch), repeat, device)
    return found


def steps(options: argparse.Namespace) -> dict[str, Any]:
    """Part 1."""
    from nablaviz.chem import baselines, conformers
    from nablaviz.molecule import Conformer

    molecules = [conformers.embed(smiles, count=1, seed=0)[0] for smiles in MOLECULES]
    # Any matrix serves as a label.
    labelled = [Conformer(m, hamiltonian=baselines.baseline("huckel", m)) for m in molecules]
    models = {n: time_step(ours(n, options.device), labelled, options.repeat) for n in options.sizes}
    peers = {"qhnet": time_step(ours("qhnet", options.device), labelled, min(2, options.repeat))}
    replaced: list[str] = []
    if options.qhnet:
        contender = published(options.qhnet, options.device)
        replaced = contender.replaced
        peers["published_qhnet"] = time_step(contender, labelled, 1)
    for model in models.values():
        model["speedup"] = {
            f"{part}/{peer}/{clock}": other[part][clock] / model[part][clock]
            for peer, other in peers.items()
            for part in ("step", "inference")
            for clock in ("s", "cpu_s")
        }
    return {
        "atoms": [len(m) for m in molecules],
        "models": models,
        "peers": peers,
        "replaced_imports": replaced,
    }


def error(contender: Any, samples: Sequence[Any], references: Sequence[Any]) -> float:
    """Mean |ΔH| over the conformers, Eh."""
    import numpy as np
    import torch

    with torch.no_grad():
        found = contender.hamiltonians(contender.collate(samples))
    return float(np.mean([np.abs(h - r).mean() for h, r in zip(found, references, strict=True)]))


def equal_error(options: argparse.Namespace) -> dict[str, Any]:
    """Part 2: time of training, with what is fitted in closed form before it; validations do not count."""
    import numpy as np

    import nablaviz
    from nablaviz.models.training_set import divide

    parts = divide(nablaviz.sample(), "train_50")
    training = list(parts.training)
    held_out = list(parts.validation)[:HELD_OUT]
    references = [conformer.hamiltonian for conformer in held_out]

    def run(contender: Any, goal: float) -> dict[str, Any]:
        """Train until the budget is spent or the goal reached."""
        samples = [contender.prepare(conformer) for conformer in training]
        validation = [contender.prepare(conformer) for conformer in held_out]
        wall = cpu = 0.0
        if hasattr(contender.module, "fit_reference"):
            took = best(partial(contender.module.cpu().fit_reference, samples), 1, warm=False)
            contender.module.to(contender.device)
            wall, cpu = took["s"], took["cpu_s"]
        generator, count = np.random.default_rng(0), 0
        before = reached = error(contender, validation, references)
        spent = looked = 0.0
        while spent < options.budget and reached > goal:
            chosen = generator.choice(len(samples), 4, replace=False)
            batch = [samples[k] for k in chosen]
            took = best(lambda b=batch: step(contender, contender.collate(b)), 1, options.device, warm=False)
            wall, cpu, count = wall + took["s"], cpu + took["cpu_s"], count + 1
            spent = wall if options.device == "cuda" else cpu
            if goal or spent - looked > options.budget / LOOKS or spent >= options.budget:
                looked = spent
                reached = min(reached, error(contender, validation, references))
        return {"s": wall, "cpu_s": cpu, "hamiltonian_mae_Eh": reached, "steps": count, "before_Eh": before}

    name = "published_qhnet" if options.qhnet else "qhnet"
    peer = published(options.qhnet, options.device) if options.qhnet else ours("qhnet", options.device)
    theirs = run(peer, 0.0)
    medium = run(ours("medium", options.device), theirs["hamiltonian_mae_Eh"])
    reached = medium["hamiltonian_mae_Eh"] <= theirs["hamiltonian_mae_Eh"]
    clock = "s" if options.device == "cuda" else "cpu_s"
    return {
        "training": len(training),
        "validation": len(held_out),
        "baseline": BASELINE,
        name: theirs,
        "medium": medium,
        "reached": reached,
        "speedup": theirs[clock] / medium[clock] if reached else None,
    }


def predictions(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Part 3."""
    from nablaviz.chem import baselines, conformers, dft

    rows = []
    for smiles in PREDICTED.values():
        molecule = conformers.embed(smiles, count=1, seed=0)[0]
        scf = None
        if len(molecule) <= options.scf:
            label = dft.label(molecule, forces=False)
            scf = {"s": label.wall_time, "iterations": label.scf_iterations}
        for preset, name in PRESETS.items():
            slow = preset == "accurate"
            call = partial(baselines.baseline, name, molecule)
            start = best(call, 1 if slow else options.repeat, warm=not slow)
            for size in ("small", "medium"):
                times = {"baseline": start, **prediction(molecule, size, options.repeat)}
                total = {clock: sum(part[clock] for part in times.values()) for clock in start}
                rows.append(
                    {"atoms": len(molecule), "preset": preset, "size": size, "parts": times, "total": total}
                )
                rows[-1]["scf"] = scf
    return rows


def prediction(molecule: Any, size: str, repeat: int) -> dict[str, Any]:
    """Times of what comes after the baseline."""
    import torch

    from nablaviz.chem import basis, lowdin, orbitals
    from nablaviz.models.hamiltonian.edge_frame import EdgeFrame, EdgeFrameSettings
    from nablaviz.molecule import Conformer

    torch.manual_seed(0)
    model = EdgeFrame(EdgeFrameSettings.of_size(size, baseline=BASELINE)).eval()
    sample = model.prepare(Conformer(molecule), labels=False)
    matrix = sample.baseline
    parts: dict[str, Callable[[], Any]] = {
        "root": lambda: lowdin.roots(basis.overlap(molecule)),
        "frames": lambda: model._geometry(molecule, model._blocks(molecule)),
        "network": lambda: model.predict_batch(model.collate([sample])),
        "diagonalisation": lambda: orbitals.orbitals_of(molecule, matrix),
    }
    return {part: best(call, repeat) for part, call in parts.items()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--qhnet", type=Path, metavar="CHECKOUT", help="a checkout of nablaDFT")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", default="small,medium,large,gpu", type=lambda text: text.split(","))
    parser.add_argument("--budget", type=float, default=0, metavar="SECONDS", help="run part 2 (default: no)")
    parser.add_argument("--scf", type=int, default=12, metavar="ATOMS", help="largest SCF (default: 12)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--parts", default="123", help="which parts to run (default: 123)")
    return parser.parse_args()


def report(result: dict[str, Any]) -> str:
    """The result in words."""
    lines = [f"{result['threads']} thread(s), {result['device']}, {result['versions']}"]
    if "steps" in result:
        found = result["steps"]
        lines.append(f"4 molecules, {sum(found['atoms'])} atoms; processor time of a step, of an inference")
        for name, row in {**found["peers"], **found["models"]}.items():
            ratios = row.get("speedup", {}).items()
            shown = ", ".join(f"{v:.0f} × {k}" for k, v in ratios if k.startswith("step") and "cpu" in k)
            memory = f", {row['memory_bytes'] / 1e9:.2f} GB" if "memory_bytes" in row else ""
            lines.append(
                f"  {name}: {row['parameters'] / 1e6:.1f} M, {row['step']['cpu_s']:.3f} s, "
                f"{row['inference']['cpu_s']:.3f} s{memory} {shown}"
            )
    if "equal_error" in result:
        lines.append(f"equal error: {json.dumps(result['equal_error'])}")
    if "predictions" in result:
        lines.append("predictions: milliseconds of wall (processor) time")
    for row in result.get("predictions", ()):
        times = {"total": row["total"], **row["parts"]}.items()
        parts = ", ".join(f"{part} {1e3 * t['s']:.0f} ({1e3 * t['cpu_s']:.0f})" for part, t in times)
        scf = f"; one SCF {row['scf']['s']:.1f} s" if row["scf"] else ""
        lines.append(f"{row['atoms']} atoms, {row['preset']}, {row['size']}: {parts} ms{scf}")
    return "\n".join(lines)


def main() -> None:
    """Read the arguments, run, print."""
    options = arguments()
    import pyscf
    import torch

    torch.set_num_threads(options.threads)
    pyscf.lib.num_threads(options.threads)
    packages = ("nablaviz", "torch", "e3nn", "pyscf")
    result: dict[str, Any] = {
        "benchmark": "hamiltonian_models",
        "versions": {name: version(name) for name in packages},
        "threads": options.threads,
        "repeat": options.repeat,
        "device": torch.cuda.get_device_name() if options.device == "cuda" else "cpu",
    }
    if "1" in options.parts:
        result["steps"] = steps(options)
    if "2" in options.parts and options.budget:
        result["equal_error"] = equal_error(options)
    if "3" in options.parts:
        result["predictions"] = predictions(options)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
    else:
        sys.stdout.write(report(result) + "\n")


if __name__ == "__main__":
    main()
