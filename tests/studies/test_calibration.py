"""Limits of intervals of learning curves: what theory knows of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import chi2
from scipy.stats.qmc import Sobol

from nablaviz.studies import calibration
from nablaviz.studies.calibration import LEVEL, REACH, critical, student
from nablaviz.studies.curve_region import EXPONENTS, Region, shape

SIZES = np.geomspace(100, 6400, 7)

MANY = 1e6
"""Degrees of freedom: the standard deviations are known."""


def region(
    exponent: float, share: float, noise: float, sizes: np.ndarray = SIZES, freedom: float = MANY
) -> Region:
    means = shape(sizes, exponent, share, sizes[-1])
    return Region(sizes, means, noise**2 * np.eye(len(sizes)), student(freedom) + REACH)


@pytest.mark.parametrize("size", [None, 100.0, 6400.0, 25_600.0])
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("freedom", [5, MANY])
def test_away_from_all_bounds_it_is_students(size: float | None, side: int, freedom: float) -> None:
    found = critical(region(0.8, 0.5, 1e-3, freedom=freedom), size, side, freedom)
    assert found == pytest.approx(student(freedom) ** 2, rel=0.1)


def test_at_the_bound_it_is_that_of_a_mixture_of_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Self, Liang, J. Am. Stat. Assoc. 1987, 82, 605: b and c that cannot be told apart, c = 0 in truth."""
    one, two = (lambda x, k=k: chi2.sf(x, k) for k in (1, 2))
    x = np.linspace(1, 6, 5001)
    mixture = x[np.abs(0.5 * one(x) + 0.25 * two(x) - (1 - LEVEL)).argmin()]
    monkeypatch.setattr(calibration, "_draws", lambda numbers: ndtri(Sobol(numbers, seed=1).random_base2(12)))
    # the least exponent that four like sizes allow for is that of a curve without floor
    found = critical(region(0.5, 0.0, 0.02, np.geomspace(100, 400, 4)), None, -1, MANY)
    assert mixture > 1.05 * student(MANY) ** 2
    assert found == pytest.approx(mixture, rel=0.06)


def test_fewer_degrees_of_freedom_widen() -> None:
    curves = region(0.5, 0.2, 0.05, freedom=2)
    limits = [critical(curves, None, -1, freedom) for freedom in (2, 3, 5, 20, MANY)]
    assert (np.diff(limits) < 0).all()


@pytest.mark.parametrize(("share", "noise"), [(0.0, 0.05), (0.4, 0.01), (0.4, 1e-4), (0.0, 1e-6)])
def test_the_ends_of_an_interval_have_the_deviance_asked_for(share: float, noise: float) -> None:
    curves = region(0.5, share, noise)
    assert curves.exponents[curves.deviance.argmin()] == pytest.approx(0.5, abs=5 * noise)
    for side in (-1, 1):
        end = curves.exponent(side, 2.7)
        assert side * (end - 0.5) > 0
        assert curves.line(end)[1].min() == pytest.approx(2.7, rel=0.03)
        inside, off = curves.heights(side, 2.7)
        logs = curves.levels[inside] + off
        assert side * (logs.max() if side > 0 else logs.min()) > 1.3 * curves.spread


def test_an_end_that_the_data_do_not_know_is_that_of_the_exponents() -> None:
    curves = region(0.5, 0.0, 1.0, SIZES[:3])
    assert tuple(curves.exponent(side, 2.7) for side in (-1, 1)) == EXPONENTS
