"""Groups of conformers with larger errors than the others, and groups in which one of two models is better.

Conformers of a molecule are alike, so that molecules are what is counted and tested. p-values are
adjusted for the number of groups tested (Y. Benjamini, Y. Hochberg, J. R. Stat. Soc. B 1995, 57, 289): of
the groups with p ≤ 0.05 at most 5 % are expected to be there by chance.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.studies.groups import described

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.05
"""False discovery rate."""

FEWEST = 5
"""Molecules that a group, and what it is compared with, must have to be tested."""


def slices(error: pd.Series, molecule: pd.Series, groups: pd.DataFrame) -> pd.DataFrame:
    """Test whether groups have larger errors than the other conformers.

    Groups of whole molecules: the mean errors of molecules in the group against those of the others, by
    the test of H. B. Mann and D. R. Whitney, Ann. Math. Stat. 1947, 18, 50. Groups that divide molecules:
    conformers in the group against the others of the same molecules, by the stratified rank test of P. van
    Elteren, Bull. Inst. Int. Stat. 1960, 37, 351. Both one-sided.

    Parameters
    ----------
    error
        Of each conformer, ≥ 0; those without one (NaN) do not count.
    molecule
        What each conformer is of.
    groups
        From :func:`~nablaviz.studies.groups.groups`. All with the same index.

    Returns
    -------
    pandas.DataFrame
        The groups that could be tested, the largest ratios first: ``kind``, ``group``, ``mean`` (over the
        molecules of the group), ``ratio`` (to the mean over all molecules, or over those that the group
        divides), ``divides``, ``n_molecules``, ``n_conformers``, ``p`` (adjusted), ``significant`` (and the
        ratio above 1).

    Raises
    ------
    ValueError
        If an error is negative or infinite.
    """
    import pandas as pd

    error, codes, members = _there(error, molecule, groups)
    if (error < 0).any() or np.isinf(error).any():
        raise ValueError("errors must be finite and not negative")
    ranks = pd.Series(error).groupby(codes).rank().to_numpy()
    everything = _means(error, codes, np.ones(len(error), dtype=bool))
    rows = []
    for column, member in zip(groups.columns, members.T, strict=True):
        inside, outside = _means(error, codes, member), _means(error, codes, ~member)
        whole = everything
        both = np.isfinite(inside) & np.isfinite(outside)
        divides = bool(both.any())
        if divides:
            n, others = int(both.sum()), int(both.sum())
            inside, whole = inside[both], whole[both]
        else:
            inside, outside = inside[np.isfinite(inside)], outside[np.isfinite(outside)]
            n, others = len(inside), len(outside)
        if min(n, others) < FEWEST or not whole.mean():
            continue
        p = _divided(ranks, codes, member) if divides else _greater(inside, outside)
        conformers = int(member[both[codes]].sum() if divides else member.sum())
        rows.append((*column, inside.mean(), inside.mean() / whole.mean(), divides, n, conformers, p))
    columns = ["kind", "group", "mean", "ratio", "divides", "n_molecules", "n_conformers", "p"]
    found = _adjusted(pd.DataFrame(rows, columns=columns))
    found["significant"] &= found["ratio"] > 1
    return found.sort_values("ratio", ascending=False, ignore_index=True)


def contests(first: pd.Series, second: pd.Series, molecule: pd.Series, groups: pd.DataFrame) -> pd.DataFrame:
    """Test in which groups one of two models has the smaller errors.

    By the signed-rank test of F. Wilcoxon, Biom. Bull. 1945, 1, 80, on the mean differences of molecules,
    two-sided.

    Parameters
    ----------
    first, second
        Errors of the two models; conformers that one of them lacks do not count.
    molecule, groups
        As for :func:`slices`.

    Returns
    -------
    pandas.DataFrame
        All conformers (``kind`` "all"), then the groups that could be tested, the most unequal first:
        ``kind``, ``group``, ``first`` and ``second`` (means over molecules), ``ratio`` (of the larger to the
        smaller), ``first_better`` (number of molecules), ``n_molecules``, ``n_conformers``, ``p`` (adjusted),
        ``significant``.
    """
    import pandas as pd
    from scipy.stats import wilcoxon

    difference, codes, members = _there(first - second, molecule, groups)
    own = first[(first - second).notna()].to_numpy(dtype=float)
    everyone = ("all", "all"), np.ones(len(difference), dtype=bool)
    rows = []
    for column, member in [everyone, *zip(groups.columns, members.T, strict=True)]:
        wins = _means(difference, codes, member)
        wins = wins[np.isfinite(wins)]
        if len(wins) < FEWEST:
            continue
        mine = float(np.nanmean(_means(own, codes, member)))
        theirs = mine - float(wins.mean())
        ratio = max(mine, theirs) / (min(mine, theirs) or math.nan)
        p = wilcoxon(wins).pvalue if wins.any() else 1.0
        better = int((wins < 0).sum())
        rows.append((*column, mine, theirs, ratio, better, len(wins), int(member.sum()), p))
    columns = [
        "kind",
        "group",
        "first",
        "second",
        "ratio",
        "first_better",
        "n_molecules",
        "n_conformers",
        "p",
    ]
    found = _adjusted(pd.DataFrame(rows, columns=columns))
    order = found["ratio"].where(found["kind"] != "all", np.inf).sort_values(ascending=False, kind="stable")
    return found.loc[order.index].reset_index(drop=True)


def slice_words(line: Any) -> str:
    """A line of :func:`slices` in words."""
    of = "mean error of their molecules" if line.divides else "mean error"
    return f"{described(line.kind, line.group)}: {line.ratio:.1f}× the {of}, {_counts(line)}"


def contest_words(line: Any, names: tuple[str, str]) -> str:
    """A line of :func:`contests` in words."""
    wins = line.first < line.second
    better, worse = names if wins else names[::-1]
    share = line.first_better if wins else line.n_molecules - line.first_better
    group = "all conformers" if line.kind == "all" else described(line.kind, line.group)
    return (
        f"{group}: {better} is better, {worse} errs {line.ratio:.1f}× as much; better for {share} of "
        f"{line.n_molecules} molecules, {_counts(line)}"
    )


def _counts(line: Any) -> str:
    p = f"p = {line.p:.1g}" if line.p >= 1e-4 else f"p = {line.p:.0e}".replace("e-0", "e-")
    return f"n = {line.n_molecules} molecules ({line.n_conformers} conformers), {p}"


def _there(
    values: pd.Series, molecule: pd.Series, groups: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values that are there, the number of the molecule of each, and its groups, shape (n, groups)."""
    import pandas as pd

    there = values.notna().to_numpy()
    codes = pd.factorize(molecule[there])[0]
    return values[there].to_numpy(dtype=float), codes, groups.to_numpy(dtype=bool)[there]


def _means(values: np.ndarray, codes: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Mean of each molecule's members, NaN where there is none."""
    size = codes.max(initial=-1) + 1
    counts = np.bincount(codes[member], minlength=size).astype(float)
    sums = np.bincount(codes[member], values[member], minlength=size)
    return np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)


def _greater(inside: np.ndarray, outside: np.ndarray) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(inside, outside, alternative="greater").pvalue)


def _divided(ranks: np.ndarray, codes: np.ndarray, member: np.ndarray) -> float:
    """The test of van Elteren.

    The sum over molecules of the members' ranks in their molecule, weighted by 1/(conformers + 1), against
    its mean and variance over all ways to choose as many members in each molecule.
    """
    from scipy.stats import norm

    n = np.bincount(codes)
    m, total = np.bincount(codes[member], minlength=len(n)), np.bincount(codes, ranks * member)
    spread = np.bincount(codes, (ranks - ((n + 1) / 2)[codes]) ** 2)  # Σ (rank − mean rank)²
    variance = m * (n - m) / (n * np.maximum(n - 1, 1)) * spread / (n + 1) ** 2
    if not variance.sum():
        return 1.0
    return float(norm.sf(((total - m * (n + 1) / 2) / (n + 1)).sum() / math.sqrt(variance.sum())))


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    from scipy.stats import false_discovery_control

    if len(table):
        table["p"] = false_discovery_control(table["p"])
    return table.assign(significant=table["p"] <= LEVEL)
