"""Names, SMILES, SQL that are markup and script, in every panel and in an exported page: nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow
PATIENCE = 120
PWNED = "() => window.pwned"

HOSTILE = r"""
from dataclasses import replace
import numpy as np
import pandas as pd
import pytest
import nablaviz
from nablaviz.data.memory import Memory
from nablaviz.models.interface import Prediction
from nablaviz.molecule import Molecule

BAD = [
    "<img src=x onerror='window.pwned=1'>", "<script>window.pwned=2</script>",
    "\"><svg onload=window.pwned=3>",
    "<a href='javascript:window.pwned=4'>$x$</a>",
    "<iframe srcdoc='<script>parent.pwned=5</script>'>",
    "<link rel=stylesheet href=http://evil.example/a.css>", "<img src=http://evil.example/b.png>",
    "%{x}<b>{{7*7}}",
]
sample = nablaviz.sample()
rows = sample.table.sort_values("n_atoms").index[: len(BAD)]
def bad(c, text):
    molecule = Molecule(c.molecule.numbers, c.molecule.positions, text)
    return replace(c, molecule=molecule, split=text, scaffold=text, error=text, source=text)
data = Memory(bad(sample[int(row)], text) for row, text in zip(rows, BAD))
class Evil:
    def predict(self, molecule):
        return Prediction(molecule, hamiltonian=data[0].hamiltonian * 1.001)
Evil.__name__ = BAD[0] + BAD[6]
energy = data.table.energy
table = data.table[["moses_id", "conformation_id"]].assign(energy=energy, predicted_energy=energy + 1)
table["energy_mae"] = np.linspace(0.1, 1.0, len(table))
table["split"] = BAD
"""

BROWSE = """
browse = nablaviz.browse(data)
browse.plot.x.value, browse.plot.color.value = "split", "scaffold"
browse
"""
CELLS = [
    HOSTILE + BROWSE,
    "compare = nablaviz.compare(data[0], Evil())\ncompare",
    "errors = nablaviz.errors(data, {BAD[1]: table})\nerrors",
]


def test_no_script_runs_and_no_request_leaves(lab: Any, tmp_path: Path) -> None:
    """The fixture asserts in the end that the page asked nothing of any other host and logged no error."""
    notebook = lab.open(CELLS)
    notebook.run_all(timeout=PATIENCE)
    page = notebook.page
    page.set_default_timeout(PATIENCE * 1000)
    page.wait_for_selector(".nablaviz-browse .nablaviz-table tbody tr")
    page.wait_for_selector(".nablaviz-compare .nablaviz-titles")
    page.wait_for_selector(".nablaviz-errors")
    for row in (0, 4, 7):
        page.locator(".nablaviz-browse .nablaviz-table tbody tr").nth(row).click()
        notebook.until("browse.selection", [row], timeout=PATIENCE)
    sql = "smiles = '<img src=http://evil.example onerror=window.pwned=6>' OR nope"
    notebook.python("1", f"browse.filters.where.value = {sql!r}; compare.details.tab.value = 'properties'")
    page.wait_for_selector(".nablaviz-filters .nablaviz-error")
    assert "nope" in page.locator(".nablaviz-filters .nablaviz-error").first.inner_text()
    found = "(all) => all.map((element) => element.outerHTML.slice(0, 200))"
    for panel in (".nablaviz-browse", ".nablaviz-compare", ".nablaviz-errors"):
        for bad in (
            "script",
            "iframe",
            "a[href^='javascript']",
            "img[src='x']",
            "link",
            "[onload]",
            "[onerror]",
        ):
            assert page.locator(f"{panel} {bad}").evaluate_all(found) == []
    assert page.evaluate(PWNED) is None
    shown = page.locator(".nablaviz-browse .nablaviz-table").inner_text()
    assert "<script>" in shown  # as it is written
    notebook.screenshot("hostile")

    path = tmp_path / "page.html"
    notebook.python("1", f"compare.to_html({str(path)!r})", timeout=PATIENCE)
    context = lab.browser.new_context()
    exported = context.new_page()
    asked: list[str] = []
    exported.on("request", lambda request: asked.append(request.url))
    exported.goto(path.as_uri())
    exported.wait_for_selector(".nablaviz-viewer[data-ready]", timeout=PATIENCE * 1000)
    assert exported.evaluate(PWNED) is None
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    assert "onerror" in exported.locator("h1").inner_text()
    # Even a script that got into the page could not run.
    exported.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.pwned = 7';"
        " document.body.append(s); }"
    )
    exported.wait_for_timeout(300)
    assert exported.evaluate(PWNED) is None
    context.close()
