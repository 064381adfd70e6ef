"""Random errors of a Hamiltonian."""

from __future__ import annotations

import numpy as np
import pytest

from nablaviz import sample
from nablaviz.chem.comparison import Solution, solution
from nablaviz.chem.noise import BASES, perturbed, response, symmetric_noise


@pytest.fixture(scope="module")
def exact() -> Solution:
    dataset = sample()
    conformer = dataset[int(dataset.table.query("smiles == 'NC=O'").index[0])]
    return solution(conformer.molecule, conformer.hamiltonian)


def test_noise_is_symmetric_and_of_the_size_asked_for() -> None:
    noise = symmetric_noise(200, 0.003, seed=4)
    assert np.array_equal(noise, noise.T)
    assert np.abs(noise).mean() == pytest.approx(0.003, rel=0.02)
    assert np.abs(noise.diagonal()).mean() == pytest.approx(0.003, rel=0.2)
    assert not np.array_equal(noise, symmetric_noise(200, 0.003, seed=5))
    assert np.allclose(noise, 3 * symmetric_noise(200, 0.001, seed=4))


@pytest.mark.parametrize("basis", BASES)
def test_small_noise_moves_energies_by_first_order(exact: Solution, basis: str) -> None:
    found = perturbed(exact, 1e-8, basis, seed=1)
    change = np.einsum(
        "ik,ij,jk->k", exact.orbitals.coefficients, found.difference, exact.orbitals.coefficients
    )
    assert np.allclose(found.matching.differences, change, rtol=0, atol=2e-11)


def test_noise_in_the_lowdin_basis_obeys_weyl(exact: Solution) -> None:
    found = perturbed(exact, 1e-3, "lowdin", seed=2)
    noise = symmetric_noise(len(exact.overlap), 1e-3, seed=2)
    assert np.allclose(found.lowdin_difference, noise, rtol=0, atol=1e-12)
    shift = np.abs(found.other.orbitals.energies - exact.orbitals.energies)
    assert shift.max() <= np.linalg.norm(noise, 2)
    exceeded = np.abs(perturbed(exact, 1e-3, "ao", seed=2).other.orbitals.energies - exact.orbitals.energies)
    assert exceeded.max() > 3 * np.linalg.norm(noise, 2)


def test_response_has_a_line_for_each_draw(exact: Solution) -> None:
    table = response(exact, [1e-5, 1e-2], draws=2)
    assert len(table) == 8
    assert table.groupby(["basis", "size"]).size().eq(2).all()
    worst = table[table["size"] == 1e-2].groupby("basis")["|Δgap|"].min()
    assert worst["ao"] > 5 * table.query("basis == 'lowdin' and size == 1e-2")["|Δgap|"].max()
    line = table.query("basis == 'ao' and size == 1e-2 and draw == 1").iloc[0]
    errors = perturbed(exact, 1e-2, "ao", 1).errors.set_index("measure")["value"]
    assert line["|Δgap|"] == errors["|Δgap|"]


def test_no_noise_is_no_error(exact: Solution) -> None:
    found = perturbed(exact, 0.0)
    assert np.abs(found.matching.differences).max() < 1e-12
    assert found.matching.overlaps.min() == pytest.approx(1)


@pytest.mark.parametrize("size", [-1e-3, np.inf, np.nan])
def test_wrong_sizes_are_named(exact: Solution, size: float) -> None:
    with pytest.raises(ValueError, match=rf"0 Eh or more, not {size}"):
        perturbed(exact, size)


def test_an_unknown_basis_is_named(exact: Solution) -> None:
    with pytest.raises(ValueError, match=r"no basis 'mo' .* ao, lowdin"):
        perturbed(exact, 1e-3, "mo")
