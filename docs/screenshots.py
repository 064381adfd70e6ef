"""Pictures of all panels from real runs, in both languages and themes: ``make screenshots``.

Opens each panel in a real JupyterLab in Chromium, waits until it has drawn what it computes, and writes
``docs/images/PANEL-LANGUAGE-THEME.webp``. Needs a font with Chinese letters, such as Noto Sans CJK.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

import harness  # noqa: E402
from harness import BROWSER_ARGS, Lab, Notebook  # noqa: E402

IMAGES = ROOT / "docs" / "images"
LANGUAGES, THEMES = ("en", "zh"), ("light", "dark")
WIDTH = 1180
"""Of the pictures, pixels."""
QUALITY = 76
PATIENCE = 1200
"""Seconds to wait on a busy machine."""


@dataclass(frozen=True)
class Shot:
    """A panel to take pictures of."""

    cell: str
    "Makes ``panel``."
    ready: Callable[[Notebook], None]
    "Waits until all is drawn."
    height: int = 1100
    "Of the browser's window, pixels."


def drawn(notebook: Notebook, views: int, plots: int) -> None:
    """Wait for so many 3D views and figures."""
    notebook.wait_ready(views, timeout=PATIENCE)
    notebook.page.wait_for_function(
        "(n) => document.querySelectorAll('.nablaviz-plot[data-drawn]').length >= n",
        arg=plots,
        timeout=PATIENCE * 1000,
    )


def compared(notebook: Notebook) -> None:
    """Show the HOMO−1 of formamide, once the second Hamiltonian is there."""
    notebook.python("panel.comparison.names", timeout=PATIENCE)
    notebook.python("1", "panel.orbital = 'HOMO-1'")
    drawn(notebook, 3, 1)


def judged(notebook: Notebook) -> None:
    """Wait for both models' predictions."""
    notebook.page.wait_for_selector(".nablaviz-errors .nablaviz-plot[data-drawn] .point")
    notebook.python("1", "panel.split.value = 'all'")
    drawn(notebook, 8, 3)


def trained(notebook: Notebook) -> None:
    """Train for a minute, and look at what has been learnt."""
    notebook.python("1", "panel.start()", timeout=PATIENCE)
    notebook.until("panel.run is not None", True, timeout=PATIENCE)
    drawn(notebook, 3, 2)


def turned(notebook: Notebook) -> None:
    """Turn the middle bond of acrolein to 90°, and check some points of the path with DFT."""
    notebook.until("panel.latest.busy", False, timeout=PATIENCE)
    notebook.python("1", "panel.angle = 90\npanel.check(60)", timeout=PATIENCE)
    notebook.until("panel.dft.running or panel.latest.busy", False, timeout=PATIENCE)
    notebook.python("1", "panel.check()", timeout=PATIENCE)
    notebook.until("panel.dft.running or panel.latest.busy", False, timeout=PATIENCE)
    drawn(notebook, 1, 0)


def climbed(notebook: Notebook) -> None:
    """Climb the ladder to its top."""
    notebook.python("1", "panel.start()", timeout=PATIENCE)
    notebook.until("panel.go.disabled", False, timeout=PATIENCE)
    drawn(notebook, 0, 1)


SHOTS = {
    "browse": Shot(
        "panel = nablaviz.browse(nablaviz.sample())\n"
        "row = int(panel.table.query(\"smiles == 'CC(C)Cc1ccc(cc1)C(C)C(=O)O'\").index[0])\n"
        "panel.selection = [row]\npanel.conformer.shown.value = 'molecule'",
        lambda notebook: drawn(notebook, 1, 1),
        1200,
    ),
    "compare": Shot(
        "ds = nablaviz.sample()\nrow = int(ds.table.query(\"smiles == 'NC=O'\").index[0])\n"
        "panel = nablaviz.compare(ds, 'hamiltonian-fast', row=row)",
        compared,
        1250,
    ),
    "errors": Shot(
        "from nablaviz.models.library import load_model\n"
        "sample = nablaviz.sample()\n"
        "first = sample.table.groupby('moses_id').head(1)\n"
        "rows = first.index[first.n_atoms < 13][:80].to_numpy()\n"
        "models = {name: load_model(name) for name in ('hamiltonian-fast', 'sap-fit')}\n"
        "panel = nablaviz.errors(sample.select(rows), models)",
        judged,
        1900,
    ),
    "ladder": Shot(
        "rungs = ('gfn2-xtb', 'hf', 'lda', 'pbe', 'b3lyp', 'mp2', 'ccsd', 'ccsd(t)', 'skala', 'fci')\n"
        "told = {'rungs': rungs, 'models': {'energy': 'energy'}, 'basis': 'sto-3g', 'seconds': 10}\n"
        "panel = nablaviz.ladder('C=C + [H][H] -> CC', settings={'grid': 1}, **told)",
        climbed,
        1050,
    ),
    "learning_curves": Shot(
        "import shutil\nfrom nablaviz.studies.pack import shipped\n"
        "shutil.copytree(shipped(), 'sample', dirs_exist_ok=True)\n"
        "panel = nablaviz.learning_curves('sample')\npanel.setup.selected_index = None",
        lambda notebook: drawn(notebook, 0, 1),
        1500,
    ),
    "torsion": Shot(
        "ds = nablaviz.sample()\nrow = int(ds.table.query(\"smiles == 'C=CC=O'\").index[0])\n"
        "panel = nablaviz.torsion(ds[row])",
        turned,
        1200,
    ),
    "training": Shot(
        "import torch\ntorch.set_num_threads(1)\n"
        "panel = nablaviz.watch_training(nablaviz.sample(), training='train_50', seconds=60)",
        trained,
        1300,
    ),
}


def take(lab: Lab, name: str, out: Path, missing: bool) -> None:
    """All pictures of a panel."""
    shot = SHOTS[name]
    paths = {(lan, theme): out / f"{name}-{lan}-{theme}.webp" for lan in LANGUAGES for theme in THEMES}
    wanted = {key: path for key, path in paths.items() if not (missing and path.exists())}
    if not wanted:
        return
    head = "import nablaviz\nnablaviz.set_language(globals().get('language', 'en'))\n"
    notebook = lab.open([f"{head}{shot.cell}\nmade = globals().get('made', 0) + 1\npanel"])
    page = notebook.page
    page.set_viewport_size({"width": 1360, "height": shot.height})
    page.set_default_timeout(PATIENCE * 1000)
    notebook.command("application:toggle-left-area")
    for turn, language in enumerate(dict.fromkeys(language for language, _ in wanted), 1):
        notebook.python("1", f"language = {language!r}", timeout=PATIENCE)
        notebook.run_all(timeout=PATIENCE)
        notebook.until("made", turn, timeout=PATIENCE)
        page.wait_for_timeout(3000)
        shot.ready(notebook)
        for theme in (theme for theme in THEMES if (language, theme) in wanted):
            notebook.theme(theme)
            page.mouse.move(2, 2)
            page.wait_for_timeout(6000)
            panel = page.locator(".nablaviz-panel").first
            save(panel.screenshot(animations="disabled"), wanted[language, theme])
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name} {language} {theme}\n")
        notebook.theme("light")
    notebook.close()


def save(png: bytes, path: Path) -> None:
    """A small picture of a screenshot."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png)).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    picture.resize((WIDTH, height), Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)


def main(argv: Sequence[str] | None = None) -> int:
    """Take the pictures of all panels, or of those that are named."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "panels", nargs="*", default=list(SHOTS), help=f"of {', '.join(SHOTS)}; all by default"
    )
    parser.add_argument("--missing", action="store_true", help="leave the pictures that are there")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    args = parser.parse_args(argv)
    if unknown := [name for name in args.panels if name not in SHOTS]:
        parser.error(f"no panel {unknown[0]!r}; there are {', '.join(SHOTS)}")
    chromium = next(filter(None, map(shutil.which, ("chromium", "google-chrome", "chromium-browser"))), None)
    if chromium is None:
        parser.error("no Chromium on the path")
    harness.LOADING = PATIENCE
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
        browser: Any = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGS)
        lab = Lab(browser, Path(folder))
        try:
            for name in args.panels:
                take(lab, name, args.out, args.missing)
        finally:
            lab.close()
            browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
