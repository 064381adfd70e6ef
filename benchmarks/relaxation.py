"""Conformers relaxed with a model and with DFT: pct, pct_div and success, as published for ∇²DFT.

    python benchmarks/relaxation.py [--json] [--model energy] [--split test_structures] [--conformers 8]
                                    [--atoms 12] [--seed 0] [--out runs/relaxation]

One conformer each of so many molecules of the bundled sample with at most so many atoms, chosen at random.
DFT's relaxations are kept in the folder after every step: stop this at any time, the same command goes on.
Another model is judged by the same relaxations. One process, one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any


def measure(model: str, split: str, conformers: int, atoms: int, seed: int, out: Path) -> dict[str, Any]:
    """Outcome of each conformer, the metrics, versions."""
    import ase
    import pyscf
    import torch
    from tqdm.auto import tqdm

    import nablaviz
    from nablaviz.data.splits import split_rows
    from nablaviz.models.relaxation import relax
    from nablaviz.studies.relaxation import judge, metrics, reference_relaxation

    torch.set_num_threads(1)
    pyscf.lib.num_threads(1)
    dataset, predictor = nablaviz.sample(), nablaviz.load_model(model)
    rows = dataset.table.iloc[split_rows(dataset.table, split)]
    rows = rows[rows["n_atoms"] <= atoms]
    rows = rows.sample(frac=1, random_state=seed).drop_duplicates("moses_id").head(conformers)
    if rows.empty:
        raise SystemExit(f"no molecule of {split} has at most {atoms} atoms")
    out.mkdir(parents=True, exist_ok=True)
    outcomes, times = [], {"model": 0.0, "dft": 0.0}
    bar = tqdm(rows.itertuples(), total=len(rows), unit="conformer")
    for line in bar:
        molecule = dataset[int(line.Index)].molecule
        name = f"{line.moses_id}/{line.conformation_id} {line.smiles}"

        def tell(step: int, energy: float, force: float, name: str = name) -> None:
            bar.set_postfix_str(f"{name}: DFT step {step}, largest force {force:.4f} Eh/Å")

        began = time.process_time()
        modelled = relax(molecule, predictor)
        between = time.process_time()
        path = out / f"{line.moses_id}_{line.conformation_id}.json"
        reference, dft = reference_relaxation(molecule, path, tell=tell)
        outcomes.append(judge(name, modelled, reference, lambda end, dft=dft: dft(end)[0]))
        times["model"] += between - began
        times["dft"] += time.process_time() - between
    lines = [
        asdict(one) | {"pct": one.pct, "residual": one.residual, "diverged": one.diverged} for one in outcomes
    ]
    return {
        "benchmark": "relaxation",
        "model": model,
        "architecture": predictor.card.architecture,
        "split": split,
        "largest_atoms": atoms,
        "seed": seed,
        "threads": 1,
        "peer": f"DFT, ωB97X-D/def2-SVP, PySCF {pyscf.__version__}",
        "ase": ase.__version__,
        "metrics": metrics(outcomes),
        "processor_seconds": times,
        "results": lines,
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--model", default="energy", help="name or file of a model of the energy")
    parser.add_argument("--split", default="test_structures")
    parser.add_argument("--conformers", type=int, default=8, help="one each of so many molecules")
    parser.add_argument("--atoms", type=int, default=12, help="that a molecule may have")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of conformers")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/relaxation"), help="where DFT's paths are kept"
    )
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy is imported
    result = measure(
        options.model, options.split, options.conformers, options.atoms, options.seed, options.out
    )
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for one in result["results"]:
        sys.stdout.write(
            f"{one['name']:40} {one['pct']:7.1f} %  {one['residual']:+7.2f} kcal/mol  "
            f"{one['steps']:3} steps, {one['reason']}\n"
        )
    found = result["metrics"]
    sys.stdout.write(
        f"{result['model']}, {found['conformers']} conformers: pct {found['pct']:.1f} %, pct_div "
        f"{found['pct_div']:.1f} %, success {found['success']:.1f} %\n"
    )


if __name__ == "__main__":
    main()
