"""Real files of every kind that nablaviz reads: small, made from the bundled sample by its own writers."""

from __future__ import annotations

import gzip
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import make_summary
import numpy as np
import pandas as pd

import nablaviz
from nablaviz.data.published import BUNDLED
from nablaviz.models.history import HISTORY
from nablaviz.studies.execution import ERRORS, SUMMARY

FILES = Path(__file__).parents[2] / "tests" / "files"
SMILES = (
    "CCO",
    "c1ccncc1",
    "CC(=O)Nc1ccc(O)cc1",
    "C[C@H](N)C(=O)O",
    "F/C=C/Br",
    "[2H]C([2H])Cl",
    "CS(C)(=O)=O",
    "C",
)


def smallest(count: int) -> list[Any]:
    """The smallest conformers of the sample, none of one molecule twice."""
    dataset = nablaviz.sample()
    table = dataset.table.sort_values("n_atoms").drop_duplicates("moses_id")
    return [dataset[int(row)] for row in table.index[:count]]


def prepared(folder: Path) -> Path:
    """The folder of seeds, made if it is not there."""
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        make(folder)
        (folder / "made").touch()
    return folder


@cache
def content(folder: Path, name: str) -> bytes:
    """A seed."""
    return next(folder.glob(name)).read_bytes()


def make(folder: Path) -> None:
    """Write all of them into a folder."""
    from nablaviz.data.convert import convert
    from nablaviz.data.memory import Memory
    from nablaviz.data.store_writer import StoreWriter

    folder.mkdir(parents=True, exist_ok=True)
    some = smallest(4)
    convert(Memory(some), folder / "energy.db", to="energy", progress=False)
    convert(Memory(some[:3]), folder / "hamiltonian-v2.db", to="hamiltonian-v2", progress=False)
    convert(Memory(some[:2]), folder / "hamiltonian-v1.db", to="hamiltonian-v1", progress=False)
    (folder / "wavefunction.npy").write_bytes((FILES / "psi4_wavefunction.npy").read_bytes())
    with StoreWriter(folder / "store") as writer:
        for conformer in some:
            writer.add(conformer)
    _structures(folder, some)
    _cube(folder, some[0])
    _texts(folder, some)
    _models(folder, some)
    _study(folder / "study")
    _summary(folder)


def _structures(folder: Path, some: list[Any]) -> None:
    from ase import Atoms
    from ase.io import write
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    frames = [Atoms(c.molecule.numbers, c.molecule.positions) for c in some[:3]]
    write(folder / "plain.xyz", frames, format="xyz")
    write(folder / "extended.xyz", frames, format="extxyz")
    with Chem.SDWriter(str(folder / "molecules.sdf")) as writer:
        for smiles in SMILES[:3]:
            molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
            rdDistGeom.EmbedMolecule(molecule, randomSeed=1)
            writer.write(molecule)


def _cube(folder: Path, conformer: Any) -> None:
    from nablaviz.chem.grid import ORBITAL_UNIT, Box, Field
    from nablaviz.data.cube import write_cube

    values = np.random.default_rng(0).normal(size=(4, 3, 7))
    box = Box([-1.0, 0.5, -2.0], [0.2, 0.15, 0.3], values.shape)
    write_cube(folder / "orbital.cube", conformer.molecule, Field(box, values, ORBITAL_UNIT))


def _texts(folder: Path, some: list[Any]) -> None:
    lines = [f"{smiles} {100 + k}" for k, smiles in enumerate(SMILES)]
    (folder / "list.smi").write_text("# a comment\n" + "\n".join(lines) + "\n")
    groups = [
        f"[[molecules]]\nsmiles = {json.dumps(SMILES[:3])}\nsplits = {{ train = 2, test_scaffolds = 1 }}\n"
        "train_size = 100\n",
        f"[[molecules]]\nsmiles = {json.dumps(SMILES[3:5])}\nsplits = {{ train = 1 }}\n",
    ]
    (folder / "recipe.toml").write_text("first_id = 5\nseed = 1\ntemperature = 300.0\n" + "\n".join(groups))
    specification = Path(nablaviz.__file__).parent / "studies" / "specifications" / "reduced.toml"
    (folder / "specification.toml").write_bytes(specification.read_bytes())
    (folder / "registry.json").write_bytes(BUNDLED.read_bytes())
    ids = {name: [getattr(c, name) for c in some[:2]] for name in ("moses_id", "conformation_id")}
    table = pd.DataFrame({**ids, "energy_mae": [0.5, 0.25], "gap_mae": [1e-3, 2e-3]})
    table.to_csv(folder / "errors.csv", index=False)


def _models(folder: Path, some: list[Any]) -> None:
    from nablaviz.models.options import configure
    from nablaviz.models.training import train
    from nablaviz.models.training_set import prepare

    small = {"channels": "8", "layers": "1", "checkpoint_every": "1"}
    for name, text in (("composition", {}), ("schnet", small)):
        model, settings = configure(name, text, {"budget": 2, "unit": "steps"})
        data = prepare(model, some, progress=False)
        train(model, data, settings, out=folder / name, device="cpu", progress=False)


def _study(folder: Path) -> None:
    from nablaviz.studies import control, study
    from nablaviz.studies.state import State, write_state

    contender = study.Contender("LR", "composition")
    study.create(
        folder, study.Study("sample", (contender,), (60,), (0,), ("test_scaffolds",), 10, device="cpu")
    )
    (run,) = study.runs(folder)
    write_state(
        run.folder, State("finished", fraction=1.0, step=3, seconds=0.5, splits=("train", "test_scaffolds"))
    )
    control.write_owner(folder, control.Owner(1, 0.5, "elsewhere", None, 2, over=True))
    rows = [
        {"step": k, "epoch": k / 2, "seconds": 0.1 * k, "split": "train", "loss": 1.0 / k} for k in (1, 2, 3)
    ]
    (run.folder / HISTORY).write_text("".join(json.dumps(row) + "\n" for row in rows))
    value = {"metric": ["energy_mae"], "unit": ["kcal/mol"], "value": [1.5], "low": [1.0], "high": [2.0]}
    counts = {"n_molecules": [5], "n_conformers": [7], "split": ["test_scaffolds"]}
    pd.DataFrame(value | counts).to_parquet(run.folder / SUMMARY, index=False)
    errors = {"row": [3, 4], "energy_mae": [1.0, 2.0], "split": ["test_scaffolds"] * 2}
    pd.DataFrame(errors).to_parquet(run.folder / ERRORS, index=False)


def _summary(folder: Path) -> None:
    from nablaviz.data.summary_convert import convert_summary

    packed = folder / "summary.csv.gz"
    make_summary.write(packed, 40)
    (folder / "summary.csv").write_bytes(gzip.decompress(packed.read_bytes()))
    convert_summary(packed, folder / "catalogue", workers=0, shard_rows=20)
