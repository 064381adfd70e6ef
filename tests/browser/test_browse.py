"""The browser panel in a real JupyterLab: what is clicked in one part changes all others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

PATIENCE = 120
"""Seconds to wait on a busy machine; an idle one needs two."""

SAMPLE = """
import nablaviz
panel = nablaviz.browse(nablaviz.sample())
viewer = panel.conformer.viewer
panel
"""

HOSTILE = r"""
import numpy as np
import nablaviz
from nablaviz.data.memory import Memory
from nablaviz.molecule import Conformer, Molecule
bad = [
    "<img src=x onerror='window.pwned=1'>", "<script>window.pwned=2</script>", "<b><i>bold</i></b>",
    "<a href='javascript:window.pwned=3'>$x^2$</a>", "\"><svg onload=window.pwned=4>", "%{x}{{7*7}}",
]
water = np.array([[0, 0, 0.12], [0, 0.76, -0.48], [0, -0.76, -0.48]])
ds = Memory(
    Conformer(Molecule([8, 1, 1], water * (1 + i / 50), s), i, 0, energy=-76 - i / 10, split=s, scaffold=s,
              error=s, dipole=np.ones(3) * (1 + i), forces=np.ones((3, 3)) * 0.01 * i)
    for i, s in enumerate(bad)
)
panel = nablaviz.browse(ds)
panel.plot.x.value = "split"
panel.plot.color.value = "error"
panel
"""


def open_panel(jupyterlab: Any, cell: str) -> Any:
    notebook = jupyterlab.open([cell])
    notebook.run_all(timeout=PATIENCE)
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.page.wait_for_selector(".nablaviz-plot[data-drawn] .point")
    return notebook


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    """A notebook with the panel on the bundled sample, for all tests here."""
    notebook = open_panel(jupyterlab, SAMPLE)
    notebook.wait_ready(1, timeout=PATIENCE)
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


@pytest.fixture(autouse=True)
def _fresh(request: pytest.FixtureRequest) -> None:
    """Each test starts without filters, with the first row selected."""
    if "notebook" in request.fixturenames:
        setup = "panel.filters.clear(); panel._sort('', False); panel.conformer.shown.value = 'one'"
        request.getfixturevalue("notebook").python("1", f"{setup}; viewer.picked = []; panel.selection = [0]")


def picture(notebook: Any) -> str:
    """Fingerprint of what the 3D view has painted."""
    notebook.until("viewer.ready == viewer.tick", True, timeout=PATIENCE)
    notebook.page.wait_for_timeout(200)
    stage = notebook.page.locator(".nablaviz-browse .nablaviz-stage")
    return hashlib.sha256(stage.screenshot()).hexdigest()


def active_row(notebook: Any) -> int:
    return int(notebook.page.locator(".nablaviz-table tr.active").get_attribute("data-row"))


def point(notebook: Any, row: int) -> tuple[float, float]:
    """Where on the page the plot has the point of a row."""
    rows = notebook.python("[t.customdata.tolist() for t in panel.plot.figure.data]")
    ((trace, place),) = [(i, part.index(row)) for i, part in enumerate(rows) if row in part]
    box = notebook.page.locator(f".nablaviz-scatter .scatterlayer .trace >> nth={trace}").locator(".point")
    box.nth(place).scroll_into_view_if_needed()
    found = box.nth(place).bounding_box()
    return found["x"] + found["width"] / 2, found["y"] + found["height"] / 2


def highest(notebook: Any) -> int:
    """The row with the highest relative energy: its point is covered by no other."""
    return notebook.python("int(panel.table.relative_energy_kcal.idxmax())")


def test_a_click_on_a_point_selects_in_table_3d_and_drawing(notebook: Any) -> None:
    row, before = highest(notebook), picture(notebook)
    drawing = notebook.page.locator(".nablaviz-depiction").inner_html()
    x, y = point(notebook, row)
    notebook.page.mouse.move(x, y)
    notebook.page.wait_for_selector(".nablaviz-scatter .hoverlayer .hovertext")
    notebook.page.mouse.click(x, y)
    notebook.until("panel.selection", [row], timeout=PATIENCE)
    notebook.page.wait_for_selector(f".nablaviz-table tr.active[data-row='{row}']")
    assert picture(notebook) != before
    assert notebook.page.locator(".nablaviz-depiction").inner_html() != drawing
    assert notebook.python(f"viewer.active.smiles == panel.dataset[{row}].molecule.smiles")


def test_a_box_in_the_plot_selects_all_inside(notebook: Any) -> None:
    box = notebook.page.locator(".nablaviz-scatter .nsewdrag").first.bounding_box()
    notebook.page.mouse.move(box["x"] + 3, box["y"] + 3)
    notebook.page.mouse.down()
    notebook.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=5)
    notebook.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3, steps=5)
    notebook.page.mouse.up()
    notebook.until("len(panel.selection)", notebook.python("len(panel.dataset)"), timeout=PATIENCE)
    said = notebook.page.locator(".nablaviz-table-said")
    notebook.page.wait_for_function("(e) => e.textContent.includes('selected')", arg=said.element_handle())


def test_a_click_on_a_row_selects_in_plot_and_3d(notebook: Any) -> None:
    before = picture(notebook)
    line = notebook.page.locator(".nablaviz-table tbody tr").nth(4)
    line.click()
    notebook.until("panel.selection", [4], timeout=PATIENCE)
    assert picture(notebook) != before
    assert active_row(notebook) == 4
    notebook.page.locator(".nablaviz-table tbody tr").nth(6).click(modifiers=["Shift"])
    notebook.until("panel.selection", [4, 5, 6], timeout=PATIENCE)
    notebook.page.locator(".nablaviz-table tbody tr").nth(5).click(modifiers=["Control"])
    notebook.until("panel.selection", [4, 6], timeout=PATIENCE)
    marked = "[len(trace['x']) for trace in __import__('json').loads(panel.plot.plot.marks)]"
    notebook.until(marked, [2, 1], timeout=PATIENCE)
    notebook.page.wait_for_function(
        "() => [...document.querySelectorAll('.nablaviz-table tr[aria-selected=true]')]"
        ".map((line) => line.dataset.row).join() === '4,6'"
    )


def test_arrow_keys_step_in_table_and_3d(notebook: Any) -> None:
    notebook.page.locator(".nablaviz-table tbody tr").first.click()
    for row in (1, 2, 3):
        notebook.page.keyboard.press("ArrowDown")
        notebook.until("panel.selection", [row], timeout=PATIENCE)
    notebook.page.keyboard.press("Shift+ArrowUp")
    notebook.until("panel.selection", [3, 2], timeout=PATIENCE)
    before = picture(notebook)
    notebook.page.locator(".nablaviz-browse .nablaviz-viewer").focus()
    notebook.page.keyboard.press("ArrowDown")
    notebook.until("panel.selection", [3], timeout=PATIENCE)
    assert picture(notebook) != before
    cells = notebook.page.locator(".jp-Notebook .jp-mod-active")
    assert cells.count() == 1  # JupyterLab's own keys have moved nothing


def test_sorting_and_paging(notebook: Any) -> None:
    notebook.page.get_by_role("button", name="Relative energy").click()
    notebook.page.get_by_role("button", name="Relative energy").click()
    notebook.until(
        "(panel.list.sort, panel.list.descending)", ("relative_energy_kcal", True), timeout=PATIENCE
    )
    notebook.page.get_by_role("button", name="First page").click()
    first = f".nablaviz-table tbody tr:first-child[data-row='{highest(notebook)}']"
    notebook.page.wait_for_selector(first)
    notebook.page.get_by_role("button", name="Next page").click()
    notebook.until("panel.list.page", 1, timeout=PATIENCE)
    notebook.page.get_by_role("textbox", name="Page").fill("3")
    notebook.page.keyboard.press("Enter")
    notebook.until("panel.list.page", 2, timeout=PATIENCE)


def test_filtering_by_substructure_and_range(notebook: Any) -> None:
    box = notebook.page.get_by_label("substructure")
    box.fill("[NX3][CX3]=O")
    box.press("Enter")
    from_pandas = """sum(1 for s in panel.dataset.table.smiles
        if __import__('rdkit.Chem').Chem.MolFromSmiles(s).HasSubstructMatch(
            __import__('rdkit.Chem').Chem.MolFromSmarts('[NX3][CX3]=O')))"""
    expected = notebook.python(from_pandas)
    assert 0 < expected < notebook.python("len(panel.dataset)")
    notebook.until("len(panel.table)", expected, timeout=PATIENCE)
    assert notebook.python("panel.selection") == [0]  # it survives
    box.fill("c1cc")
    box.press("Enter")
    notebook.page.wait_for_selector(".nablaviz-filters .nablaviz-error")
    assert "not a SMARTS" in notebook.page.locator(".nablaviz-filters .nablaviz-error").inner_text()
    notebook.page.get_by_role("button", name="Clear filters").click()
    notebook.until("len(panel.table) == len(panel.dataset)", True, timeout=PATIENCE)
    handle = notebook.page.locator(".nablaviz-range").first.get_by_label("Highest").first
    handle.focus()
    for _ in range(10):
        notebook.page.keyboard.press("ArrowLeft")
    notebook.until("panel.filters.ranges['n_atoms'].value[1] is not None", True, timeout=PATIENCE)
    notebook.until("len(panel.table) < len(panel.dataset)", True, timeout=PATIENCE)


def test_atoms_of_drawing_and_3d_are_linked(notebook: Any) -> None:
    atoms = notebook.page.locator(".nablaviz-depiction .atom-selector")
    for count, atom in enumerate((atoms.first, atoms.nth(1)), 1):
        notebook.page.evaluate("document.querySelector('.nablaviz-depiction svg').old = true")
        notebook.click(atom)
        notebook.until("len(viewer.picked)", count, timeout=PATIENCE)
        notebook.page.wait_for_function(
            "!document.querySelector('.nablaviz-depiction svg').old"
        )  # with the mark
    assert notebook.python("viewer.measurement").endswith("Å")


def test_superposition_and_forces_change_the_picture(notebook: Any) -> None:
    row = highest(notebook)
    notebook.python("1", f"panel.selection = [{row}]")
    conformer = notebook.page.locator(".nablaviz-conformer")
    alone = picture(notebook)
    conformer.get_by_label("show").select_option("all of its molecule")
    notebook.until("len(viewer.molecules) > 1", True, timeout=PATIENCE)
    together = picture(notebook)
    conformer.get_by_label("forces").check()
    notebook.until("bool(viewer.scene['arrows'])", True, timeout=PATIENCE)
    assert len({alone, together, picture(notebook)}) == 3
    conformer.get_by_label("forces").uncheck()


@pytest.mark.parametrize("width", [1280, 1920])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_follows_the_theme(notebook: Any, width: int, theme: str) -> None:
    page = notebook.page
    page.set_viewport_size({"width": width, "height": 1100})
    notebook.theme(theme)
    text = {"light": "#212121", "dark": "#e2e2e2"}[theme]
    notebook.until("panel.plot.figure.layout.font.color", text, timeout=PATIENCE)
    picture(notebook)
    page.wait_for_function(
        "() => Math.abs(document.querySelector('.nablaviz-scatter .main-svg').getBoundingClientRect().width"
        " - document.querySelector('.nablaviz-scatter .js-plotly-plot').getBoundingClientRect().width) < 3"
    )
    wide = "(e) => e.scrollWidth - e.clientWidth"
    parts = (
        ".nablaviz-browse",
        ".nablaviz-filters",
        ".nablaviz-scatter",
        ".nablaviz-conformer",
        ".nablaviz-side",
    )
    overflow = {part: page.locator(part).first.evaluate(wide) for part in parts}
    assert {part for part, by in overflow.items() if by > 1} == set()
    notebook.screenshot(f"browse-{theme}-{width}")


def test_hostile_strings_run_nothing(lab: Any) -> None:
    notebook = open_panel(lab, HOSTILE)
    page = notebook.page
    page.wait_for_selector(".nablaviz-table tbody tr")
    for row in range(6):
        page.locator(".nablaviz-table tbody tr").nth(row).click()
        notebook.until("panel.selection", [row], timeout=PATIENCE)
    x, y = point(notebook, 2)
    page.mouse.move(x, y)
    hover = page.wait_for_selector(".nablaviz-scatter .hoverlayer .hovertext")
    assert "<b><i>bold</i></b>" in hover.text_content()
    box = page.get_by_label("substructure")
    box.fill("<img src=x onerror='window.pwned=5'>")
    box.press("Enter")
    page.wait_for_selector(".nablaviz-filters .nablaviz-error")
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.pwned") is None
    inside = ".nablaviz-browse img, .nablaviz-browse script, .nablaviz-browse a[href^='javascript']"
    assert page.locator(inside).count() == 0
    assert "<script>" in page.locator(".nablaviz-table").inner_text()  # shown as it is written
