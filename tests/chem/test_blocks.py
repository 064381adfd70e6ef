"""Errors of a matrix by block, against sums over its elements one by one."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.blocks import atom_errors, block_errors, pair_matrix, shell_matrix, summarise


@pytest.fixture(scope="module")
def molecule():
    return nablaviz.sample()[100].molecule


@pytest.fixture(scope="module")
def layout(molecule):
    return basis.layout(molecule.numbers)


@pytest.fixture(scope="module")
def difference(layout):
    matrix = np.random.default_rng(0).normal(size=(len(layout), len(layout)))
    return matrix + matrix.T


@pytest.fixture(scope="module")
def table(difference, molecule):
    return block_errors(difference, molecule)


def test_each_row_is_a_block(table, difference, molecule, layout):
    shells = len(layout.shell_l)
    assert len(table) == shells * (shells + 1) // 2
    assert len(set(map(frozenset, zip(table.shell_i, table.shell_j, strict=True)))) == len(table)
    for row in table.itertuples():
        block = np.abs(difference[layout.shell(row.shell_i), layout.shell(row.shell_j)])
        assert row.mean_abs == pytest.approx(block.mean(), rel=1e-12)
        assert row.max_abs == block.max()
        assert row.count == block.size * (1 if row.shell_i == row.shell_j else 2)
        assert (row.atom_i, row.atom_j) == (layout.shell_atom[row.shell_i], layout.shell_atom[row.shell_j])
        assert row.kind == ("on-site" if row.atom_i == row.atom_j else "off-site")
        between = molecule.positions[row.atom_i] - molecule.positions[row.atom_j]
        assert row.distance == pytest.approx(np.linalg.norm(between), abs=1e-12)
        ends = [layout.shell_labels[shell].split() for shell in (row.shell_i, row.shell_j)]
        assert row.elements == "–".join(symbol for _, symbol, _ in ends)
        assert row.shells == "–".join(shell for _, _, shell in ends)
        assert row.momenta == "–".join(sorted((shell[-1] for _, _, shell in ends), key="spd".index))


def test_every_pair_of_shells_has_one_name(table):
    """Never both H–C and C–H, nor both 2p–1s and 1s–2p of the same elements."""
    seen = set(zip(table.elements, table.shells, strict=True))
    for elements, shells in seen:
        mirrored = tuple("–".join(reversed(name.split("–"))) for name in (elements, shells))
        assert mirrored == (elements, shells) or mirrored not in seen
    assert {"H–C", "C–C"} <= set(table.elements)


def test_the_rows_together_are_the_matrix(table, difference):
    assert table["count"].sum() == difference.size
    mean = np.average(table.mean_abs, weights=table["count"])
    assert mean == pytest.approx(np.abs(difference).mean(), rel=1e-12)


@pytest.mark.parametrize("by", ["kind", "elements", "momenta", ["elements", "shells"], "distance"])
def test_summaries_weigh_by_size(table, difference, by):
    summary = summarise(table, by)
    assert list(summary.columns) == ["mean_abs", "max_abs", "count"]
    assert summary["count"].sum() == difference.size
    assert np.average(summary.mean_abs, weights=summary["count"]) == pytest.approx(np.abs(difference).mean())
    assert summary.max_abs.max() == np.abs(difference).max()


def test_on_site_blocks(table, difference, layout):
    on_site = layout.ao_atom[:, None] == layout.ao_atom
    summary = summarise(table, "kind")
    assert summary.mean_abs["on-site"] == pytest.approx(np.abs(difference)[on_site].mean())
    assert summary.mean_abs["off-site"] == pytest.approx(np.abs(difference)[~on_site].mean())
    assert (table.distance[table.kind == "on-site"] == 0).all()


def test_matrices_of_atoms_and_shells(difference, molecule, layout):
    numbers = molecule.numbers
    pairs, shells = pair_matrix(difference, numbers), shell_matrix(difference, numbers)
    per_atom = atom_errors(difference, numbers)
    for i in range(len(numbers)):
        assert per_atom[i] == pytest.approx(np.abs(difference[layout.atom(i)]).mean())
        for j in range(len(numbers)):
            assert pairs[i, j] == pytest.approx(difference[layout.atom(i), layout.atom(j)].mean(), abs=1e-14)
    assert shells.shape == (len(layout.shell_l),) * 2
    assert shells[3, 5] == pytest.approx(difference[layout.shell(3), layout.shell(5)].mean())


@pytest.mark.parametrize("function", [atom_errors, pair_matrix, shell_matrix])
def test_another_shape_is_refused(function, difference, molecule):
    n = len(difference)
    with pytest.raises(ValueError, match=rf"the matrix must have shape \({n}, {n}\), not \({n}, {n - 1}\)"):
        function(difference[:, 1:], molecule.numbers)
    with pytest.raises(ValueError, match=rf"the matrix must have shape \({n}, {n}\)"):
        block_errors(difference[1:], molecule)
