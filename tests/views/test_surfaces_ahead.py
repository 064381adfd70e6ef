"""Volumes that are sent before their surfaces are drawn: what goes to the browser, and when."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz.chem.grid import Box, Field
from nablaviz.views.surface import Surface
from nablaviz.views.surfaces_ahead import KEPT
from nablaviz.views.viewer import Viewer


def ball(size: float) -> Surface:
    box = Box([-3, -3, -3], [0.5] * 3, (13, 13, 13))
    x, y, z = np.meshgrid(*box.axes(), indexing="ij")
    return Surface(Field(box, np.exp(-(x**2 + y**2 + z**2) / size**2), ""))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list:
    messages: list = []
    monkeypatch.setattr(
        Viewer, "send", lambda self, content, buffers=None: messages.append((content, buffers))
    )
    return messages


def test_a_volume_is_sent_once_and_then_called_by_name(sent):
    view = Viewer()
    view.send_ahead([ball(1.0)])
    view.send_ahead([ball(1.0)])
    ((content, (values,)),) = sent
    view.draw_surfaces([ball(1.0), ball(2.0)])
    assert view.surfaces[0]["values"] == values  # the trait has it all
    known, new = view.get_state("surfaces")["surfaces"]
    assert known["values"] == content["name"]
    assert new["values"] == view.surfaces[1]["values"]
    assert {**known, "values": values} == view.surfaces[0]


def test_the_whole_state_has_all_values(sent):
    view = Viewer()
    view.send_ahead([ball(1.0)])
    view.draw_surfaces([ball(1.0)])
    assert view.get_state()["surfaces"] == view.surfaces


def test_a_page_without_the_volume_gets_it(sent):
    view = Viewer()
    view.send_ahead([ball(1.0)])
    view.draw_surfaces([ball(1.0)])
    view._handle_custom_msg({"kind": "volumes"}, [])
    assert view.get_state("surfaces")["surfaces"] == view.surfaces


def test_no_more_are_taken_to_be_held_than_the_browser_keeps(sent):
    view = Viewer()
    balls = [ball(1 + k / 10) for k in range(KEPT + 1)]
    view.send_ahead(balls)
    view.draw_surfaces(balls)
    named = [isinstance(each["values"], str) for each in view.get_state("surfaces")["surfaces"]]
    assert named == [False] + [True] * KEPT
