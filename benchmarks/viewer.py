"""Time from a click on an orbital's level to the repainted views, beside py3Dmol fed with cube files.

    python benchmarks/viewer.py [--json] [--clicks 24] [--peer 3] [--threads 2] [--chromium /usr/bin/chromium]

Both sides run in one JupyterLab, in a headless Chromium that draws without a graphics card. The clock is
the page's.

Ours is ``nablaviz.compare``: real mouse clicks on different levels of its diagram, each timed from the
release of the button to the first animation frame after the last of the three views (reference, other,
difference) has painted. The pointer rests on a level for half a second first, as a reader's does, and the
panel makes use of it. Beside them, steps to the next level with the arrow keys, and, in a panel of their
own that was opened two seconds before, clicks at the moment that the pointer arrives, half a second after
each other. Then the isovalue's slider is dragged: frames that every view painted, and messages sent.

The peer is py3Dmol as its users use it: a cell that makes a cube file of the orbital
(``pyscf.tools.cubegen.orbital``, its default of 80³ points), adds it twice with ``addVolumetricData``, for
the two phases, and shows the view; from the key that runs the cell to the first animation frame after the
canvas has been drawn. It is one view beside our three. Its time with the cube's text at hand is given too.
3Dmol.js comes from the same server as the notebook.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from page_clock import RECORD, colours, summary, timed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

SIZES = {"fragment": 10, "drug-like": 32}
"""Atoms: the molecule of the bundled sample nearest to it (the larger, of two as near) is taken."""

OTHER = "sap-fit"
PAUSE = 500
"""ms between two clicks, and between the arrival of the pointer and the click: a fast reader's."""

STEPS = 8
"""With the arrow keys, to and fro."""

DRAG_STEPS, DRAG_PAUSE = 150, 15
"""Movements of the mouse while the isovalue is dragged, and ms between them."""

PANEL = """
import nablaviz
panel = nablaviz.compare(nablaviz.sample(), {other!r}, row={row})
panel
"""

PEER = """
import tempfile
from pathlib import Path

import py3Dmol
from pyscf.tools import cubegen

import nablaviz
from nablaviz.chem.basis import mole
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.molecule import SYMBOLS

conformer = nablaviz.sample()[{row}]
molecule = conformer.molecule
mol, orbitals = mole(molecule), orbitals_of(molecule, conformer.hamiltonian)
lines = ["%s %f %f %f" % (SYMBOLS[z], *r) for z, r in zip(molecule.numbers, molecule.positions)]
xyz = "\\n".join([str(len(lines)), "", *lines])
made = {{}}

def cube(level):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orbital.cube"
        cubegen.orbital(mol, str(path), orbitals.coefficients[:, level])
        return path.read_text()

def show(level):
    text = made[level] = made.get(level) or cube(level)
    view = py3Dmol.view(width=400, height=320, js={js!r})
    view.addModel(xyz, "xyz")
    view.setStyle({{"stick": {{"radius": 0.13}}, "sphere": {{"scale": 0.22}}}})
    view.addVolumetricData(text, "cube", {{"isoval": 0.04, "color": "#e69f00", "opacity": 0.75}})
    view.addVolumetricData(text, "cube", {{"isoval": -0.04, "color": "#0072b2", "opacity": 0.75}})
    view.zoomTo()
    view.show()

levels = iter({levels})
"""

SHOWN = "[...document.querySelectorAll('.nablaviz-viewer')].map((box) => box.dataset.shown)"

# By number, where the levels of the reference are on the page.
LEVELS = """() => {
  const { top, bottom } = document.querySelector(".nablaviz-levels svg svg").getBoundingClientRect();
  const paths = [...document.querySelectorAll(".nablaviz-levels .level[data-column='0']")];
  return Object.fromEntries(paths.map((path) => {
    const { x, y, width, height } = path.getBoundingClientRect();
    return [path.dataset.level, [x + width / 2, y + height / 2]];
  }).filter(([, [, y]]) => y > top + 4 && y < bottom - 4));
}"""


def opened(lab: Any, row: int) -> tuple[Any, list[str]]:
    """A panel that has been looked at for two seconds, and the levels in it that are not selected."""
    notebook = lab.open([PANEL.format(other=OTHER, row=row)])
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.run_all(timeout=300)
    notebook.wait_ready(3, timeout=120)
    notebook.until("panel.source.shown is not None and hasattr(panel.source.shown, 'matching')", True, 120)
    page.locator(".nablaviz-levels").focus()
    for _ in range(4):  # until there are enough levels in the diagram
        page.keyboard.press("-")
    page.wait_for_timeout(2000)
    page.evaluate(RECORD)
    selected = notebook.python("panel.orbital")
    return notebook, [level for level in page.evaluate(LEVELS) if int(level) != selected]


def clicked(notebook: Any, level: str, pause: int) -> dict[str, Any]:
    """A click on a level, so many ms after the pointer has got there."""
    page = notebook.page

    def click() -> None:
        page.mouse.down()
        page.mouse.up()

    page.wait_for_timeout(PAUSE)
    page.mouse.move(*page.evaluate(LEVELS)[level])
    page.wait_for_timeout(pause)
    mark = timed(notebook, click, 60)
    shown = page.evaluate(SHOWN)
    notebook.until("panel.orbital", int(level))  # the browser may have been faster
    notebook.until("all(view.ready == view.tick for view in panel.views.viewers)", True)
    assert page.evaluate(SHOWN) == shown, f"level {level} was drawn again when Python heard of it"
    return mark


def in_turn(levels: list[str], clicks: int) -> list[str]:
    """So many levels to click on; neighbours are not next in turn."""
    step = next(n for n in (5, 7, 11, 13) if len(levels) % n)
    return [levels[(step * k) % len(levels)] for k in range(1, clicks + 1)]


def at_once(lab: Any, row: int, clicks: int) -> dict[str, Any]:
    """Clicks on levels at the moment that the pointer arrives, in a panel of their own."""
    notebook, seen = opened(lab, row)
    marks = [clicked(notebook, level, 0) for level in in_turn(seen, clicks)]
    assert not notebook.errors, notebook.errors
    notebook.close()
    return summary([mark["ms"] for mark in marks])


def panel(lab: Any, row: int, clicks: int) -> tuple[dict[str, Any], list[int]]:
    """Clicks on levels, steps, and a drag of the isovalue; the levels clicked on."""
    notebook, seen = opened(lab, row)
    page = notebook.page
    cameras = "[list(viewer.camera) for viewer in panel.views.viewers]"
    before = notebook.python(cameras)
    order = in_turn(seen, clicks)

    def stepped(key: str) -> dict[str, Any]:
        page.wait_for_timeout(2 * PAUSE)
        return timed(notebook, lambda: page.keyboard.press(key), 60)

    marks = [clicked(notebook, level, PAUSE) for level in order]
    page.mouse.move(0, 0)
    notebook.python("1", "panel.orbital = 'LUMO+1'")
    page.locator(".nablaviz-levels").focus()
    steps = [stepped("ArrowDown" if k < STEPS / 2 else "ArrowUp") for k in range(STEPS)]
    page.wait_for_timeout(1000)
    after = notebook.python(cameras)
    assert colours(notebook, ".nablaviz-stage") > 500, "no surface is drawn"
    middle = statistics.median
    result = summary([mark["ms"] for mark in marks]) | {
        "camera_unchanged": before == after,
        "bytes_received": middle(mark["received"] for mark in marks),
        "bytes_sent": middle(mark["sent"] for mark in marks),
        "parts_ms": {
            "click to message": middle(mark["told"] - mark["begun"] for mark in marks),
            "message to frame": middle(mark["done"] - mark["told"] for mark in marks),
        },
        "step": summary([mark["ms"] for mark in steps]),
        "drag": drag(notebook),
    }
    assert not notebook.errors, notebook.errors
    notebook.close()
    return result, list(map(int, order))


def drag(notebook: Any) -> dict[str, Any]:
    """Drag the isovalue of one view to and fro."""
    page = notebook.page
    box = page.locator(".nablaviz-isovalue input").first.bounding_box()
    x, y = box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(PAUSE)
    page.evaluate("clock.reset()")
    for k in range(1, DRAG_STEPS + 1):
        page.mouse.move(x + box["width"] * 0.6 * (1 - abs(1 - 2 * k / DRAG_STEPS)), y)
        page.wait_for_timeout(DRAG_PAUSE)
    clock = page.evaluate("({ ...clock })")
    page.mouse.up()
    stamps = [[at for view, at in clock["frames"] if view == place] for place in range(3)]
    rates = [1000 * (len(each) - 1) / (each[-1] - each[0]) for each in stamps]
    return {"frames_per_second": rates, "messages_sent": clock["messages"]}


def peer(lab: Any, row: int, levels: list[int]) -> dict[str, Any]:
    """The orbitals of these levels with py3Dmol, first all with their cube files made, then all again."""
    js = f"{lab.url}/files/3Dmol-min.js"
    shown = [0, *levels, *levels]  # a core level, which nobody clicked on, loads the libraries
    notebook = lab.open([PEER.format(row=row, js=js, levels=shown), "show(next(levels))"])
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.run_all(timeout=300)
    canvas = ".jp-OutputArea canvas"
    page.wait_for_selector(canvas, timeout=120_000)
    page.evaluate(RECORD)
    editor = page.locator(".jp-CodeCell .cm-content").nth(1)
    marks = []
    for _ in range(2 * len(levels)):
        editor.click()
        page.wait_for_timeout(PAUSE)
        marks.append(timed(notebook, lambda: page.keyboard.press("Control+Enter"), 300))
        assert colours(notebook, canvas) > 500, "py3Dmol has drawn no surface"
    assert not notebook.errors, notebook.errors
    notebook.close()
    first, again = marks[: len(levels)], marks[len(levels) :]
    return summary([mark["ms"] for mark in first]) | {
        "cached": summary([mark["ms"] for mark in again]),
        "bytes_received": statistics.median(mark["received"] for mark in marks),
    }


def measure(clicks: int, peers: int, threads: int, chromium: str) -> dict[str, Any]:
    """Both sides, for each size of molecule."""
    import py3Dmol
    from harness import BROWSER_ARGS, Lab
    from playwright.sync_api import sync_playwright

    import nablaviz

    table = nablaviz.sample().table
    result: dict[str, Any] = {
        "benchmark": "viewer",
        "versions": {"nablaviz": nablaviz.__version__, "py3Dmol": py3Dmol.__version__},
        "threads": threads,
        "cores": os.cpu_count(),
        "other": OTHER,
        "load_before": os.getloadavg()[0],
        "molecules": {},
    }
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGS)
        result["versions"]["chromium"] = browser.version
        lab = Lab(browser, Path(folder), threads)
        shutil.copy(ROOT / "nablaviz" / "views" / "static" / "3Dmol-min.js", Path(folder) / "notebooks")
        try:
            for name, atoms in SIZES.items():
                far = (table["n_atoms"] - atoms).abs() - table["n_atoms"] / 1000
                row = int(far.to_numpy().argmin())
                ours, levels = panel(lab, row, clicks)
                ours["at_once"] = at_once(lab, row, clicks)
                shown = result["molecules"][name] = {
                    "molecule": nablaviz.sample()[row].molecule.formula,
                    "atoms": int(table["n_atoms"].iloc[row]),
                    "nablaviz": ours,
                }
                if peers:
                    theirs = shown["py3Dmol"] = peer(lab, row, levels[:peers])
                    shown["speedup"] = theirs["median_ms"] / ours["median_ms"]
                    shown["speedup_cached"] = theirs["cached"]["median_ms"] / ours["median_ms"]
        finally:
            lab.close()
            browser.close()
    return result | {"load_after": os.getloadavg()[0]}


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--clicks", type=int, default=24)
    parser.add_argument("--peer", type=int, default=3, help="orbitals that py3Dmol shows; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chromium", default=os.environ.get("NABLAVIZ_CHROMIUM") or shutil.which("chromium"))
    options = parser.parse_args()
    if not options.chromium:
        raise SystemExit("no Chromium: install it, or name one with --chromium")
    result = measure(options.clicks, options.peer, options.threads, options.chromium)
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    lines = [f"{options.threads} thread(s), load {result['load_before']:.1f} to {result['load_after']:.1f}"]
    for name, each in result["molecules"].items():
        ours, theirs, moved = each["nablaviz"], each.get("py3Dmol"), each["nablaviz"]["drag"]
        parts = ", ".join(f"{part} {ms:.0f}" for part, ms in ours["parts_ms"].items())
        lines += [
            f"{name}, {each['molecule']}, {each['atoms']} atoms: median {ours['median_ms']:.0f} ms, "
            f"95 % {ours['p95_ms']:.0f} ms, fastest {ours['fastest_ms']:.0f} ms of {ours['n']} clicks",
            f"  {parts}; {ours['bytes_received'] / 1e3:.0f} kB; camera unchanged: {ours['camera_unchanged']}",
            f"  steps with the keys: median {each['nablaviz']['step']['median_ms']:.0f} ms; "
            f"clicks as the pointer arrives: {each['nablaviz']['at_once']['median_ms']:.0f} ms",
            f"  dragging: {min(moved['frames_per_second']):.0f} frames/s, {moved['messages_sent']} messages",
        ]
        if theirs:
            lines.append(
                f"  py3Dmol: {theirs['median_ms']:.0f} ms, {each['speedup']:.0f} times; cube at hand: "
                f"{theirs['cached']['median_ms']:.0f} ms, {each['speedup_cached']:.0f} times; "
                f"{theirs['bytes_received'] / 1e6:.1f} MB"
            )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
