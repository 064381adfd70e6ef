"""The training panel in a real JupyterLab: start, watch, stop, go on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

PATIENCE = 120
"""Seconds to wait on a busy machine."""

CELL = """
import torch
import nablaviz

torch.set_num_threads(1)
ds = nablaviz.sample()
small = ds.table[ds.table.smiles.isin(["CCBr", "C=CBr", "CC#N"])]
rows = [index for split in ("train", "validation") for index in small.index[small.split == split][:9]]
panel = nablaviz.watch_training(
    ds.select(rows), training="train", seconds=600, settings={"validate_every": 4, "learning_rate": 0.01}
)
panel
"""

POINTS = """(name) => document.querySelectorAll(".nablaviz-curves .js-plotly-plot")[0]._fullData
  .find((trace) => trace.name.startsWith(name))?.x.length ?? 0"""


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    """A notebook with the panel, for all tests here."""
    notebook = jupyterlab.open([CELL])
    notebook.page.set_viewport_size({"width": 1280, "height": 1480})
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    notebook.wait_ready(3, timeout=PATIENCE)
    notebook.page.wait_for_selector(".nablaviz-curves .nablaviz-plot[data-drawn]")
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


def painted(notebook: Any) -> str:
    """Fingerprint of the model's orbital."""
    notebook.until("all(view.ready == view.tick for view in panel.views.viewers)", True, timeout=PATIENCE)
    notebook.page.wait_for_timeout(200)
    stage = notebook.page.locator(".nablaviz-training .nablaviz-stage").nth(1)
    return hashlib.sha256(stage.screenshot()).hexdigest()


def test_start_stop_continue(notebook: Any) -> None:
    page = notebook.page
    start, stop, resume = (
        page.locator(".nablaviz-buttons button", has_text=name) for name in ("Start", "Stop", "Continue")
    )
    assert stop.is_disabled() and resume.is_disabled()
    before = painted(notebook)
    notebook.screenshot("training-before")
    first = page.locator(".nablaviz-numbers b").all_inner_texts()
    start.click()
    page.wait_for_function(f"() => ({POINTS})('validation') >= 2 && ({POINTS})('a step') >= 8")
    assert notebook.python("1 + 1") == 2  # the kernel answers meanwhile
    assert start.is_disabled() and resume.is_disabled()
    notebook.screenshot("training-light")
    stop.click()
    notebook.until("panel.run is not None and panel.run.reason", "stopped", timeout=PATIENCE)
    assert painted(notebook) != before
    now = page.locator(".nablaviz-numbers b").all_inner_texts()
    assert all(a != b for a, b in zip(first, now, strict=True))
    assert "s: stopped." in page.locator(".nablaviz-state").inner_text()

    steps = notebook.python("int(panel.history['step'].max())")
    resume.click()
    page.wait_for_function(f"(n) => ({POINTS})('a step') >= n", arg=steps + 4)
    notebook.theme("dark")
    stop.click()
    notebook.until("panel.run is not None and panel.run.reason", "stopped", timeout=PATIENCE)
    assert notebook.python("panel.history.query('split == \"train\"')['step'].is_monotonic_increasing")
    notebook.until("panel.theme.dark", True, timeout=PATIENCE)
    painted(notebook)
    notebook.screenshot("training-dark")


def test_another_orbital_and_another_conformer(notebook: Any) -> None:
    page = notebook.page
    page.locator(".nablaviz-bar select").filter(has_text="LUMO+3").select_option("LUMO")
    page.locator(".nablaviz-titles", has_text="LUMO").wait_for()
    page.locator(".nablaviz-numbers", has_text="LUMO").wait_for()
    page.locator(".nablaviz-choice button").first.click()
    notebook.until("set(panel.table['row']) >= {panel.row}", True, timeout=PATIENCE)
    lines = notebook.python("panel.table.query('row == @panel.row and orbital == \"LUMO\"')['step'].tolist()")
    assert lines[0] == 0 and lines[-1] > 0
    for width in (1280, 1920):
        page.set_viewport_size({"width": width, "height": 1480})
        page.wait_for_timeout(300)
        wide = "(e) => e.scrollWidth - e.clientWidth"
        for part in (".nablaviz-training", ".nablaviz-plan", ".nablaviz-orbitals", ".nablaviz-curves > *"):
            assert page.locator(part).first.evaluate(wide) <= 1, part
    notebook.screenshot("training-wide")
