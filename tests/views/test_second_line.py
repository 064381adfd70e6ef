"""What the comparison panel says of a prediction, and the SCF that starts from it."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.scf_start import Start
from nablaviz.data.memory import Memory
from nablaviz.models.ensemble import Spread
from nablaviz.models.interface import Prediction
from nablaviz.models.second import Found, second
from nablaviz.models.trust import Closeness, describe
from nablaviz.molecule import Molecule
from nablaviz.views.reliability import reliability_html
from nablaviz.views.scf_start import starts_html, two_starts


class Model:
    """It knows the answer for one conformer."""

    def __init__(self, dataset: Memory) -> None:
        self.domain = describe([dataset[0]])
        self.known = dataset[0].hamiltonian

    def predict(self, molecule: Molecule) -> Prediction:
        if len(molecule) == 6:
            raise ValueError("<b>no</b>")
        return Prediction(molecule, hamiltonian=self.known)


@pytest.fixture(scope="module")
def dataset() -> Memory:
    return Memory([nablaviz.sample()[row] for row in (39, 44)])


@pytest.mark.parametrize(
    ("percentile", "said"),
    [
        (61.6, "similar to the training data: 62nd percentile"),
        (11.2, "11th percentile"),
        (99.0, "far from the training data (99th percentile): expect larger errors"),
    ],
)
def test_badges(percentile, said):
    html = reliability_html(Found(None, closeness=Closeness(0.2, percentile, np.full(3, 0.2))))
    assert said in html
    assert "nearest of the same element" in html
    assert "Distance here: 0.200" in html


def test_an_ensemble_and_an_unknown_domain():
    spread = Spread(np.full((2, 2), 2e-4), np.full(1, 2e-4), 1e-3, 3e-3)
    html = reliability_html(Found(None, spread=spread))
    assert "distance to the training data unknown" in html
    assert "nablaviz evaluate --domain" in html
    assert "models disagree by 200 µEh in H, 1.00 mEh (HOMO), 3.00 mEh (LUMO)" in html


def test_the_panel_judges_models_and_starts_an_scf(dataset):
    panel = nablaviz.compare(dataset, Model(dataset))
    assert "similar to the training data" in panel.second.reliability.value
    assert panel.found.closeness.distance < 1e-3
    panel.second.scf.start()
    usual, guided = panel.second.scf.starts
    assert guided.iterations < usual.iterations
    assert guided.energy == pytest.approx(usual.energy, abs=1e-7)
    assert f"<td>{guided.iterations}</td>" in panel.second.scf.result.value
    assert not panel.second.scf.button.disabled
    panel.row = 1  # the model fails there: nothing to judge, nothing to start from
    assert panel.second.reliability.value == panel.second.scf.result.value == ""
    assert panel.second.scf.layout.display == "none"
    assert panel.second.scf.starts is None


def test_what_is_no_model_is_not_judged_but_can_start_an_scf(dataset):
    panel = nablaviz.compare(dataset, "sap-fit")
    assert panel.second.reliability.value == ""
    assert panel.second.scf.layout.display is None


def test_progress_rises_and_can_stop(dataset):
    told = []

    def tell(text, part=None):
        told.append((text, part))
        if "iteration 3" in text:
            raise CancelledError

    with pytest.raises(CancelledError):
        two_starts(second("sap-fit", dataset), 0, dataset[0], tell)
    texts, parts = zip(*told, strict=True)
    assert texts[0] == "SCF from superposed atomic densities: integrals"
    assert "energy change" in texts[-1]
    assert 0 == parts[0] <= parts[-1] < 0.5


def test_names_are_escaped():
    start = Start(7, -1.0, 2.0, 2.0, 0.5)
    html = starts_html(Start(10, -1.0, 3.0, 3.0, 0.0), start, "<img src=x>")
    assert "<img" not in html
    assert "70% of the iterations, 67% of the time" in html
