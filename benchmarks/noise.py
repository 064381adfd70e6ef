"""What random errors of a Hamiltonian do to orbitals, by the basis in which they are drawn.

    python benchmarks/noise.py [--json] [--molecules 40] [--draws 4] [--atoms 20] [--seed 0]

First conformers of molecules of the bundled sample. Means over draws, then over molecules with standard
errors by bootstrap.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

SIZES = (1e-5, 1e-4, 1e-3)
"""Mean magnitude of an element, Eh."""

RESAMPLES = 1000


def measure(molecules: int, draws: int, atoms: int, seed: int) -> dict[str, Any]:
    """Errors of the orbitals for each basis and size of the noise, and conditions of the overlap."""
    import pandas as pd

    import nablaviz
    from nablaviz.chem.comparison import solution
    from nablaviz.chem.noise import response

    dataset = nablaviz.sample()
    firsts = dataset.table.query("n_atoms <= @atoms").drop_duplicates("smiles").index
    random = np.random.default_rng(seed)
    parts, conditions = [], []
    for row in random.choice(firsts, molecules, replace=False).tolist():
        exact = solution(dataset[row].molecule, dataset[row].hamiltonian)
        conditions.append(float(np.linalg.cond(exact.overlap)))
        parts.append(response(exact, SIZES, draws).assign(row=row))
    table = pd.concat(parts).drop(columns="draw").groupby(["basis", "size", "row"]).mean()
    results = []
    for (basis, size), group in table.groupby(level=["basis", "size"]):
        resampled = random.integers(0, len(group), (RESAMPLES, len(group)))
        for measure, values in group.items():
            results.append(
                {
                    "basis": basis,
                    "size": size,
                    "measure": measure,
                    "mean": float(values.mean()),
                    "standard_error": float(values.to_numpy()[resampled].mean(axis=1).std()),
                    "median": float(values.median()),
                }
            )
    return {
        "benchmark": "noise",
        "molecules": molecules,
        "draws": draws,
        "condition": np.percentile(conditions, [0, 50, 100]).tolist(),
        "results": results,
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--molecules", type=int, default=40)
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--atoms", type=int, default=20, help="largest number of atoms")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of molecules")
    options = parser.parse_args()
    result = measure(options.molecules, options.draws, options.atoms, options.seed)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    import pandas as pd

    table = pd.DataFrame(result["results"]).set_index(["basis", "size", "measure"])
    low, middle, high = result["condition"]
    sys.stdout.write(f"condition of S: {low:,.0f} to {high:,.0f}, median {middle:,.0f}\n")
    sys.stdout.write(table.to_string(float_format="{:.3g}".format) + "\n")


if __name__ == "__main__":
    main()
