"""The comparison panel in a real JupyterLab: clicks, keys, dragging, what goes wrong, the exported page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 120
"""Seconds to wait on a busy machine; an idle one needs two."""

CELL = """
import numpy as np
import nablaviz

class Model:
    def predict(self, molecule):
        conformer = nablaviz.Conformer(molecule)
        if len(molecule) == 6:
            raise RuntimeError("<b>no weights</b> for this one")
        return nablaviz.load_model("sap-fit").predict(molecule)

ds = nablaviz.sample()
rows = [ds.table.index[ds.table["smiles"] == smiles][0] for smiles in ("CO", "CF", "CC(N)=O")]
panel = nablaviz.compare(ds.select(rows), Model(), row=1)
panel
"""
"""Methanol, of which the model knows nothing; CH3F; acetamide."""


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    """A notebook with the panel, for all tests here."""
    notebook = jupyterlab.open([CELL])
    notebook.page.set_viewport_size({"width": 1280, "height": 1150})
    notebook.run_all(timeout=PATIENCE)
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.wait_ready(3, timeout=PATIENCE)
    notebook.page.wait_for_selector(".nablaviz-matrix .nablaviz-plot[data-drawn]")
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    """Each test starts with the HOMO of CH3F, nothing picked, the matrix shown."""
    if "notebook" in request.fixturenames:
        setup = "panel.row = 1; panel.comparison; panel.orbital = 'HOMO'; panel.views.pick([])"
        setup += (
            "; panel.details.tab.value = 'matrix'; panel.views.field.value = 'orbital'; panel.isovalue = 0.04"
        )
        request.getfixturevalue("notebook").python("1", setup, timeout=PATIENCE)


def painted(notebook: Any) -> list[str]:
    """Fingerprints of what the three views have painted."""
    ready = "all(view.ready == view.tick for view in panel.views.viewers)"
    notebook.until(ready, True, timeout=PATIENCE)
    notebook.page.wait_for_timeout(200)
    stages = notebook.page.locator(".nablaviz-compare .nablaviz-stage").all()
    return [hashlib.sha256(stage.screenshot()).hexdigest() for stage in stages]


def test_a_click_on_a_level_draws_its_pair_and_leaves_the_camera(notebook: Any) -> None:
    before = painted(notebook)
    cameras = notebook.python("[view.camera for view in panel.views.viewers]")
    levels = notebook.page.locator(".nablaviz-compare .nablaviz-levels")
    levels.scroll_into_view_if_needed()
    lumo = levels.locator("svg text", has_text="LUMO").first.bounding_box()
    notebook.page.mouse.click(lumo["x"] + lumo["width"] + 14, lumo["y"] + lumo["height"] / 2)
    notebook.until("panel.reference.orbitals.label(panel.orbital)", "LUMO", timeout=PATIENCE)
    after = painted(notebook)
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert notebook.python("[view.camera for view in panel.views.viewers]") == cameras
    assert "LUMO," in notebook.page.locator(".nablaviz-titles").inner_text()


def rested(notebook: Any) -> list[str]:
    """The same once nothing is drawn coarsely any more."""
    notebook.until("all(view.ready == view.tick for view in panel.views.viewers)", True, timeout=PATIENCE)
    notebook.rest()
    return painted(notebook)


def test_what_the_pointer_rests_on_is_shown_before_python_hears_of_the_click(
    notebook: Any, tmp_path: Path
) -> None:
    page = notebook.page
    page.mouse.move(0, 0)
    levels = page.locator(".nablaviz-compare .nablaviz-levels")
    levels.scroll_into_view_if_needed()
    notebook.python("1", "panel.orbital = 'LUMO'")
    expected = rested(notebook)
    notebook.python("1", "panel.orbital = 'HOMO'")
    page.wait_for_selector(f".nablaviz-levels[data-drawn='{notebook.python('panel.levels.selected')}']")
    lumo = levels.locator("svg text", has_text="LUMO").first.bounding_box()
    x, y = lumo["x"] + lumo["width"] + 14, lumo["y"] + lumo["height"] / 2
    page.mouse.move(x, y)
    pair = notebook.python("panel._number(panel.reference.orbitals.lumo)")
    page.wait_for_function(
        "(pair) => [...__nablaviz.views].every(({ shown }) => shown.ahead.has(pair))", arg=pair
    )
    shown = "[...__nablaviz.views].map(({ box }) => Number(box.dataset.shown))"
    before = page.evaluate(shown)
    notebook.python(
        "1",
        "sent, first = [], panel.views.viewers[0]; send = first._send\n"
        "first._send = lambda *message, **more: (sent.append((*message, more)), send(*message, **more))",
    )
    go_on = tmp_path / "go_on"  # until then the kernel hears nothing
    notebook._client.execute(f"import os, time\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.02)")
    page.mouse.click(x, y)
    page.mouse.move(0, 0)
    early = [count + 1 for count in before]
    page.wait_for_function(f"(early) => String({shown}) === String(early)", arg=early)
    go_on.touch()
    notebook.until("panel.reference.orbitals.label(panel.orbital)", "LUMO", timeout=PATIENCE)
    assert rested(notebook) == expected
    assert page.evaluate(shown) == early  # Python asked for the same
    updates = "[more['buffers'] for message, more in sent if 'surfaces' in message.get('state', ())]"
    assert notebook.python(updates) == [[]]
    held = "({ model }) => model.get('surfaces').every(({ values }) => values.byteLength > 1000)"
    assert page.evaluate(f"[...__nablaviz.views].every({held})")  # what is saved of the page is whole
    page.evaluate("__nablaviz.volumes.clear()")  # a page that does not hold a volume asks for it
    notebook.python("1", "del first._send; panel.orbital = 'HOMO'; panel.orbital = 'LUMO'")
    assert rested(notebook) == expected


def test_what_was_sent_ahead_is_not_shown_with_another_look(notebook: Any) -> None:
    page = notebook.page
    painted(notebook)
    notebook.python("1", "panel.views.ahead(panel.levels.selected + 1)")
    known = "[...__nablaviz.views].map(({ shown }) => shown.ahead.size > 0)"
    page.wait_for_function(f"{known}.every(Boolean)")
    notebook.python("1", "panel.views.style_of.value = 'mesh'")
    page.wait_for_function(f"!{known}.some(Boolean)")
    notebook.python("1", "panel.views.style_of.value = 'solid'")


def test_arrow_keys_step_in_the_diagram_and_in_a_view(notebook: Any) -> None:
    label = "panel.reference.orbitals.label(panel.orbital)"
    notebook.page.locator(".nablaviz-compare .nablaviz-levels").focus()
    notebook.page.keyboard.press("ArrowDown")
    notebook.until(label, "HOMO−1", timeout=PATIENCE)
    notebook.page.locator(".nablaviz-compare .nablaviz-viewer").nth(2).focus()
    notebook.page.keyboard.press("ArrowUp")
    notebook.until(label, "HOMO", timeout=PATIENCE)
    notebook.page.keyboard.press("ArrowUp")
    notebook.until(label, "LUMO", timeout=PATIENCE)
    notebook.until("panel.levels.selected == panel.orbital", True, timeout=PATIENCE)
    selected = notebook.python("panel.orbital")
    notebook.page.wait_for_selector(f".nablaviz-compare .nablaviz-levels[data-drawn='{selected}']")


def test_a_block_and_its_atoms_are_linked(notebook: Any) -> None:
    plot = notebook.page.locator(".nablaviz-matrix .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    size = notebook.python("len(panel.comparison.difference)")  # 14 functions of C, 14 of F, 5 of each H
    x, y = box["x"] + box["width"] * 16.5 / size, box["y"] + box["height"] * 3.5 / size
    notebook.page.mouse.move(x, y)
    notebook.page.wait_for_selector(".nablaviz-matrix .hoverlayer .hovertext")
    notebook.page.mouse.click(x, y)
    notebook.until("[sorted(view.picked) for view in panel.views.viewers]", [[0, 1]] * 3, timeout=PATIENCE)
    notebook.page.locator(".nablaviz-compare .nablaviz-viewer", has_text="Å").nth(2).wait_for()
    notebook.until("len(__import__('json').loads(panel.details.matrix.plot.marks))", 1, timeout=PATIENCE)
    first = notebook.python("panel.details.matrix.plot.marks")
    shapes = "() => document.querySelectorAll('.nablaviz-matrix .shapelayer path').length"
    notebook.page.wait_for_function(f"{shapes} === 3")  # lines between atoms, both ways, and the outline
    notebook.python("1", "panel.views.viewers[1].picked = [0, 2]")
    notebook.until(f"panel.details.matrix.plot.marks != {first!r}", True, timeout=PATIENCE)
    notebook.page.locator(".nablaviz-compare .nablaviz-viewer").first.focus()
    notebook.page.keyboard.press("Escape")
    notebook.until("panel.details.matrix.plot.marks", "[]", timeout=PATIENCE)


def test_dragging_the_isovalue_needs_no_kernel(notebook: Any) -> None:
    before = painted(notebook)
    ticks = notebook.python("[view.tick for view in panel.views.viewers]")
    notebook.python(
        "1", "panel.views.observe(lambda change: heard.append(change['new']), 'isovalue'); heard = []"
    )
    slider = notebook.page.locator(".nablaviz-compare .nablaviz-isovalue input").nth(1)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    share = notebook.page.evaluate("(e) => e.value / e.max", slider.element_handle())
    notebook.page.mouse.move(box["x"] + 8 + (box["width"] - 16) * share, middle)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + box["width"] * 0.8, middle, steps=6)
    notebook.page.wait_for_timeout(300)
    assert notebook.python("heard") == []
    texts = notebook.page.locator(".nablaviz-compare .nablaviz-isovalue output").all_inner_texts()
    assert len(set(texts)) == 1
    assert not texts[0].startswith("0.040")
    notebook.page.mouse.up()
    notebook.until("len(heard)", 1, timeout=PATIENCE)
    assert notebook.python("[view.tick for view in panel.views.viewers]") == ticks
    assert all(a != b for a, b in zip(before, painted(notebook), strict=True))
    assert notebook.python("len({view.isovalue for view in panel.views.viewers})") == 1


def test_a_model_that_fails_is_said_in_place_and_the_panel_lives_on(notebook: Any) -> None:
    notebook.page.locator(".nablaviz-choice button").first.click()
    said = notebook.page.locator(".nablaviz-compare .nablaviz-error")
    said.wait_for()
    assert "RuntimeError: <b>no weights</b> for this one" in said.inner_text()
    assert notebook.python("panel.row") == 0
    assert "HOMO," in notebook.page.locator(".nablaviz-titles").inner_text()  # DFT alone
    search = notebook.page.locator(".nablaviz-choice input")
    search.fill("CC(N)=O")
    search.press("Enter")
    notebook.until("panel.row", 2, timeout=PATIENCE)
    said.wait_for(state="detached")
    notebook.until("len(panel.table) > 20", True, timeout=PATIENCE)
    assert len(set(painted(notebook))) == 3


def test_levels_follow_a_theme_that_comes_while_the_page_is_hidden(notebook: Any) -> None:
    # JupyterLab does so, at times for less than a frame, of which no observer of sizes is told
    painted(notebook)
    notebook.page.evaluate(
        """async () => {
          document.querySelector(".nablaviz-levels svg").firstChild.old = true;
          document.body.style.display = "none";
          document.body.dataset.jpThemeLight = "false";
          await null;
          await new Promise((done) => requestAnimationFrame(done));
          document.body.style.display = "";
        }"""
    )
    notebook.page.wait_for_function("!document.querySelector('.nablaviz-levels svg').firstChild.old")
    notebook.page.evaluate("document.body.dataset.jpThemeLight = 'true'")


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_follows_the_theme(notebook: Any, width: int, theme: str) -> None:
    page = notebook.page
    page.set_viewport_size({"width": width, "height": 1150})
    notebook.theme(theme)
    text = {"light": "#212121", "dark": "#e2e2e2"}[theme]
    notebook.until(f"{text!r} in panel.details.matrix.plot.figure", True, timeout=PATIENCE)
    painted(notebook)
    wide = "(e) => e.scrollWidth - e.clientWidth"
    for part in (".nablaviz-compare", ".nablaviz-orbitals", ".nablaviz-details", ".nablaviz-levels-card"):
        assert page.locator(part).first.evaluate(wide) <= 1, part
    titles = page.locator(".nablaviz-titles .widget-html-content > div").all()
    assert [title.evaluate(wide) for title in titles] == [0, 0, 0]
    notebook.screenshot(f"compare-{theme}-{width}")


def test_the_exported_page_works_from_disk_without_network(notebook: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    notebook.python("1", f"panel.to_html({str(path)!r})", timeout=PATIENCE)
    assert path.stat().st_size < 1_000_000
    context = notebook.lab.browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: message.type == "error" and faults.append(message.text))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.set_default_timeout(PATIENCE * 1000)
    page.wait_for_function("() => document.querySelectorAll('.nablaviz-viewer[data-ready]').length === 3")
    page.wait_for_timeout(300)
    stage = page.locator(".nablaviz-stage").first
    before = hashlib.sha256(stage.screenshot()).hexdigest()
    page.locator("nav button", has_text="LUMO").first.click()
    page.wait_for_timeout(2000)
    assert hashlib.sha256(stage.screenshot()).hexdigest() != before
    assert "HOMO" in page.locator("body").inner_text()
    folder = notebook.screenshot("compare-export").parent
    page.screenshot(path=folder / "compare-export.png")
    assert faults == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    context.close()
