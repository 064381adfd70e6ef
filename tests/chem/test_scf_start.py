"""An SCF from a guess: fewer iterations, the same energy, integrals computed once."""

from __future__ import annotations

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import scf
from nablaviz.chem.baselines import baseline
from nablaviz.chem.dft import label
from nablaviz.chem.scf_start import start_from


def test_fewer_iterations_to_the_same_energy():
    conformer = nablaviz.sample()[44]
    seen = []
    usual = start_from(conformer.molecule, progress=lambda *state: seen.append(state))
    guided = start_from(conformer.molecule, lambda: conformer.hamiltonian)
    assert guided.iterations < usual.iterations / 2
    assert guided.energy == pytest.approx(usual.energy, abs=1e-7)
    assert usual.energy == pytest.approx(conformer.energy, abs=1e-7)
    assert 0 <= guided.guess < guided.wall
    assert [iteration for iteration, _, _ in seen] == list(range(1, usual.iterations))
    assert abs(seen[-1][2]) < 1e-6


def test_what_a_baseline_set_up_is_used_again(monkeypatch):
    made = []
    plain = scf.SCF.__init__
    monkeypatch.setattr(scf.SCF, "__init__", lambda self, *args: (made.append(args), plain(self, *args))[1])
    molecule = nablaviz.sample()[39].molecule
    guided = start_from(molecule, lambda: baseline("minao", molecule))
    assert len(made) == 1
    with scf.sharing():
        baseline("minao", nablaviz.sample()[44].molecule)
        baseline("minao", molecule)
        kept = scf._KEPT.get()
        assert len(kept) == 1
    assert len(made) == 3
    assert scf._KEPT.get() is None
    alone = label(molecule, forces=False, guess=baseline("minao", molecule))
    assert alone.energy == pytest.approx(guided.energy, abs=1e-8)
    assert abs(alone.scf_iterations - guided.iterations) <= 2


def test_it_can_be_stopped():
    def stop(iteration: int, energy: float, change: float) -> None:
        assert np.isfinite(energy)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        start_from(nablaviz.sample()[39].molecule, progress=stop)
