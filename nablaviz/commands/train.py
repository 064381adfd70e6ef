"""Train a model on a dataset.

MODEL is an architecture (painn, schnet, dimenet, descriptors, composition, edge-frame, …), DATA anything
that nablaviz opens, "sample" included. The folder gets history.jsonl, checkpoint.safetensors and
model.safetensors, which evaluate and load_model read. A run that was stopped or killed goes on where it
was when the same command is given again. A dataset without splits lends a tenth of its molecules for
validation.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

UNITS = ("steps", "epochs", "seconds")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="the architecture")
    parser.add_argument("data", metavar="DATA", help="what to train on")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument(
        "--split", metavar="NAME", help="rows to train on, such as train_200 (default: train)"
    )
    parser.add_argument("--validation", metavar="NAME", help="rows to validate on (default: validation)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the model or of the training, such as channels=32 or learning_rate=5e-4",
    )
    budget = parser.add_mutually_exclusive_group()
    for unit in UNITS:
        budget.add_argument(f"--{unit}", type=float, metavar="N", help=f"budget in {unit}")
    parser.add_argument("--seed", type=int, default=0, help="of weights and data order (default: 0)")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where slow baselines are kept (default: nablaviz/baselines in the user's cache directory)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    from nablaviz.data.baseline_cache import BaselineCache, default_folder
    from nablaviz.data.formats import open as open_dataset
    from nablaviz.models.options import configure
    from nablaviz.models.training import check_device, train
    from nablaviz.models.training_set import divide, prepare

    check_device(args.device)  # preparing the data can take long
    given = [unit for unit in UNITS if getattr(args, unit) is not None]
    budget = {"unit": given[0], "budget": getattr(args, given[0])} if given else {}
    text = dict(item.partition("=")[::2] for item in args.set)
    model, settings = configure(args.model, text, {"seed": args.seed, **budget})
    parts = divide(open_dataset(args.data), args.split, args.validation)
    cache = BaselineCache(args.cache or default_folder())
    data = prepare(model, parts.training, parts.validation, cache=cache)
    model.card = replace(model.card, data=args.data, split=parts.description, command=command(args))
    result = train(model, data, settings, out=args.out, device=args.device)
    if os.environ.get("LOCAL_RANK", "0") != "0":  # one of several devices speaks
        return 0
    card = result.model.card
    last = result.history[result.history.split == "validation"].tail(1).to_dict("records")
    summary = {
        "model": str(args.out / "model.safetensors"),
        "reason": result.reason,
        "steps": card.steps,
        "seconds": card.seconds,
        "validation": {k: v for row in last for k, v in row.items() if v == v},
    }
    if args.json:
        print(json.dumps(summary))
    else:
        print(f"{summary['model']}: {card.steps} steps in {card.seconds:.0f} s, ended by {result.reason}")
    return 0


def command(args: argparse.Namespace) -> str:
    """The command line that trains this model again."""
    words = ["nablaviz", "train", args.model, args.data, "--out", str(args.out)]
    for name in ("split", "validation", *UNITS, "seed"):
        value = getattr(args, name)
        if value is not None:
            words += [f"--{name}", f"{value:.10g}" if isinstance(value, float) else str(value)]
    for item in args.set:
        words += ["--set", item]
    return shlex.join(words)
