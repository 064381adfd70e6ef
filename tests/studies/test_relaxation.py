"""The metrics of relaxation, and DFT's relaxations that are gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nablaviz import Molecule, label
from nablaviz.chem.relaxation import CONVERGED, DIVERGED, Relaxation
from nablaviz.studies.relaxation import (
    Outcome,
    Remembered,
    dft_surface,
    judge,
    metrics,
    reference_relaxation,
    table,
)
from nablaviz.units import HARTREE2KCAL

WATER = Molecule([8, 1, 1], [[0, 0, 0.13], [0, 0.80, -0.49], [0, -0.74, -0.45]], "O")


def outcome(modelled: float | None, relaxed: float = -1.0) -> Outcome:
    return Outcome("x", 3, 0.0, modelled, relaxed, 10, CONVERGED, 0.1)


def test_the_published_metrics() -> None:
    close, half, above, gone = outcome(-0.999), outcome(-0.5), outcome(0.1), outcome(None)
    found = metrics([close, half, above, gone])
    assert found["pct"] == pytest.approx((99.9 + 50) / 2)  # of those that did not diverge
    assert found["pct_div"] == 50
    assert found["success"] == 25  # of all
    assert found["residual"] == pytest.approx((0.001 + 0.5) / 2 * HARTREE2KCAL)
    assert found["conformers"] == 4
    assert [one.diverged for one in (close, half, above, gone)] == [False, False, True, True]
    assert outcome(-1.2).pct == pytest.approx(120) and outcome(-1.2).success
    nothing = metrics([above])
    assert np.isnan(nothing["pct"]) and nothing["pct_div"] == 100
    lines = table([close, gone])
    assert list(lines.success) == [True, False]
    assert lines.released[0] == pytest.approx(HARTREE2KCAL)
    with pytest.raises(ValueError, match="no relaxation to judge"):
        metrics([])


def path(energies: list[float], reason: str = CONVERGED, shift: float = 0.0) -> Relaxation:
    geometries = tuple(
        Molecule(WATER.numbers, WATER.positions * (1 + shift + 0.01 * k)) for k in range(len(energies))
    )
    return Relaxation(geometries, np.array(energies), np.zeros(len(energies)), reason)


def test_a_model_is_judged_by_dft() -> None:
    reference = path([0.0, -0.5, -1.0])
    found = judge("x", path([5.0, 4.0]), reference, lambda molecule: -0.75)
    assert (found.first, found.modelled, found.relaxed, found.steps) == (0.0, -0.75, -1.0, 1)
    assert found.pct == 75 and found.apart > 0
    assert judge("x", path([5.0], DIVERGED), reference, lambda molecule: -0.75).diverged

    def fails(molecule: Molecule) -> float:
        raise ValueError("not converged")

    lost = judge("x", path([5.0, 4.0]), reference, fails)
    assert lost.diverged and np.isnan(lost.pct) and np.isnan(lost.residual) and not lost.success
    with pytest.raises(ValueError, match="begin at different geometries"):
        judge("x", path([5.0], shift=0.05), reference, lambda molecule: 0.0)
    with pytest.raises(ValueError, match="did not lower the energy"):
        judge("x", path([5.0, 4.0]), path([0.0, 0.1]), lambda molecule: 0.0)


def test_dft_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    def stop(step: int, energy: float, force: float) -> None:
        if step == 2:
            raise InterruptedError

    file = tmp_path / "water.json"
    with pytest.raises(InterruptedError):
        reference_relaxation(WATER, file, tell=stop)
    kept = json.loads(file.read_text())["evaluations"]
    assert len(kept) == 3
    found, surface = reference_relaxation(WATER, file)
    assert found.converged
    assert surface.computed == len(found.path) - 3
    assert found.energies[0] == pytest.approx(kept[0]["energy"], abs=1e-10)  # from Eh to eV and back
    fresh = label(found.molecule)
    assert found.energies[-1] == pytest.approx(fresh.energy, abs=1e-7)
    assert np.linalg.norm(fresh.forces, axis=1).max() < 5e-4
    oxygen, *hydrogens = found.molecule.positions
    lengths = np.linalg.norm(np.array(hydrogens) - oxygen, axis=1)
    assert lengths == pytest.approx(0.960, abs=0.01)  # ωB97X-D/def2-SVP; 0.958 Å measured
    again, surface = reference_relaxation(WATER, file)
    assert surface.computed == 0
    assert np.array_equal(again.energies, found.energies)
    assert surface(found.molecule)[0] == pytest.approx(found.energies[-1], abs=1e-10)
    assert surface.computed == 0
    assert surface.surface is not dft_surface


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"other": 1}')
    with pytest.raises(ValueError, match="not a file of a relaxation"):
        Remembered(lambda molecule: (0.0, np.zeros((3, 3))), file)
