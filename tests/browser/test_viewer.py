"""The 3D viewer in a real JupyterLab and a real Chromium."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

MOLECULES = """
import numpy as np
from IPython.display import display
from ipywidgets import HBox
from nablaviz import Molecule
from nablaviz.views.viewer import Viewer, link_cameras

XYZ = np.array([
    [0, 0, 0], [1.42, 0, 0], [-0.36, 1.03, 0], [-0.36, -0.51, 0.89], [-0.36, -0.51, -0.89], [1.74, 0.91, 0]
])
methanol = Molecule([6, 8, 1, 1, 1, 1], XYZ, "CO")

def variant(i):
    "One of 24 molecules that look different, each somewhere else."
    numbers = [(6, 9, 17, 35, 16, 7)[i % 6], 8, (1, 17, 8, 6)[i // 6], 1, 1, 1]
    return Molecule(numbers, XYZ + 3 * i)
"""

HOSTILE = "</script><img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def pixels(url: str) -> np.ndarray:
    """Pixels of a data URL, shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB")).astype(int)


def pictures(notebook) -> list[np.ndarray]:
    """What the WebGL canvas of each viewer shows once it rests."""
    notebook.rest()
    urls = notebook.page.evaluate(
        "[...document.querySelectorAll('.nablaviz-stage canvas')].map((canvas) => canvas.toDataURL())"
    )
    return [pixels(url) for url in urls]


def place(notebook, atom: int, view: int = 0) -> tuple[float, float]:
    """Where 3Dmol says that an atom of the first model is, in the window."""
    at = notebook.page.evaluate(
        """([view, atom]) => {
          const canvas = document.querySelectorAll(".nablaviz-stage canvas")[view];
          canvas.scrollIntoView({ block: "nearest" });
          const viewer = canvas._3dmol_viewer;
          return viewer.modelToScreen(viewer.selectedAtoms({ index: atom })[0]);
        }""",
        [view, atom],
    )
    return at["x"], at["y"]


def says(notebook, text: str) -> None:
    """Wait until the first view says it to a screen reader."""
    said = "(text) => document.querySelector('.nablaviz-said').textContent === text"
    notebook.page.wait_for_function(said, arg=text)


def drag(notebook, view: int = 0, by: int = 80) -> None:
    box = notebook.page.locator(".nablaviz-stage").nth(view).bounding_box()
    x, y = box["x"] + 30, box["y"] + box["height"] - 50
    notebook.page.mouse.move(x, y)
    notebook.page.mouse.down()
    notebook.page.mouse.move(x + by, y - by / 2, steps=4)
    notebook.page.mouse.up()


def press(notebook, title: str) -> None:
    """Click a button of the first view's toolbar."""
    notebook.page.locator(f".nablaviz-toolbar button[title^='{title}']").first.click()


def settled(notebook, expression: str):
    """The value of an expression once it stays the same."""
    value = None
    while value != (value := notebook.python(expression)):
        notebook.page.wait_for_timeout(500)
    return value


@pytest.fixture(scope="module")
def open_notebook(jupyterlab):
    """A notebook with two linked views side by side."""
    notebook = jupyterlab.open([
        MOLECULES,
        "view, other, steps = Viewer(height='300px'), Viewer(height='300px'), []\n"
        "view.on_step(steps.append)\n"
        "link_cameras(view, other)\n"
        "HBox([view, other])",
        "'the cell below'",
    ])  # fmt: skip
    notebook.run_all()
    yield notebook
    notebook.close()


@pytest.fixture
def notebook(open_notebook):
    """The two views on their first molecules; no test may leave an error or leave this machine."""
    open_notebook.errors.clear()
    open_notebook.python(
        "None",
        setup="view.show(methanol, keep_camera=False)\nother.show(variant(5), keep_camera=False)\n"
        "view.picked, steps[:], view.representation, view.labels = [], [], 'ball-stick', 'none'",
    )
    open_notebook.until("view.ready == view.tick and other.ready == other.tick", True)
    open_notebook.until("len(view.camera) == 8 and view.camera == other.camera", True)
    yield open_notebook
    assert open_notebook.errors == []
    assert open_notebook.outside == []


def test_views_share_the_width(notebook):
    boxes = [view.bounding_box() for view in notebook.page.locator(".nablaviz-viewer").all()]
    assert boxes[0]["width"] == pytest.approx(boxes[1]["width"])
    output = notebook.page.locator(".jp-OutputArea-output").first.bounding_box()
    assert sum(box["width"] for box in boxes) > 0.95 * output["width"]


def test_clicks_pick_and_unpick(notebook):
    page = notebook.page
    for atom in (0, 1, 0):
        page.mouse.click(*place(notebook, atom))
    notebook.until("view.picked", [1])
    page.mouse.click(*place(notebook, 2))
    notebook.until("view.picked, view.measurement", ([1, 2], "2.057 Å"))
    says(notebook, "O1 – H2   2.057 Å")
    page.keyboard.press("Escape")
    notebook.until("view.picked", [])
    page.mouse.click(*place(notebook, 0))
    notebook.until("view.picked", [0])
    corner = page.locator(".nablaviz-stage").first.bounding_box()
    page.mouse.click(corner["x"] + 8, corner["y"] + 60)
    notebook.until("view.picked", [])


def test_picks_of_python_show_in_the_browser(notebook):
    notebook.python("None", setup="view.picked = [2, 0, 1]")
    says(notebook, "H2 – C0 – O1   109.3°")
    marked = notebook.page.evaluate(
        """() => {
          const canvas = document.querySelector(".nablaviz-overlay");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const accent = [0x00, 0xb4, 0xd8, 0xff];
          let count = 0;
          for (let i = 0; i < data.length; i += 4) count += accent.every((value, k) => data[i + k] === value);
          return count;
        }"""
    )
    assert marked > 100


def test_arrow_keys_reach_python_and_not_the_notebook(notebook):
    selected = "window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    notebook.page.locator(".nablaviz-viewer").first.focus()
    before = notebook.page.evaluate(selected)
    for key in ("ArrowDown", "ArrowUp", "ArrowRight", "ArrowLeft"):
        notebook.page.locator(".nablaviz-viewer").first.press(key)
    notebook.until("steps", [1, -1, 1, -1])
    assert notebook.page.evaluate(selected) == before


def test_linked_cameras_and_a_camera_that_is_kept(notebook):
    fitted = notebook.python("view.camera", setup="before = view.camera")
    drag(notebook)
    notebook.until("view.camera != before and view.camera == other.camera", True)
    turned = settled(notebook, "view.camera")
    assert turned[:4] == pytest.approx(fitted[:4])
    assert np.linalg.norm(turned[4:]) == pytest.approx(1, abs=1e-6)

    notebook.python("None", setup="view.show(variant(9)); other.show(methanol)")
    notebook.until("view.ready == view.tick and other.ready == other.tick", True)
    assert settled(notebook, "view.camera") == turned
    shown = pictures(notebook)
    notebook.python("None", setup="other.camera = before")
    notebook.until("view.camera", pytest.approx(fitted))
    assert all((a != b).any() for a, b in zip(shown, pictures(notebook), strict=True))


def test_the_wheel_zooms_only_a_view_in_use(notebook):
    page = notebook.page
    notebook.python("None", setup="distance = view.camera[3]")
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(*place(notebook, 0))
    page.mouse.wheel(0, 60)
    page.wait_for_timeout(300)
    assert notebook.python("view.camera[3] == distance")
    page.mouse.click(*place(notebook, 0))
    page.mouse.wheel(0, 60)
    notebook.until("view.camera[3] != distance", True)


def test_strings_are_text_and_never_markup(notebook):
    notebook.python("None", setup=f"view.show(Molecule([8, 1, 1], XYZ[:3], {HOSTILE!r}), legend={HOSTILE!r})")
    notebook.until("view.ready == view.tick", True)
    assert notebook.page.evaluate("window.hacked") is None


def test_the_background_follows_the_theme(notebook):
    for theme, paper in (("dark", 0x11), ("light", 0xFF)):
        notebook.theme(theme)
        notebook.page.wait_for_function(
            "(c) => document.querySelector('.nablaviz-stage canvas')._3dmol_viewer.bgColor === c",
            arg=paper * 0x10101,
        )
        assert (pictures(notebook)[0][0, 0] == paper).all()


def test_pictures_of_the_browser(notebook):
    notebook.python("None", setup="png = await view.to_png()")
    picture = Image.open(io.BytesIO(notebook.python("png")))
    assert picture.format == "PNG"
    # a view that moved a moment ago is drawn smaller until it rests
    width = "(x) => document.querySelector('.nablaviz-stage canvas').width === x"
    notebook.page.wait_for_function(width, arg=picture.width)
    assert picture.size == pictures(notebook)[0].shape[1::-1]
    with notebook.page.expect_download() as download:
        press(notebook, "Save")
    assert Image.open(download.value.path()).size == picture.size


def test_toolbar_and_keys(notebook):
    press(notebook, "Balls")
    press(notebook, "Labels")
    notebook.until("view.representation, view.labels", ("stick", "element"))
    for on in (True, False):
        press(notebook, "Spin")
        notebook.until("view.spin", on)
    press(notebook, "Fit")
    fitted = settled(notebook, "view.camera")
    assert fitted[:3] == [0, 0, 0]
    for key in ("Shift+ArrowLeft", "+"):
        notebook.page.locator(".nablaviz-viewer").first.press(key)
    moved = settled(notebook, "view.camera")
    assert moved[3] < fitted[3]
    assert moved[4:] != pytest.approx(fitted[4:])
    assert notebook.python("steps") == []
    press(notebook, "Full")
    notebook.page.wait_for_function("document.fullscreenElement?.className === 'nablaviz-viewer'")
    notebook.page.evaluate("document.exitFullscreen()")


def test_many_views(lab):
    count = 24
    shown = f"views = [Viewer(variant(i), height='150px', width='240px') for i in range({count})]"
    many = lab.open([MOLECULES, shown + "\ndisplay(*views)"])
    many.run_all(timeout=120)
    many.wait_ready(count, timeout=120)
    # drawn again in another order, each between two others
    many.python("None", setup="for i in range(24):\n    views[7 * i % 24].show(variant(7 * i % 24))")
    many.until("all(view.ready == 2 for view in views)", True, timeout=120)
    together = pictures(many)
    assert len(together) == count
    assert many.page.evaluate("globalThis.__nablaviz.views.size") == count
    contexts = many.page.evaluate(
        "new Set([...document.querySelectorAll('.nablaviz-stage canvas')]"
        ".map((canvas) => canvas._3dmol_viewer.renderer.getContext())).size"
    )
    assert contexts == 1

    alone = lab.open([MOLECULES, "view = Viewer(variant(0), height='150px', width='240px'); view"])
    alone.run_all()
    for i, picture in enumerate(together):
        alone.python("None", setup=f"view.show(variant({i}), keep_camera=False)")
        alone.until("view.ready == view.tick and len(view.camera) == 8", True, timeout=30)
        assert np.abs(picture - pictures(alone)[0]).max() <= 2, f"view {i}"
    for i, picture in enumerate(together[1:]):
        assert np.abs(picture - together[i]).mean() > 0.5, f"views {i} and {i + 1} look the same"

    # the browser may take the context away: all come back
    many.page.evaluate(
        "document.querySelector('.nablaviz-stage canvas')._3dmol_viewer.renderer.getContext()"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    many.page.wait_for_function(
        "[...document.querySelectorAll('.nablaviz-stage canvas')]"
        ".every((c) => c._3dmol_viewer && !c._3dmol_viewer.renderer.isLost())"
    )
    for before, after in zip(together, pictures(many), strict=True):
        assert np.abs(after - before).max() <= 2

    # closed views leave nothing behind
    many.python("None", setup="for view in views: view.close()")
    many.page.wait_for_function("globalThis.__nablaviz.views.size === 0")


def test_py3dmol_draws_without_network(lab):
    notebook = lab.open([
        MOLECULES,
        "view = Viewer()",
        "view.show([methanol, variant(1)], arrows=XYZ / 2)",
        "view.to_py3dmol(300, 200).show()",
    ])  # fmt: skip
    notebook.run_all()
    notebook.page.wait_for_function(
        "document.querySelector('.jp-OutputArea canvas')?._3dmol_viewer?.models.length === 2"
    )
    notebook.page.wait_for_timeout(200)
    url = notebook.page.evaluate("document.querySelector('.jp-OutputArea canvas').toDataURL()")
    assert (pixels(url).min(axis=-1) < 200).mean() > 0.005
