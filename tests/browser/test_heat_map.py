"""The Hamiltonian as a heat map in a real JupyterLab: a click on a block names its atoms in Python."""

from __future__ import annotations

import re
from typing import Any

import pytest

CELL = """
import numpy as np
import nablaviz
from nablaviz.chem.basis import layout
from nablaviz.views.heat_map import atom_pair, matrix_map, outline
from nablaviz.views.plot import Plot
ds = nablaviz.sample()
conformer = ds[int(ds.table.n_atoms.arg{which}())]
orbitals = layout(conformer.molecule.numbers)
plot = Plot(height=560)
clicked = []
def click(row, toggle):
    clicked.append(atom_pair(orbitals, row))
    plot.mark(outline(orbitals, *clicked[-1]))
plot.on_click(click)
plot.show(matrix_map(conformer.hamiltonian, orbitals, dark={dark}), outline(orbitals, 0, 1, dark={dark}))
plot
"""


def open_map(lab: Any, which: str, dark: bool = False) -> Any:
    notebook = lab.open([CELL.format(which=which, dark=dark)])
    notebook.page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.run_all()
    notebook.page.wait_for_selector(".nablaviz-plot[data-drawn] .heatmaplayer image", state="attached")
    return notebook


def ticks(notebook: Any) -> list[str]:
    return notebook.page.locator(".nablaviz-plot .xtick text").all_text_contents()


@pytest.mark.parametrize("which", ["min", "max"])
def test_click_on_a_block_gives_its_atoms(lab: Any, which: str) -> None:
    notebook = open_map(lab, which)
    page = notebook.page
    size = notebook.python("len(orbitals)")
    area = page.locator(".nablaviz-plot .heatmaplayer image").bounding_box()
    for row, column in ((3, 20), (size - 2, 1)):
        expected = notebook.python(f"(int(orbitals.ao_atom[{row}]), int(orbitals.ao_atom[{column}]))")
        page.mouse.move(
            area["x"] + (column + 0.5) / size * area["width"], area["y"] + (row + 0.5) / size * area["height"]
        )
        page.wait_for_timeout(200)  # Plotly takes a click for what it last found under the pointer
        page.mouse.down()
        page.mouse.up()
        notebook.until("clicked[-1:]", [expected])
    page.wait_for_function(
        "(tick) => document.querySelector('.nablaviz-plot').dataset.drawn == tick",
        arg=notebook.python("plot.tick"),
    )
    i, j = expected
    area = page.locator(".nablaviz-plot .heatmaplayer image").bounding_box()
    first = min(notebook.python(f"int(orbitals.atom_offsets[{atom}])") for atom in (i, j))
    frame = page.locator('.nablaviz-plot .shapelayer path[style*="stroke-width: 2px"]').bounding_box()
    assert frame["x"] == pytest.approx(area["x"] + first / size * area["width"], abs=6)  # with the stroke
    ends = (notebook.python(f"int(orbitals.atom_offsets[{atom + 1}])") for atom in (i, j))
    assert frame["x"] + frame["width"] == pytest.approx(
        area["x"] + max(ends) / size * area["width"], abs=6
    )  # with the stroke
    notebook.screenshot(f"heat-map-{which}-light")


def test_zooming_in_names_shells(lab: Any) -> None:
    notebook = open_map(lab, "max", dark=True)
    page = notebook.page
    notebook.theme("dark")
    page.wait_for_timeout(300)
    notebook.screenshot("heat-map-max-dark")
    assert not any(" " in text for text in ticks(notebook))
    area = page.locator(".nablaviz-plot .heatmaplayer image").bounding_box()
    page.mouse.move(area["x"] + 5, area["y"] + 5)
    page.mouse.down()
    page.mouse.move(area["x"] + 45, area["y"] + 45, steps=5)
    page.mouse.up()
    zoomed = page.locator(".nablaviz-plot .xtick text", has_text=re.compile(" [123][spd]"))
    zoomed.first.wait_for(state="attached")
    notebook.python("1", "plot.mark(outline(orbitals, 1, 1, dark=True))")
    page.locator('.nablaviz-plot .shapelayer path[style*="stroke-width: 2px"]').wait_for(state="attached")
    assert zoomed.count() > 0  # a mark keeps the zoom
    page.wait_for_timeout(300)
    notebook.screenshot("heat-map-zoomed-dark")
