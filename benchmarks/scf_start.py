"""What a predicted Hamiltonian saves as the start of an SCF, beside superposed atomic densities.

    python benchmarks/scf_start.py [--json] [--model hamiltonian] [--split test_conformations]
                                   [--conformers 50] [--seed 0]

One conformer of each of so many molecules of the bundled sample, chosen at random (of all molecules of the
split where there are fewer). The SCF is that of the labels, without forces, to the same tolerance from both;
times from the predicted Hamiltonian include the model and its baseline; "matrices" are iterations and the
Kohn–Sham matrices that the baseline computes. One process, one thread. Ratios are of means, with 95 %
bootstrap intervals over molecules. Processor time changes less on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

RESAMPLES = 2000


def measure(model: str, split: str, conformers: int, seed: int) -> dict[str, Any]:
    """Iterations and times of each conformer's two SCFs, their ratios, versions."""
    import numpy as np
    import pandas as pd
    import pyscf
    import torch
    from tqdm.auto import tqdm

    import nablaviz
    from nablaviz.chem.baselines import MINAO
    from nablaviz.chem.scf_start import start_from
    from nablaviz.data.splits import split_rows

    torch.set_num_threads(1)
    pyscf.lib.num_threads(1)
    dataset, predictor = nablaviz.sample(), nablaviz.load_model(model)
    table = dataset.table.iloc[split_rows(dataset.table, split)]
    chosen = table.sample(frac=1, random_state=seed).drop_duplicates("moses_id").index[:conformers]
    warm = dataset[int(chosen[0])].molecule
    for guess in (None, lambda: predictor.predict(warm).hamiltonian):
        start_from(warm, guess)  # what is done once in a process
    rows = []
    for row in tqdm(chosen.tolist(), unit="conformer"):
        molecule = dataset[row].molecule
        usual = start_from(molecule)
        guided = start_from(molecule, lambda molecule=molecule: predictor.predict(molecule).hamiltonian)
        rows.append(
            {
                "row": row,
                "atoms": len(molecule),
                **{f"usual_{name}": value for name, value in vars(usual).items()},
                **{f"guided_{name}": value for name, value in vars(guided).items()},
            }
        )
    found = pd.DataFrame(rows)
    base = predictor.card.settings.get("baseline", model)
    found["usual_matrices"] = found["usual_iterations"]
    found["guided_matrices"] = found["guided_iterations"] + (1 + MINAO[base][0] if base in MINAO else 0)
    drawn = np.random.default_rng(seed).integers(0, len(found), (RESAMPLES, len(found)))
    ratios = {}
    for name in ("iterations", "matrices", "wall", "processor"):
        usual, guided = found[f"usual_{name}"].to_numpy(), found[f"guided_{name}"].to_numpy()
        resampled = guided[drawn].mean(axis=1) / usual[drawn].mean(axis=1)
        low, high = np.quantile(resampled, [0.025, 0.975])
        ratios[name] = {
            "usual": usual.mean(),
            "guided": guided.mean(),
            "ratio": guided.mean() / usual.mean(),
            "low": low,
            "high": high,
        }
    return {
        "benchmark": "scf_start",
        "model": model,
        "architecture": predictor.card.architecture,
        "baseline": base,
        "split": split,
        "conformers": len(found),
        "atoms": [int(found["atoms"].min()), int(found["atoms"].max())],
        "threads": 1,
        "peer": "superposed atomic densities (minao)",
        "pyscf": pyscf.__version__,
        "largest_energy_difference": float((found.guided_energy - found.usual_energy).abs().max()),
        "guess_share": found.guided_guess.mean() / found.guided_wall.mean(),
        "ratios": ratios,
        "results": rows,
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", default="hamiltonian", help="name or file of a model, or a baseline")
    parser.add_argument("--split", default="test_conformations")
    parser.add_argument("--conformers", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the choice of conformers")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is imported
    result = measure(options.model, options.split, options.conformers, options.seed)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    low, high = result["atoms"]
    sys.stdout.write(f"{result['model']}, {result['conformers']} conformers of {low} to {high} atoms\n")
    for name, unit in (("iterations", ""), ("matrices", ""), ("wall", " s"), ("processor", " s")):
        r = result["ratios"][name]
        sys.stdout.write(
            f"{name:11}{r['usual']:7.2f}{unit} -> {r['guided']:6.2f}{unit}   "
            f"{r['ratio']:.0%} ({r['low']:.0%} to {r['high']:.0%})\n"
        )


if __name__ == "__main__":
    main()
