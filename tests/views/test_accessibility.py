"""Colours that stay apart for the colour-blind, and names for what has no text."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ipywidgets import Button, Widget

import nablaviz
from nablaviz.views.figures import PALETTE, PALETTE_DARK

# linear RGB as seen without the red or the green cones: G. M. Machado, M. M. Oliveira, L. A. F. Fernandes,
# IEEE Trans. Vis. Comput. Graph. 15, 1291 (2009), severity 1
BLIND = {
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.052],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
}

TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) / np.array(
    [[0.9505], [1.0], [1.089]]
)


def lab(color: str, blind: str | None = None) -> np.ndarray:
    """CIE L*a*b* of #rrggbb, as seen."""
    rgb = np.array(list(bytes.fromhex(color[1:]))) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if blind:
        linear = np.clip(np.array(BLIND[blind]) @ linear, 0, 1)
    x, y, z = np.cbrt(np.maximum(TO_XYZ @ linear, 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("blind", BLIND)
@pytest.mark.parametrize("palette", [PALETTE, PALETTE_DARK])
def test_the_first_colours_are_told_apart(palette: tuple[str, ...], blind: str) -> None:
    for first, second in combinations(palette[:6], 2):
        distance = np.linalg.norm(lab(first, blind) - lab(second, blind))
        assert distance > 10, f"{first} and {second} are alike, ΔE = {distance:.1f}"


def test_red_and_green_would_not_pass() -> None:
    assert np.linalg.norm(lab("#b22222", "deutan") - lab("#6b6b00", "deutan")) < 10


@pytest.mark.parametrize("code", ["en", "zh"])
def test_every_control_and_drawing_has_a_name(code: str) -> None:
    nablaviz.set_language(code)
    try:
        panel = nablaviz.browse(nablaviz.sample()[:12])
    finally:
        nablaviz.set_language("en")

    def parts(widget: Widget) -> list[Widget]:
        return [widget, *(each for child in getattr(widget, "children", ()) for each in parts(child))]

    everything = parts(panel)
    controls = [w for w in everything if hasattr(w, "description") and hasattr(w, "disabled")]
    assert len(controls) > 8
    for control in controls:
        name = control.description or (isinstance(control, Button) and control.tooltip)
        assert name, control
        assert name.isascii() == (code == "en" or len(name) == 1), name
    assert panel.conformer.depiction.label.startswith("Structural formula of ") == (code == "en")
    assert {"plot.label", "plot.map"} <= panel.plot.plot.words.keys()
