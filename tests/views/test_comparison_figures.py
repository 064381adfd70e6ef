"""Level data, heat maps, errors by block, densities of states and tables of a comparison."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import traitlets

from nablaviz import sample
from nablaviz.chem import basis
from nablaviz.chem.comparison import Comparison, compare, solution
from nablaviz.views.block_figures import BY, block_figure, pair_of
from nablaviz.views.energy_units import handy_unit, write_energy, write_number
from nablaviz.views.heat_map import atom_pair, axis_marks, matrix_map, orbital_names, outline
from nablaviz.views.levels import Levels, level_data
from nablaviz.views.property_table import error_table, property_table
from nablaviz.views.states_figure import states_figure

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    dataset = sample()
    conformer = dataset[int(dataset.table.n_atoms.argmin())]
    noise = np.random.default_rng(1).normal(scale=1e-3, size=conformer.hamiltonian.shape)
    return compare(
        solution(conformer.molecule, conformer.hamiltonian, energy=conformer.energy),
        solution(conformer.molecule, conformer.hamiltonian + noise + noise.T, HOSTILE),
    )


# --- levels -----------------------------------------------------------------------------------


def test_level_data_is_json_and_joins_matched_levels(comparison: Comparison) -> None:
    ours, theirs = comparison.reference.orbitals, comparison.other.orbitals
    data = level_data(ours, theirs, comparison.matching, comparison.names)
    assert json.loads(json.dumps(data)) == data
    assert [column["name"] for column in data["columns"]] == ["DFT", HOSTILE]
    assert data["columns"][0]["labels"][ours.homo] == "HOMO"
    for i, j, overlap, difference in data["pairs"]:
        assert theirs.energies[j] - ours.energies[i] == pytest.approx(difference)
        assert 0 <= overlap <= 1


def test_one_column_has_every_level_to_select(comparison: Comparison) -> None:
    data = level_data(comparison.reference.orbitals)
    assert len(data["columns"]) == 1
    assert data["pairs"] == [[level] for level in range(len(comparison.reference.orbitals))]
    with pytest.raises(ValueError, match="belong together"):
        level_data(comparison.reference.orbitals, comparison.other.orbitals)


def test_only_a_pair_that_is_there_can_be_selected(comparison: Comparison) -> None:
    levels = Levels()
    levels.show(level_data(comparison.reference.orbitals), 3)
    assert levels.selected == 3
    with pytest.raises(traitlets.TraitError, match="there are"):
        levels.selected = len(comparison.reference.orbitals)
    levels.show(level_data(comparison.reference.orbitals))
    assert levels.selected is None


# --- heat map ---------------------------------------------------------------------------------


def test_orbital_names_are_in_the_order_of_pyscf(comparison: Comparison) -> None:
    labels = [label.split() for label in basis.mole(comparison.molecule).ao_labels()]
    parts = {"dx2-y2": "dx²−y²", "dz^2": "dz²", "dx2": "dx²"}
    expected = [
        " ".join([atom, symbol, parts.get(shell[1:], shell[1:]).join([shell[0], ""])])
        for atom, symbol, shell in labels
    ]
    assert orbital_names(basis.layout(comparison.molecule.numbers)) == expected


def test_cell_leads_to_its_atoms(comparison: Comparison) -> None:
    orbitals = basis.layout(comparison.molecule.numbers)
    n = len(orbitals)
    assert atom_pair(orbitals, 0) == (0, 0)
    assert atom_pair(orbitals, n - 1) == (0, len(comparison.molecule) - 1)
    assert atom_pair(orbitals, (n - 1) * n) == (len(comparison.molecule) - 1, 0)


def test_colours_of_a_heat_map_are_even_around_zero_and_say_where_they_end(comparison: Comparison) -> None:
    orbitals = basis.layout(comparison.molecule.numbers)
    hamiltonian = comparison.reference.hamiltonian
    figure = matrix_map(hamiltonian, orbitals)
    (trace,) = figure.data
    assert np.allclose(trace.z, hamiltonian, atol=1e-5)
    assert trace.zmin == -trace.zmax
    assert np.mean(np.abs(hamiltonian) <= trace.zmax) == pytest.approx(0.98, abs=0.01)
    assert "are beyond" in figure.layout.xaxis.title.text
    assert trace.colorbar.title.text == "H (Eh)"
    with pytest.raises(ValueError, match="shape"):
        matrix_map(hamiltonian[1:], orbitals)


def test_logarithmic_map_of_a_zero_matrix_is_finite(comparison: Comparison) -> None:
    orbitals = basis.layout(comparison.molecule.numbers)
    for logarithmic in (True, False):
        (trace,) = matrix_map(np.zeros((len(orbitals),) * 2), orbitals, logarithmic=logarithmic).data
        assert np.isfinite(trace.z).all() and trace.zmin < trace.zmax
    (trace,) = matrix_map(comparison.difference, orbitals, title="ΔH", logarithmic=True).data
    assert trace.z[1, 2] == pytest.approx(math.log10(abs(comparison.difference[1, 2])), abs=1e-5)
    assert trace.colorbar.title.text == "log₁₀(|ΔH| / Eh)"


def test_marks_of_the_axes_stand_in_the_middle_of_what_they_name(comparison: Comparison) -> None:
    orbitals = basis.layout(comparison.molecule.numbers)
    finest, shells, atoms = axis_marks(orbitals)
    assert finest["places"] == list(range(len(orbitals)))
    assert len(shells["places"]) == len(orbitals.shell_l)
    first = orbitals.atom(0)
    assert atoms["places"][0] == (first.start + first.stop - 1) / 2
    assert atoms["texts"][0] == f"{comparison.molecule.symbols[0]}0"


def test_outline_frames_both_blocks_of_a_pair(comparison: Comparison) -> None:
    orbitals = basis.layout(comparison.molecule.numbers)
    (mark,) = outline(orbitals, 0, 1)
    assert mark["shape"]["path"].count("M") == 2
    assert outline(orbitals, 1, 1)[0]["shape"]["path"].count("M") == 1


# --- errors by block ---------------------------------------------------------------------------


@pytest.mark.parametrize("by", [by for by in BY if by != "distance"])
def test_groups_of_blocks_are_drawn_worst_first_with_their_unit(comparison: Comparison, by: str) -> None:
    mean, largest = block_figure(comparison.blocks, by).data
    assert list(mean.y) == sorted(mean.y, reverse=True)
    assert (largest.y >= mean.y).all()
    assert max(largest.y) == pytest.approx(np.abs(comparison.difference).max() * 1e3)  # the noise is of mEh
    assert block_figure(comparison.blocks, by).layout.yaxis.title.text == "|ΔH| (mEh)"


def test_points_of_pairs_lead_back_to_their_atoms(comparison: Comparison) -> None:
    positions = comparison.molecule.positions
    figure = block_figure(comparison.blocks, "distance", dark=True)
    seen = set()
    for trace in figure.data:
        for row, distance, error in zip(trace.customdata, trace.x, trace.y, strict=True):
            i, j = pair_of(int(row), len(comparison.molecule))
            seen.add(frozenset((i, j)))
            assert distance == pytest.approx(float(np.linalg.norm(positions[i] - positions[j])))
            factor, _ = handy_unit(comparison.pair_errors.max())
            assert error == pytest.approx(comparison.pair_errors[i, j] * factor)
    n = len(comparison.molecule)
    assert len(seen) == n * (n + 1) // 2
    assert figure.layout.xaxis.title.text == "Distance (Å)"


def test_no_error_at_all_is_drawn_and_said(comparison: Comparison) -> None:
    same = compare(comparison.reference, comparison.reference)
    for by in BY:
        block_figure(same.blocks, by)
    assert "not drawn" in block_figure(same.blocks, "distance").layout.xaxis.title.text
    with pytest.raises(ValueError, match="'colour'; choose kind"):
        block_figure(same.blocks, "colour")


# --- density of states ---------------------------------------------------------------------------


def test_area_of_the_occupied_states_is_their_number(comparison: Comparison) -> None:
    figure = states_figure([comparison.reference, comparison.other], 0.01)
    area, line = figure.data[:2]
    energies = comparison.reference.orbitals.energies
    valence = (energies[: comparison.reference.orbitals.n_occupied] > -2).sum()
    assert np.trapezoid(area.y, area.x) == pytest.approx(valence, abs=0.02)
    assert (line.y >= area.y - 1e-4).all()
    assert len(figure.layout.shapes) == 4  # HOMO and LUMO of both
    assert figure.layout.yaxis.title.text == "Density of states (1/Eh)"


def test_elements_sum_to_the_whole(comparison: Comparison) -> None:
    (_, whole) = states_figure([comparison.reference], 0.02).data
    parts = states_figure([comparison.reference], 0.02, by_element=True).data[1::2]
    assert np.allclose(sum(part.y for part in parts), whole.y, rtol=1e-4, atol=1e-3)
    assert {part.name for part in parts} == set(comparison.molecule.symbols)


def test_names_are_escaped_in_figures(comparison: Comparison) -> None:
    both = [comparison.reference, comparison.other]
    for figure in (states_figure(both), states_figure(both, by_element=True)):
        assert "<img" not in figure.to_json().replace("\\u003c", "<")


# --- tables ------------------------------------------------------------------------------------


def test_tables_have_units_and_no_markup_of_names(comparison: Comparison) -> None:
    text = property_table(comparison.properties, comparison.names)
    assert "<img" not in text and "&lt;img" in text
    ours, theirs = (side.orbitals.gap for side in (comparison.reference, comparison.other))
    cells = f"<td>{ours:.4f}</td><td>{theirs:.4f}</td><td>{write_energy(theirs - ours, signed=True)}</td>"
    assert f'gap</th><td class="unit">Eh</td>{cells}' in text
    assert "total energy" in text and ">–<" in text  # that of the other is unknown
    alone = property_table(comparison.reference.properties, ["DFT"])
    assert "Difference" not in alone
    assert f"{np.abs(comparison.difference).mean() * 1e3:.2f} mEh" in error_table(comparison.errors)


def test_small_energies_are_written_in_a_handy_unit() -> None:
    assert write_energy(0.0123, signed=True) == "+12.3 mEh"
    assert write_energy(-4.56e-5) == "−45.6 µEh"
    assert write_energy(0.0) == "0 Eh"
    assert write_energy(1.5) == "1.50 Eh"
    assert write_energy(math.nan) == "–"
    assert write_number(-0.00001, 2) == "0.00"
    assert handy_unit(3e-4) == (1e6, "µEh")
