"""The noise slider in a real JupyterLab."""

from __future__ import annotations

from typing import Any

CELL = """
import nablaviz
from nablaviz.views.noise import Noise
ds = nablaviz.sample()
panel = Noise(ds[int(ds.table.n_atoms.argmin())], draws=2)
panel
"""

STARS = """() => document.querySelector(".nablaviz-compare .js-plotly-plot").data
  .filter((trace) => trace.marker?.symbol === "star").map((trace) => trace.x[0])"""


def test_the_slider_redraws_levels_and_table(lab: Any) -> None:
    notebook = lab.open([CELL])
    notebook.run_all()
    page = notebook.page
    page.wait_for_selector(".nablaviz-compare .js-plotly-plot .scatterlayer")
    assert page.evaluate(STARS) == [1.0] * 4
    table = page.locator(".nablaviz-properties").inner_text()
    handle = page.locator(".nablaviz-compare .noUi-handle").first
    handle.focus()
    for _ in range(3):
        handle.press("ArrowLeft")
    expected = notebook.python("panel.size.value")
    assert expected < 1
    page.wait_for_function(f"(size) => ({STARS})().every((x) => Math.abs(x - size) < 1e-9)", arg=expected)
    assert page.locator(".nablaviz-properties").inner_text() != table
    notebook.theme("dark")
    notebook.until("panel.theme.dark", True)
    color = "document.querySelector('.nablaviz-compare .js-plotly-plot').layout.font.color"
    page.wait_for_function(f"() => {color} === '#e2e2e2'")
    notebook.screenshot("noise-dark")
