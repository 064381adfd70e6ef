"""The error panel in a real JupyterLab: what is selected in one part is marked in all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

PATIENCE = 120
"""Seconds to wait on a busy machine; an idle one needs two."""

PANEL = """
import numpy as np, nablaviz
from nablaviz.data.memory import Memory
from nablaviz.models.library import load_model
sample = nablaviz.sample()
first = sample.table.groupby("moses_id").head(1)
chosen = first[(first.n_atoms < 10) | first.formula.str.contains("Br")].index.to_numpy()
small = Memory(sample.select(chosen[:60]))
core, sap = load_model("core"), load_model("sap-fit")
panel = nablaviz.errors(small, {"core": core, "sap-fit": sap})
panel
"""


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    """A notebook with the panel of two models of the Hamiltonian, which predict while one waits."""
    notebook = jupyterlab.open([PANEL])
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    notebook.page.wait_for_selector(".nablaviz-errors .nablaviz-plot[data-drawn] .point")
    notebook.python("1", "panel.split.value = 'all'")
    notebook.wait_ready(11, timeout=PATIENCE)
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


def test_a_box_in_one_plot_marks_in_all_others(notebook: Any) -> None:
    page = notebook.page
    box = page.locator(".nablaviz-error-plot >> nth=2").locator(".nsewdrag").first
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    page.mouse.move(at["x"] + 3, at["y"] + 3)
    page.mouse.down()
    page.mouse.move(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2, steps=4)
    page.mouse.move(at["x"] + at["width"] - 3, at["y"] + at["height"] - 3, steps=4)
    page.mouse.up()
    notebook.until("len(panel.selection) == len(panel.table)", True, timeout=PATIENCE)
    page.wait_for_selector(".nablaviz-card.nablaviz-active, .nablaviz-card.nablaviz-chosen")
    page.get_by_role("button", name=f"Save {notebook.python('len(panel.table)')} conformers").wait_for()


def test_a_click_on_a_bar_of_the_distribution_selects(notebook: Any) -> None:
    notebook.python("1", "panel.selection = [0]")
    bars = notebook.page.locator(".nablaviz-error-plot >> nth=1").locator(".barlayer .point path")
    heights = bars.evaluate_all("(all) => all.map((bar) => bar.getBoundingClientRect().height)")
    notebook.click(bars.nth(heights.index(max(heights))))
    notebook.until("len(panel.selection) > 1", True, timeout=PATIENCE)


def test_a_sentence_selects_its_conformers(notebook: Any) -> None:
    sentence = notebook.page.locator(".nablaviz-sentences button").first
    sentence.click()
    notebook.page.wait_for_selector(".nablaviz-sentences button.nablaviz-chosen")
    assert notebook.python("len(panel.selection)") > 1
    assert "× the mean error" in sentence.inner_text()


def test_the_gallery_turns_and_selects(notebook: Any) -> None:
    page = notebook.page
    page.get_by_role("button", name="The next ones").or_(
        page.locator("[title='The next ones']")
    ).first.click()
    notebook.until("panel.gallery.shown[0] == panel.gallery._ranked[10][0]", True, timeout=PATIENCE)
    page.locator(".nablaviz-card > button").nth(2).click()
    notebook.until("panel.selection == [panel.gallery.shown[2]]", True, timeout=PATIENCE)
    page.wait_for_selector(".nablaviz-card.nablaviz-active")


def test_one_click_opens_the_orbitals(notebook: Any) -> None:
    page = notebook.page
    page.get_by_role("button", name="Compare orbitals").click()
    page.wait_for_selector(".nablaviz-errors .nablaviz-compare .nablaviz-viewer[data-ready]")
    notebook.until("panel.comparison.children[0].row == panel.selection[-1]", True, timeout=PATIENCE)
    notebook.until("len(panel.comparison.children[0].table) > 0", True, timeout=PATIENCE)


@pytest.mark.parametrize(("theme", "width"), [("light", 1400), ("dark", 900)])
def test_it_fits_and_follows_the_theme(notebook: Any, theme: str, width: int) -> None:
    page = notebook.page
    page.set_viewport_size({"width": width + 330, "height": 1400})
    notebook.theme(theme)
    text = {"light": "#212121", "dark": "#e2e2e2"}[theme]
    drawn = "__import__('json').loads(panel.parity.plot.figure)['layout']['font']['color']"
    notebook.until(drawn, text, timeout=PATIENCE)
    parts = [".nablaviz-errors-parts", ".nablaviz-found", ".nablaviz-gallery", ".nablaviz-error-plot"]
    page.wait_for_function(
        "(parts) => parts.every((part) => [...document.querySelectorAll(part)]"
        ".every((e) => e.scrollWidth - e.clientWidth <= 1))",
        arg=parts,
    )
    notebook.screenshot(f"errors-{theme}-{width}")
