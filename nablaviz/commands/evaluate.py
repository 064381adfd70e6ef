"""Measure a model's errors on each split of a dataset.

MODEL is a file that train wrote, or the name of a model that comes with nablaviz; DATA anything that
nablaviz opens. Means come with 95 % bootstrap intervals over molecules.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a model file or name")
    parser.add_argument("data", metavar="DATA", help="what to measure errors on")
    parser.add_argument(
        "--split",
        action="append",
        metavar="NAME",
        help="rows to take; may be repeated (default: all test splits)",
    )
    parser.add_argument("--scf", action="store_true", help="count SCF iterations from predicted Hamiltonians")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write the errors of each conformer (CSV)")
    parser.add_argument("--card", action="store_true", help="write the means into the model file's card")
    parser.add_argument(
        "--domain",
        action="store_true",
        help="write into the model file what its training data look like, from the data that its card names",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where slow baselines are kept (default: nablaviz/baselines in the user's cache directory)",
    )
    parser.add_argument("--address", metavar="ADDRESS", help="a running Dask scheduler, e.g. tcp://host:8786")
    parser.add_argument("--workers", type=int, metavar="N", help="processes here (default: this one)")
    parser.add_argument("--json", action="store_true", help="print the table as JSON")


def run(args: argparse.Namespace) -> None:
    from nablaviz.data.atomic import replacing
    from nablaviz.data.baseline_cache import BaselineCache, default_folder
    from nablaviz.data.formats import open as open_dataset
    from nablaviz.data.labelling import connect
    from nablaviz.models.library import load_model
    from nablaviz.models.network import Network
    from nablaviz.models.training_set import domain_of
    from nablaviz.studies.benchmark import benchmark

    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers must be at least 1, not {args.workers}")
    model = load_model(args.model)
    own = model if isinstance(model, Network) and Path(args.model).is_file() else None
    for option in ("card", "domain"):
        if getattr(args, option) and own is None:
            raise ValueError(f"--{option} needs a model file, not the name {args.model!r}")
    if args.domain and own:
        own.domain = domain_of(own.card)
        own.save(args.model)
    cache = BaselineCache(args.cache or default_folder())
    cluster = connect(args.address, args.workers) if args.address or args.workers else nullcontext()
    with cluster as client:
        result = benchmark(
            model, open_dataset(args.data), args.split, scf=args.scf, cache=cache, client=client
        )
    if args.rows:
        with replacing(args.rows) as file:
            result.rows.to_csv(file, index=False)
    if args.card and own:
        means = {f"{row.metric}/{row.split}/{row.unit}": row.value for row in result.summary.itertuples()}
        own.save(args.model, replace(own.card, metrics={**own.card.metrics, **means}))
    if args.json:
        print(result.summary.to_json(orient="records", double_precision=15))
    else:
        print(result.summary.to_string(index=False, float_format="{:.4g}".format, na_rep="–"))
