"""How much of the error of small integration grids depends on the way they are turned.

    python benchmarks/grid_noise.py [--json] [--molecules 6] [--turns 4] [--seed 0]

The exchange-correlation matrix of conformers of the bundled sample (``test_conformations``, molecules chosen
at random), at the density of their labels, on each grid less that on the grid of the labels, in the Löwdin
basis: its mean magnitude, and, of several random turns of the grid about the molecule, the mean magnitude of
what differs from their mean. A network that is told the geometry can learn the error, but not the latter.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

SHELLS = (
    ((25, 110), (15, 50)),
    ((15, 146), (12, 110)),
    ((15, 194), (12, 110)),
    ((20, 194), (15, 110)),
    ((15, 302), (12, 194)),
)
"""Shells of heavy atoms and of hydrogens, and points on each."""


def measure(molecules: int, turns: int, seed: int) -> list[dict[str, Any]]:
    """Points and errors of each grid, means over the molecules."""
    import numpy as np
    import pandas as pd
    from pyscf.dft.gen_grid import Grids
    from scipy.spatial.transform import Rotation
    from tqdm.auto import tqdm

    import nablaviz
    from nablaviz.chem import basis, lowdin, quadrature
    from nablaviz.chem.dft import Settings
    from nablaviz.chem.scf import occupied_orbitals
    from nablaviz.chem.xc import XCIntegrator
    from nablaviz.data.splits import split_rows

    def turned(mol: Any, configure: Callable[[Any], None], turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        grid = Grids(mol.set_geom_(mol.atom_coords() @ turn, unit="Bohr", inplace=False))
        configure(grid)
        grid.build(sort_grids=False)
        return grid.coords @ turn.T, grid.weights

    def smallest(grid: Any) -> None:
        grid.level = 0

    def shells(heavy: tuple[int, int], light: tuple[int, int]) -> Callable[[Any], None]:
        def configure(grid: Any) -> None:
            grid.atom_grid = {s: light if s == "H" else heavy for s in grid.mol.elements}

        return configure

    grids = {"PySCF's smallest": smallest}
    grids |= {f"{h[0]} × {h[1]}, H {light[0]} × {light[1]}": shells(h, light) for h, light in SHELLS}
    xc, rotations = Settings().xc, Rotation.random(turns, random_state=seed).as_matrix()
    dataset = nablaviz.sample()
    table = dataset.table.iloc[split_rows(dataset.table, "test_conformations")]
    chosen = table.sample(frac=1, random_state=seed).drop_duplicates("moses_id").index[:molecules]
    rows = []
    for row in tqdm(chosen.tolist(), unit="molecule"):
        conformer = dataset[row]
        mol = basis.mole(conformer.molecule)
        orbitals = occupied_orbitals(mol, conformer.hamiltonian)
        density = 2 * orbitals @ orbitals.T
        inverse = lowdin.roots(basis.overlap(conformer.molecule))[1]
        exact = XCIntegrator(mol, *quadrature.published(mol), xc).energy_and_matrix(density)[1]
        for name, configure in grids.items():
            errors, sizes = [], []
            for turn in rotations:
                integrator = XCIntegrator(mol, *turned(mol, configure, turn), xc)
                errors.append(inverse @ (integrator.energy_and_matrix(density)[1] - exact) @ inverse)
                sizes.append(len(integrator.weights))
            spread = np.std(errors, axis=0, ddof=1) * np.sqrt(2 / np.pi)  # of a normal, the mean magnitude
            rows.append((name, np.mean(sizes), np.abs(errors).mean() * 1e6, spread.mean() * 1e6))
    table = pd.DataFrame(rows, columns=["grid", "points", "error_uEh", "of_the_turn_uEh"])
    return table.groupby("grid", sort=False).mean().reset_index().to_dict("records")


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--molecules", type=int, default=6)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of molecules and turns")
    options = parser.parse_args()
    results = measure(options.molecules, options.turns, options.seed)
    if options.json:
        json.dump({"benchmark": "grid_noise", **vars(options), "results": results}, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for found in results:
        sys.stdout.write(
            f"{found['grid']:24}{found['points']:8.0f} points  {found['error_uEh']:6.1f} µEh, "
            f"of the turn {found['of_the_turn_uEh']:5.1f}\n"
        )


if __name__ == "__main__":
    main()
