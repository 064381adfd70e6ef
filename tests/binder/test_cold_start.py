"""What the first panels of a session load: on Binder, seconds and memory are few."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "pyscf", "scipy", "ase", "dask", "matplotlib", "lightning_fabric", "skimage", "sympy"}

CODE = """
import json, sys
import nablaviz
panel = {panel}
print(json.dumps([len(sys.modules), sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


@pytest.mark.parametrize(
    ("panel", "needed"),
    [
        ("nablaviz.browse(nablaviz.sample())", set()),
        ("nablaviz.learning_curves('nowhere')", set()),
        ("nablaviz.load_model('sap')", set()),
    ],
)
def test_a_panel_loads_what_it_computes_with(panel: str, needed: set[str]) -> None:
    command = [sys.executable, "-c", CODE.format(panel=panel)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, loaded = json.loads(done.stdout)
    assert set(loaded) & HEAVY == needed
    assert count < 1400
