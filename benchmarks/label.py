"""Time of one conformer's labels, energy and gradient, beside Psi4 at the same level and threads.

    python benchmarks/label.py [--json] [--sizes 6 12 30] [--threads 1] [--repeat 1]

Psi4 (Debian: ``apt-get install psi4``) runs under the system's Python; both sides are started anew with
the same OMP_NUM_THREADS, and each labels one water molecule before the clock starts. Wall time is what
is compared; processor time is given too, since it changes less on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

MOLECULES = {
    6: ("methanol", "CO"),
    12: ("2-pyridone", "O=C1C=CC=CN1"),
    30: ("sulfamerazine", "Cc1ccnc(n1)NS(=O)(=O)c1ccc(N)cc1"),
}
"""By number of atoms: name and SMILES. Sulfamerazine is a drug."""

LEVEL = "ωB97X-D/def2-SVP, density fitting"

# Runs under another Python, which has psi4 but not nablaviz.
PSI4 = """
import json, os, sys, time
import numpy as np
import psi4

threads, repeat, molecules = json.load(sys.stdin)
psi4.core.set_output_file(os.devnull, False)
psi4.set_num_threads(threads)
psi4.set_memory("8 GB")
results = []
for count, (symbols, positions) in enumerate(molecules):
    lines = ["%s %.12f %.12f %.12f" % (s, *r) for s, r in zip(symbols, positions)]
    times = []
    for _ in range(repeat if count else 1):
        fixed = ["units angstrom", "symmetry c1", "no_com", "no_reorient"]
        molecule = psi4.geometry("\\n".join(["0 1", *lines, *fixed]))
        wall, cpu = time.perf_counter(), time.process_time()
        gradient, wavefunction = psi4.gradient("wb97x-d/def2-svp", molecule=molecule, return_wfn=True)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
        psi4.core.clean()
    wall, cpu = min(times)
    bohr = psi4.constants.bohr2angstroms
    results.append({"wall_s": wall, "cpu_s": cpu, "energy": wavefunction.energy(),
                    "forces": (-np.asarray(gradient) / bohr).tolist(),
                    "iterations": int(wavefunction.variable("SCF ITERATIONS"))})
json.dump({"version": psi4.__version__, "results": results}, sys.stdout)
"""


def nablaviz_side() -> None:
    """Label the molecules on standard input; results to standard output."""
    import time

    import pyscf

    import nablaviz
    from nablaviz.chem.dft import Settings
    from nablaviz.molecule import SYMBOLS

    threads, repeat, molecules = json.load(sys.stdin)
    pyscf.lib.num_threads(threads)
    results = []
    for count, (symbols, positions) in enumerate(molecules):
        numbers = [SYMBOLS.index(s) for s in symbols]
        molecule = nablaviz.Molecule(numbers, positions)
        times = []
        for _ in range(repeat if count else 1):
            wall, cpu = time.perf_counter(), time.process_time()
            labels = nablaviz.label(molecule, settings=Settings(device="cpu"))
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
        wall, cpu = min(times)
        results.append(
            {
                "wall_s": wall,
                "cpu_s": cpu,
                "energy": labels.energy,
                "forces": labels.forces.tolist(),
                "iterations": labels.scf_iterations,
            }
        )
    json.dump({"version": nablaviz.__version__, "pyscf": pyscf.__version__, "results": results}, sys.stdout)


def psi4_environment(executable: str) -> dict[str, str]:
    """Where Psi4's Python module lies, as ``psi4 --psiapi-path`` prints it."""
    printed = subprocess.run([executable, "--psiapi-path"], capture_output=True, text=True, check=True).stdout
    for line in printed.splitlines():
        if line.startswith("export PYTHONPATH="):
            return {"PYTHONPATH": line.removeprefix("export PYTHONPATH=").split(":")[0]}
    raise SystemExit(f"{executable} --psiapi-path names no PYTHONPATH: {printed!r}")


def run(command: list[str], environment: dict[str, str], task: list[Any]) -> dict[str, Any]:
    """Run one side; what it prints last is JSON."""
    done = subprocess.run(
        command, input=json.dumps(task), env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed with status {done.returncode}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def compare(sizes: list[int], threads: int, repeat: int, psi4: str, psi4_python: str) -> dict[str, Any]:
    """Both sides on the same geometries, one after the other."""
    import numpy as np

    from nablaviz.chem.conformers import embed

    molecules = [embed(MOLECULES[size][1])[0] for size in sizes]
    warm_up = (["O", "H", "H"], [[0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]])
    task = [threads, repeat, [warm_up, *((m.symbols, m.positions.tolist()) for m in molecules)]]
    environment = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    mine = run([sys.executable, __file__, "--side"], environment, task)
    with tempfile.TemporaryDirectory() as scratch:
        environment |= psi4_environment(psi4) | {"PSI_SCRATCH": scratch}
        peer = run([psi4_python, "-c", PSI4], environment, task)
    rows = []
    for size, molecule, a, b in zip(sizes, molecules, mine["results"][1:], peer["results"][1:], strict=True):
        rows.append(
            {
                "atoms": size,
                "molecule": MOLECULES[size][0],
                "formula": molecule.formula,
                "nablaviz_s": a["wall_s"],
                "psi4_s": b["wall_s"],
                "ratio": b["wall_s"] / a["wall_s"],
                "nablaviz_cpu_s": a["cpu_s"],
                "psi4_cpu_s": b["cpu_s"],
                "ratio_cpu": b["cpu_s"] / a["cpu_s"],
                "nablaviz_iterations": a["iterations"],
                "psi4_iterations": b["iterations"],
                "nablaviz_energy": a["energy"],
                "psi4_energy": b["energy"],
                "energy_difference": a["energy"] - b["energy"],
                "mean_force_difference": float(np.abs(np.subtract(a["forces"], b["forces"])).mean()),
            }
        )
    return {
        "benchmark": "label",
        "level": LEVEL,
        "threads": threads,
        "repeat": repeat,
        "sizes": sizes,
        "versions": {"nablaviz": mine["version"], "pyscf": mine["pyscf"], "psi4": peer["version"]},
        "results": rows,
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--sizes", type=int, nargs="+", default=[*MOLECULES], choices=[*MOLECULES])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="the fastest of so many counts")
    parser.add_argument("--psi4", default="psi4", help="the psi4 command")
    parser.add_argument("--psi4-python", default="/usr/bin/python3", help="the Python that imports psi4")
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        nablaviz_side()
        return
    result = compare(options.sizes, options.threads, options.repeat, options.psi4, options.psi4_python)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    lines = [f"{LEVEL}, {options.threads} thread(s), {result['versions']}"]
    for row in result["results"]:
        lines.append(
            f"{row['atoms']:3} atoms ({row['molecule']}): {row['nablaviz_s']:.1f} s, "
            f"Psi4 {row['psi4_s']:.1f} s, ratio {row['ratio']:.2f} (processor time {row['ratio_cpu']:.2f}), "
            f"ΔE {row['energy_difference']:.1e} Eh, mean |ΔF| {row['mean_force_difference']:.1e} Eh/Å"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
