"""A study in a real JupyterLab: start, watch, stop, reload, resume, and from a point to an orbital."""

from __future__ import annotations

import json
from typing import Any

PATIENCE = 240
"""Seconds to wait on a busy machine; an idle one needs a fifth."""

CELL = """
import nablaviz
from nablaviz.studies.study import Contender, Study

small = {"baseline": "sap-fit", "channels": "8", "pair_channels": "8", "head_channels": "8", "layers": "1"}
study = Study(
    "sample",
    (Contender("LR", "composition"), Contender("edge-frame", "edge-frame", small)),
    sizes=(50, 60), seeds=(0,), splits=("test_conformations",), budget=4, unit="steps", device="cpu",
)
panel = nablaviz.learning_curves(study, folder="study")
panel
"""

PLACE = """([plot, trace, point]) => {
  const box = document.querySelectorAll(plot)[0];
  const { xaxis, yaxis } = box._fullLayout, data = box._fullData[trace];
  const at = box.getBoundingClientRect();
  const x = xaxis._offset + xaxis.d2p(data.x[point]), y = yaxis._offset + yaxis.d2p(data.y[point]);
  return [at.left + x, at.top + y];
}"""


def click(notebook: Any, plot: str, trace: int, point: int) -> None:
    """Click a point of a plot."""
    box = notebook.page.locator(plot).first
    box.scroll_into_view_if_needed()
    x, y = notebook.page.evaluate(PLACE, [plot, trace, point])
    notebook.page.mouse.move(x - 3, y)
    notebook.page.mouse.move(x, y)
    notebook.page.locator(f"{plot} .hoverlayer .hovertext").first.wait_for()
    notebook.page.mouse.click(x, y)


def test_start_watch_stop_reload_resume_and_look_at_an_orbital(lab: Any) -> None:
    notebook = lab.open([CELL])
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1200})
    page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    page.get_by_role("button", name="Start", exact=True).click()
    page.locator(".nablaviz-run.nablaviz-running").first.wait_for()
    assert notebook.python("panel.status.buttons['Stop'].disabled") is False
    page.get_by_role("button", name="Stop", exact=True).click()
    states = "sorted(set(panel.progress['state']) & {'running', 'paused'})"
    notebook.until(f"({states}, nablaviz.studies.engine.is_running('study'))", ([], False), timeout=PATIENCE)
    page.locator(".nablaviz-run.nablaviz-running").first.wait_for(state="detached")
    done = notebook.python("int((panel.progress['state'] == 'finished').sum())")
    assert done < 4

    lab.get(f"/api/kernels/{lab._session(notebook.name)['kernel']['id']}/restart", method="POST")
    notebook.load()
    notebook.run_all(timeout=PATIENCE)
    page.locator(".nablaviz-run").nth(3).wait_for()
    resume = page.get_by_role("button", name="Resume", exact=True)
    resume.click()
    page.locator(".nablaviz-run.nablaviz-finished").nth(3).wait_for()
    assert notebook.python("panel.progress['fraction'].tolist()") == [1.0] * 4
    assert resume.is_disabled()

    notebook.python("1", "panel.curves.metric.value = ('hamiltonian_mae', 'Eh')")
    curves = ".nablaviz-curves .nablaviz-plot"
    notebook.until("panel.curves.plot.figure.count('Hamiltonian MAE') > 0", True)
    page.wait_for_function(
        "([plot, tick]) => document.querySelector(plot).dataset.drawn == tick",
        arg=[curves, notebook.python("panel.curves.plot.tick")],
    )
    data = json.loads(notebook.python("panel.curves.plot.figure"))["data"]
    trace = next(i for i, t in enumerate(data) if "customdata" in t and "training" not in t["name"])
    click(notebook, curves, trace, 1)
    page.locator(".nablaviz-run-view dl").wait_for()
    assert "60 conformers of sample" in page.locator(".nablaviz-run-view dl").inner_text()
    worst = ".nablaviz-run-view .nablaviz-two > :nth-child(2) .nablaviz-plot"
    page.locator(f"{worst} .barlayer .point").first.wait_for()
    page.locator(f"{worst} .barlayer .point path").first.scroll_into_view_if_needed()
    bar = page.locator(f"{worst} .barlayer .point path").last.bounding_box()
    page.mouse.move(bar["x"] + 10, bar["y"] + bar["height"] / 2)
    page.mouse.click(bar["x"] + 10, bar["y"] + bar["height"] / 2)
    notebook.wait_ready(3, timeout=PATIENCE)
    row = notebook.python("int(panel.run._worst()['row'].iloc[0])")
    assert notebook.python("panel.run.conformer.children[0].row") == row
    notebook.python("panel.run.conformer.children[0].comparison.errors.shape[0] > 0", timeout=PATIENCE)
