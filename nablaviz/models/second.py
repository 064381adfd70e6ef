"""What the DFT labels are compared with: anything that gives a second Hamiltonian of each conformer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.baselines import Progress
from nablaviz.data.dataset import Dataset, Key
from nablaviz.data.formats import open as open_dataset
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    from nablaviz.models.ensemble import Ensemble, Spread
    from nablaviz.models.trust import Closeness, TrainingDomain

GEOMETRY = 1e-4
"""Å. Conformers of two datasets with the same ids are the same if no coordinate differs by more: files hold
positions in single precision, in bohr or in Å."""

DATASETS = ".db", ".parquet", ".npy"
"""Names of files that hold datasets, not models, end so."""

ALLOWED = (
    "a model (anything with predict), a list of models (an ensemble), a name, a Hamiltonian array (n, n), a "
    "list of them, a dict of them by row or by (moses_id, conformation_id), or a dataset with the same ids"
)


@dataclass(frozen=True, eq=False)
class Found:
    """The second Hamiltonian of one conformer, not yet checked."""

    hamiltonian: Any
    "Shape (n, n), Eh, PySCF order."
    energy: float | None = None
    "Total energy where known, Eh."
    closeness: Closeness | None = None
    "To the training data of the model, where they are known."
    spread: Spread | None = None
    "Between the models of an ensemble."


@dataclass(frozen=True)
class Second:
    """Where the second Hamiltonians come from."""

    name: str
    find: Callable[[int, Conformer, Progress | None], Found]
    """Of a row of the dataset, given its conformer. It may take minutes and then tells ``progress``, which
    may raise to stop it. It raises ``ValueError`` where there is no Hamiltonian."""
    is_model: bool = False


def second(other: Any, dataset: Dataset) -> Second:
    """What ``other`` stands for, for the conformers of a dataset.

    Parameters
    ----------
    other
        A model, or anything with ``predict``; the name of a baseline (``"core"``, ``"minao"``, …), of a
        functional (``"PBE"``, …) or of a model, or the path of a model file; a list of models, their names or
        paths: an ensemble; a Hamiltonian, shape (n, n), where the dataset has one conformer; a list of
        Hamiltonians, one per row; a dict of them by row or by (moses_id, conformation_id); or a dataset
        whose conformers have the same ids, or its path.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If the name is unknown, or the number of arrays is not that of the conformers.
    """
    if hasattr(other, "predict"):
        return _from_model(other)
    if isinstance(other, str | Path):
        return _from_name(str(other), dataset)
    if isinstance(other, Dataset):
        return _from_dataset(other, dataset)
    if isinstance(other, Mapping):
        return _from_mapping(other)
    if isinstance(other, np.ndarray) and other.ndim == 2:
        return _from_list([other], len(dataset))
    if isinstance(other, list | tuple) and other and all(map(_is_model, other)):
        return _from_model(_ensemble(other))
    if isinstance(other, np.ndarray | list | tuple):
        return _from_list(list(other), len(dataset))
    raise TypeError(f"nothing to compare with in a {type(other).__name__}; allowed: {ALLOWED}")


def name_of(conformer: Conformer, row: int) -> str:
    """What errors call a conformer: its ids where it has them, else its row."""
    if conformer.moses_id is None:
        return f"conformer in row {row} ({conformer.molecule.formula})"
    return f"conformer {conformer.moses_id}/{conformer.conformation_id}"


def _is_model(other: Any) -> bool:
    return hasattr(other, "predict") or isinstance(other, str | Path)


def _ensemble(models: Sequence[Any]) -> Ensemble:
    from nablaviz.models.ensemble import Ensemble
    from nablaviz.models.library import load_model

    members: list[Any] = [load_model(m) if isinstance(m, str | Path) else m for m in models]
    return Ensemble(members)


def _from_model(model: Any) -> Second:
    name = getattr(getattr(model, "card", None), "name", None) or type(model).__name__
    domain: TrainingDomain | None = getattr(model, "domain", None)

    def find(row: int, conformer: Conformer, progress: Progress | None) -> Found:
        prediction = model.predict(conformer.molecule)
        close = domain.closeness(conformer.molecule) if domain else None
        hamiltonian = getattr(prediction, "hamiltonian", None)
        if hamiltonian is None:
            raise ValueError(f"model {name!r} predicts no Hamiltonian, so it has no orbitals to compare")
        energy = getattr(prediction, "energy", None)
        return Found(hamiltonian, energy, close, getattr(prediction, "spread", None))

    return Second(str(name), find, is_model=True)


def _from_name(name: str, dataset: Dataset) -> Second:
    from nablaviz.chem.baselines import BASELINES, baseline, check_functional, functional
    from nablaviz.models.library import load_model, names

    if name in BASELINES:
        return Second(name, lambda row, conformer, progress: Found(baseline(name, conformer.molecule)))
    path = Path(name).expanduser()
    if name in names() or path.suffix == ".safetensors":
        return _from_model(load_model(name))
    if name and (path.is_dir() or path.suffix in DATASETS):
        return _from_dataset(open_dataset(path), dataset)
    if path.is_file():
        return _from_model(load_model(name))
    try:
        check_functional(name)
    except ValueError as fault:
        models = [known for known in names() if known not in BASELINES]
        raise ValueError(f"{fault}" + (f", and the models {', '.join(models)}" if models else "")) from fault
    return Second(
        name, lambda row, conformer, progress: Found(functional(name, conformer.molecule, progress))
    )


def _from_list(matrices: list[Any], rows: int) -> Second:
    if len(matrices) != rows:
        given = "one Hamiltonian" if len(matrices) == 1 else f"{len(matrices)} Hamiltonians"
        raise ValueError(
            f"{given} for {rows} conformers: give one for each row, a dict by row, or compare ds[row]"
        )
    return Second("array", lambda row, conformer, progress: Found(matrices[row]))


def _from_mapping(matrices: Mapping[Any, Any]) -> Second:
    def find(row: int, conformer: Conformer, progress: Progress | None) -> Found:
        for key in (row, (conformer.moses_id, conformer.conformation_id)):
            if key in matrices:
                return Found(matrices[key])
        raise ValueError(f"the dict has no Hamiltonian of {name_of(conformer, row)}, nor of row {row}")

    return Second("array", find)


def _from_dataset(other: Dataset, dataset: Dataset) -> Second:
    ids = other.table[["moses_id", "conformation_id"]].dropna()
    place: dict[Key, int] = {tuple(key): row for row, *key in ids.itertuples(name=None)}
    if len(place) < len(ids):
        twice = ids[ids.duplicated()].iloc[0]
        raise ValueError(f"{other!r} has {twice.moses_id}/{twice.conformation_id} more than once")
    if not place:
        raise ValueError(f"{other!r} has no ids to be compared by")

    def find(row: int, conformer: Conformer, progress: Progress | None) -> Found:
        name = name_of(conformer, row)
        at = place.get((conformer.moses_id, conformer.conformation_id))
        if at is None:
            raise ValueError(f"{other!r} has no {name}")
        theirs = other[at]
        ours = conformer.molecule
        if not np.array_equal(theirs.molecule.numbers, ours.numbers):
            raise ValueError(f"{name} has other atoms in {other!r}, row {at}: {theirs.molecule.formula}")
        farthest = float(np.abs(theirs.molecule.positions - ours.positions).max())
        if farthest > GEOMETRY:
            raise ValueError(
                f"{name} has another geometry in {other!r}, row {at}: it is off by {farthest:.2g} Å"
            )
        if theirs.hamiltonian is None:
            raise ValueError(f"{name} has no Hamiltonian in {other!r}, row {at}")
        return Found(theirs.hamiltonian, theirs.energy)

    return Second(other.path.stem, find)
