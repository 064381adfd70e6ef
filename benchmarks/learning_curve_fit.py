"""How often the intervals of fitted learning curves hold the truth, which is known for synthetic curves.

    python benchmarks/learning_curve_fit.py [--json] [--trials 500] [--seed 0]

Curves a N^−b + c with sizes from 50 to 500 (4 and 5 sizes) or 1600 (6), log-normal scatter of the runs, and
with 5 sizes as much scatter between seeds too, which moves all runs of a seed together. Counted: intervals
(90 %) of the exponent b, of the error at four times the largest size, and of the size at which that error is
reached; how often c is found to be needed; how often the last interval has no upper end. "without floor": the
exponent's interval of a straight line in log-log, by ordinary least squares and Student's t, for comparison.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

CURVES = {"b 0.5, no floor": (0.5, 0.0), "b 0.5, small floor": (0.5, 0.2), "b 0.8, large floor": (0.8, 0.5)}
"""Exponent, and the floor's share of the error at the largest size."""

NOISE = (0.05, 0.15)
"""Standard deviation of the log error of a run."""

GRIDS = {(4, 3): 500, (5, 4): 500, (6, 5): 1600}
"""Numbers of sizes and seeds, and the largest size."""

BEYOND = 4
"""Times the largest size where the error is predicted."""


def synthetic(
    exponent: float, share: float, noise: float, between: float, grid: tuple[int, int], trials: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sizes, errors and seeds of the runs of many studies; 1 is the error at the largest size."""
    random = np.random.default_rng(seed)
    n_sizes, n_seeds = grid
    sizes = np.repeat(np.round(np.geomspace(50, GRIDS[grid], n_sizes)), n_seeds)
    seeds = np.tile(np.arange(n_seeds), n_sizes)
    exact = (1 - share) * (sizes / GRIDS[grid]) ** -exponent + share
    for _ in range(trials):
        shift = noise * random.standard_normal(len(sizes)) + between * random.standard_normal(n_seeds)[seeds]
        yield sizes, exact * np.exp(shift), seeds


def straight(sizes: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """The exponent's interval if there were no floor."""
    from scipy.stats import linregress, t

    line = linregress(np.log(sizes), np.log(errors))
    half = t.ppf(0.95, len(sizes) - 2) * line.stderr
    return -line.slope - half, -line.slope + half


def coverage(
    exponent: float, share: float, noise: float, between: float, grid: tuple[int, int], trials: int, seed: int
) -> dict[str, float]:
    """Part of the trials in which each interval holds the truth."""
    from nablaviz.studies.curve_fit import fit

    size = float(BEYOND * GRIDS[grid])
    error = (1 - share) * BEYOND**-exponent + share
    rows = []
    for runs in synthetic(exponent, share, noise, between, grid, trials, seed):
        curve = fit(*runs)
        low, high = curve.band(np.array([size]))
        _, first, last = curve.needed(error)
        b = curve.exponent_interval
        line = straight(*runs[:2])
        rows.append(
            {
                "exponent": b[0] <= exponent <= b[1],
                "error": low[0] <= error <= high[0],
                "needed": first <= size <= last,
                "floor found": curve.floor > 0,
                "no upper end": np.isinf(last),
                "exponent without floor": line[0] <= exponent <= line[1],
            }
        )
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def measure(trials: int, seed: int) -> dict[str, Any]:
    """Coverage for every curve, noise and grid."""
    begun = time.process_time()
    results = []
    for name, (exponent, share) in CURVES.items():
        for noise in NOISE:
            for i, grid in enumerate(GRIDS):
                between = noise if i % 2 else 0.0
                found = coverage(exponent, share, noise, between, grid, trials, seed)
                case = {"curve": name, "noise": noise, "between": between, "sizes": grid[0], "seeds": grid[1]}
                results.append({**case, **found})
    seconds = (time.process_time() - begun) / len(results)
    return {
        "benchmark": "learning_curve_fit", "trials": trials, "seed": seed,
        "cpu_seconds_per_case": round(seconds, 2), "results": results,
    }  # fmt: skip


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    result = measure(options.trials, options.seed)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    import pandas as pd

    sys.stdout.write(pd.DataFrame(result["results"]).to_string(index=False, float_format="{:.3f}".format))
    sys.stdout.write(f"\n{result['cpu_seconds_per_case']} s of CPU for {options.trials} trials\n")


if __name__ == "__main__":
    main()
