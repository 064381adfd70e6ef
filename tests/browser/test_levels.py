"""The level diagram in a real JupyterLab: clicks, keys, zoom, and what reaches Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

PATIENCE = 120

CELL = """
import numpy as np
import nablaviz
from nablaviz.chem.matching import match
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.views.levels import Levels, level_data
ds = nablaviz.sample()
conformer = ds[int(ds.table.n_atoms.argmax())]
noise = np.random.default_rng(0).normal(size=conformer.hamiltonian.shape)
reference = orbitals_of(conformer.molecule, conformer.hamiltonian)
other = orbitals_of(conformer.molecule, conformer.hamiltonian + 5e-4 * (noise + noise.T))
data = level_data(reference, other, match(reference, other, conformer.overlap), ("DFT", "<b>noisy</b>"))
levels = Levels(height=520)
levels.layout.width = "420px"
levels.show(data)
homo = reference.homo
pair = {int(i): k for k, (i, *_) in enumerate(data["pairs"])}  # pair of each of the reference's orbitals
levels
"""

DRAWN = ".nablaviz-levels[data-drawn]"


@pytest.fixture(scope="module")
def notebook(jupyterlab: Any) -> Iterator[Any]:
    notebook = jupyterlab.open([CELL])
    notebook.page.set_viewport_size({"width": 1280, "height": 1100})
    notebook.page.set_default_timeout(20_000)
    notebook.run_all(timeout=PATIENCE)
    notebook.page.wait_for_selector(f"{DRAWN} .level", state="attached")
    yield notebook
    notebook.close()
    assert notebook.errors == []
    assert notebook.outside == []


@pytest.fixture(autouse=True)
def _fresh(notebook: Any) -> None:
    notebook.python("1", "levels.show(data)")
    notebook.page.wait_for_selector('.nablaviz-levels[data-drawn=""]')
    notebook.page.get_by_role("button", name="Show the levels around").click()


def level(notebook: Any, column: int, number: int) -> Any:
    return notebook.page.locator(f'.level[data-column="{column}"][data-level="{number}"]')


def eventually(notebook: Any, condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        notebook.page.wait_for_timeout(50)


def selected(notebook: Any) -> str:
    return notebook.page.locator(DRAWN).get_attribute("data-drawn")


def wait_drawn(notebook: Any, pair: int) -> None:
    notebook.page.wait_for_selector(f'.nablaviz-levels[data-drawn="{pair}"]')


def test_click_on_a_level_of_either_column_reaches_python(notebook: Any) -> None:
    homo = notebook.python("homo")
    notebook.click(level(notebook, 0, homo - 2))
    notebook.until("levels.selected", notebook.python(f"pair[{homo - 2}]"))
    wanted = notebook.python(f"pair[{homo + 1}]")
    theirs = notebook.python(f"int(data['pairs'][{wanted}][1])")
    notebook.click(level(notebook, 1, theirs))
    notebook.until("levels.selected", wanted)
    wait_drawn(notebook, wanted)


def test_selection_from_python_is_drawn_and_brought_into_view(notebook: Any) -> None:
    assert level(notebook, 0, 0).count() == 0  # a 1s orbital, far below
    notebook.python("1", "levels.selected = pair[0]")
    wait_drawn(notebook, notebook.python("pair[0]"))
    level(notebook, 0, 0).wait_for(state="attached")


def test_keys_step_through_the_levels(notebook: Any) -> None:
    page = notebook.page
    page.locator(".nablaviz-levels").focus()
    homo = notebook.python("homo")
    for key, orbital in (
        ("Home", homo), ("ArrowDown", homo - 1), ("ArrowDown", homo - 2), ("End", homo + 1),
        ("ArrowUp", homo + 2),
    ):  # fmt: skip
        page.keyboard.press(key)
        notebook.until("levels.selected", notebook.python(f"pair[{orbital}]"))
    said = page.locator(".nablaviz-levels-said", has_text="LUMO+1")
    said.wait_for(state="attached")
    assert "overlap" in said.text_content()


def test_hover_says_both_energies_and_names_are_text(notebook: Any) -> None:
    homo = notebook.python("homo")
    box = notebook.box(level(notebook, 0, homo))
    notebook.page.mouse.move(box["x"] + box["width"] / 2, box["y"])
    tip = notebook.page.locator(".nablaviz-levels-tip")
    tip.wait_for(state="visible")
    energy = notebook.python("float(reference.energies[homo])")
    text = tip.inner_text()
    assert f"DFT: −{abs(energy):.4f} Eh, −{abs(energy) * 27.211386:.2f} eV" in text
    assert "<b>noisy</b>: " in text
    assert "Δε: " in text and "mEh" in text and "overlap: 0." in text
    assert notebook.page.locator(".nablaviz-levels b").count() == 0


def test_wheel_zooms_drag_pans_double_click_resets_without_selecting(notebook: Any) -> None:
    page = notebook.page
    homo = notebook.python("homo")
    place = lambda: notebook.box(level(notebook, 0, homo))["y"]  # noqa: E731
    gap = lambda: place() - notebook.box(level(notebook, 0, homo + 1))["y"]  # noqa: E731
    area = page.locator(".nablaviz-levels > svg").bounding_box()
    middle = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    first = gap()
    page.locator(".nablaviz-levels").focus()
    page.mouse.move(*middle)
    page.mouse.wheel(0, 300)
    eventually(notebook, lambda: gap() < 0.9 * first)
    before = place()
    page.mouse.down()
    page.mouse.move(middle[0], middle[1] - 40, steps=4)
    page.mouse.up()
    eventually(notebook, lambda: abs(place() - before + 40) < 2)
    page.mouse.dblclick(*middle)
    eventually(notebook, lambda: abs(gap() - first) < 1)
    assert notebook.python("levels.selected") is None


def test_unit_button_changes_the_axis(notebook: Any) -> None:
    page = notebook.page
    assert page.get_by_text("ε (Eh)").count() == 1
    page.get_by_role("button", name="Show energies in eV").click()
    page.get_by_text("ε (eV)").wait_for(state="attached")
    page.get_by_role("button", name="Show energies in Eh").click()
    page.get_by_text("ε (Eh)").wait_for(state="attached")


@pytest.mark.parametrize(("kind", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_saves_pictures(notebook: Any, kind: str, start: bytes) -> None:
    with notebook.page.expect_download() as saved:
        notebook.page.get_by_role("button", name=f"Save as {kind}").click()
    content = saved.value.path().read_bytes()
    assert saved.value.suggested_filename == f"levels.{kind.lower()}"
    assert content.startswith(start)
    if kind == "SVG":
        assert b"&lt;b&gt;noisy" in content
        assert b"var(--" not in content


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_looks_right_in_both_themes(notebook: Any, theme: str) -> None:
    notebook.theme(theme)
    notebook.python("1", "levels.selected = pair[homo - 1]")
    wait_drawn(notebook, notebook.python("pair[homo - 1]"))
    notebook.page.wait_for_timeout(500)
    tone = {"light": "#0072b2", "dark": "#4aa8dd"}[theme]
    assert level(notebook, 0, notebook.python("homo")).get_attribute("stroke") == tone
    notebook.screenshot(f"levels-{theme}")


def test_a_click_is_one_message(notebook: Any) -> None:
    """Nothing but the selection travels: the levels are not sent back."""
    notebook.python("1", "got, take = [], levels.set_state")
    notebook.python("1", "levels.set_state = lambda state: (got.append(list(state)), take(state))")
    notebook.click(level(notebook, 0, notebook.python("homo - 3")))
    notebook.until("levels.selected", notebook.python("pair[homo - 3]"))
    assert notebook.python("got") == [["selected"]]
