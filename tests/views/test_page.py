"""Pages without kernel or network, as text; tests/browser/test_surfaces.py opens them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import struct

import numpy as np
import pandas as pd
import pytest

from nablaviz.chem.grid import Box, Field
from nablaviz.molecule import Molecule
from nablaviz.views.page import page
from nablaviz.views.surface import Surface, encode
from nablaviz.views.viewer import STATIC, Viewer

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
WATER = Molecule([8, 1, 1], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], HOSTILE)


def orbital(power: float) -> Surface:
    box = Box(np.full(3, -3.0), np.full(3, 0.2), (31, 31, 31))
    x, y, z = np.meshgrid(*box.axes(), indexing="ij")
    return Surface(Field(box, z * np.exp(-power * np.sqrt(x**2 + y**2 + z**2)), "bohr^(-3/2)"))


def opened(text: str) -> tuple[dict, list[bytes]]:
    """What the page's script unpacks: the content, and the bytes at each place in turn."""
    packed = re.search(r'id="data">([\w+/=]*)</script>', text)[1]
    plain = gzip.decompress(base64.b64decode(packed))
    (length,) = struct.unpack_from("<I", plain)
    content = json.loads(plain[4 : 4 + length])
    rest = plain[4 + length :]
    for buffer in content["buffers"]:
        *path, last = buffer["path"]
        at = content
        for name in path:
            at = at[name]
        assert at[last] is None
        at[last] = rest[buffer["start"] : buffer["start"] + buffer["size"]]
    return content, rest


def test_a_page_holds_widgets_states_and_what_they_need():
    views = [Viewer(WATER), Viewer(WATER)]
    surfaces = {name: encode([orbital(power)], 0.04) for name, power in (("HOMO", 1.0), ("LUMO", 1.5))}
    states = {name: {view: {"surfaces": each} for view in views} for name, each in surfaces.items()}
    content, rest = opened(page({"DFT": views[0], "other": views[1]}, title="Water", states=states))
    assert [state["name"] for state in content["states"]] == ["HOMO", "LUMO"]
    assert set(content["models"]) == {views[0].model_id, views[1].model_id, views[0].library.model_id}
    state = content["models"][views[0].model_id]["state"]
    assert state["scene"]["positions"] == views[0].scene["positions"]
    assert state["library"] == f"IPY_MODEL_{views[0].library.model_id}"
    assert not [name for name in state if name.startswith("_") or name == "layout"]
    library = content["models"][views[0].library.model_id]["state"]["source"]
    assert gzip.decompress(library) == (STATIC / "3Dmol-min.js").read_bytes()
    assert content["modules"][content["models"][views[0].model_id]["module"]] == (
        STATIC / "viewer.js"
    ).read_text(encoding="utf-8")
    # what both views show is there once
    values = {
        state["values"][view.model_id]["surfaces"][0]["values"]
        for state in content["states"]
        for view in views
    }
    assert len(values) == 2
    assert len(rest) < len(library) + sum(map(len, values)) + 2000


def test_three_views_of_two_orbitals_fit_into_a_megabyte():
    rng = np.random.default_rng(0)
    views = [Viewer(WATER) for _ in range(3)]
    box = Box(np.full(3, -4.0), np.full(3, 8 / 63), (64, 64, 64))
    points = np.stack(np.meshgrid(*box.axes(), indexing="ij"), axis=-1)

    def made(_) -> Surface:
        values = np.zeros(box.shape)
        for _ in range(8):  # an orbital of eight atoms: a sharp and a smooth function on each
            r2 = ((points - rng.uniform(-2, 2, 3)) ** 2).sum(axis=-1)
            values += rng.normal(0, 0.4) * np.exp(-8 * r2) + rng.normal(0, 0.2) * np.exp(-0.7 * r2)
        return Surface(Field(box, values, "bohr^(-3/2)"))

    for view in views:
        view.draw_surfaces([made(view)], isovalue=0.04, isovalue_range=(0.01, 0.4))
    states = {
        name: {view: {"surfaces": encode([made(view)], 0.04)} for view in views} for name in ("HOMO", "LUMO")
    }
    assert len(page(dict(zip("abc", views, strict=True)), title="", states=states)) < 1_000_000


def test_strings_are_text_and_never_markup():
    view = Viewer(WATER)
    view.show(WATER, legend=HOSTILE)
    table = pd.DataFrame({HOSTILE: [HOSTILE]})
    text = page(
        {HOSTILE: view}, title=HOSTILE, states={HOSTILE: {view: {"legend": HOSTILE}}}, tables={HOSTILE: table}
    )
    assert "alert(1)</script>" not in text
    assert "<img" not in text
    assert len(re.findall("<script", text)) == 2
    assert text.count("&lt;/script&gt;&lt;script&gt;alert(1)") >= 5  # title twice, captions, table
    assert opened(text)[0]["states"][0]["name"] == HOSTILE


def test_nothing_can_be_fetched_and_only_its_own_script_runs():
    text = page({"": Viewer(WATER)}, title="Water")
    policy = re.search('Content-Security-Policy" content="([^"]*)"', text)[1]
    script = re.search('<script type="module">(.*?)</script>', text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}' blob:;" in policy
    assert policy.startswith("default-src 'none';")
    assert "http" not in re.sub(r'id="data">[\w+/=]*', "", text).replace("http-equiv", "")


def test_a_state_of_something_else_is_refused():
    view = Viewer(WATER)
    with pytest.raises(ValueError, match="'HOMO' sets 'height', which no widget of the page has"):
        page({"": view}, title="", states={"HOMO": {Viewer(): {"height": "1px"}}})
    with pytest.raises(ValueError, match="'HOMO' sets 'isovalu'"):
        page({"": view}, title="", states={"HOMO": {view: {"isovalu": 0.1}}})
