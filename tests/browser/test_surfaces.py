"""Surfaces in the 3D viewer: in a real JupyterLab, and in a page on the disk with the network off."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nablaviz.chem.grid import Field, fit_box, orbital_values
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.data.sample import sample
from nablaviz.views.levels import Levels, level_data
from nablaviz.views.page import page as make_page
from nablaviz.views.surface import NEGATIVE, POSITIVE, Surface, encode
from nablaviz.views.viewer import Viewer, link_cameras

ORBITALS = """
import numpy as np
from ipywidgets import HBox
import nablaviz
from nablaviz.chem.grid import Field, fit_box, orbital_values
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.views.viewer import Surface, Viewer, link_cameras

conformer = nablaviz.sample()[0]
molecule = conformer.molecule
orbitals = orbitals_of(molecule, conformer.hamiltonian)

def field(label):
    coefficients = orbitals.coefficients[:, [orbitals.index(label)]]
    box = fit_box(molecule, coefficients, level=0.01)
    return Field(box, orbital_values(molecule, coefficients, box)[0], "bohr^(-3/2)")

homo, lumo = field("HOMO"), field("LUMO")

def draw(view, *surfaces, **options):
    with view.hold_sync():
        view.show(molecule)
        view.draw_surfaces(surfaces, **{"isovalue": 0.04} | options)
"""


def pixels(data: bytes) -> np.ndarray:
    """Of a picture, shape (height, width, 3), 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def pictures(page) -> list[np.ndarray]:
    """What the WebGL canvas of each viewer shows."""
    urls = page.evaluate(
        "[...document.querySelectorAll('.nablaviz-stage canvas')].map((canvas) => canvas.toDataURL())"
    )
    return [pixels(base64.b64decode(url.split(",")[1])) for url in urls]


def of_hue(picture: np.ndarray, color: str) -> float:
    """Which part of a picture has the hue of a colour, lighter or darker."""
    wanted = np.array(list(bytes.fromhex(color[1:])), dtype=float)
    wanted -= wanted.mean()
    found = picture - picture.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(found, axis=-1)
    cosine = found @ wanted / np.linalg.norm(wanted) / np.where(size > 25, size, np.inf)
    return float((cosine > 0.93).mean())


def rest(page) -> None:
    """Until no view moves: they are then drawn at their full size again."""
    page.wait_for_timeout(700)


@pytest.fixture(scope="module")
def open_notebook(jupyterlab):
    """Two linked views of one orbital and one that is on its own."""
    notebook = jupyterlab.open([
        ORBITALS,
        "views = [Viewer(height='300px') for _ in range(3)]\n"
        "link_cameras(*views[:2])\n"
        "for view in views:\n"
        "    draw(view, Surface(homo))\n"
        "HBox(views)",
    ])  # fmt: skip
    notebook.frames = []

    def sent(frame: str | bytes) -> None:
        notebook.frames.append(frame)

    notebook.page.on("websocket", lambda socket: socket.on("framesent", sent))
    notebook.page.reload()
    notebook.load()
    notebook.run_all()
    notebook.wait_ready(3)
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(open_notebook):
    """The three views at an isovalue of 0.04; no test may leave an error or leave this machine."""
    open_notebook.errors.clear()
    open_notebook.python("None", setup="for view in views:\n    draw(view, Surface(homo))")
    open_notebook.until("[view.ready == view.tick for view in views]", [True] * 3)
    rest(open_notebook.page)
    yield open_notebook
    assert open_notebook.errors == []
    assert open_notebook.outside == []


def slide(page, view: int, to: float) -> tuple[float, float]:
    """Press the mouse on a view's slider and drag it to a part of its length; gives where it still is."""
    slider = page.locator(".nablaviz-isovalue input").nth(view)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * to, y, steps=8)
    return box["x"] + box["width"] * to, y


def test_both_phases_are_seen(notebook):
    for picture in pictures(notebook.page):
        assert of_hue(picture, POSITIVE) > 0.02
        assert of_hue(picture, NEGATIVE) > 0.02
    notebook.python("None", setup="draw(views[0])")
    notebook.until("views[0].ready == views[0].tick", True)
    rest(notebook.page)
    assert of_hue(pictures(notebook.page)[0], POSITIVE) == 0
    assert not notebook.page.locator(".nablaviz-isovalue").first.is_visible()


def test_dragging_the_isovalue_needs_no_kernel(notebook):
    page = notebook.page
    before = pictures(page)
    sent = len(notebook.frames)
    slide(page, 0, 0.9)
    rest(page)
    during = pictures(page)
    assert notebook.frames[sent:] == []
    assert notebook.python("views[0].isovalue") == 0.04
    for i in (0, 1):  # its own view and the linked one
        assert of_hue(during[i], NEGATIVE) < 0.6 * of_hue(before[i], NEGATIVE)
    assert (during[2] == before[2]).all()
    page.mouse.up()
    notebook.until("views[0].isovalue > 0.04 and views[0].isovalue == views[1].isovalue", True)
    assert notebook.python("views[2].isovalue") == 0.04
    rest(page)
    assert len(notebook.frames) > sent  # what was let go of was counted
    assert page.locator(".nablaviz-isovalue output").nth(1).inner_text().startswith(
        notebook.python("f'{views[0].isovalue:#.2g}'")
    )  # fmt: skip


def test_keys_move_the_isovalue(notebook):
    page = notebook.page
    view = page.locator(".nablaviz-viewer").first
    for key in ("]", "]", "["):
        view.press(key)
    notebook.until("views[0].isovalue, views[1].isovalue", (0.044, 0.044))
    steps = notebook.python("len(steps)", setup="steps = []; views[0].on_step(steps.append)")
    slider = page.locator(".nablaviz-isovalue input").first
    slider.focus()
    slider.press("ArrowRight")
    notebook.until("views[0].isovalue > 0.044", True)
    assert notebook.python("len(steps)") == steps
    view.press("ArrowDown")
    notebook.until("steps", [1])


def test_an_isovalue_of_python_goes_to_the_linked_views(notebook):
    notebook.python("None", setup="views[1].isovalue = 0.1")
    notebook.until("[view.isovalue for view in views]", [0.1, 0.1, 0.04])
    notebook.page.wait_for_function(
        "[...document.querySelectorAll('.nablaviz-isovalue output')]"
        ".map((each) => each.textContent.slice(0, 4)).join() === '0.10,0.10,0.04'"
    )


@pytest.mark.parametrize("style", ["mesh", "dots"])
def test_styles(notebook, style):
    solid = pictures(notebook.page)[2]
    notebook.python("None", setup=f"draw(views[2], Surface(homo, style={style!r}))")
    notebook.until("views[2].ready == views[2].tick", True)
    rest(notebook.page)
    sparse = pictures(notebook.page)[2]
    for color in (POSITIVE, NEGATIVE):
        assert 0.005 < of_hue(sparse, color) < 0.7 * of_hue(solid, color)
    assert notebook.python("views[2].surfaces[0]['style']") == style


def test_transparency_is_right_from_both_sides(notebook):
    """A red ball beside a green one, both half transparent: the nearer one tints the farther one more."""
    notebook.python(
        "None",
        setup="""
from nablaviz.chem.grid import Box
box = Box([-5, -3, -3], [0.2] * 3, (51, 31, 31))
x, y, z = np.meshgrid(*box.axes(), indexing='ij')
balls = [Field(box, np.exp(-np.sqrt((x - side)**2 + y**2 + z**2)), '') for side in (2, -2)]
pair = [Surface(ball, color, None, 0.5) for ball, color in zip(balls, ('#ff0000', '#00ff00'))]
from nablaviz import Molecule
lone = Molecule([1, 1], [[0, 2.8, 0.4], [0, 2.8, -0.4]])

def look(turn, surfaces):
    with views[2].hold_sync():
        views[2].show(lone)
        views[2].draw_surfaces(surfaces, isovalue=0.2)
        views[2].camera = [0, -2.8, 0, 40, 0, turn, 0, 0.5**0.5]
""",
    )
    seen = []
    for turn in ("0.5**0.5", "-0.5**0.5"):
        for surfaces in ("pair", "pair[::-1]"):
            notebook.python("None", setup=f"look({turn}, {surfaces})")
            notebook.until("views[2].ready == views[2].tick", True)
            rest(notebook.page)
            picture = pictures(notebook.page)[2]
            height, width, _ = picture.shape
            middle = picture[height // 2 - 4 : height // 2 + 4, width // 2 - 4 : width // 2 + 4]
            seen.append(middle.mean(axis=(0, 1)))
    for one, same in ((0, 1), (2, 3)):  # the order in the list does not matter
        np.testing.assert_allclose(seen[one], seen[same], atol=3)
    assert (seen[0][0] - seen[0][1]) * (seen[2][0] - seen[2][1]) < -400
    for color in seen:
        assert color[:2].min() > 25  # and both are seen


def test_a_lost_context_and_the_dark_theme(notebook):
    page = notebook.page
    before = pictures(page)
    page.evaluate(
        "document.querySelector('.nablaviz-stage canvas')._3dmol_viewer.renderer.getContext()"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    page.wait_for_function(
        "[...document.querySelectorAll('.nablaviz-stage canvas')]"
        ".every((c) => c._3dmol_viewer && !c._3dmol_viewer.renderer.isLost())"
    )
    rest(page)
    for old, new in zip(before, pictures(page), strict=True):
        assert np.abs(old - new).max() <= 2
    notebook.screenshot("surfaces_light")
    notebook.theme("dark")
    rest(page)
    notebook.screenshot("surfaces_dark")
    for picture in pictures(page):
        assert (picture[0, 0] == 0x11).all()
        assert of_hue(picture, POSITIVE) > 0.02
        assert of_hue(picture, NEGATIVE) > 0.02
    notebook.theme("light")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two linked views, two orbitals and the diagram of all levels."""
    conformer = sample()[0]
    molecule = conformer.molecule
    orbitals = orbitals_of(molecule, conformer.hamiltonian)
    views = [Viewer(molecule, height="300px") for _ in range(2)]
    link_cameras(*views)
    levels = Levels()
    levels.show(level_data(orbitals), orbitals.homo)
    states = {}
    for label in ("HOMO", "LUMO"):
        number = orbitals.index(label)
        coefficients = orbitals.coefficients[:, [number]]
        box = fit_box(molecule, coefficients, level=0.01)
        values = orbital_values(molecule, coefficients, box)[0]
        surface = Surface(Field(box, values, "bohr^(-3/2)"))
        states[label] = {levels: {"selected": number}} | {
            view: {"surfaces": encode([surface], 0.04), "legend": label} for view in views
        }
    widgets = {"DFT": views[0], "other": views[1], "Energy levels": levels}
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(make_page(widgets, title="Orbitals", states=states), "utf-8")
    return file


@pytest.fixture
def exported(browser: Any, saved: Path) -> Iterator[Any]:
    """The page opened from the disk, with the network off and its own security policy in force."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 700}, color_scheme="dark")
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: request.url.startswith("http") and wrong.append(request.url))
    page.goto(saved.as_uri())
    for i in range(2):
        page.locator(".nablaviz-viewer").nth(i).and_(page.locator("[data-ready]")).wait_for()
    page.wait_for_timeout(500)
    yield page
    context.close()
    assert wrong == []


def stages(page) -> list[np.ndarray]:
    """The views as they are on the screen: the page's policy lets no script of a test in."""
    return [pixels(stage.screenshot()) for stage in page.locator(".nablaviz-stage").all()]


def test_an_exported_page_works_from_the_disk(exported, saved):
    assert saved.stat().st_size < 1_000_000
    before = stages(exported)
    for picture in before:
        assert of_hue(picture, POSITIVE) > 0.02
        assert of_hue(picture, NEGATIVE) > 0.02
        assert (picture[40, 5] == 0x11).all()  # dark, as the system prefers
    slide(exported, 0, 0.95)
    exported.mouse.up()
    exported.wait_for_timeout(700)
    for old, new in zip(before, stages(exported), strict=True):
        assert of_hue(new, NEGATIVE) < 0.6 * of_hue(old, NEGATIVE)


def test_an_exported_page_steps_through_its_states(exported):
    buttons = exported.locator("nav button")
    assert buttons.all_inner_texts() == ["HOMO", "LUMO"]
    before = stages(exported)
    exported.locator(".nablaviz-viewer").first.press("ArrowDown")
    exported.locator("nav button[aria-pressed=true]", has_text="LUMO").wait_for()
    exported.wait_for_timeout(700)
    changed = stages(exported)
    for old, new in zip(before, changed, strict=True):
        assert np.abs(old - new).mean() > 2
    buttons.first.click()
    exported.mouse.move(0, 0)
    exported.wait_for_timeout(700)
    for old, new in zip(before, stages(exported), strict=True):
        assert np.abs(old - new).mean() < 1


def test_a_level_shows_its_orbital_if_the_page_has_it(exported):
    shown = exported.locator("nav button[aria-pressed=true]")
    levels = exported.locator(".nablaviz-levels")
    for key, name in (("End", "LUMO"), ("Home", "HOMO")):
        levels.press(key)
        exported.locator("nav button[aria-pressed=true]", has_text=name).wait_for()
        assert exported.locator("#said").inner_text() == ""
    levels.press("ArrowDown")
    exported.locator("#said", has_text="This file holds HOMO, LUMO only.").wait_for()
    assert shown.all_inner_texts() == ["HOMO"]
