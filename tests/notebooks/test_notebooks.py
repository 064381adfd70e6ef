"""Every notebook runs from top to bottom, the first one on a published database too."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

import nablaviz
from nablaviz.data.convert import convert

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def execute(notebook: nbformat.NotebookNode, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute()


SLOW = "05", "06", "07"
CASES = [
    pytest.param(path, marks=[pytest.mark.slow] * path.stem.startswith(SLOW), id=path.stem)
    for path in NOTEBOOKS
]


@pytest.mark.parametrize("path", CASES)
def test_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    execute(nbformat.read(path, as_version=4), tmp_path, monkeypatch)


def test_conformers_of_a_published_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(nablaviz.sample()[:40], tmp_path / "published.db", to="energy", progress=False)
    notebook = nbformat.read(ROOT / "notebooks/01_browse_conformers.ipynb", as_version=4)
    (cell,) = [c for c in notebook.cells if c.source.startswith("ds = nablaviz.sample()")]
    cell.source = cell.source.replace("nablaviz.sample()", 'nablaviz.open("published.db")')
    execute(notebook, tmp_path, monkeypatch)
    assert "EnergyDatabase" in cell.outputs[0]["data"]["text/plain"]
