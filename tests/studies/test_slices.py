"""Groups with larger errors: what was planted is found, what is chance is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nablaviz.studies.slices import FEWEST, LEVEL, contest_words, contests, slice_words, slices

CONFORMERS, MOLECULES = 4, 120


def trial(seed, planted=(), factor=3.0, molecules=MOLECULES, whole=15, dividing=5):
    """Skewed errors that conformers of a molecule share in part, and groups; some of them err more."""
    rng = np.random.default_rng(seed)
    molecule = pd.Series(np.repeat(np.arange(molecules), CONFORMERS)).astype(str)
    error = np.repeat(rng.lognormal(0, 0.7, molecules), CONFORMERS) * rng.lognormal(0, 0.5, len(molecule))
    members = {}
    for group in range(whole):
        chosen = rng.random(molecules) < rng.uniform(0.1, 0.4)
        members["functional group", f"g{group}"] = np.repeat(chosen, CONFORMERS)
    for group in range(dividing):
        members["mean_force", f"d{group}"] = rng.random(len(molecule)) < 0.3
    for (_, name), member in members.items():
        if name in planted:
            error[member] *= factor
    groups = pd.DataFrame(dict(enumerate(members.values())))
    groups.columns = pd.MultiIndex.from_tuples(members, names=["kind", "group"])
    return pd.Series(error), molecule, groups


def found(seed, **options):
    table = slices(*trial(seed, **options))
    return set(table.group[table.significant])


def test_planted_effects_are_found_and_measured():
    table = slices(*trial(1, planted=("g3", "d2"))).set_index("group")
    assert table.significant[["g3", "d2"]].all()
    error, molecule, groups = trial(1, planted=("g3", "d2"))
    means = error.groupby(molecule).mean()
    inside = groups["functional group", "g3"].groupby(molecule).first()
    assert table.ratio["g3"] == pytest.approx(means[inside].mean() / means.mean())
    assert table.n_molecules["g3"] == inside.sum()
    assert table.n_conformers["g3"] == CONFORMERS * inside.sum()
    assert table.divides["d2"]
    assert not table.divides["g3"]
    assert 1.3 < table.ratio["d2"] < 2.5  # 3 / (0.3 · 3 + 0.7), if conformers were many


def test_without_effects_discoveries_are_as_rare_as_promised():
    trials = 150
    any_found = sum(bool(found(seed)) for seed in range(trials))
    limit = LEVEL * trials + 3 * np.sqrt(trials * LEVEL * (1 - LEVEL))
    assert any_found <= limit
    assert any_found > 0  # nor is the test blind


def test_with_effects_the_false_discovery_rate_holds():
    planted = {"g0", "g1", "d0"}
    shares, power = [], []
    for seed in range(1000, 1060):
        names = found(seed, planted=planted, factor=4.0)
        shares.append(len(names - planted) / max(1, len(names)))
        power.append(len(names & planted) / len(planted))
    assert np.mean(shares) <= LEVEL + 3 * np.std(shares) / np.sqrt(len(shares))
    assert np.mean(power) > 0.9


def test_conformers_of_a_molecule_do_not_count_as_many():
    # Few molecules, equal conformers: tested over conformers, nearly every trial would discover something.
    discovered = 0
    for seed in range(60):
        error, molecule, groups = trial(seed, molecules=24, dividing=0)
        means = error.groupby(molecule).transform("mean")
        discovered += slices(means, molecule, groups).significant.any()
    assert discovered <= 60 * LEVEL + 3 * np.sqrt(60 * LEVEL * (1 - LEVEL))


def test_dividing_groups_are_compared_within_molecules():
    # Large molecules have larger errors and all the high conformers: no reason to blame these.
    rng = np.random.default_rng(0)
    molecule = pd.Series(np.repeat(np.arange(60), 6)).astype(str)
    large = np.repeat(np.arange(60) % 2 == 0, 6)
    high = rng.random(360) < np.where(large, 0.6, 0.1)
    error = pd.Series(np.where(large, 5.0, 1.0) * rng.lognormal(0, 0.3, 360))
    groups = pd.DataFrame({0: high})
    groups.columns = pd.MultiIndex.from_tuples([("relative", "high")], names=["kind", "group"])
    (line,) = slices(error, molecule, groups).itertuples()
    assert line.divides
    assert not line.significant
    assert line.ratio == pytest.approx(1, abs=0.15)


def test_groups_of_too_few_molecules_are_not_tested():
    error, molecule, groups = trial(0)
    few = pd.Series(molecule.isin([str(i) for i in range(FEWEST - 1)]).to_numpy())
    groups = pd.concat([groups, few], axis=1)
    groups.columns = pd.MultiIndex.from_tuples([*groups.columns[:-1].tolist(), ("functional group", "few")])
    assert "few" not in set(slices(error, molecule, groups).group)
    nobody = slices(error * np.nan, molecule, groups)
    assert nobody.empty
    assert contests(error * np.nan, error, molecule, groups).empty


def test_words():
    line = pd.DataFrame(
        [("functional group", "sulfonamides", 1.0, 3.13, False, 24, 101, 0.0021, True)],
        columns=[
            "kind",
            "group",
            "mean",
            "ratio",
            "divides",
            "n_molecules",
            "n_conformers",
            "p",
            "significant",
        ],
    )
    (first,) = line.itertuples()
    said = "sulfonamides: 3.1× the mean error, n = 24 molecules (101 conformers), p = 0.002"
    assert slice_words(first) == said
    (tiny,) = line.assign(p=3e-9, kind="element", group="Br", divides=True).itertuples()
    assert slice_words(tiny).startswith("molecules with Br: 3.1× the mean error of their molecules")
    assert slice_words(tiny).endswith("p = 3e-9")


def test_who_wins_where():
    error, molecule, groups = trial(5)
    member = groups["functional group", "g4"]
    second = error * np.where(member, 0.5, 1.5)
    table = contests(error, second, molecule, groups)
    overall, lines = table.iloc[0], table.set_index("group")
    assert overall.kind == "all"
    assert overall.n_molecules == MOLECULES
    assert overall["first"] < overall.second
    assert lines["first"]["g4"] == pytest.approx(2 * lines.second["g4"])
    assert lines.significant["g4"]
    assert lines.first_better["g4"] == 0
    (first,) = table[table.group == "g4"].itertuples()
    words = contest_words(first, ("painn", "linear"))
    assert words.startswith("g4: linear is better, painn errs 2.0× as much; better for")
    back = contests(second, error, molecule, groups).set_index("group")
    assert np.allclose(back.p, lines.p[back.index])  # neither is preferred


def test_equal_models_do_not_win():
    trials = 60
    wins = 0
    for seed in range(trials):
        error, molecule, groups = trial(seed)
        other = trial(seed + 10_000)[0]
        wins += contests(error, other, molecule, groups).significant.any()
    assert wins <= LEVEL * trials + 3 * np.sqrt(trials * LEVEL * (1 - LEVEL))
    error, molecule, groups = trial(0)
    same = contests(error, error, molecule, groups)
    assert (same.p == 1).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.just(np.nan), st.floats(0, 1e12)), min_size=1, max_size=40),
    st.integers(1, 12),
    st.randoms(use_true_random=False),
)
def test_any_errors_give_ps_or_nothing(errors, molecules, random):
    n = len(errors)
    molecule = pd.Series([str(random.randrange(molecules)) for _ in range(n)])
    groups = pd.DataFrame({i: [random.random() < 0.5 for _ in range(n)] for i in range(3)})
    groups.columns = pd.MultiIndex.from_tuples([("element", s) for s in "NOF"], names=["kind", "group"])
    table = slices(pd.Series(errors), molecule, groups)
    assert table.p.between(0, 1).all()
    assert (table.n_molecules >= FEWEST).all()
    assert (table.n_conformers <= n).all()
    assert (table.ratio[table.significant] > 1).all()
    table = contests(pd.Series(errors), pd.Series(errors[::-1]), molecule, groups)
    assert table.p.between(0, 1).all()


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_what_is_no_error_is_refused(bad):
    error, molecule, groups = trial(0)
    error[3] = bad
    with pytest.raises(ValueError, match="finite and not negative"):
        slices(error, molecule, groups)
