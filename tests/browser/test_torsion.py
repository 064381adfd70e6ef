"""The torsion panel in a real JupyterLab: by keys and by the mouse, checked with DFT, kept as files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.slow

PATIENCE = 120
"""Seconds to wait on a busy machine."""

CELL = """
import torch
import nablaviz

torch.set_num_threads(1)
table = nablaviz.sample().table
panel = nablaviz.torsion(nablaviz.sample()[int(table.index[table.smiles == "CO"][0])], step=30, height=380)
panel
"""

SLIDER = ".nablaviz-torsion-chart input[type=range]"


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    """A notebook with the panel, for all tests here."""
    notebook = jupyterlab.open([CELL])
    notebook.page.set_viewport_size({"width": 1280, "height": 1250})
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    notebook.wait_ready(1, timeout=PATIENCE)
    notebook.page.wait_for_selector(".nablaviz-torsion-chart[data-points='13']")
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


def painted(notebook: Any) -> str:
    """Fingerprint of the molecule and its orbital."""
    notebook.until(
        "not panel.latest.busy and panel.stage.viewer.ready == panel.stage.viewer.tick", True, PATIENCE
    )
    notebook.page.wait_for_timeout(400)  # where there is no graphics card it is drawn finely after a while
    return hashlib.sha256(notebook.page.locator(".nablaviz-stage").first.screenshot()).hexdigest()


def test_turned_by_keys_by_dragging_and_by_playing(notebook: Any) -> None:
    page = notebook.page
    before = painted(notebook)
    slider = page.locator(SLIDER)
    slider.focus()
    start = round(notebook.python("panel.angle"))
    page.keyboard.press("PageDown")
    notebook.until("panel.frame.wish.angle", float(start - 10), timeout=PATIENCE)
    page.keyboard.press("ArrowLeft")
    notebook.until("panel.frame.wish.angle", float(start - 11), timeout=PATIENCE)
    assert painted(notebook) != before
    assert float(page.locator(".nablaviz-torsion-chart").get_attribute("data-shown")) == start - 11

    box = page.locator(".nablaviz-torsion-chart svg[role=img]").first.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for share in (0.55, 0.6, 0.65, 0.7):
        page.mouse.move(box["x"] + box["width"] * share, y)
    page.mouse.up()
    notebook.until("60 < panel.frame.wish.angle < 80 and panel.frame.careful", True, timeout=PATIENCE)
    assert f"{round(notebook.python('panel.angle'))}°" in notebook.python("panel.stage.viewer.legend")

    page.keyboard.press(" ")
    notebook.until("panel.frame.wish.angle > 85", True, timeout=PATIENCE)
    page.keyboard.press(" ")
    assert page.locator(".nablaviz-torsion-chart button").get_attribute("aria-label") == "Play"
    painted(notebook)
    page.locator(".nablaviz-viewer").focus()
    angle = notebook.python("panel.angle")
    page.keyboard.press("ArrowDown")
    notebook.until("panel.angle", round(angle) + 5.0, timeout=PATIENCE)
    painted(notebook)
    notebook.screenshot("torsion-light")


def test_checked_with_dft(notebook: Any) -> None:
    page = notebook.page
    page.locator(".nablaviz-torsion-line select").select_option("this geometry")
    page.locator("button", has_text="Check with DFT").click()
    page.locator(".nablaviz-torsion-checks tbody tr").nth(1).wait_for()
    text = page.locator(".nablaviz-torsion-checks tbody tr").first.inner_text()
    overlap = notebook.python("float(panel.table['overlap'].dropna().iloc[0])")
    assert f"{overlap:.3f}" in text
    assert "overlap with DFT" in page.locator(".nablaviz-numbers").inner_text()
    assert page.locator(".nablaviz-torsion-chart .mark").count() == 2
    notebook.until("len(panel.stage.levels.levels['columns'])", 2, timeout=PATIENCE)
    notebook.theme("dark")
    notebook.until("panel.theme.dark", True, timeout=PATIENCE)
    painted(notebook)
    notebook.screenshot("torsion-dark")


def test_kept_as_files(notebook: Any) -> None:
    from PIL import Image

    page = notebook.page
    painted(notebook)
    save = page.locator(".nablaviz-export")
    save.locator("select").select_option("animated GIF")
    save.locator("button", has_text="Save").click()
    page.locator(".nablaviz-notice", has_text="Saved CH4O-HOMO.gif").wait_for()
    with Image.open(notebook.lab.folder / "notebooks" / "CH4O-HOMO.gif") as gif:
        assert gif.n_frames == 12
    save.locator("select").select_option("web page, plays without kernel")
    save.locator("button", has_text="Save").click()
    page.locator(".nablaviz-notice", has_text="Saved CH4O-HOMO.html").wait_for()

    file = notebook.lab.folder / "notebooks" / "CH4O-HOMO.html"
    assert file.stat().st_size < 3e6
    alone = notebook.lab.browser.new_page(viewport={"width": 1100, "height": 760})
    alone.set_default_timeout(PATIENCE * 1000)
    faults: list[str] = []
    asked: list[str] = []
    alone.on("console", lambda message: message.type == "error" and faults.append(message.text))
    alone.on("pageerror", lambda error: faults.append(str(error)))
    alone.on(
        "request", lambda request: request.url.startswith(("blob:", "data:")) or asked.append(request.url)
    )
    alone.goto(file.as_uri())
    view, chart = alone.locator(".nablaviz-viewer[data-shown]"), alone.locator(".nablaviz-torsion-chart")
    view.wait_for()
    first = view.get_attribute("data-shown"), chart.get_attribute("data-angle")
    alone.locator(".nablaviz-torsion-chart button").click()  # Play
    alone.locator(f".nablaviz-torsion-chart:not([data-angle='{first[1]}'])").wait_for()
    alone.locator(f".nablaviz-viewer:not([data-shown='{first[0]}'])").wait_for()
    alone.screenshot(path=notebook.lab.folder / "torsion-page.png")
    assert asked == [file.as_uri()]
    assert faults == []
    alone.close()
