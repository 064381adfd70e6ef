"""MACE and TorchMD-NET: as all models of the energy, and their packages change nothing else."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import nablaviz
from nablaviz.chem.atoms import atomic_energy
from nablaviz.models.energy.graph import graph
from nablaviz.models.library import architecture
from nablaviz.models.schedule import Settings
from nablaviz.models.training import train
from nablaviz.models.training_set import prepare
from nablaviz.molecule import Conformer, Molecule

PACKAGES = {"mace": "mace", "torchmdnet": "torchmdnet"}
SMALL = {"mace": {"channels": 4, "hidden": 8, "radial": 4}, "torchmdnet": {"channels": 4, "radial": 4}}


def installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


EXTRAS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(not installed(package), reason=f"pip install 'nablaviz[{name}]'"),
    )
    for name, package in PACKAGES.items()
]
extras = pytest.mark.parametrize("name", EXTRAS)


@pytest.fixture(scope="module")
def conformers() -> list[Conformer]:
    return [nablaviz.sample()[row] for row in (0, 1, 39, 300)]  # CCBr, acetamide, CF, C1CCSC1


def fitted(name: str, conformers: list[Conformer], dtype: torch.dtype):
    torch.manual_seed(0)
    kind = architecture(name)
    model = kind(kind.Settings(**SMALL[name])).to(dtype)
    model.fit_reference([model.prepare(c) for c in conformers])
    model.energy_scale.fill_(1.0)  # so that what the network makes is not lost among the references
    return model


@extras
def test_all_pairs_count(name):
    """An atom with 95 neighbours feels each: packages of their own stop at 32 or 64."""
    points = np.stack(np.meshgrid(range(4), range(4), range(6)), -1).reshape(-1, 3)
    crowd = Molecule([6] * 96, points * 0.7)
    torch.manual_seed(0)
    kind = architecture(name)
    model = kind(kind.Settings(**SMALL[name], layers=1)).double()
    sample = graph(Conformer(crowd), 5.0, torch.float64)
    atom = int(abs(points - [1, 2, 3]).sum(1).argmin())
    assert (sample.pairs[0] == atom).sum() == 95
    sample.positions.requires_grad_()
    (pull,) = torch.autograd.grad(model.atomic_energies(sample)[atom], sample.positions)
    assert abs(pull).amax(1).min() > 1e-12


@extras
def test_an_atom_alone_and_atoms_out_of_reach(name, conformers):
    model = fitted(name, conformers, torch.float64)
    alone = model.predict(Molecule([8], [[0, 0, 0]]))
    assert not alone.forces.any()
    far = model.predict(Molecule([8, 8], [[0, 0, 0], [40.0, 0, 0]]))
    assert far.energy == pytest.approx(2 * alone.energy, abs=1e-9)
    assert alone.energy != pytest.approx(atomic_energy(np.array([8])), abs=1e-6)


@extras
def test_training_is_kept_and_reaches_every_parameter(name, conformers, tmp_path):
    model = fitted(name, conformers, torch.float32)
    data = prepare(model, conformers, progress=False)
    run = train(model, data, Settings(budget=40, unit="steps", learning_rate=1e-2, warmup=1), out=tmp_path)
    losses = run.history[run.history.split == "train"].loss
    assert losses.iloc[-1] < 0.9 * losses.iloc[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    again, molecule = nablaviz.load_model(tmp_path / "model.safetensors"), conformers[0].molecule
    assert again.predict(molecule).energy == run.model.predict(molecule).energy
    assert (again.predict(molecule).forces == run.model.predict(molecule).forces).all()


IMPORT = """
import json, os, sys, warnings
import torch
from nablaviz.models.library import architecture

def state():
    return {
        "environment": dict(os.environ),
        "dtype": str(torch.get_default_dtype()),
        "device": str(torch.get_default_device()),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "random": torch.get_rng_state().tolist(),
        "filters": [str(f) for f in warnings.filters],
        "matmul": torch.get_float32_matmul_precision(),
        "slices": slice in torch.serialization.get_safe_globals(),
        "fusion": torch._C._jit_texpr_fuser_enabled(),
    }

kind = architecture(sys.argv[1])
with torch.random.fork_rng(devices=[]):
    before = state()
    kind()
    after = state()
after["random"] = before["random"]  # the first weights are drawn
torch.save(object, sys.argv[2])
try:
    torch.load(sys.argv[2])
    refused = False
except Exception:
    refused = True
print(json.dumps([before, after, refused]))
"""


@extras
def test_the_process_is_as_it_was(name, tmp_path):
    command = [sys.executable, "-c", IMPORT, name, str(tmp_path / "pickle.pt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after, refused = json.loads(done.stdout)  # nothing else is printed to stdout
    assert before == after
    assert "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD" not in after["environment"]
    assert refused


@pytest.mark.parametrize("name", PACKAGES)
def test_without_the_package(name, monkeypatch):
    for module in ("mace", "mace.modules", "e3nn", "e3nn.o3", "torchmdnet", "warp"):
        monkeypatch.setitem(sys.modules, module, None)
    says = rf"{name} needs \w+, which is not installed .*: pip install 'nablaviz\[{name}\]'"
    with pytest.raises(ImportError, match=says):
        architecture(name)()
