"""The app as ``make app`` starts it, on a phone with a dark screen."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from harness import ROOT

pytestmark = pytest.mark.slow

PATIENCE = 240
"""Seconds to wait on a busy machine; an idle one needs a tenth."""

BEYOND = """() => {
  const scrolls = (e) => e && (/auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  return [...document.querySelectorAll(".nablaviz-app *")].filter((e) => {
    const { width, right } = e.getBoundingClientRect();
    return width && right > innerWidth + 1 && !scrolls(e.parentElement);
  }).map((e) => `${e.tagName} ${e.className} ends at ${Math.round(e.getBoundingClientRect().right)}`);
}"""
"""What is neither on the page nor can be scrolled to in a box of its own."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the app."""
    pytest.importorskip("voila")
    folder = tmp_path_factory.mktemp("app")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "nablaviz", "app", "--study", "study", "--"]
    command += ["--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1", "--Voila.port_retries=0"]
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "IPYTHONDIR": str(folder / "ipython")}
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | own, stdout=log, stderr=log)
        url, end = f"http://127.0.0.1:{port}/", time.monotonic() + PATIENCE
        while not answers(f"{url}voila/static/voila.js"):
            assert server.poll() is None and time.monotonic() < end, (folder / "log.txt").read_text()
            time.sleep(0.2)
        yield url
        server.terminate()
        server.wait(30)


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_the_app_on_a_phone(browser: Any, app: str, tmp_path: Path) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    faults: list[str] = []
    outside: list[str] = []
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    here = (app, app.replace("http", "ws", 1), "data:", "blob:")
    page.on("request", lambda request: request.url.startswith(here) or outside.append(request.url))
    pictures = Path(os.environ.get("SCREENSHOTS", tmp_path))
    page.goto(f"{app}?language=zh&page=browse", timeout=PATIENCE * 1000)
    page.wait_for_function("() => Number(document.querySelector('.nablaviz-viewer')?.dataset.ready) > 0")
    page.locator(".nablaviz-plot .main-svg .trace").first.wait_for()
    assert page.evaluate("document.body.dataset.jpThemeLight") == "false"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 17, 17)"
    assert page.evaluate(BEYOND) == []
    page.screenshot(path=pictures / "app-browse-phone-dark.png")
    page.locator(".nablaviz-app-head select").select_option(label="English")
    page.get_by_role("button", name="Learning curves").click()
    page.get_by_text("There is no study in the folder study yet").wait_for()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    assert page.evaluate(BEYOND) == []
    page.screenshot(path=pictures / "app-curves-phone-dark.png")
    assert faults == []
    assert outside == []
    context.close()
