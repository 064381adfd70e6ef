"""The kinds of work that ``power_cuts.py`` kills, and what can be compared of their results."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

RECIPE = """
seed = 1
[[molecules]]
smiles = ["O", "C", "N"]
splits = { train = 2 }
"""
SIZE = 4 << 20
"""Of what is downloaded, bytes."""


@dataclass(frozen=True)
class Work:
    """Something to do in a folder."""

    name: str
    do: Callable[[Path], object]
    result: Callable[[Path], dict[str, Any]]
    "What is in the folder: by name, what can be compared. Raises where a file with a final name is broken."
    begun: str
    "Pattern of the first file."


def inputs(root: Path) -> None:
    """What the work needs."""
    from fuzzing.seeds import smallest

    from nablaviz.data.store_writer import StoreWriter

    (root / "recipe.toml").write_text(RECIPE)
    with StoreWriter(root / "source") as writer:
        for conformer in smallest(8):
            writer.add(conformer)


def command(*words: object) -> None:
    """What the command line does."""
    from nablaviz.cli import main

    if main([str(word) for word in words]):
        raise RuntimeError(f"{words[0]} failed")


def works(root: Path, url: str, registry: Path) -> list[Work]:
    def label(folder: Path) -> None:
        command("label", root / "recipe.toml", "--out", folder / "labels", "--workers", 1)

    def convert(folder: Path) -> None:
        for to, name in (("store", "store"), ("energy", "energy.db"), ("hamiltonian-v2", "hamiltonian.db")):
            there = to != "store" and (folder / name).exists()
            try:
                command("convert", root / "source", folder / name, "--to", to)
            except RuntimeError:  # the command says that the file exists
                if not there:
                    raise

    def download(folder: Path) -> None:
        command("download", "file", "--to", folder, "--registry", registry, "--base-url", url)

    def train(folder: Path) -> None:
        options = ("channels=8", "layers=1", "checkpoint_every=3", "validate_every=4", "pairs_per_batch=400")
        settings = [word for option in options for word in ("--set", option)]
        command(
            "train",
            "schnet",
            root / "source",
            "--out",
            folder / "run",
            "--steps",
            60,
            "--device",
            "cpu",
            *settings,
        )

    return [
        Work("label", label, _stores("labels"), "labels/.pending/*"),
        Work("convert", convert, _stores("store", "energy.db", "hamiltonian.db"), "*"),
        Work("download", download, _downloaded, "*"),
        Work("train", train, _trained, "run/*"),
        Work("export", lambda folder: export(root, folder), _exported, "*"),
    ]


def export(root: Path, folder: Path) -> None:
    """What panels write."""
    import nablaviz
    from nablaviz.chem.orbitals import orbitals_of
    from nablaviz.data.molden import write_molden
    from nablaviz.data.selection import write_list, write_store

    dataset = nablaviz.open(root / "source")
    panel = nablaviz.compare(dataset, "core")
    conformer = dataset[0]
    panel.to_cube(folder / "orbital.cube", overwrite=True)
    write_molden(
        folder / "all.molden", conformer.molecule, orbitals_of(conformer.molecule, conformer.hamiltonian)
    )
    if not (folder / "list.csv").exists():
        write_list(dataset, range(5), folder / "list.csv", "train")
    panel.to_html(folder / "page.html", overwrite=True)
    write_store(dataset, range(6), folder / "selection", "train")


def _stores(*names: str) -> Callable[[Path], dict[str, Any]]:
    def result(folder: Path) -> dict[str, Any]:
        import nablaviz

        found = {}
        for name in names:
            path = folder / name
            if not (any(path.glob("*.parquet")) if "." not in name else path.exists()):
                continue
            for c in nablaviz.open(path):
                key = f"{name} {c.moses_id}/{c.conformation_id}"
                assert key not in found, f"{key} is there twice"
                arrays = [a for a in (c.molecule.positions, c.forces, c.hamiltonian) if a is not None]
                found[key] = [c.energy, *(float((a * a).sum()) for a in arrays)]
        return found

    return result


def _downloaded(folder: Path) -> dict[str, Any]:
    path = folder / "file.db"
    return {"file.db": md5(path.read_bytes()).hexdigest()} if path.exists() else {}


def _trained(folder: Path) -> dict[str, Any]:
    from nablaviz.models import checkpoint
    from nablaviz.models.history import read_history
    from nablaviz.models.library import load_model

    found: dict[str, Any] = {}
    run = folder / "run"
    if (run / "checkpoint.safetensors").exists():
        checkpoint.load(run / "checkpoint.safetensors")
    if (run / "model.safetensors").exists():
        model: Any = load_model(run / "model.safetensors")
        found |= {n: float(t.double().pow(2).sum()) for n, t in model.state_dict().items()}
        history = read_history(run)
        found |= {f"{r.split} {r.step}": r.loss for r in history.itertuples()}
        assert len(found) == len(history) + len(model.state_dict()), "a step is in the history twice"
    return found


def _exported(folder: Path) -> dict[str, Any]:
    import pandas as pd

    from nablaviz.data.cube import read_cube

    found = _stores("selection")(folder)
    if (folder / "orbital.cube").exists():
        found["cube"] = float((read_cube(folder / "orbital.cube").fields[0].values ** 2).sum())
    if (folder / "all.molden").exists():
        found["molden"] = md5((folder / "all.molden").read_bytes()).hexdigest()
    if (folder / "list.csv").exists():
        found["list"] = len(pd.read_csv(folder / "list.csv"))
    if (folder / "page.html").exists():
        text = (folder / "page.html").read_text()
        assert text.rstrip().endswith("</html>"), "half a page"
        found["page"] = text.count("<figure>")
    return found


class Slowly(BaseHTTPRequestHandler):
    """Sends a file in small pieces; knows ranges."""

    protocol_version = "HTTP/1.1"
    content = random.Random(0).randbytes(SIZE)
    pause = 0.01

    def do_HEAD(self) -> None:
        self._answer(0, body=False)

    def do_GET(self) -> None:
        start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        self._answer(start, body=True)

    def _answer(self, start: int, *, body: bool) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{SIZE - 1}/{SIZE}")
        self.send_header("Content-Length", str(SIZE - start))
        self.send_header("ETag", f'"{md5(self.content).hexdigest()}"')
        self.end_headers()
        for place in range(start, SIZE, 1 << 16) if body else ():
            try:
                self.wfile.write(self.content[place : place + (1 << 16)])
            except OSError:
                return
            time.sleep(self.pause)

    def log_message(self, *_: object) -> None: ...
