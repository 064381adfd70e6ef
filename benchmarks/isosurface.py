"""How near an orbital's surface is to where the orbital has the isovalue, ours and 3Dmol.js's.

    python benchmarks/isosurface.py [--json] [--chromium /usr/bin/chromium] [--rows 40 149 151]

Both contour the same grid, of the default number of points. At every vertex the orbital is evaluated
exactly. 3Dmol.js runs in a headless Chromium, from ``js/node_modules`` (``npm ci`` in ``js``), with its
default smoothness, 1, and with 10, that of its documented example.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

LIBRARY = Path(__file__).parents[1] / "js" / "node_modules" / "3dmol"
ISOVALUES = (0.02, 0.04, 0.08)
SMOOTHNESS = (1, 10)
CHROMIUM = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]

CONTOUR = """([data, shape, origin, spacing, isoval, smoothness]) => {
  const bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0));
  const volume = new $3Dmol.VolumeData("", "raw");
  volume.data = new Float32Array(bytes.buffer);
  volume.size = {x: shape[0], y: shape[1], z: shape[2]};
  volume.origin = new $3Dmol.Vector3(...origin);
  volume.unit = new $3Dmol.Vector3(...spacing);
  window.viewer ??= $3Dmol.createViewer(document.getElementById("view"), {});
  const drawn = viewer.addIsosurface(volume, {isoval, smoothness, color: "red"});
  const vertices = drawn.geo.geometryGroups.flatMap(g => Array.from(g.vertexArray.slice(0, 3 * g.vertices)));
  viewer.removeShape(drawn);
  return vertices;
}"""


def orbitals_to_draw(rows: list[int]) -> list[tuple[str, Any, np.ndarray]]:
    """Of each molecule, by name: an orbital that is most of s, p and d, the LUMO and a diffuse virtual."""
    import nablaviz
    from nablaviz.chem.basis import layout
    from nablaviz.chem.orbitals import orbitals_of

    found = []
    for row in rows:
        conformer = nablaviz.sample()[row]
        solved = orbitals_of(conformer.molecule, conformer.hamiltonian)
        weight, ell = solved.coefficients**2, layout(conformer.molecule.numbers).ao_l
        share = {x: weight[ell == i].sum(axis=0) / weight.sum(axis=0) for i, x in enumerate("spd")}
        picked = {f"most {x}": int(share[x].argmax()) for x in "spd"}
        picked |= {"HOMO": solved.homo, "LUMO": solved.lumo, "LUMO+4": solved.lumo + 4}
        formula = conformer.molecule.formula
        for kind, k in picked.items():
            found.append((f"{formula} {kind}", conformer.molecule, solved.coefficients[:, k]))
    return found


def compare(rows: list[int], chromium: str) -> dict[str, Any]:
    """Errors |ψ / isovalue − 1| of all surfaces together, by orbital and isovalue."""
    from playwright.sync_api import sync_playwright

    from nablaviz.chem.grid import ORBITAL_UNIT, POINTS, Field, fit_box, orbital_values
    from nablaviz.chem.isosurface import isosurface
    from nablaviz.chem.points import orbitals_at

    results = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        page = browser.new_page()
        page.set_content("<div id=view style='width:200px;height:200px;position:relative'></div>")
        page.add_script_tag(path=LIBRARY / "build" / "3Dmol-min.js")
        for name, molecule, c in orbitals_to_draw(rows):
            exact = partial(orbitals_at, molecule, c)
            for isovalue in ISOVALUES:
                box = fit_box(molecule, c, level=isovalue)
                field = Field(box, orbital_values(molecule, c[:, None], box)[0], ORBITAL_UNIT)
                if np.abs(field.values).max() <= isovalue:
                    continue
                sides = [side for side in (isovalue, -isovalue) if (field.values / side).max() > 1]
                drawn = {
                    "nablaviz": [isosurface(field, side, exact).vertices for side in sides],
                    "nablaviz, grid only": [isosurface(field, side).vertices for side in sides],
                }
                for smoothness in SMOOTHNESS:
                    data = base64.b64encode(field.values.tobytes()).decode()
                    frame = [data, box.shape, box.origin.tolist(), box.spacing.tolist()]
                    drawn[f"3Dmol, smoothness {smoothness}"] = [
                        np.array(page.evaluate(CONTOUR, [*frame, side, smoothness])).reshape(-1, 3)
                        for side in sides
                    ]
                for tool, vertices in drawn.items():
                    there = np.concatenate([exact(v) / side for v, side in zip(vertices, sides, strict=True)])
                    error = np.abs(there - 1)
                    results.append(
                        {
                            "orbital": name,
                            "isovalue": isovalue,
                            "tool": tool,
                            "vertices": len(error),
                            "within_1_percent": float((error < 0.01).mean()),
                            "median_error": float(np.median(error)),
                            "percentile_99_error": float(np.percentile(error, 99)),
                            "mean_value": float(there.mean()),
                        }
                    )
        browser.close()
    version = json.loads((LIBRARY / "package.json").read_text())["version"]
    return {"benchmark": "isosurface", "points": POINTS, "3dmol": version, "results": results}


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rows", type=int, nargs="+", default=[40, 149, 151], help="rows of the sample")
    parser.add_argument("--chromium", default=os.environ.get("NABLAVIZ_CHROMIUM") or shutil.which("chromium"))
    options = parser.parse_args()
    if not options.chromium:
        raise SystemExit("no Chromium: install it, or name one with --chromium")
    result = compare(options.rows, options.chromium)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    import pandas as pd

    table = pd.DataFrame(result["results"])
    columns = ["within_1_percent", "median_error", "percentile_99_error", "mean_value"]
    by_tool = table.groupby(["isovalue", "tool"], sort=False)[columns]
    lines = [
        f"3Dmol.js {result['3dmol']}, {result['points']} points along the longest side",
        "mean over the orbitals",
        by_tool.mean().to_string(float_format="{:.4f}".format),
        "worst orbital",
        by_tool.agg({c: "min" if c == "within_1_percent" else "max" for c in columns[:3]}).to_string(
            float_format="{:.4f}".format
        ),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
