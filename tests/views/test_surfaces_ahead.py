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


def test_a_volume_is_sent_once(sent):
    view = Viewer()
    view.send_ahead(3, [ball(1.0)])
    view.send_ahead(4, [ball(1.0), ball(2.0)])
    (first, volumes), (second, new) = sent
    assert (first["choice"], second["choice"]) == (3, 4)
    view.draw_surfaces([ball(1.0), ball(2.0)])
    one, two = view.surfaces
    assert (volumes, new) == ([one["values"]], [two["values"]])
    assert (first["names"], second["names"]) == ([one["name"]], [two["name"]])
    assert second["surfaces"] == [each | {"values": None} for each in (one, two)]


def test_volumes_that_the_browser_holds_are_left_out_of_what_is_drawn(sent):
    view = Viewer()
    view.send_ahead(0, [ball(1.0)])
    view.draw_surfaces([ball(1.0), ball(2.0)], choice=0)
    assert view.choice == 0
    assert view.surfaces[0]["values"]  # the trait has it all
    known, new = view.get_state("surfaces")["surfaces"]
    assert known == view.surfaces[0] | {"values": None}
    assert new == view.surfaces[1]


def test_the_whole_state_has_all_values(sent):
    view = Viewer()
    view.send_ahead(0, [ball(1.0)])
    view.draw_surfaces([ball(1.0)])
    assert view.get_state()["surfaces"] == view.surfaces


def test_a_page_without_the_volume_gets_it(sent):
    view = Viewer()
    view.send_ahead(0, [ball(1.0)])
    view.draw_surfaces([ball(1.0)])
    view._handle_custom_msg({"kind": "volumes"}, [])
    assert view.get_state("surfaces")["surfaces"] == view.surfaces


def test_no_more_are_taken_to_be_held_than_the_browser_keeps(sent):
    view = Viewer()
    balls = [ball(1 + k / 10) for k in range(KEPT + 1)]
    view.send_ahead(0, balls)
    view.draw_surfaces(balls)
    missing = [each["values"] is None for each in view.get_state("surfaces")["surfaces"]]
    assert missing == [False] + [True] * KEPT


def test_equal_values_in_another_place_are_another_volume():
    view = Viewer()
    here = ball(1.0)
    box = Box([-2, -3, -3], here.field.box.spacing, here.field.box.shape)
    view.draw_surfaces([here, Surface(Field(box, here.field.values, ""))])
    one, other = view.surfaces
    assert one["values"] == other["values"]
    assert one["name"] != other["name"]


def test_what_was_sent_is_forgotten_if_anything_was(sent):
    view = Viewer()
    view.forget_ahead()
    assert sent == []
    view.send_ahead(0, [ball(1.0)])
    view.forget_ahead()
    assert sent[-1][0] == {"kind": "forget"}
