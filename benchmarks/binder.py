"""The environment that Binder builds, as far as one can without Docker and conda, and all notebooks in it.

    python benchmarks/binder.py [NOTEBOOK …] [--folder DIR] [--pip "ARGUMENT …"] [--pictures DIR] [--json]

In the order of repo2docker: a virtual environment of the Python of ``binder/environment.yml``; its packages,
by their names on PyPI, pinned as there; a copy of the repository; ``binder/postBuild`` in it. What conda pins
and PyPI does not is the build of PyTorch: give pip PyTorch's own index of CPU builds with ``--pip``, or wait
for a few GB. ``--folder`` keeps the environment, and takes one that is there already.

Then its JupyterLab is started below ``/user/somebody``, behind a proxy as JupyterHub has one, and each
notebook is run from top to bottom in Chromium. The exit status is 1 unless all views are drawn, nothing goes
wrong on the page, and nothing is asked of other hosts or beyond the user's path. Of each notebook: its 3D
views and plots, seconds, and the memory of JupyterLab's own server (PSS, MB).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

PYPI_NAMES = {
    "dask-core": "dask",
    "python-duckdb": "duckdb",
    "pytorch": "torch",
    "pytorch-lightning": "lightning-fabric",
}
"""Of packages that are called otherwise on conda-forge."""

BASE = "/user/somebody"

SEEN = """() => {
  const count = (selector) => [...document.querySelectorAll(selector)].filter((box) => box.offsetWidth);
  const viewers = count(".nablaviz-viewer"), plots = count(".nablaviz-plot");
  return {
    views: viewers.length,
    plots: plots.length,
    blank: viewers.filter((box) => !(Number(box.dataset.ready) > 0)).length
      + plots.filter((box) => !box.querySelector(".main-svg")).length,
  };
}"""


def pinned() -> tuple[str, list[str]]:
    """Python's version and what pip is to install, of ``binder/environment.yml``."""
    lines = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())["dependencies"]
    packages = {}
    for line in lines:
        name, version = re.fullmatch(r"([\w.-]+)(?:=([\d.]+))?(?:=.*)?", line).groups()
        packages[name] = version
    python = packages.pop("python")
    packages.pop("pip")
    return python, [f"{PYPI_NAMES.get(name, name)}=={version}.*" for name, version in packages.items()]


def build(folder: Path, pip: list[str]) -> Path:
    """Make the environment and the copy of the repository; the environment's Python."""
    python, requirements = pinned()
    own = folder / "venv" / "bin" / "python"
    if not own.exists():
        base = shutil.which(f"python{python}") or sys.executable
        subprocess.run([base, "-m", "venv", folder / "venv"], check=True)
    said = subprocess.check_output([own, "--version"], text=True).split()[1]
    assert said.startswith(f"{python}."), f"Python {said}, where Binder has {python}"
    subprocess.run([own, "-m", "pip", "install", "--quiet", *pip, *requirements], check=True)
    repository = folder / "repository"
    shutil.rmtree(repository, ignore_errors=True)
    files = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, files):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, repository / name)
    path = f"{own.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PATH": path}
    subprocess.run(["./binder/postBuild"], cwd=repository, env=environment, check=True)
    return own


def looked_at(lab: Any, url: str, path: Path, pictures: Path | None) -> dict[str, Any]:
    """Run one notebook in the browser, down to the last of its views."""
    begun = time.monotonic()
    notebook = lab.open(path, url)
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1000})
    notebook.run_all(timeout=900)
    seen = {"views": 0, "plots": 0, "blank": 0}
    for cell in page.locator(".jp-CodeCell").all():
        cell.scroll_into_view_if_needed()
    end = time.monotonic() + 300
    while (seen := page.evaluate(SEEN))["blank"] and time.monotonic() < end:
        page.wait_for_timeout(500)
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        page.set_viewport_size({"width": 1280, "height": 6000})
        page.wait_for_timeout(3000)
        page.screenshot(path=pictures / f"{path.stem}.png")
    memory = psutil.Process(lab.process.pid).memory_full_info().pss / 1e6
    found = {"notebook": path.name, **seen, "seconds": round(time.monotonic() - begun, 1)}
    found |= {"errors": list(notebook.errors), "outside": list(notebook.outside), "server_mb": round(memory)}
    notebook.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--folder", type=Path, help="of the environment (default: a temporary one)")
    parser.add_argument("--pip", default="", help="arguments for pip install, in quotes")
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each notebook")
    parser.add_argument("--chromium", default=os.environ.get("NABLAVIZ_CHROMIUM") or shutil.which("chromium"))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    from harness import BROWSER_ARGS, Lab
    from playwright.sync_api import sync_playwright
    from proxy import Proxy

    with tempfile.TemporaryDirectory(prefix="binder-") as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        python = build(folder, shlex.split(args.pip))
        code = "import nablaviz, torch; print(nablaviz.__file__, torch.__version__)"
        where, torch = subprocess.check_output([python, "-c", code], text=True, cwd=temporary).split()
        assert Path(where).is_relative_to(folder / "venv"), f"nablaviz is imported from {where}"
        (Path(temporary) / "lab").mkdir()
        rows: list[dict[str, Any]] = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=args.chromium, args=BROWSER_ARGS)
            own = {"base": BASE, "python": str(python), "installed": True}
            lab = Lab(browser, Path(temporary) / "lab", **own)
            with Proxy(lab.port, BASE) as proxy:
                for path in args.notebooks or sorted((folder / "repository" / "notebooks").glob("*.ipynb")):
                    rows.append(looked_at(lab, proxy.url, path, args.pictures))
                    print(rows[-1], file=sys.stderr)
                browser.close()
            lab.close()
    bad = [row["notebook"] for row in rows if row["blank"] or row["errors"] or row["outside"]]
    found = {"torch": torch, "strays": proxy.strays, "bad": bad, "notebooks": rows}
    print(json.dumps(found) if args.json else found)
    sys.exit(bool(bad or proxy.strays))


if __name__ == "__main__":
    main()
