"""What the rungs of the ladder take, beside what was expected, and how it grows with the size.

    python benchmarks/ladder.py [--json] [--basis 6-31g] [--molecules C CC CCC CCCC]
                                [--rungs gfn2-xtb hf pbe wb97x-d mp2 ccsd "ccsd(t)"] [--seconds 300]

Each rung for each molecule at RDKit's geometry, one process, one thread. ``ratio`` is processor time over the
time expected (PySCF is loaded beforehand); exponents are of processor time against the number of basis
functions, with standard errors. A rung that is expected to take more than so many seconds is refused.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

RUNGS = ("gfn2-xtb", "hf", "pbe", "wb97x-d", "mp2", "ccsd", "ccsd(t)")


def measure(smiles: list[str], rungs: list[str], basis: str, seconds: float) -> dict[str, Any]:
    """Every time, the ratios by rung, the exponents, versions."""
    import numpy as np
    import pyscf
    from tqdm.auto import tqdm

    from nablaviz.chem.ladder import DONE, climb, energies
    from nablaviz.chem.method import Settings
    from nablaviz.chem.reactions import apart
    from nablaviz.chem.rung_cost import Limits, machine_rate
    from nablaviz.chem.rungs import choose
    from nablaviz.views.ladder_figure import exponents

    pyscf.lib.num_threads(1)
    series, chosen = apart(smiles), choose(tuple(rungs))
    for _ in climb(apart(["[H][H]"]), chosen, Settings("sto-3g")):
        pass  # what is done once in a process
    steps = climb(series, chosen, Settings(basis), Limits(seconds))
    table = energies(series, tqdm(steps, total=len(chosen) * len(smiles), unit="energy"))
    table["ratio"] = table["processor"] / table["expected_seconds"]
    done = table[table["state"] == DONE]
    ratios = done[done["processor"] > 0.2].groupby("rung", sort=False)["ratio"]
    return {
        "benchmark": "ladder",
        "basis": basis,
        "threads": 1,
        "peer": f"PySCF {pyscf.__version__}",
        "gflops": machine_rate() / 1e9,
        "ratios": {rung: [float(r) for r in np.quantile(own, [0, 0.5, 1])] for rung, own in ratios},
        "exponents": {title: [fit.exponent, fit.error] for title, fit in exponents(done).items()},
        "results": json.loads(table.to_json(orient="records")),
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--basis", default="6-31g")
    parser.add_argument("--molecules", nargs="+", default=["C", "CC", "CCC", "CCCC"], help="SMILES")
    parser.add_argument("--rungs", nargs="+", default=list(RUNGS))
    parser.add_argument("--seconds", type=float, default=300, help="that a rung may be expected to take")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is imported
    result = measure(options.molecules, options.rungs, options.basis, options.seconds)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for one in result["results"]:
        took = "–" if one["processor"] is None else f"{one['processor']:.2f} s"
        expected = "–" if one["expected_seconds"] is None else f"{one['expected_seconds']:.2f} s"
        sys.stdout.write(
            f"{one['title']:12} {one['molecule']:8} {one['functions']:4} functions: {took}, "
            f"expected {expected} {one['state']}\n"
        )
    for title, (exponent, error) in result["exponents"].items():
        sys.stdout.write(f"{title:12} N^({exponent:.2f} ± {error:.2f})\n")


if __name__ == "__main__":
    main()
