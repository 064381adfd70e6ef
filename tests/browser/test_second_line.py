"""Trust in a prediction and the SCF that starts from it, in a real JupyterLab."""

from __future__ import annotations

from typing import Any

import pytest

PATIENCE = 180
"""Seconds to wait on a busy machine; an idle one needs three."""

CELL = """
import nablaviz
from nablaviz.models.trust import describe

ds = nablaviz.sample()

class Model:
    domain = describe(list(ds[:40]))
    def predict(self, molecule):
        return nablaviz.load_model("sap-fit").predict(molecule)

panel = nablaviz.compare(ds, Model(), row=44)
panel
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_badge_and_an_scf(lab: Any, theme: str) -> None:
    notebook = lab.open([CELL])
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 1150})
    page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    notebook.theme(theme)
    badge = page.locator(".nablaviz-reliability span")
    badge.wait_for()
    assert "training data" in badge.inner_text()
    assert "nearest of the same element" in badge.get_attribute("title")
    page.locator(".nablaviz-scf button", has_text="Use as SCF start").click()
    stop = page.locator(".nablaviz-scf .nablaviz-progress button", has_text="Stop")
    stop.click()
    notebook.until("panel.second.scf.button.disabled", False, timeout=PATIENCE)
    assert notebook.python("panel.second.scf.result.value") == ""
    page.locator(".nablaviz-scf button", has_text="Use as SCF start").click()
    panel_lives = notebook.python("panel.row")  # the kernel answers while it runs
    assert panel_lives == 44
    page.locator(".nablaviz-scf table").wait_for()
    assert "of the iterations" in page.locator(".nablaviz-scf").inner_text()
    page.wait_for_timeout(500)
    notebook.screenshot(f"second-line-{theme}")
    assert page.locator(".nablaviz-second").evaluate("(e) => e.scrollWidth - e.clientWidth") <= 1
