from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nablaviz.views.depict import DARK, LIGHT, depict

SVG = "{http://www.w3.org/2000/svg}"


def test_drawing_is_one_svg_of_the_size_asked_for() -> None:
    root = ET.fromstring(depict("CCO", width=300, height=120))
    assert root.tag == SVG + "svg"
    assert (root.get("width"), root.get("height")) == ("300px", "120px")


def test_themes_use_their_own_colours() -> None:
    light, dark = depict("CC(N)=O"), depict("CC(N)=O", dark=True)
    for z in (0, 7, 8):
        assert LIGHT[z].upper() in light
        assert DARK[z].upper() in dark
        assert LIGHT[z].upper() not in dark
    assert "<rect" not in light + dark  # no background


def test_highlight_and_targets() -> None:
    plain = ET.fromstring(depict("CCO"))
    marked = ET.fromstring(depict("CCO", highlight=[2]))
    clickable = ET.fromstring(depict("CCO", targets=True))
    circles = [len(list(root.iter(SVG + "ellipse"))) for root in (plain, marked)]
    assert circles == [0, 1]
    targets = [e.get("class") for e in clickable.iter(SVG + "circle")]
    assert targets == [f"atom-selector atom-{i}" for i in range(3)]


@pytest.mark.parametrize(
    "smiles", ["", " ", "not SMILES", "c1cc", "C" * 5000, "<svg onload=alert(1)>", "[Xx]"]
)
def test_what_is_no_smiles_is_refused(smiles: str) -> None:
    with pytest.raises(ValueError, match="not a SMILES that can be read"):
        depict(smiles)


def test_highlight_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="atom 3 cannot be marked: 'CCO' has 3 atoms"):
        depict("CCO", highlight=[0, 3])


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=30))
@example("*C |$<script>alert(1)</script>;$|")
@example("CC <img src=x onerror=alert(1)>")
@example("[<b>]")
def test_no_text_of_the_smiles_reaches_the_svg(text: str) -> None:
    try:
        drawing = depict(text, targets=True)
    except ValueError:
        return
    elements = {e.tag.removeprefix(SVG) for e in ET.fromstring(drawing).iter()}
    assert elements <= {"svg", "path", "circle", "ellipse", "polygon"}
    assert not any(e.text and e.text.strip() for e in ET.fromstring(drawing).iter())
