"""A few of the kills of benchmarks/power_cuts.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "power_cuts.py"


def test_kills_lose_nothing_and_leave_nothing():
    """Labelling is killed in tests/data/test_labelling.py, studies in tests/studies/test_engine.py."""
    only = [word for name in ("convert", "download", "train", "export") for word in ("--only", name)]
    done = subprocess.run(
        [sys.executable, SCRIPT, "--kills", "9", "--json", *only], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["kills"] >= 8
    assert (found["broken"], found["lost"], found["left"]) == (0, 0, 0)
    assert all(work["finished"] for work in found["work"].values())
