"""One thread for OpenBLAS, beside PyTorch's and PySCF's own threads."""

from __future__ import annotations

import os
import sys

SETTING = "OPENBLAS_NUM_THREADS"


def calm() -> None:
    """Let the OpenBLAS of NumPy, SciPy and PySCF compute on one thread, unless the environment says how many.

    Idle threads of OpenBLAS go on spinning for a while, and so do those of OpenMP in PyTorch and PySCF: where
    calls of both alternate, each waits for the other's. On 2 cores a label of 12 atoms took 7 times as long,
    a predicted Hamiltonian 9 times. The large matrix products are PyTorch's, which keeps its threads.
    """
    if SETTING in os.environ:
        return
    os.environ[SETTING] = "1"  # for what is not loaded yet, and for processes that this one starts
    if "numpy" in sys.modules:
        from threadpoolctl import ThreadpoolController

        ThreadpoolController().select(internal_api="openblas").limit(limits=1)
