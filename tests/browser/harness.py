"""A real JupyterLab, driven through a real Chromium.

``lab.open(cells)`` writes a notebook and opens it; the notebook runs cells, waits for the viewers,
asks the kernel (``notebook.python("view.picked")``) and keeps what went wrong on the page
(``notebook.errors``, ``notebook.outside``). The browser tests have it as a fixture; benchmarks/viewer.py
uses it too.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

BROWSER_ARGS = (
    "--no-sandbox --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist --disable-quic "
    "--no-first-run --disable-background-networking --disable-component-update --disable-sync"
).split()

LOADING = 120
"""Seconds until a notebook is open and its kernel is ready."""

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Notebook:
    """A notebook open in JupyterLab, in a page of its own."""

    def __init__(self, lab: Lab, name: str, url: str) -> None:
        self.lab = lab
        self.name = name
        self.url = url
        "Of the server, as the page knows it."
        self.errors: list[str] = []
        "Console errors, uncaught exceptions and failed requests."
        self.outside: list[str] = []
        "Addresses asked for anywhere but on this machine's server."
        self.page = lab.browser.new_page(viewport={"width": 1280, "height": 900})
        self.page.set_default_timeout(60_000)
        self.page.on("console", lambda m: m.type == "error" and self.errors.append(m.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self._requested(request.url))
        self._client: Any = None

    def _requested(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "data:", "blob:")):
            self.outside.append(url)

    def load(self) -> None:
        self.page.goto(f"{self.url}/lab/tree/{self.name}?reset", wait_until="domcontentloaded")
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=LOADING * 1000)
        self.page.wait_for_function(
            "() => { const context = window.jupyterapp.shell.currentWidget?.sessionContext;"
            " return context?.isReady && context.session?.kernel?.status === 'idle' }",
            timeout=LOADING * 1000,
        )

    def command(self, command: str, **args: Any) -> None:
        """Start a JupyterLab command."""
        self.page.evaluate("([c, a]) => { window.jupyterapp.commands.execute(c, a) }", [command, args])

    def run_all(self, timeout: float = 120) -> None:
        """Run all cells; fails with the traceback of the first that raises."""
        self.command("notebook:run-all-cells")
        prompts = ".jp-CodeCell .jp-InputArea-prompt"
        self.page.wait_for_function(
            "(prompts) => { const all = [...document.querySelectorAll(prompts)].map((p) => p.textContent);"
            " return all.length && all.every((text) => /\\d/.test(text)) }",
            arg=prompts,
            timeout=timeout * 1000,
        )
        errors = self.page.query_selector_all('[data-mime-type="application/vnd.jupyter.error"]')
        assert not errors, errors[0].inner_text()

    def wait_ready(self, views: int = 1, timeout: float = 60) -> None:
        """Wait until that many viewers have painted what their models hold last."""
        self.page.wait_for_function(
            """(views) => {
              const boxes = [...document.querySelectorAll(".nablaviz-viewer")];
              return boxes.filter((box) => Number(box.dataset.ready) > 0).length >= views;
            }""",
            arg=views,
            timeout=timeout * 1000,
        )

    def python(self, expression: str, setup: str = "", timeout: float = 30) -> Any:
        """Run ``setup`` in the notebook's kernel as a cell of its own, then give the value of a literal."""
        if self._client is None:
            self._client = self.lab.connect(self.name)
        reply = self._client.execute(
            setup, user_expressions={"value": expression}, reply=True, timeout=timeout, store_history=False
        )["content"]
        value = reply.get("user_expressions", {}).get("value", reply)
        assert value["status"] == "ok", "\n".join(value["traceback"])
        return ast.literal_eval(value["data"]["text/plain"])

    def until(self, expression: str, expected: Any, timeout: float = 30) -> None:
        """Ask the kernel until an expression has the expected value."""
        end = time.monotonic() + timeout
        while (value := self.python(expression)) != expected:
            assert time.monotonic() < end, f"{expression} is {value!r}, not {expected!r}"
            time.sleep(0.05)

    def box(self, part: Any) -> dict[str, float]:
        """The bounding box of an element, which may just be drawn anew; a line may have no height."""
        while (box := part.bounding_box()) is None:
            self.page.wait_for_timeout(20)
        return box

    def click(self, part: Any) -> None:
        """Click the middle of an element, whatever of its kind is there now."""
        part.evaluate("(element) => element.scrollIntoView({ block: 'nearest' })")
        box = self.box(part)
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def rest(self, timeout: float = 60) -> None:
        """Wait until no view has a frame to draw, nor is drawn coarsely to be quick."""
        fine = "[...__nablaviz.views].every(({ pace, frame }) => !pace.rough && !pace.coarse && !frame)"
        self.page.wait_for_function(fine, timeout=timeout * 1000)

    def theme(self, name: str) -> None:
        """Switch JupyterLab to its ``light`` or ``dark`` theme."""
        self.command("apputils:change-theme", theme=THEMES[name])
        self.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === light",
            arg=str(name == "light").lower(),
        )

    def screenshot(self, name: str) -> Path:
        """The page as a picture, in the folder that ``SCREENSHOTS`` names or a temporary one."""
        folder = Path(os.environ.get("SCREENSHOTS", self.lab.folder / "screenshots"))
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"{name}.png")
        return folder / f"{name}.png"

    def close(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
        self.page.close()
        self.lab.shut_down(self.name)


class Lab:
    """A JupyterLab server on a folder of its own, without a token, on this machine only.

    Its kernels compute with so many ``threads``. Its addresses begin with ``base``, as behind a JupyterHub.
    It and its kernels are of the venv of ``python``; they import this checkout unless that has a nablaviz
    of its own (``installed``).
    """

    def __init__(
        self,
        browser: Any,
        folder: Path,
        threads: int = 1,
        *,
        base: str = "",
        python: str = sys.executable,
        installed: bool = False,
    ) -> None:
        self.browser = browser
        self.folder = folder
        self.opened: list[Notebook] = []
        (folder / "notebooks").mkdir()
        labconfig = folder / "config" / "labconfig"
        labconfig.mkdir(parents=True)
        # it asks whether to fetch news from the network
        disabled = {"@jupyterlab/apputils-extension:announcements": True}
        (labconfig / "page_config.json").write_text(json.dumps({"disabledExtensions": disabled}))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.base = base
        self.url = f"http://127.0.0.1:{self.port}{base}"
        path = "" if installed else os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        own = {
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "JUPYTER_DATA_DIR": str(folder / "data"),
            "IPYTHONDIR": str(folder / "ipython"),
            "PYTHONPATH": path,
            "OMP_NUM_THREADS": str(threads),
        }
        command = [python, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser"]
        command += [f"--ServerApp.port={self.port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
        command += ["--IdentityProvider.token=", "--allow-root", "--LabApp.extension_manager=readonly"]
        command += ["--ServerApp.disable_check_xsrf=True", f"--ServerApp.base_url={base}/"]
        command += [f"--ServerApp.root_dir={folder / 'notebooks'}"]
        self.log = (folder / "jupyterlab.log").open("w")
        self.process = subprocess.Popen(
            command, env=os.environ | own, stdout=self.log, stderr=subprocess.STDOUT, cwd=folder
        )
        self._wait()

    def _wait(self, timeout: float = 180) -> None:
        end = time.monotonic() + timeout
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.get("/api/status")
                return
            except OSError:
                time.sleep(0.1)
        self.process.kill()
        raise RuntimeError(
            "JupyterLab did not start:\n" + (self.folder / "jupyterlab.log").read_text()[-3000:]
        )

    def get(self, path: str, method: str = "GET") -> Any:
        """An answer of the server's REST interface."""
        with urllib.request.urlopen(
            urllib.request.Request(self.url + path, method=method), timeout=10
        ) as answer:
            return json.loads(answer.read() or "null")

    def open(self, cells: Sequence[str] | Path, url: str | None = None) -> Notebook:
        """Open a notebook of these cells, or a copy of a notebook file; through a proxy by its ``url``."""
        name = f"test{len(self.opened)}.ipynb"
        target = self.folder / "notebooks" / name
        if isinstance(cells, Path):
            shutil.copy(cells, target)
        else:
            kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
            code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
            content = {
                "cells": [code | {"id": f"c{i}", "source": source} for i, source in enumerate(cells)],
                "metadata": {"kernelspec": kernel},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
            target.write_text(json.dumps(content))
        notebook = Notebook(self, name, url or self.url)
        self.opened.append(notebook)
        notebook.load()
        return notebook

    def _session(self, name: str) -> dict[str, Any]:
        return next(session for session in self.get("/api/sessions") if session["path"] == name)

    def connect(self, name: str) -> Any:
        """A client of the kernel that runs the notebook."""
        from jupyter_client import BlockingKernelClient

        kernel = self._session(name)["kernel"]["id"]
        client = BlockingKernelClient(connection_file=str(self.folder / "runtime" / f"kernel-{kernel}.json"))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(timeout=30)
        return client

    def shut_down(self, name: str) -> None:
        """End the notebook's kernel."""
        self.get(f"/api/sessions/{self._session(name)['id']}", method="DELETE")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
