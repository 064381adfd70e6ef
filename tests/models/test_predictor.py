"""What may be given to a model's ``predict``."""

from __future__ import annotations

import pytest

import nablaviz


def test_conformers_are_predicted_as_their_geometries():
    model, conformers = nablaviz.load_model("energy"), [nablaviz.sample()[row] for row in (0, 40)]
    several, one = model.predict(conformers), model.predict(conformers[0])
    assert [p.molecule for p in several] == [c.molecule for c in conformers]
    assert [p.energy for p in several] == pytest.approx(
        [model.predict(c.molecule).energy for c in conformers], abs=1e-6
    )
    assert one.energy == pytest.approx(several[0].energy, abs=1e-6)
