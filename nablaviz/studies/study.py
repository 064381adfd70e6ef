"""A study: models × sizes of training sets × seeds, in a folder with one run for each."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nablaviz.data.atomic import replacing
from nablaviz.models.kinds import build
from nablaviz.studies import control
from nablaviz.studies.subsets import TEST_SPLITS, Subsets

if TYPE_CHECKING:
    from nablaviz.data.dataset import Dataset
    from nablaviz.models.network import Network
    from nablaviz.models.schedule import Settings

FORMAT = "nablaviz study 1"
FILE = "study.json"

OWN_SETTINGS = ("budget", "unit", "seed", "devices")
"""Settings of the training that are the study's, not a contender's."""

SPECIFICATIONS = Path(__file__).parent / "specifications"
"""Studies that come with the package: name.toml."""


@dataclass(frozen=True)
class Contender:
    """A model with settings."""

    name: str
    "What it is called in the study."
    architecture: str
    "A key of ``models.library.ARCHITECTURES``."
    settings: Mapping[str, str] = field(default_factory=dict)
    "Of the model or of its training, as text."


@dataclass(frozen=True)
class Study:
    """What is to be trained and measured.

    Raises
    ------
    ValueError
        If a value is not allowed, or there are two of the same.
    """

    data: str
    "What ``nablaviz.open`` takes."
    contenders: tuple[Contender, ...]
    sizes: tuple[int, ...]
    "Conformers in the training sets, ascending."
    seeds: tuple[int, ...]
    "Each decides the training sets, the first weights and the order of the data."
    splits: tuple[str, ...] = TEST_SPLITS
    "What is tested on."
    budget: float = 1000
    unit: str = "steps"
    "What the budget counts: optimiser ``steps``, ``epochs`` or ``seconds``."
    device: str = "auto"

    def __post_init__(self) -> None:
        from nablaviz.models.schedule import DEVICES, Settings

        Settings(budget=self.budget, unit=self.unit)
        if self.device not in DEVICES:
            raise ValueError(f"device is one of {', '.join(DEVICES)}, not {self.device!r}")
        for name in ("contenders", "sizes", "seeds", "splits"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
            if not getattr(self, name):
                raise ValueError(f"a study needs {name}; there are none")
        names = [contender.name for contender in self.contenders]
        for what, values in (("contender", names), ("seed", self.seeds), ("split", self.splits)):
            twice = [value for value in values if list(values).count(value) > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} is there twice")
        if not all(name.strip() for name in names):
            raise ValueError("a contender needs a name")
        if list(self.sizes) != sorted(set(self.sizes)) or self.sizes[0] < 1:
            raise ValueError(f"sizes are ascending and positive, not {', '.join(map(str, self.sizes))}")
        if min(self.seeds) < 0:
            raise ValueError(f"seeds are not negative, as {min(self.seeds)} is")


@dataclass(frozen=True)
class Run:
    """One model, one training set, one seed."""

    contender: Contender
    size: int
    seed: int
    name: str
    "Of its folder; ends in a hash of all that decides what comes of the run."
    folder: Path

    def configure(self, study: Study) -> tuple[Network, Settings]:
        """The untrained model and the settings of its training."""
        return configured(self.contender, study, self.seed)


def configured(contender: Contender, study: Study, seed: int) -> tuple[Network, Settings]:
    """An untrained model and the settings of its training.

    Raises
    ------
    ValueError
        If there is no such architecture or setting, or a setting is the study's.
    """
    from nablaviz.models.options import configure

    if own := [name for name in OWN_SETTINGS if name in contender.settings]:
        raise ValueError(f"contender {contender.name!r}: {own[0]} cannot be set for one model of a study")
    training = {"budget": study.budget, "unit": study.unit, "seed": seed}
    try:
        return configure(contender.architecture, contender.settings, training)
    except (ImportError, OSError, ValueError) as fault:
        raise ValueError(f"contender {contender.name!r}: {fault}") from fault


class Source:
    """The data of a study."""

    def __init__(self, study: Study) -> None:
        from nablaviz.data.formats import open as open_dataset

        self.dataset: Dataset = open_dataset(study.data)
        self.subsets = Subsets(self.dataset.table, study.splits)

    @cached_property
    def fingerprint(self) -> str:
        """Of the conformers, their energies and their splits."""
        columns = ["moses_id", "conformation_id", "smiles", "split", "energy", "formation_energy"]
        return hashlib.sha256(self.dataset.table[columns].to_csv().encode()).hexdigest()[:16]


def check(study: Study) -> Source:
    """Find out whether every run of a study can begin, and return its data.

    Raises
    ------
    ValueError
        If it cannot; the message says which model, size, seed or split is wrong.
    FileNotFoundError
        If there are no data.
    """
    for contender in study.contenders:
        configured(contender, study, study.seeds[0])
    source = Source(study)
    for seed in study.seeds:
        for size in study.sizes:
            source.subsets.rows(size, seed)
    return source


def create(folder: str | Path, study: Study) -> None:
    """Make the folder of a study, or change the study of a folder.

    Runs that the study before and the new one have in common are kept. Others stay in the folder, and count
    again once a study asks for them.

    Raises
    ------
    ValueError
        If the study cannot be run (see :func:`check`), or the one there is being run.
    """
    folder = Path(folder)
    if study.data != "sample":
        study = replace(study, data=str(Path(study.data).expanduser().resolve()))
    fingerprint = check(study).fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    with control.taking(folder) as owner:
        if owner:
            raise ValueError(f"{folder}: the study is being run; stop it before it is changed")
        with replacing(folder / FILE) as file:
            head = {"format": FORMAT, "fingerprint": fingerprint}
            json.dump({**head, **asdict(study)}, file, indent=1, ensure_ascii=False)


def read(folder: str | Path) -> Study:
    """The study of a folder.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If its description is damaged.
    """
    return _read(Path(folder))[0]


def fingerprint(folder: str | Path) -> str:
    """Of the data that the study of a folder was made for."""
    return _read(Path(folder))[1]


def runs(folder: str | Path) -> list[Run]:
    """The runs of a study, small training sets first."""
    study, data = _read(Path(folder))
    made = []
    for size in study.sizes:
        for seed in study.seeds:
            for contender in study.contenders:
                what = data, study.budget, study.unit, contender.architecture, size, seed
                key = json.dumps([*what, sorted(contender.settings.items())])
                label = re.sub(r"\W+", "-", contender.name).strip("-")[:40]
                digest = hashlib.sha256(f"{contender.name} {key}".encode()).hexdigest()[:10]
                name = f"{label}-{size}-{seed}-{digest}"
                made.append(Run(contender, size, seed, name, Path(folder) / "runs" / name))
    return made


def find(folder: str | Path, name: str) -> Run:
    """A run by its name.

    Raises
    ------
    ValueError
        If the study has none of that name.
    """
    for run in runs(folder):
        if run.name == name:
            return run
    raise ValueError(f"{folder}: no run {name!r}; nablaviz study status {folder} lists them")


def specification(name_or_path: str | Path) -> Study:
    """A study written down in TOML: one that comes with the package, or a file.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    ValueError
        If the file is not as it should be.
    """
    path = Path(name_or_path)
    if not path.suffix and (SPECIFICATIONS / f"{name_or_path}.toml").exists():
        path = SPECIFICATIONS / f"{name_or_path}.toml"
    if not path.exists():
        names = ", ".join(sorted(p.stem for p in SPECIFICATIONS.glob("*.toml")))
        raise FileNotFoundError(f"there is no {path}; studies that come with nablaviz: {names}")
    with path.open("rb") as file:
        try:
            values = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise ValueError(f"{path}: {fault}") from fault
    for contender in _list(values, "contenders"):
        if isinstance(contender, dict) and isinstance(contender.get("settings"), dict):
            contender["settings"] = {k: _text(v) for k, v in contender["settings"].items()}
    return _study(values, path)


def _text(value: Any) -> str:
    """A setting as ``--set`` takes it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _list(values: dict[str, Any], name: str) -> list[Any]:
    found = values.get(name)
    return found if isinstance(found, list) else []


def _study(values: dict[str, Any], path: Path) -> Study:
    try:
        if "contenders" not in values:
            raise ValueError("'contenders' is missing")
        contenders = tuple(build(Contender, each) for each in _list(values, "contenders"))
        return build(Study, {**values, "contenders": contenders})
    except ValueError as fault:
        raise ValueError(f"{path}: {fault}") from fault


def _read(folder: Path) -> tuple[Study, str]:
    path = folder / FILE
    if not path.exists():
        raise FileNotFoundError(f"{folder}: there is no study ({FILE})")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("format") != FORMAT:
            raise ValueError(f"not {FORMAT!r}")
        data = values.pop("fingerprint")
        if not isinstance(data, str):
            raise ValueError(f"fingerprint is {data!r:.80}")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as fault:
        raise ValueError(f"{path}: not a study of this version of nablaviz ({fault})") from fault
    return _study(values, path), data
