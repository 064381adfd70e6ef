"""The ladder of methods in a real JupyterLab."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow
CELL = """
import pytest
import nablaviz
rungs = ("gfn2-xtb", "hf", "lda", "pbe", "b3lyp", "mp2", "ccsd", "ccsd(t)", "skala", "fci")
models = {"energy": "energy"}
panel = nablaviz.ladder("C=C + [H][H] -> CC", rungs=rungs, models=models, basis="sto-3g", seconds=5,
                        settings={"grid": 1})
panel
"""

POINTS = ".nablaviz-ladder .js-plotly-plot .scatterlayer .point"


def test_the_ladder_is_climbed_and_stopped(lab: Any) -> None:
    notebook = lab.open([CELL])
    notebook.run_all()
    page = notebook.page
    table = page.locator(".nablaviz-rungs")
    table.wait_for()
    assert "determinants" in table.inner_text() and "kcal/mol" not in table.inner_text()
    assert not page.get_by_label("Full CI").is_checked() and page.get_by_label("CCSD(T)").is_checked()
    climb = page.get_by_role("button", name="Climb")
    climb.click()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped.").wait_for()
    climb.click()
    page.locator(".nablaviz-rungs td", has_text="reference").wait_for(timeout=120_000)
    notebook.until("panel.go.disabled", False, timeout=120)
    assert notebook.python("panel.notice.text") == ""
    expected = notebook.python("panel.table.rung.tolist()")
    assert expected[-2:] == ["ccsd(t)", "model energy"]
    page.wait_for_function(f"(n) => document.querySelectorAll('{POINTS}').length === n", arg=len(expected))
    assert "not installed" in table.inner_text() or "skala" in expected
    notebook.screenshot("ladder")
    notebook.theme("dark")
    notebook.until("panel.theme.dark", True)
    color = "document.querySelector('.nablaviz-ladder .js-plotly-plot').layout.font.color"
    page.wait_for_function(f"() => {color} === '#e2e2e2'")
    notebook.screenshot("ladder-dark")
