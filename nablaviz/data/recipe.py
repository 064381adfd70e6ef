"""A recipe: which conformers of which molecules a dataset is made of.

A recipe is a TOML file; `bundled/sample.toml` is the one of the bundled sample. The same recipe
gives the same geometries, whatever order they are labelled in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from nablaviz.chem.conformers import displace, embed, parse
from nablaviz.chem.scaffold import murcko
from nablaviz.data.dataset import DataError, Key
from nablaviz.data.validate import read_text
from nablaviz.molecule import Conformer, Molecule

TRIES_PER_CONFORMER = 4
"""Embeddings tried for each distinct conformer wanted; most molecules have fewer than wanted."""

MOST_CONFORMERS = 100_000
"""Of one molecule in one split."""

HOTTEST = 10_000.0
"""Highest temperature of a displacement, K."""


@dataclass(frozen=True)
class Entry:
    """One molecule of a recipe: its id, and the split of each of its conformers."""

    moses_id: int
    smiles: str
    splits: tuple[str, ...]
    train_size: int | None


@dataclass(frozen=True)
class Recipe:
    """Molecules, numbers of conformers and seeds.

    Attributes
    ----------
    temperature
        Of the thermal displacement around each relaxed conformer, K; 0 for none.
    """

    entries: tuple[Entry, ...]
    seed: int = 0
    temperature: float = 0.0

    def __len__(self) -> int:
        return sum(len(entry.splits) for entry in self.entries)

    def conformers(self, skip: AbstractSet[Key], failures: dict[int, str]) -> Iterator[Conformer]:
        """Every conformer without labels but those whose ids are in ``skip``.

        The first conformer of each molecule comes first, then the second of each, and so on, so
        that an unfinished dataset already has every molecule. A molecule that does not embed is put
        in ``failures``, with the reason by its id.
        """
        longest = max(len(entry.splits) for entry in self.entries)
        for k in range(longest):
            for entry in self.entries:
                if (
                    k < len(entry.splits)
                    and (entry.moses_id, k) not in skip
                    and entry.moses_id not in failures
                ):
                    try:
                        yield self._conformer(entry, k)
                    except ValueError as fault:
                        failures[entry.moses_id] = str(fault)

    def _conformer(self, entry: Entry, k: int) -> Conformer:
        seed = self.seed + entry.moses_id
        relaxed = _relaxed(entry.smiles, TRIES_PER_CONFORMER * len(entry.splits), seed)
        molecule = relaxed[k % len(relaxed)]
        if self.temperature > 0:
            molecule = displace(molecule, self.temperature, seed=1000 * seed + k)
        return Conformer(
            molecule,
            moses_id=entry.moses_id,
            conformation_id=k,
            scaffold=murcko(entry.smiles),
            split=entry.splits[k] or None,
            train_size=entry.train_size,
        )


@lru_cache(maxsize=1024)
def _relaxed(smiles: str, count: int, seed: int) -> tuple[Molecule, ...]:
    """What `embed` gives, kept because the conformers of a molecule are asked for one by one."""
    return tuple(embed(smiles, count, seed))


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe from a TOML file.

    Raises
    ------
    DataError
        If the file is not TOML, a key is missing, unknown or of the wrong kind, or a SMILES is not supported;
        the message names the file and the molecule.
    """
    path = Path(path)
    try:
        text = tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as fault:
        raise DataError(f"{path}: not a TOML file: {fault}") from fault
    _check_keys(path, "recipe", text, required={"molecules"}, optional={"first_id", "seed", "temperature"})
    first, seed = (_whole(path, name, text.get(name, 0), 1 << 62) for name in ("first_id", "seed"))
    temperature = text.get("temperature", 0.0)
    if type(temperature) not in (int, float) or not 0 <= temperature <= HOTTEST:
        raise DataError(
            f"{path}: temperature must be a number from 0 to {HOTTEST:g}, not {temperature!r:.80}"
        )
    if not isinstance(text["molecules"], list) or not text["molecules"]:
        raise DataError(f"{path}: molecules must be a list of tables: [[molecules]]")
    entries: list[Entry] = []
    for group in text["molecules"]:
        _check_keys(path, "molecules", group, required={"splits", "smiles"}, optional={"train_size"})
        splits, size = _splits(path, group["splits"]), group.get("train_size")
        if size is not None:
            _whole(path, "train_size", size, 1 << 62)
        if not isinstance(group["smiles"], list):
            raise DataError(f"{path}: smiles must be a list of texts, not {group['smiles']!r:.80}")
        for smiles in group["smiles"]:
            try:
                parse(smiles)
            except (ValueError, TypeError) as fault:
                raise DataError(f"{path}, molecule {len(entries)}: {fault}") from fault
            entries.append(Entry(first + len(entries), smiles, splits, size))
    if not entries:
        raise DataError(f"{path}: no SMILES in it")
    return Recipe(tuple(entries), seed, float(temperature))


def _splits(path: Path, counts: Any) -> tuple[str, ...]:
    """The split of each conformer of a molecule."""
    if not isinstance(counts, dict) or not counts:
        raise DataError(f"{path}: splits must be a table of names and numbers, not {counts!r:.80}")
    for name, count in counts.items():
        _whole(path, f"the number of conformers of split {name!r:.80}", count, MOST_CONFORMERS)
    return tuple(name for name, count in counts.items() for _ in range(count))


def _whole(path: Path, name: str, value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise DataError(f"{path}: {name} must be a whole number from 0 to {most}, not {value!r:.80}")
    return value


def _check_keys(path: Path, what: str, table: Any, required: set[str], optional: set[str]) -> None:
    allowed = ", ".join(sorted(required | optional))
    if not isinstance(table, dict):
        raise DataError(f"{path}: {what} must be a table with {allowed}, not {table!r:.80}")
    missing, unknown = required - set(table), set(table) - required - optional
    if missing or unknown:
        word = f"no {sorted(missing)[0]!r}" if missing else f"unknown key {sorted(unknown)[0]!r:.80}"
        raise DataError(f"{path}: {word} in {what}; allowed: {allowed}")
