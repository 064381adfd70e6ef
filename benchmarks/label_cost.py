"""What labels cost on CPUs, from how their time grows with size in the bundled sample.

    python benchmarks/label_cost.py [--json]

Each conformer of the sample says how long its labels took (ωB97X-D/def2-SVP energy, forces, Hamiltonian; one
thread). log t = a + b log n is fitted by least squares over molecules (medians of their conformers), n the
number of orbitals. The 95 % interval of b is from 1,000 bootstrap samples of molecules. Costs are given
for molecules of several sizes: ``--orbitals``.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

import nablaviz
from nablaviz.chem import basis

COUNTS = (1_000, 100_000, 1_000_000)
CORES = (2, 64, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orbitals", type=int, nargs="+", default=[100, 200, 300, 400])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    dataset = nablaviz.sample()
    table = dataset.table[dataset.table.wall_time.notna()]
    first = table.groupby("moses_id").head(1)
    size = {row.moses_id: basis.size(dataset[int(row.Index)].molecule.numbers) for row in first.itertuples()}
    seconds = table.groupby("moses_id").wall_time.median()
    n = np.array([size[key] for key in seconds.index], float)
    x, y = np.log(n), np.log(seconds.to_numpy())
    slope, intercept = np.polyfit(x, y, 1)
    spread = float(np.std(y - slope * x - intercept))
    random = np.random.default_rng(0)
    draws = (random.integers(len(x), size=len(x)) for _ in range(1000))
    low, high = np.quantile([np.polyfit(x[d], y[d], 1)[0] for d in draws], [0.025, 0.975])
    one = {m: float(np.exp(intercept + slope * np.log(m) + spread**2 / 2)) for m in args.orbitals}
    found = {
        "molecules": len(n),
        "conformers": len(table),
        "orbitals": [int(n.min()), int(n.max())],
        "exponent": round(float(slope), 3),
        "exponent_95": [round(float(low), 3), round(float(high), 3)],
        "scatter_factor": round(float(np.exp(spread)), 2),
        "core_seconds_each": {m: round(t, 1) for m, t in one.items()},
        "core_hours": {m: {c: round(c * t / 3600, 1) for c in COUNTS} for m, t in one.items()},
        "days": {
            m: {c: {k: round(c * t / 86400 / k, 2) for k in CORES} for c in COUNTS} for m, t in one.items()
        },
        "seconds_of_the_sample": round(float(table.wall_time.sum())),
    }
    print(json.dumps(found) if args.json else "\n".join(f"{key}: {value}" for key, value in found.items()))


if __name__ == "__main__":
    main()
