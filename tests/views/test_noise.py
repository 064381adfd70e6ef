"""The slider that adds noise to a Hamiltonian."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nablaviz import Conformer, sample
from nablaviz.chem.noise import BASES, perturbed, response
from nablaviz.views.energy_units import write_energy
from nablaviz.views.noise import Noise
from nablaviz.views.noise_figure import noise_figure


@pytest.fixture(scope="module")
def conformer() -> Conformer:
    dataset = sample()
    return dataset[int(dataset.table.n_atoms.argmin())]


@pytest.fixture(scope="module")
def panel(conformer: Conformer) -> Noise:
    return Noise(conformer, draws=2)


def stars(panel: Noise) -> list[tuple[float, float]]:
    data = json.loads(panel.plot.figure)["data"]
    found = [
        (trace["x"][0], trace["y"][0]) for trace in data if trace.get("marker", {}).get("symbol") == "star"
    ]
    assert len(found) == 4
    return found


@pytest.mark.parametrize("size", [0.01, 1.0])
def test_figure_and_table_follow_the_sliders(panel: Noise, size: float) -> None:
    panel.size.value, panel.draw.value = size, 3
    expected = []
    for basis in BASES:
        errors = perturbed(panel.exact, size / 1e3, basis, 3).errors.set_index("measure")["value"]
        assert write_energy(errors["|Δgap|"]) in panel.errors.value
        expected += [(size, errors[name] * 1e3) for name in ("|Δgap|", "mean |Δε|, occupied")]
    assert np.allclose(sorted(stars(panel)), sorted(expected))


def test_another_draw_is_another_figure(panel: Noise) -> None:
    panel.draw.value = 4
    before = panel.plot.figure
    panel.draw.value = 5
    assert panel.plot.figure != before


def test_the_first_column_has_the_exact_levels(panel: Noise) -> None:
    sides = [perturbed(panel.exact, 1e-3, basis) for basis in BASES]
    occupied, virtual, *_ = noise_figure(sides, response(panel.exact, [1e-4, 1e-3], 2), 1e-3).data
    energies = np.concatenate([occupied.y[::4], virtual.y[::4]])
    assert np.array_equal(energies, panel.exact.orbitals.energies)
    assert len(occupied.y) == 4 * panel.exact.orbitals.n_occupied
    assert occupied.text[-1].startswith("HOMO: ") and virtual.text[0].startswith("LUMO: ")


def test_a_dark_page_has_its_own_colours(panel: Noise) -> None:
    light = json.loads(panel.plot.figure)["layout"]["font"]["color"]
    panel.theme.dark = True
    assert json.loads(panel.plot.figure)["layout"]["font"]["color"] != light


def test_a_conformer_without_hamiltonian_is_named(conformer: Conformer) -> None:
    with pytest.raises(ValueError, match="has no Hamiltonian to add noise to"):
        Noise(Conformer(conformer.molecule))
