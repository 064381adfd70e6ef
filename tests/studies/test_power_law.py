"""Fits of learning curves: exact data, outliers, coverage of the intervals, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from nablaviz.studies.curve_fit import fit
from nablaviz.studies.curve_region import shape
from nablaviz.studies.extrapolation import extrapolate, hold_out, number
from nablaviz.studies.learning_curves import Curve, curves
from nablaviz.studies.power_law import PowerLaw

SIZES = np.array([50.0, 100, 200, 400])


def runs(
    exponent: float, share: float = 0.0, noise: float = 0.05, *, sizes=SIZES, seeds: int = 3, draw: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Errors of runs, 1 at the largest size."""
    random = np.random.default_rng(draw)
    each, seed = np.repeat(sizes, seeds), np.tile(np.arange(seeds), len(sizes))
    exact = np.exp(shape(each, exponent, share, sizes[-1]))
    return each, exact * np.exp(noise * random.standard_normal(len(each))), seed


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 1.5), st.floats(0, 0.8), st.floats(-20, 10))
def test_exact_curves_are_found(exponent: float, share: float, scale: float) -> None:
    sizes, errors, seeds = runs(exponent, share, 1e-9, sizes=np.geomspace(20, 20_000, 6))
    curve = fit(sizes, np.exp(scale) * errors, seeds)
    assert curve(sizes) == pytest.approx(np.exp(scale) * errors, rel=2e-3)
    if share > 0.01 and exponent > 0.2:
        assert curve.exponent == pytest.approx(exponent, rel=0.02)
        assert curve.floor == pytest.approx(np.exp(scale) * share, rel=0.05)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 1.0), st.floats(0.01, 0.2), st.integers(0, 10**6))
def test_units_change_nothing_but_the_scale(exponent: float, noise: float, draw: int) -> None:
    sizes, errors, seeds = runs(exponent, 0.2, noise, draw=draw)
    one, other = fit(sizes, errors, seeds), fit(sizes, 627.5 * errors, seeds)
    assert other.exponent == pytest.approx(one.exponent, abs=1e-6)
    assert other.floor == pytest.approx(627.5 * one.floor, rel=1e-5, abs=1e-6)
    assert other.exponent_interval == pytest.approx(one.exponent_interval, abs=1e-6)
    assert np.allclose(other.band(SIZES), 627.5 * np.array(one.band(SIZES)), rtol=1e-6)
    assert other.needed(627.5 * 0.8) == pytest.approx(one.needed(0.8), rel=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1, 5), st.floats(0, 0.95), st.floats(-12, 0.5), st.integers(0, 10**6))
@example(0.0, 0.0, -np.inf, 0)
def test_intervals_hold_the_estimate_and_are_in_order(
    exponent: float, share: float, noise: float, draw: int
) -> None:
    curve = fit(*runs(exponent, share, 10**noise, draw=draw))
    at = np.geomspace(20, 4000, 9)
    low, high = curve.band(at)
    assert (low <= curve(at)).all()
    assert (curve(at) <= high).all()
    assert curve.exponent_interval[0] <= curve.exponent <= curve.exponent_interval[1]
    assert 0 <= curve.floor_interval[0] <= curve.floor <= curve.floor_interval[1]
    best, first, last = curve.needed(0.7)
    assert first <= best <= last
    if np.isfinite(best):
        assert curve(best) == pytest.approx(0.7, rel=1e-6)


def test_a_run_that_failed_to_train_is_drawn_in() -> None:
    sizes, errors, seeds = runs(0.5, noise=0.03)
    clean = fit(sizes, errors, seeds)
    errors[-1] *= 20
    line = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(line - 0.5) > 0.2
    assert abs(fit(sizes, errors, seeds).exponent - clean.exponent) < 0.1


def test_the_scatter_between_seeds_widens_the_height_but_not_the_exponent() -> None:
    sizes, errors, seeds = runs(0.5, noise=0.03)
    moved = fit(sizes, errors * np.exp(np.array([-0.4, 0.0, 0.4]))[seeds], seeds)
    still = fit(sizes, errors, seeds)
    width = [np.diff(np.log(np.ravel(curve.band(np.array([200.0])))))[0] for curve in (still, moved)]
    assert width[1] > 4 * width[0]
    assert moved.exponent == pytest.approx(still.exponent, abs=0.05)
    assert moved.exponent_interval[1] < still.exponent_interval[1] + 0.3


def test_the_choice_of_test_molecules_widens_the_height() -> None:
    data = runs(0.5, noise=0.03)
    wide = fit(*data, molecules=np.full((4, 4), 0.3**2)).band(np.array([200.0]))
    narrow = fit(*data).band(np.array([200.0]))
    assert np.log(wide[1] / wide[0])[0] > 2 * 1.64 * 0.3 > np.log(narrow[1] / narrow[0])[0]


@pytest.mark.parametrize(("exponent", "share"), [(0.5, 0.0), (0.5, 0.2), (0.8, 0.5)])
def test_intervals_hold_the_truth_as_often_as_they_say(exponent: float, share: float) -> None:
    trials, size = 120, 4 * SIZES[-1]
    error = float(np.exp(shape(size, exponent, share, SIZES[-1])))
    held = np.zeros(3, dtype=int)
    for draw in range(trials):
        curve = fit(*runs(exponent, share, 0.05, draw=draw))
        (low,), (high,) = curve.band(np.array([size]))
        first, last = curve.needed(error)[1:]
        b = curve.exponent_interval
        held += [b[0] <= exponent <= b[1], low <= error <= high, first <= size <= last]
    # what 120 trials show, at 99 %, if the truth is held in 85 to 95 % of all
    assert (held >= binom.ppf(0.005, trials, 0.85)).all(), held
    assert (held <= binom.ppf(0.995, trials, 0.95)).all(), held


def law(exponent: float, share: float = 0.0, **options: object) -> PowerLaw:
    return fit(*runs(exponent, share, 0.01, **options))  # type: ignore[arg-type]


def test_what_is_needed_is_said_with_its_interval() -> None:
    curve = fit(*runs(0.5, noise=0.01, sizes=np.geomspace(50, 1600, 6), seeds=5))
    said = extrapolate(curve, 0.7, "kcal/mol")
    assert said.refusal == ""
    assert said.low <= 1600 / 0.49 <= said.high < np.inf
    assert str(said).startswith(f"needs {number(said.size)} conformers (90%: {number(said.low)} to ")


@pytest.mark.parametrize(
    ("curve", "target", "says"),
    [
        (lambda: law(0.5, sizes=SIZES[:3]), 0.8, "it needs 4 training sizes, there are 3"),
        (lambda: law(0.5, seeds=1, sizes=SIZES[:3]), 0.8, "it needs 4 training sizes"),
        (lambda: fit(*runs(0.0, noise=0.2)), 0.8, "the interval of the exponent includes 0"),
        (
            lambda: fit(*runs(-0.2, noise=0.1)),
            0.5,
            "does not fall: the interval of the exponent lies below 0",
        ),
        (lambda: law(1.2, 0.9), 0.5, "more data alone will not reach 0.5 kcal/mol: the curve levels off"),
        (lambda: law(0.3), 0.01, "decades of training size away, and the sizes span 0.9 only"),
        (lambda: law(0.5), 10.0, "10 kcal/mol is reached with the smallest training set already"),
        (lambda: law(-0.3), 0.5, "the error rises from 50 to 100 conformers"),
    ],
)
def test_what_the_data_do_not_support_is_refused(curve, target, says) -> None:
    said = extrapolate(curve(), target, "kcal/mol")
    assert says in said.refusal
    assert np.isnan(said.size)
    assert str(said).startswith("no extrapolation: ")


def measured(exponent: float, share: float = 0.0, noise: float = 0.05, **options: object) -> Curve:
    """The curve of a table of results."""
    sizes, errors, seeds = runs(exponent, share, noise, **options)  # type: ignore[arg-type]
    names = [f"{size}-{seed}" for size, seed in zip(sizes, seeds, strict=True)]
    table = pd.DataFrame(
        {"run": names, "model": "net", "size": sizes.astype(int), "seed": seeds, "split": "test_structures"}
    ).assign(metric="energy_mae", unit="kcal/mol", value=errors, low=np.nan, high=np.nan, n_molecules=50)
    (curve,) = curves(
        table.assign(seconds=1.0, samples_seen=1, energy_joules=np.nan), "energy_mae", "kcal/mol"
    )
    return curve


@pytest.mark.parametrize(("exponent", "share"), [(0.5, 0.0), (0.8, 0.5)])
def test_the_largest_size_is_predicted_from_the_others(exponent: float, share: float) -> None:
    trials, held = 40, 0
    for draw in range(trials):
        found = hold_out(measured(exponent, share, sizes=np.geomspace(50, 800, 5).round(), draw=draw))
        assert found.low <= found.predicted <= found.high
        held += found.low <= found.measured <= found.high
    assert binom.ppf(0.005, trials, 0.85) <= held <= binom.ppf(0.995, trials, 0.97), held


def test_what_was_left_out_is_said_beside_what_was_measured() -> None:
    curve = measured(0.5, noise=0.02)
    found = hold_out(curve)
    largest = curve.runs["value"][curve.runs["size"] == 400]
    assert found.measured == pytest.approx(float(np.exp(np.log(largest).mean())))
    assert str(found).startswith(f"at 400 conformers {found.predicted:.3g} kcal/mol (90%: ")
    assert f"{found.measured:.3g} measured (mean of 3)" in str(found)
    # what is left out has no part in its prediction
    moved = curve.runs.assign(value=curve.runs["value"].where(curve.runs["size"] < 400, 10.0))
    again = hold_out(replace(curve, runs=moved))
    assert (again.predicted, again.low, again.high) == (found.predicted, found.low, found.high)
    with pytest.raises(ValueError, match="leaving one out needs 4 training sizes, not 3"):
        hold_out(measured(0.5, sizes=SIZES[:3]))
    with pytest.raises(ValueError, match="not asked for"):
        hold_out(replace(curve, fit=None, refusal="not asked for"))


def test_the_mean_of_few_runs_is_less_certain_than_a_typical_run() -> None:
    curve = fit(*runs(0.5, noise=0.05))
    typical, one = (np.log(np.ravel(curve.band(SIZES[-1:], runs=n))) for n in (np.inf, 1))
    assert np.diff(one) > 2 * 1.64 * np.sqrt(curve.scatter) > 0
    assert one[0] < typical[0] < typical[1] < one[1]


def test_one_seed_and_three_sizes_have_no_interval() -> None:
    curve = law(0.5, seeds=1, sizes=SIZES[:3])
    assert not curve.has_interval
    assert np.isnan(curve.band(SIZES)).all()
    assert np.isnan(curve.needed(0.8)[1:]).all()
    assert law(0.5, seeds=1).has_interval


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_errors_that_are_none_are_refused(bad: float) -> None:
    sizes, errors, seeds = runs(0.5)
    errors[4] = bad
    with pytest.raises(ValueError, match="positive and finite, not"):
        fit(sizes, errors, seeds)


def test_two_sizes_are_no_curve() -> None:
    with pytest.raises(ValueError, match="at least 3 training sizes, not 2"):
        fit(*runs(0.5, sizes=SIZES[:2]))
