from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nablaviz.views.selection import clicked, inside_polygon, place, spanned, stepped

ORDER = np.array([5, 3, 9, 1, 7])


def test_click_replaces_and_toggle_adds_or_takes_away() -> None:
    assert clicked([3, 9], 1) == [1]
    assert clicked([3, 9], 1, toggle=True) == [3, 9, 1]
    assert clicked([3, 9], 3, toggle=True) == [9]
    assert clicked([], 3, toggle=True) == [3]


def test_span_goes_both_ways_and_ends_at_the_row_clicked() -> None:
    assert spanned(ORDER, 3, 1) == [3, 9, 1]
    assert spanned(ORDER, 1, 3) == [1, 9, 3]
    assert spanned(ORDER, 7, 5) == [7, 1, 9, 3, 5]
    assert spanned(ORDER, 9, 9) == [9]
    assert spanned(ORDER, 2, 9) == [9]  # the anchor was filtered away


@given(anchor=st.integers(0, 4), row=st.integers(0, 4))
def test_span_has_everything_between(anchor: int, row: int) -> None:
    found = spanned(ORDER, ORDER[anchor], ORDER[row])
    assert sorted(found) == sorted(ORDER[min(anchor, row) : max(anchor, row) + 1])
    assert (found[0], found[-1]) == (ORDER[anchor], ORDER[row])


def test_step_stops_at_the_ends() -> None:
    assert stepped(ORDER, 3, 1) == 9
    assert stepped(ORDER, 3, -1) == stepped(ORDER, 3, -100) == 5
    assert stepped(ORDER, 7, 1) == 7
    assert stepped(ORDER, None, 1) == stepped(ORDER, 1000, 1) == 5
    assert stepped(np.empty(0, int), 3, 1) is None
    assert place(ORDER, 1000) is None


def test_polygon_agrees_with_the_area_of_a_circle() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 20_000))
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    inside = inside_polygon(x, y, np.column_stack([np.cos(angle), np.sin(angle)]))
    radius = np.hypot(x, y)
    assert inside[radius < 0.999].all()
    assert not inside[radius > 1].any()


def test_polygon_with_a_notch_and_missing_values() -> None:
    notch = np.array([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]])
    x = np.array([2.0, 2.0, 0.5, np.nan, 5.0])
    y = np.array([0.5, 3.0, 2.0, 1.0, 1.0])
    assert inside_polygon(x, y, notch).tolist() == [True, False, True, False, False]


@pytest.mark.parametrize("corners", [np.empty((0, 2)), np.array([[0.0, 0.0]])])
def test_polygon_of_no_area_holds_nothing(corners: np.ndarray) -> None:
    assert not inside_polygon(np.array([0.0]), np.array([0.0]), corners).any()
