"""Live torsion: time from a change of the dihedral to the repainted orbital, and the error that DFT shows.

    python benchmarks/torsion.py [--json] [--smiles CCC=O] [--keys 40] [--drag 60] [--step 60] [--threads 2]

The panel runs in JupyterLab, in a headless Chromium that draws without a graphics card; the clock is the
page's. Keys: each press of an arrow key on the dihedral's slider, timed to the first animation frame after
the view has painted the orbital of the new geometry; there is a pause between two. Drag: the mouse moves the
slider's handle, and each change of the dihedral is timed to the first frame that shows it or a later one:
what comes too fast is dropped, not queued. In between lie the way to the kernel, the predicted
Hamiltonian, its solution, the orbital on a grid, the way back, the contour and the picture.

Then the path is checked with DFT: of each point the error of the HOMO's energy and its overlap with DFT's,
as the panel shows them. ``processor`` is what the kernel computes for one picture, apart from any waiting.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from page_clock import RECORD, colours, summary, timed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

PAUSE = 700
"""ms between two presses of a key: the fine picture of the one before is there."""

DRAG_PAUSE = 30
"""ms between two movements of the mouse."""

PANEL = """
import time

import nablaviz
from nablaviz.views.torsion_frame import Wish, frame

table = nablaviz.sample().table
row = int(table.index[table.smiles == {smiles!r}][0])
panel = nablaviz.torsion(nablaviz.sample()[row])
painted = {{}}
viewer = panel.stage.viewer
viewer.observe(lambda change: painted.update({{change["new"]: panel.frame.wish.angle}}), "tick")
panel
"""

PROCESSOR = """
wishes = [Wish(panel.path, a + 0.5, panel._index) for a in range(-60, 60, 10)]
begun = time.process_time()
for wish in wishes:
    frame(wish, {}, careful=False)
spent = (time.process_time() - begun) / len(wishes)
"""

SLIDER = ".nablaviz-torsion-chart input[type=range]"

# When the dihedral was asked for, and when which scene (by its tick) was painted, in ms.
DRAG = """(slider) => {
  window.asked = [];
  window.frames_painted = [];
  document.querySelector(slider).addEventListener("input", ({ target }) =>
    asked.push([performance.now(), Number(target.value)]));
  const box = document.querySelector(".nablaviz-viewer");
  new MutationObserver(() => frames_painted.push([performance.now(), Number(box.dataset.ready)]))
    .observe(box, { attributes: true, attributeFilter: ["data-ready"] });
}"""


def keys(notebook: Any, count: int) -> dict[str, Any]:
    """Single steps with the arrow keys, to and fro."""
    page = notebook.page
    page.evaluate(RECORD)
    page.locator(SLIDER).focus()
    marks = []
    for k in range(count):
        page.wait_for_timeout(PAUSE)
        key = "ArrowRight" if (k // 8) % 2 else "ArrowLeft"
        marks.append(timed(notebook, lambda key=key: page.keyboard.press(key), 120))
    assert colours(notebook, ".nablaviz-stage") > 500, "no surface is drawn"
    return summary([mark["ms"] for mark in marks]) | {
        "kilobytes": sum(mark["received"] for mark in marks) / len(marks) / 1e3
    }


def drag(notebook: Any, count: int) -> dict[str, Any]:
    """The slider's handle, to and fro."""
    page = notebook.page
    page.evaluate(DRAG, SLIDER)
    box = page.locator(SLIDER).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(PAUSE)
    page.evaluate("asked.length = frames_painted.length = 0")
    for k in range(1, count + 1):
        page.mouse.move(x + box["width"] * 0.3 * (1 - abs(1 - 2 * k / count)), y)
        page.wait_for_timeout(DRAG_PAUSE)
    page.wait_for_timeout(3 * PAUSE)
    page.mouse.up()
    asked, frames = page.evaluate("[asked, frames_painted]")
    angles = notebook.python("painted")
    times, last = [], len(asked) - 1
    order = {}  # the last time that an angle was asked for, before each frame
    for at, tick in frames:
        angle = angles[tick]
        before = [k for k, (when, wanted) in enumerate(asked) if when <= at and wanted == angle]
        order[at] = before[-1] if before else -1
    for k, (when, _) in enumerate(asked):
        fulfilled = [at for at, newest in order.items() if at >= when and newest >= k]
        assert fulfilled, f"change {k} of {last} was never shown"
        times.append(min(fulfilled) - when)
    span = (frames[-1][0] - frames[0][0]) / 1e3
    return summary(times) | {"pictures": len(frames), "pictures_per_second": len(frames) / span}


def overlay(notebook: Any, step: int) -> dict[str, Any]:
    """DFT at points of the path: what the panel's table has, and that the page shows it."""
    notebook.python("1", f"panel.check({step})")
    notebook.until("panel.dft.running", False, timeout=1800)
    checked = "panel.table.dropna(subset=['homo_dft'])"
    columns = ["angle", "homo_error", "overlap", "gap_error", "energy_error", "percentile"]
    lines = notebook.python(f"{checked}[{columns!r}].astype(float).to_dict('records')")
    shown = notebook.page.locator(".nablaviz-torsion-checks tbody tr").all_inner_texts()
    assert len(shown) == len(lines) + 1, "a line for each, and the mean"
    return {
        "points": lines,
        "homo_mae": sum(abs(line["homo_error"]) for line in lines) / len(lines),
        "overlap_mean": sum(line["overlap"] for line in lines) / len(lines),
        "overlap_least": min(line["overlap"] for line in lines),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All of it, in one notebook."""
    from harness import BROWSER_ARGS, Lab
    from playwright.sync_api import sync_playwright

    import nablaviz

    result: dict[str, Any] = {
        "benchmark": "torsion",
        "versions": {"nablaviz": nablaviz.__version__},
        "threads": options.threads,
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=BROWSER_ARGS)
        result["versions"]["chromium"] = browser.version
        lab = Lab(browser, Path(folder), options.threads)
        try:
            notebook = lab.open([PANEL.format(smiles=options.smiles)])
            notebook.page.set_viewport_size({"width": 1280, "height": 1100})
            notebook.run_all(timeout=600)
            notebook.wait_ready(1, timeout=300)
            notebook.until("panel.latest.busy", False, timeout=600)
            result |= {
                "smiles": options.smiles,
                "atoms": notebook.python("len(panel.molecule)"),
                "model": notebook.python("panel.model.card.name"),
                "keys": keys(notebook, options.keys),
                "drag": drag(notebook, options.drag),
                "processor_ms": 1e3 * notebook.python("spent", PROCESSOR, timeout=120),
            }
            if options.step:
                result["dft"] = overlay(notebook, options.step)
            assert not notebook.errors, notebook.errors
            notebook.close()
        finally:
            lab.close()
            browser.close()
    limits = {"median_ms": 250, "p95_ms": 500}
    result["within_limits"] = all(
        result[how][name] <= most for how in ("keys", "drag") for name, most in limits.items()
    )
    return result | {"limits": limits, "load_after": os.getloadavg()[0]}


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--smiles", default="CCC=O", help="of a molecule of the bundled sample")
    parser.add_argument("--keys", type=int, default=40, help="presses of a key")
    parser.add_argument("--drag", type=int, default=60, help="movements of the mouse")
    parser.add_argument("--step", type=int, default=60, help="degrees between DFT's points; 0 leaves DFT out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chromium", default=os.environ.get("NABLAVIZ_CHROMIUM") or shutil.which("chromium"))
    options = parser.parse_args()
    if not options.chromium:
        raise SystemExit("no Chromium: install it, or name one with --chromium")
    result = measure(options)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    lines = [
        f"{options.smiles}, {result['atoms']} atoms, {options.threads} thread(s), "
        f"load {result['load_before']:.1f} to {result['load_after']:.1f}"
    ]
    for how in ("keys", "drag"):
        each = result[how]
        lines.append(
            f"{how}: median {each['median_ms']:.0f} ms, 95 % {each['p95_ms']:.0f} ms, "
            f"fastest {each['fastest_ms']:.0f} ms of {each['n']}"
        )
    lines.append(f"the kernel computes {result['processor_ms']:.0f} ms of it")
    if "dft" in result:
        dft = result["dft"]
        lines.append(
            f"DFT at {len(dft['points'])} points: HOMO off by {1e3 * dft['homo_mae']:.1f} mEh on average, "
            f"overlap {dft['overlap_mean']:.3f}, at least {dft['overlap_least']:.3f}"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
