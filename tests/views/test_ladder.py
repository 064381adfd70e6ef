"""The panel of the ladder of methods."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nablaviz
from nablaviz import Molecule
from nablaviz.chem.ladder import differences
from nablaviz.chem.ladder_guard import Forecast
from nablaviz.chem.rung_cost import Cost
from nablaviz.chem.rungs import RUNGS
from nablaviz.models.interface import Prediction
from nablaviz.views.ladder import LadderPanel
from nablaviz.views.ladder_figure import CHEMICAL, exponents, ladder_figure, scaling_figure
from nablaviz.views.ladder_table import ladder_table
from nablaviz.views.language import say

STRETCHED = [Molecule([1, 1], [[0, 0, 0], [0, 0, r]]) for r in (0.74, 1.1)]


class Springs:
    """A model of one's own."""

    def predict(self, molecule: Molecule) -> Prediction:
        return Prediction(molecule, float(np.ptp(molecule.positions[:, 2]) ** 2))


@pytest.fixture(scope="module")
def climbed() -> LadderPanel:
    rungs = ("hf", "mp2", "ccsd", "fci")
    panel = nablaviz.ladder(STRETCHED, rungs=rungs, models={"<b>": Springs()}, basis="sto-3g")
    assert panel.steps == []
    assert "kcal/mol" not in panel.result.value  # nothing but what is expected
    assert all(box.value for box in panel.chosen.values())
    panel.start()
    return panel


def traces(panel: LadderPanel) -> dict[str, Any]:
    figure = ladder_figure(panel.table)
    assert figure.to_json() == panel.plot.figure
    return {trace.name: trace for trace in figure.data}


def test_the_table_has_what_was_computed(climbed: LadderPanel) -> None:
    table = climbed.table.set_index("rung")
    assert list(table.index) == ["hf", "mp2", "ccsd", "fci", "model <b>"]
    assert set(table.reference) == {"fci"}
    assert table.value["ccsd"] == pytest.approx(table.value["fci"], abs=1e-3)
    assert table.value["model <b>"] == pytest.approx(627.5 * (1.1**2 - 0.74**2), abs=0.1)
    assert set(climbed.energies.state) == {"done"}
    assert climbed.notice.text == ""
    assert not climbed.go.disabled and climbed.progress.layout.display == "none"
    written = climbed.result.value
    assert f"{table.value['hf']:+.2f}" in written
    assert "<b>" not in written.replace("&lt;b&gt;", "") and "&lt;b&gt;" in written
    assert f"<td>{say('ladder.reference')}</td>" in written


def test_the_plot_has_a_point_for_each(climbed: LadderPanel) -> None:
    shown = traces(climbed)
    table = climbed.table.set_index("rung")
    assert shown["correlated"]["y"][0] == pytest.approx(abs(table.deviation["mp2"]))
    assert list(shown["mean field"]["x"]) == [table.wall["hf"]]
    assert shown["exact in the basis"]["text"] == ("Full CI",)
    assert "the reference" in shown["exact in the basis"]["customdata"][0]
    assert shown["model"]["text"] == ("&lt;b&gt;",)
    layout = json.loads(climbed.plot.figure)["layout"]
    assert "kcal/mol" in layout["yaxis"]["title"]["text"] and "(s)" in layout["xaxis"]["title"]["text"]


def test_another_reference_and_the_dark(climbed: LadderPanel) -> None:
    light = climbed.plot.figure
    climbed.theme.dark = True
    assert json.loads(climbed.plot.figure)["layout"]["font"] != json.loads(light)["layout"]["font"]
    climbed._reference = "mp2"
    assert set(climbed.table.reference) == {"mp2"}
    climbed._reference, climbed.theme.dark = None, False


def test_what_would_not_fit_is_refused_beforehand() -> None:
    panel = LadderPanel("C=C + [H][H] -> CC", rungs=("hf", "fci"), models={}, seconds=20)
    assert (panel.chosen["hf"].value, panel.chosen["fci"].value) == (True, False)
    assert "determinants" in panel.result.value and "Instead" in panel.result.value
    panel.basis.value = "sto-3g"
    assert panel.forecasts[0].cost.seconds > 0
    panel.seconds.value = -1
    assert "limits must be positive" in panel.notice.text
    panel.seconds.value = 20
    assert panel.notice.text == ""
    panel.chosen["hf"].value = False
    panel.start()
    assert panel.notice.text == "no method is chosen: tick one"


def test_one_molecule_has_its_total_energy() -> None:
    panel = LadderPanel(STRETCHED[0], rungs=("hf", "fci", "skala"), models={}, basis="sto-3g")
    panel.start()
    assert "total energy (Eh)" in panel.result.value
    value = panel.table.set_index("rung").value["fci"] / 627.5094740631
    assert f"−{abs(value):.6f}" in panel.result.value
    assert "skala is not installed" in panel.result.value


def test_wrong_molecules_are_refused() -> None:
    with pytest.raises(ValueError, match="C2H4 on the left and C2H6 on the right"):
        nablaviz.ladder("C=C -> CC")
    with pytest.raises(ValueError, match="no rung 'hff'"):
        nablaviz.ladder(STRETCHED, rungs=("hff",))
    with pytest.raises(ValueError, match="no model or file 'energie'"):
        nablaviz.ladder(STRETCHED, models={"mine": "energie"})


def test_figures_of_nothing() -> None:
    nothing = differences(LadderPanel(STRETCHED, rungs=("hf",), models={}).comparison, [])
    figure = ladder_figure(nothing)
    assert len(figure.data) == 0 and figure.layout.shapes[0].y0 == CHEMICAL
    line = ladder_table([Forecast(RUNGS["hf"], Cost(3.0, 2e9), "")], nothing, {})
    assert "<td>3 s</td><td>2 GB</td>" in line


def test_scaling_is_drawn_with_its_exponent() -> None:
    sizes = [10, 20, 40]
    table = pd.DataFrame(
        {
            "title": ["HF"] * 3 + ["FCI"],
            "formula": ["CH4", "C2H6", "C4H10", "CH4"],
            "functions": [*sizes, 10],
            "processor": [1.0, 8.0, 64.0, 3.0],
        }
    )
    assert set(exponents(table)) == {"HF"}
    figure = scaling_figure(table)
    assert [trace.name for trace in figure.data if trace.mode == "markers"] == [
        "HF: N<sup>3.0 ± 0.0</sup>",
        "FCI",
    ]
    assert figure.data[1].y == pytest.approx([1, 64])
