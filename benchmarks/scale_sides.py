"""What each side of ``scale.py`` does, in a process of its own."""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 16


def timed(act: Callable[[], Any], repeat: int) -> dict[str, float]:
    """First and median wall time, and median processor time, in seconds."""
    wall, cpu = [], []
    for _ in range(repeat):
        begun, used = time.perf_counter(), time.process_time()
        act()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    return {"first": wall[0], "median": statistics.median(wall), "cpu": statistics.median(cpu)}


def peak() -> float:
    """Largest memory of this process so far, MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1000


def ours_catalogue(args: argparse.Namespace) -> dict[str, Any]:
    import nablaviz
    from nablaviz.data.aggregates import density, groups
    from nablaviz.data.catalog import Catalog
    from nablaviz.views.figures import bin_edges

    def first() -> Any:
        catalog = Catalog(nablaviz.open(args.catalogue))
        low, high = catalog.summary().loc["gap", ["min", "max"]]
        edges = bin_edges([low, high], 40)
        return bars(edges, catalog.histogram("gap", edges))

    import duckdb  # noqa: F401 (imported before the clock starts, as pandas is on the other side)
    import pandas  # noqa: F401
    import plotly.graph_objects  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    found: dict[str, Any] = {"imports_mb": peak()}
    found["first_plot"] = timed(first, 1)
    found["open"] = timed(lambda: Catalog(nablaviz.open(args.catalogue)), args.repeat)
    catalog = Catalog(nablaviz.open(args.catalogue))
    summary = catalog.summary()
    ends = {c: tuple(map(float, summary.loc[c, ["min", "max"]])) for c in ("gap", "formation_energy")}
    edges = bin_edges(ends["gap"], 40)
    filters: dict[str, Any] = {"n_atoms": (None, 40), "where": "lumo < 0.06 AND dipole > 1"}
    found["filter_and_histogram"] = timed(lambda: catalog.histogram("gap", edges, **filters), args.repeat)
    found["filter_and_rows"] = timed(lambda: catalog.rows(**filters), args.repeat)
    found["density"] = timed(
        lambda: density(catalog, "gap", "formation_energy", ends["gap"], ends["formation_energy"]),
        args.repeat,
    )
    found["group_by_scaffold"] = timed(lambda: groups(catalog, "scaffold", "gap"), args.repeat)
    found["page"] = timed(lambda: catalog.table(np.arange(12) + len(catalog) // 2), args.repeat)
    found["sort"] = timed(lambda: catalog.rows(order_by="gap"), 1)
    return found | {
        "rows": len(catalog),
        "scaffolds": groups(catalog, "scaffold").attrs["groups"],
        "peak_mb": peak(),
    }


def bars(edges: np.ndarray, counts: np.ndarray) -> str:
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=(edges[1:] + edges[:-1]) / 2, y=counts)).to_json()


def pandas_catalogue(args: argparse.Namespace) -> dict[str, Any]:
    import pandas as pd
    import plotly.graph_objects  # noqa: F401

    rows = None if args.pandas_whole else args.pandas_rows

    def first() -> Any:
        table = pd.read_csv(args.summary, nrows=rows)
        counts, edges = np.histogram(table["DFT HOMO-LUMO GAP"], bins=40)
        found.update(rows=len(table), frame_mb=table.memory_usage(deep=True).sum() / 1e6)
        return bars(edges, counts)

    found: dict[str, Any] = {"version": pd.__version__}
    found["first_plot"] = timed(first, 1)
    return found | {"peak_mb": peak()}


def ours_energy(args: argparse.Namespace) -> dict[str, Any]:
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401

    import nablaviz

    nablaviz.open(args.energy).table  # noqa: B018
    found = timed(lambda: nablaviz.open(args.energy).table, args.repeat)
    table = nablaviz.open(args.energy).table
    return {"table": found, "rows": len(table), "sum": float(table.formation_energy.sum()), "peak_mb": peak()}


def ase_energy(args: argparse.Namespace) -> dict[str, Any]:
    import ase
    import pandas as pd
    from ase.db import connect

    def table() -> pd.DataFrame:
        lines = []
        for row in connect(args.energy, use_lock_file=False).select():
            pairs = row.key_value_pairs
            energy = float(np.ravel(row.data["energy"])[0])
            lines.append((pairs.get("moses_id"), pairs.get("conformation_id"), pairs.get("smiles"), energy))
        return pd.DataFrame(lines, columns=["moses_id", "conformation_id", "smiles", "energy"])

    found = timed(table, 1)
    read = table() if args.check else None
    total = None if read is None else float(read.energy.sum())
    return {"table": found, "sum": total, "version": ase.__version__, "peak_mb": peak()}


def order(rows: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).permutation(rows).tolist()


def reads(
    one: Callable[[int], Any], many: Callable[[list[int]], Any], rows: int, repeat: int
) -> dict[str, Any]:
    """Seconds per row, one at a time and in batches."""
    chosen = order(rows)
    parts = [chosen[i : i + BATCH] for i in range(0, rows, BATCH)]
    random = timed(lambda: [one(row) for row in chosen], repeat)
    batched = timed(lambda: [many(part) for part in parts], repeat)
    return {
        "random": {key: value / rows for key, value in random.items()},
        "batched": {key: value / rows for key, value in batched.items()},
        "peak_mb": peak(),
    }


def ours_hamiltonian(args: argparse.Namespace) -> dict[str, Any]:
    import nablaviz

    dataset = nablaviz.open(args.hamiltonian, dtype=args.dtype)
    return reads(lambda row: dataset[row], dataset.read, len(dataset), args.repeat) | {"rows": len(dataset)}


def store_hamiltonian(args: argparse.Namespace) -> dict[str, Any]:
    import nablaviz

    dataset = nablaviz.open(args.store, dtype=args.dtype)
    return reads(lambda row: dataset[row], dataset.read, len(dataset), args.repeat) | {"rows": len(dataset)}


def nabladft_hamiltonian(args: argparse.Namespace) -> dict[str, Any]:
    import apsw

    spec = importlib.util.spec_from_file_location("hamiltonian_dataset", args.nabladft)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    database = module.HamiltonianDatabase(str(args.hamiltonian))
    found = reads(lambda row: database[row], lambda part: database[part], len(database), args.repeat)
    return found | {"rows": len(database), "apsw": apsw.apsw_version()}


SIDES: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "catalogue": ours_catalogue,
    "pandas": pandas_catalogue,
    "energy": ours_energy,
    "ase": ase_energy,
    "hamiltonian": ours_hamiltonian,
    "store": store_hamiltonian,
    "nabladft": nabladft_hamiltonian,
}
