"""The panel of a catalogue in a real JupyterLab: zooming, groups, 2D drawings, hostile text."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nablaviz.data.convert import convert

pytestmark = pytest.mark.slow

PATIENCE = 120

CELL = """
import nablaviz
panel = nablaviz.browse(nablaviz.open({path!r}))
panel
"""

HOSTILE = "<img src=x onerror='window.pwned=1'>"


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory, make_summary: ModuleType) -> Path:
    """3,000 conformers; one has a SMILES and a split that would run a script, one line is malformed."""
    folder = tmp_path_factory.mktemp("catalogue")
    make_summary.write(folder / "all.csv.gz", 3000)
    import gzip

    lines = gzip.decompress((folder / "all.csv.gz").read_bytes()).decode().splitlines()
    values = lines[1].split(",")
    lines.append(",".join(["999999", *values[1:20], f'"{HOSTILE}"', f'"{HOSTILE}"']))
    lines.append("nothing,<script>window.pwned=2</script>")
    (folder / "summary.csv").write_text("\n".join(lines))
    convert(folder / "summary.csv", folder / "catalogue", progress=False)
    return folder / "catalogue"


def at(notebook: Any, x: float, y: float) -> tuple[float, float]:
    """Where on the page the density plot has a point, in the units of its axes."""
    plot = notebook.page.locator(".nablaviz-scatter .nablaviz-plot")
    inside = plot.evaluate(
        "(box, [x, y]) => { const { xaxis, yaxis } = box._fullLayout;"
        " return [xaxis._offset + xaxis.l2p(x), yaxis._offset + yaxis.l2p(y)] }",
        [x, y],
    )
    box = plot.bounding_box()
    return box["x"] + inside[0], box["y"] + inside[1]


def test_a_catalogue_is_browsed(lab: Any, catalogue: Path) -> None:
    notebook = lab.open([CELL.format(path=str(catalogue))])
    notebook.page.set_default_timeout(PATIENCE * 1000)
    notebook.run_all(timeout=PATIENCE)
    page = notebook.page
    page.wait_for_selector(".nablaviz-scatter .heatmaplayer image", state="attached")
    page.wait_for_selector(".nablaviz-groups .barlayer .point")
    assert "no geometries" in page.inner_text(".nablaviz-conformer")
    page.wait_for_selector(".nablaviz-drawing svg path")
    assert page.locator(".nablaviz-viewer").count() == 0
    assert "1 malformed line left out, see faults.csv" in page.inner_text(".nablaviz-left-out")
    notebook.screenshot("catalogue-light")

    # a click on the fullest cell selects its conformer
    found = "panel.plot._found"
    cell, x, y = notebook.python(
        "(int(cell), float(centres[0]), float(centres[1]))",
        f"found = {found}; cell = found.count.argmax(); j, i = divmod(int(cell), found.count.shape[1]);"
        " centres = (found.x[i:i+2].mean(), found.y[j:j+2].mean())",
    )
    page.locator(".nablaviz-scatter").scroll_into_view_if_needed()
    page.mouse.move(*at(notebook, x, y))
    page.wait_for_timeout(300)
    page.mouse.click(*at(notebook, x, y))
    notebook.until(f"panel.selection == [int({found}.row.ravel()[{cell}])]", True, timeout=PATIENCE)

    # a box zooms, and what is in it is counted anew; a double click shows the whole
    whole = notebook.python(f"{found}.total")
    spans = notebook.python(f"[float(v) for v in ({found}.x[0], {found}.x[-1], {found}.y[0], {found}.y[-1])]")
    left, right, low, high = spans
    page.mouse.move(*at(notebook, left + 0.3 * (right - left), low + 0.4 * (high - low)))
    page.mouse.down()
    page.mouse.move(*at(notebook, left + 0.7 * (right - left), low + 0.8 * (high - low)), steps=5)
    page.mouse.up()
    notebook.until(f"0 < {found}.total < {whole}", True, timeout=PATIENCE)
    drawn = notebook.python("panel.plot.plot.tick")
    page.wait_for_function(
        "(tick) => document.querySelector('.nablaviz-scatter .nablaviz-plot').dataset.drawn == tick",
        arg=drawn,
    )
    notebook.screenshot("catalogue-zoomed")
    middle = at(notebook, left + 0.5 * (right - left), low + 0.6 * (high - low))
    page.mouse.dblclick(*middle)
    notebook.until(f"{found}.total == {whole}", True, timeout=PATIENCE)

    # a bar keeps its group
    notebook.click(page.locator(".nablaviz-groups .barlayer .point path").first)
    notebook.until("panel.filters.scaffold.value == panel.groups._names[0]", True, timeout=PATIENCE)
    notebook.until("0 < panel.list.total < 3001", True)
    notebook.python("1", "panel.filters.clear()")

    # nothing in a text is read as markup
    notebook.python("1", "panel.groups.by.value = 'split'; panel.selection = [panel.table.index[-1]]")
    page.wait_for_function("document.body.innerText.includes('onerror')")
    assert page.evaluate("window.pwned") is None
    assert page.locator(".nablaviz-catalogue img").count() == 0
    notebook.theme("dark")
    notebook.until("panel.theme.dark and panel.plot._dark", True)
    notebook.python("1", "panel.groups.by.value = 'scaffold'; panel.selection = [1500]")
    page.wait_for_timeout(1500)
    notebook.screenshot("catalogue-dark")
    notebook.theme("light")
