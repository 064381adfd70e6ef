"""OpenBLAS on one thread, unless the environment says otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

COUNT = """
import json, scipy.linalg, pyscf.lib, torch, os
from threadpoolctl import threadpool_info
counts = {i["num_threads"] for i in threadpool_info() if i["internal_api"] == "openblas"}
print(json.dumps([sorted(counts), torch.get_num_threads(), os.environ["OPENBLAS_NUM_THREADS"]]))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="a single core")
@pytest.mark.parametrize("first", ["import nablaviz", "import numpy, scipy.linalg; import nablaviz"])
@pytest.mark.parametrize("asked", [None, "2"])
def test_openblas_has_one_thread_unless_asked_otherwise(first: str, asked: str | None) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    environment |= {"OPENBLAS_NUM_THREADS": asked} if asked else {}
    done = subprocess.run(
        [sys.executable, "-c", first + COUNT], env=environment, capture_output=True, text=True, check=True
    )
    counts, of_torch, said = json.loads(done.stdout)
    if not counts:
        pytest.skip("no OpenBLAS here")
    assert (counts[-1], said) == (int(asked or 1), asked or "1")  # PySCF sets its own to 1
    assert of_torch > 1
