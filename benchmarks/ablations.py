"""What makes a model of the Hamiltonian good: one network, one choice changed at a time, several seeds.

    python benchmarks/ablations.py DIR [--json] [--steps 1000] [--seeds 0,1,2] [--size small]
        [--train train] [--variants lowdin-minao,…]

Each variant of the edge-frame network learns the same conformers of the bundled sample for the same number
of steps; the first of ``VARIANTS`` is what the others differ from in one choice. Errors are means over the
test splits, with the standard deviation over seeds and, of the first seed, the 95 % bootstrap interval over
molecules. DIR keeps the runs: a command that was interrupted goes on, and more seeds or variants can be
added.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

VARIANTS: dict[str, dict[str, str]] = {
    "lowdin-minao": {"baseline": "minao", "basis": "lowdin"},
    "atomic-minao": {"baseline": "minao", "basis": "atomic"},
    "correction-minao": {"baseline": "minao", "basis": "lowdin", "correction": "true"},
    "mean-minao": {"baseline": "minao", "basis": "lowdin"},
    "square-minao": {"baseline": "minao", "basis": "lowdin"},
    "lowdin-minao-2": {"baseline": "minao-2", "basis": "lowdin"},
    "atomic-minao-2": {"baseline": "minao-2", "basis": "atomic"},
    "lowdin-coarse-scf": {"baseline": "coarse-scf", "basis": "lowdin"},
    "atomic-coarse-scf": {"baseline": "coarse-scf", "basis": "atomic"},
    "lowdin-sap-fit": {"baseline": "sap-fit", "basis": "lowdin"},
    "atomic-sap-fit": {"baseline": "sap-fit", "basis": "atomic"},
    "correction-sap-fit": {"baseline": "sap-fit", "basis": "lowdin", "correction": "true"},
    "lowdin-none": {"baseline": "none", "basis": "lowdin"},
    "atomic-none": {"baseline": "none", "basis": "atomic"},
}
"""Settings of each variant; those of ``LOSSES`` change the loss too."""

LOSSES = {"mean-minao": (1.0, 0.0), "square-minao": (0.0, 1.0)}
"""Weights of the mean and of the root mean square of the errors, where not both are 1."""

TRAINING = {"learning_rate": "2e-3", "warmup": "100", "average": "0.99", "validate_every": "250"}

SPLITS = ("test_conformations", "test_structures", "test_scaffolds")

METRICS = (
    "hamiltonian_mae",
    "hamiltonian_lowdin_mae",
    "occupied_mae",
    "gap_mae",
    "orbital_overlap",
    "density_error",
    "dipole_mae",
)


def measure(variant: str, seed: int, options: argparse.Namespace) -> Any:
    """The summary of one run, trained unless DIR has it."""
    import pandas as pd

    import nablaviz
    from nablaviz.data.baseline_cache import BaselineCache, default_folder
    from nablaviz.models.hamiltonian.edge_frame import SIZES
    from nablaviz.models.options import configure
    from nablaviz.models.training import train
    from nablaviz.models.training_set import divide, prepare
    from nablaviz.studies.benchmark import benchmark

    folder = options.folder / f"{variant}-{seed}"
    kept = folder / "summary.csv"
    if kept.exists():
        return pd.read_csv(kept)
    sizes = {name: str(getattr(SIZES[options.size], name)) for name in ("channels", "pair_channels")}
    sizes |= {name: str(getattr(SIZES[options.size], name)) for name in ("head_channels", "layers")}
    text = {**sizes, **TRAINING, **VARIANTS[variant]}
    model, settings = configure("edge-frame", text, {"budget": options.steps, "unit": "steps", "seed": seed})
    if variant in LOSSES:
        mean_weight, square_weight = LOSSES[variant]
        model._objective = lambda mean, square: mean_weight * mean + square_weight * square  # type: ignore[method-assign]
    dataset, cache = nablaviz.sample(), BaselineCache(default_folder())
    parts = divide(dataset, options.train)
    data = prepare(model, parts.training, parts.validation, cache=cache)
    run = train(model, data, settings, out=folder)
    found = benchmark(run.model, dataset, SPLITS, cache=cache).summary
    found = found[found.metric.isin(METRICS)].assign(variant=variant, seed=seed)
    found.to_csv(kept, index=False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--size", default="small")
    parser.add_argument("--train", default="train")
    parser.add_argument("--variants", default=",".join(VARIANTS))
    options = parser.parse_args()
    variants = options.variants.split(",")
    if unknown := set(variants) - VARIANTS.keys():
        parser.error(f"no variant {unknown.pop()!r}; there are {', '.join(VARIANTS)}")

    import pandas as pd
    import torch

    torch.set_num_threads(1)
    runs = pd.concat(
        measure(variant, int(seed), options) for seed in options.seeds.split(",") for variant in variants
    )
    groups = runs.groupby(["variant", "split", "metric", "unit"], sort=False, dropna=False)
    table = groups.agg(
        mean=("value", "mean"),
        seeds=("value", "count"),
        std=("value", "std"),
        low=("low", "first"),
        high=("high", "first"),
    ).reset_index()
    if options.json:
        json.dump(
            {
                "benchmark": "ablations",
                "steps": options.steps,
                "size": options.size,
                "train": options.train,
                "results": table.to_dict("records"),
            },
            sys.stdout,
        )
    else:
        wide = table.pivot_table(index=["split", "variant"], columns="metric", values="mean", sort=False)
        print(wide.to_string(float_format="{:.3g}".format))


if __name__ == "__main__":
    main()
