"""Time of an orbital's values on a grid, and size of its surface, beside PySCF's cube files.

    python benchmarks/orbitals.py [--json] [--points 80] [--threads 2] [--repeat 60]

The peer is ``pyscf.tools.cubegen.orbital`` as a user calls it, which writes a text file (to a temporary
folder); its time without the writing is given too. Both sides compute the same orbitals of the same
molecule on the same points in one process, one after the other, with the same number of threads; the
fastest and the median of the repeats count. On a busy machine only processor time is steady: read that of one
thread (``--threads 1``). The benchmark also counts the arithmetic of our side and
measures how fast this machine multiplies matrices, for the time that the arithmetic alone would take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

ATOMS = 32
"""The molecule of the bundled sample nearest to this size (the larger, of two as near) is taken."""

ISOVALUE = 0.05
TEN = 10


def timed(function: Callable[[int], Any], calls: range) -> tuple[list[float], list[float]]:
    """Wall time and processor time of each call."""
    wall, cpu = [], []
    for call in calls:
        start, used = time.perf_counter(), time.process_time()
        function(call)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return wall, cpu


def seconds(function: Callable[[], Any], repeat: int) -> tuple[float, float, float]:
    """Fastest and median wall time of calls, and least processor time, after a call that does not count."""
    function()
    wall, cpu = timed(lambda _: function(), range(repeat))
    return min(wall), statistics.median(wall), min(cpu)


def product_rate() -> float:
    """Floating-point operations per second of single-precision matrix products that fit the cache."""
    import torch

    best = 0.0
    for rows, inner, columns in ((20, 160, 1600), (200, 160, 1600), (512, 512, 512), (1024, 1024, 1024)):
        a, b, out = torch.randn(rows, inner), torch.randn(inner, columns), torch.empty(rows, columns)
        best = max(best, 2 * rows * inner * columns / seconds(lambda: torch.mm(a, b, out=out), 60)[0])  # noqa: B023
    return best


def arithmetic(molecule: Any, coefficients: Any, box: Any) -> tuple[int, int, int]:
    """Operations of our products, bytes they read and write, and operations if no term were left out."""
    from nablaviz.chem.primitives import primitives
    from nablaviz.chem.separable import blocks

    flops = moved = 0
    for _, _, left, right in blocks(molecule, coefficients, box.axes()):
        k, terms, rows = left.shape
        columns = right.shape[1]
        flops += 2 * k * terms * rows * columns + terms * columns  # the products, and right's own
        moved += 4 * (2 * left.numel() + 2 * right.numel() + k * rows * columns)
    nx, ny, nz = box.shape
    dense = 2 * len(primitives(molecule.numbers).primitive) * nx * ny * nz * coefficients.shape[1]
    return flops, moved, dense


def compare(points: int, threads: int, repeat: int) -> dict[str, Any]:
    """Both sides, and what the arithmetic allows."""
    import numpy as np
    import pyscf
    import torch
    from pyscf.tools import cubegen

    import nablaviz
    from nablaviz.chem.basis import mole
    from nablaviz.chem.grid import ORBITAL_UNIT, Box, Field, fit_box, orbital_values
    from nablaviz.chem.isosurface import isosurface
    from nablaviz.chem.orbitals import orbitals_of
    from nablaviz.chem.points import orbitals_at
    from nablaviz.units import BOHR2ANGSTROM

    torch.set_num_threads(threads)
    pyscf.lib.num_threads(threads)
    table = nablaviz.sample().table
    far = (table["n_atoms"] - ATOMS).abs() - table["n_atoms"] / 1000
    conformer = nablaviz.sample()[int(far.to_numpy().argmin())]
    molecule, mol = conformer.molecule, mole(conformer.molecule)
    orbitals = orbitals_of(molecule, conformer.hamiltonian)
    first = orbitals.homo - TEN // 2 + 1
    ten = np.ascontiguousarray(orbitals.coefficients[:, first : first + TEN])
    homo = ten[:, [orbitals.homo - first]]

    grid = cubegen.Cube(mol, points, points, points)
    steps = np.array([axis[1] - axis[0] for axis in (grid.xs, grid.ys, grid.zs)])
    box = Box(
        (grid.boxorig + np.array([grid.xs[0], grid.ys[0], grid.zs[0]]) * np.diag(grid.box)) * BOHR2ANGSTROM,
        steps * np.diag(grid.box) * BOHR2ANGSTROM,
        (points,) * 3,
    )
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "orbital.cube"

        def peer(k: int) -> Any:
            return cubegen.orbital(mol, str(written), ten[:, k], nx=points, ny=points, nz=points)

        theirs = peer(orbitals.homo - first)
        text = written.stat().st_size
        calls, calls_cpu = timed(peer, range(TEN))
        with mock.patch.object(cubegen.Cube, "write", return_value=None):
            unwritten, _ = timed(peer, range(2))
    one, ours_ten = partial(orbital_values, molecule, homo, box), partial(orbital_values, molecule, ten, box)
    one_best, one_median, one_cpu = seconds(one, repeat)
    ten_best, ten_median, ten_cpu = seconds(ours_ten, max(3, repeat // 4))
    rate = product_rate()
    flops, moved, dense = arithmetic(molecule, homo, box)
    flops_ten, moved_ten, _ = arithmetic(molecule, ten, box)

    def surface() -> list[Any]:
        fitted = fit_box(molecule, homo, level=ISOVALUE)
        field = Field(fitted, orbital_values(molecule, homo, fitted)[0], ORBITAL_UNIT)
        exact = partial(orbitals_at, molecule, homo[:, 0])
        return [isosurface(field, level, exact) for level in (ISOVALUE, -ISOVALUE)]

    meshes = surface()
    at_vertices = np.concatenate([np.abs(orbitals_at(molecule, homo[:, 0], m.vertices)) for m in meshes])
    fitted = fit_box(molecule, homo, level=ISOVALUE)
    fitting = seconds(lambda: fit_box(molecule, homo, level=ISOVALUE), repeat)
    on_fitted = seconds(lambda: orbital_values(molecule, homo, fitted), repeat)
    surfacing = seconds(surface, max(3, repeat // 6))
    mesh_bytes = sum(mesh.nbytes for mesh in meshes)
    return {
        "benchmark": "orbitals",
        "versions": {
            "nablaviz": nablaviz.__version__,
            "pyscf": pyscf.__version__,
            "torch": torch.__version__,
        },
        "threads": threads,
        "repeat": repeat,
        "molecule": conformer.molecule.smiles,
        "atoms": len(molecule),
        "orbitals": mol.nao,
        "points": points**3,
        "speedup_one": min(calls) / one_best,
        "speedup_ten": sum(calls) / ten_best,
        "speedup_one_median": statistics.median(calls) / one_median,
        "speedup_ten_median": sum(calls) / ten_median,
        "speedup_one_cpu": min(calls_cpu) / one_cpu,
        "speedup_ten_cpu": sum(calls_cpu) / ten_cpu,
        "speedup_one_unwritten": min(unwritten) / one_best,
        "nablaviz_one_s": one_best,
        "nablaviz_one_median_s": one_median,
        "nablaviz_ten_s": ten_best,
        "nablaviz_ten_median_s": ten_median,
        "nablaviz_one_cpu_s": one_cpu,
        "nablaviz_ten_cpu_s": ten_cpu,
        "cubegen_one_cpu_s": min(calls_cpu),
        "cubegen_one_s": min(calls),
        "cubegen_one_median_s": statistics.median(calls),
        "cubegen_ten_s": sum(calls),
        "cubegen_one_unwritten_s": min(unwritten),
        "max_error": float(np.abs(one()[0] - theirs).max() / np.abs(theirs).max()),
        "payload_ratio": text / mesh_bytes,
        "cube_bytes": text,
        "mesh_bytes": mesh_bytes,
        "volume_float16_bytes": 2 * int(np.prod(fitted.shape)),
        "isovalue": ISOVALUE,
        "vertices": sum(len(mesh.vertices) for mesh in meshes),
        "vertices_within_1_percent": float((np.abs(at_vertices / ISOVALUE - 1) < 0.01).mean()),
        "fitted_box_points": fitted.shape,
        "fit_box_s": fitting[0],
        "fitted_values_s": on_fitted[0],
        "box_values_and_surfaces_s": surfacing[0],
        "limit": {
            "matrix_product_flops_per_s": rate,
            "one": {"flops": flops, "bytes": moved, "s": flops / rate, "fraction": flops / rate / one_best},
            "ten": {
                "flops": flops_ten,
                "bytes": moved_ten,
                "s": flops_ten / rate,
                "fraction": flops_ten / rate / ten_best,
            },
            "one_without_leaving_out": {"flops": dense, "s": dense / rate},
        },
    }


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--points", type=int, default=80, help="along each axis")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=60)
    options = parser.parse_args()
    result = compare(options.points, options.threads, options.repeat)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    limit = result["limit"]
    one, ten = limit["one"], limit["ten"]
    lines = [
        f"{result['molecule']}, {result['atoms']} atoms, {result['orbitals']} atomic orbitals, "
        f"{options.points}³ points, {options.threads} thread(s), {result['versions']}",
        f"one orbital: {1e3 * result['nablaviz_one_s']:.1f} ms, cubegen {result['cubegen_one_s']:.2f} s: "
        f"{result['speedup_one']:.0f} times ({result['speedup_one_unwritten']:.0f} without its writing)",
        f"ten orbitals: {1e3 * result['nablaviz_ten_s']:.1f} ms, cubegen {result['cubegen_ten_s']:.1f} s: "
        f"{result['speedup_ten']:.0f} times",
        f"largest error {result['max_error']:.1e} of the largest value",
        f"both surfaces at ±{result['isovalue']}: {result['mesh_bytes'] / 1e3:.0f} kB, cube file "
        f"{result['cube_bytes'] / 1e6:.1f} MB: {result['payload_ratio']:.0f} times; "
        f"{result['vertices_within_1_percent']:.2%} of the vertices within 1 %",
        f"matrix products here: {limit['matrix_product_flops_per_s'] / 1e9:.0f} GFLOP/s. One orbital: "
        f"{one['flops'] / 1e9:.3f} GFLOP, {1e3 * one['s']:.1f} ms, {one['fraction']:.0%} of our time; "
        f"ten: {ten['flops'] / 1e9:.2f} GFLOP, {1e3 * ten['s']:.1f} ms, {ten['fraction']:.0%}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
