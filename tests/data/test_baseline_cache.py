"""Baselines on disk: the same numbers, never out of date, whole or not there."""

from __future__ import annotations

import ast
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import baselines
from nablaviz.data import baseline_cache
from nablaviz.data.baseline_cache import SOURCES, BaselineCache, default_folder
from nablaviz.molecule import Molecule

NOT_BASELINES = {"atoms", "conformers", "gpu", "one_electron"}
"""Modules of chem that those of ``SOURCES`` import for other purposes."""


@pytest.fixture
def kept(tmp_path):
    return BaselineCache(tmp_path)


@pytest.fixture(scope="module")
def molecules():
    return [nablaviz.sample()[row].molecule for row in (0, 1, 300)]


@pytest.fixture
def calls(monkeypatch):
    """Baselines computed in this process."""
    found, real = [], baselines.baseline

    def counted(name, molecule, **options):
        found.append((name, molecule))
        return real("sap-fit", molecule)  # quicker than those that are kept

    monkeypatch.setattr(baseline_cache.baselines, "baseline", counted)
    return found


def test_second_time_is_read_and_equal(kept, molecules, calls):
    first = kept.baseline("minao", molecules[0])
    again = kept.baseline("minao", molecules[0])
    assert len(calls) == 1
    assert np.array_equal(first, again)
    np.testing.assert_allclose(again, baselines.baseline("sap-fit", molecules[0]), atol=1e-13)
    assert len(list(kept.folder.rglob("*"))) == 2  # a folder and a file: no parts are left


def test_key_is_of_geometry_baseline_and_code(kept, molecules, monkeypatch):
    molecule = molecules[0]
    moved = Molecule(molecule.numbers, molecule.positions + np.array([1e-12, 0, 0]))
    paths = {kept.path("minao", m) for m in (molecule, moved, molecules[1])} | {kept.path("sap", molecule)}
    monkeypatch.setattr(baseline_cache, "version", lambda: "another")
    paths.add(kept.path("minao", molecule))
    assert len(paths) == 5


def test_quick_baselines_are_not_kept(kept, molecules):
    for name in set(baselines.BASELINES) - set(baseline_cache.SLOW):
        assert np.array_equal(kept.baseline(name, molecules[0]), baselines.baseline(name, molecules[0]))
    assert kept.fill("sap-fit", molecules) == 0
    assert not list(kept.folder.iterdir())
    with pytest.raises(ValueError, match="no baseline 'pm7'"):
        kept.baseline("pm7", molecules[0])


@pytest.mark.parametrize("damage", ["truncated", "text", "size", "nan", "name"])
def test_damaged_files_are_computed_again_with_a_warning(kept, molecules, calls, damage):
    from safetensors.numpy import save_file

    good = kept.baseline("sap", molecules[0])
    path = kept.path("sap", molecules[0])
    lower = good[np.tril_indices(len(good))]
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "text":
        path.write_text("no tensors")
    else:
        changed = {"size": lower[:-1], "nan": np.where(lower < 0, np.nan, lower), "name": lower}[damage]
        save_file({"other" if damage == "name" else baseline_cache.MATRIX: changed}, path)
    with pytest.warns(UserWarning, match=f"{path.name}: damaged .*computed again"):
        assert np.array_equal(kept.baseline("sap", molecules[0]), good)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(kept.baseline("sap", molecules[0]), good)
    assert len(calls) == 2


def test_a_write_that_fails_leaves_nothing(kept, molecules, calls, monkeypatch):
    def full(*args):
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(OSError, match="no space"):
            kept.baseline("sap", molecules[0])
    assert not [path for path in kept.folder.rglob("*") if path.is_file()]


def test_two_processes_fill_what_is_missing(kept, molecules, capfd):
    before = os.environ.get("OMP_NUM_THREADS")
    first = kept.baseline("sap", molecules[0])
    two = replace(kept, processes=2)
    assert two.fill("sap", [*molecules, molecules[1]]) == 2
    assert "sap baselines: 100%" in capfd.readouterr().err
    assert os.environ.get("OMP_NUM_THREADS") == before
    assert two.fill("sap", molecules) == 0
    assert np.array_equal(kept.baseline("sap", molecules[0]), first)
    found = kept.baseline("sap", molecules[2])
    np.testing.assert_allclose(found, baselines.baseline("sap", molecules[2]), atol=1e-10)


def test_preparation_reads_what_is_kept(kept, calls, monkeypatch):
    from nablaviz.models.hamiltonian.edge_frame import EdgeFrame, EdgeFrameSettings
    from nablaviz.models.training_set import prepare

    model = EdgeFrame(EdgeFrameSettings(baseline="minao", channels=8, layers=1))
    conformers = [nablaviz.sample()[row] for row in (0, 1)]
    monkeypatch.setattr(baseline_cache, "_processors", lambda: 1)
    first, second = (prepare(model, conformers, cache=kept, progress=False) for _ in range(2))
    assert len(calls) == 2
    for a, b in zip(first.samples, second.samples, strict=True):
        assert np.array_equal(a.target, b.target)
    before = len(list(kept.folder.rglob("*")))
    model.predict(conformers[0].molecule.__class__([1, 1], [[0, 0, 0], [0, 0, 0.75]]))
    assert len(list(kept.folder.rglob("*"))) == before  # predictions of new geometries are not kept
    stranger = replace(conformers[0], molecule=Molecule([54, 54], [[0, 0, 0], [0, 0, 2.0]]))
    with pytest.raises(ValueError, match="54"):
        prepare(model, [stranger], cache=kept, progress=False)


def test_default_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "nablaviz" / "baselines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "nablaviz" / "baselines"


def test_version_covers_all_the_code_behind_baselines():
    package = Path(nablaviz.__file__).parent
    seen, todo = set(), ["nablaviz.chem.baselines"]
    while todo:
        name = todo.pop()
        path = package.parent.joinpath(*name.split(".")).with_suffix(".py")
        if name in seen or not path.exists() or name.rpartition(".")[2] in NOT_BASELINES:
            continue
        seen.add(name)
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nablaviz"):
                todo += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    assert seen == set(SOURCES)
