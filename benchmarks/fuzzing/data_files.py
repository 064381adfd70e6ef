"""Files of conformers and of what belongs to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fuzzing import seeds
from fuzzing.checks import digest, must, sound


def dataset(path: Path) -> list[str]:
    """All rows of any dataset, the table that describes them, and the catalogue over it."""
    import nablaviz

    found = nablaviz.open(path)
    conformers = list(found)
    table = found.table
    must(len(table) == len(conformers) == len(found), "the table and the rows differ in number")
    for row, conformer in enumerate(conformers):
        line = table.iloc[row]
        must(line.n_atoms == len(conformer.molecule), f"row {row}: n_atoms is {line.n_atoms}")
        must(line.formula == conformer.molecule.formula, f"row {row}: formula is {line.formula}")
        for name in ("energy", "formation_energy"):
            one, other = getattr(conformer, name), line[name]
            same = np.isnan(other) if one is None else abs(one - other) <= 1e-9 * max(1, abs(one))
            must(same, f"row {row}: {name} is {one} in the row and {other} in the table")
    return [sound(c) for c in conformers]


def pickled(path: Path) -> str:
    from nablaviz.data import unpickle

    found = unpickle.load(path.read_bytes()[128:])
    return digest(sorted(map(str, found)) if isinstance(found, dict) else type(found))


def cube(path: Path) -> str:
    from nablaviz.data.cube import read_cube

    found = read_cube(path)
    must(np.isfinite(found.molecule.positions).all(), "positions")
    must((found.molecule.numbers >= 0).all() and (found.molecule.numbers < 119).all(), "atomic numbers")
    for one in found.fields:
        must(one.values.shape == tuple(one.box.shape) and np.isfinite(one.values).all(), "values")
        must(np.isfinite(one.box.origin).all() and (one.box.spacing > 0).all(), "box")
    values = [one.values for one in found.fields]
    return digest(found.molecule.numbers, found.molecule.positions, *values, found.comments)


def label_input(path: Path) -> str:
    from nablaviz.data.inputs import read_input
    from nablaviz.data.recipe import Recipe

    found = read_input(str(path))
    if isinstance(found, Recipe):
        ids = [entry.moses_id for entry in found.entries]
        must(
            ids and len(set(ids)) == len(ids) and all(type(k) is int and k >= 0 for k in ids),
            f"ids {ids[:9]}",
        )
        must(len(found) < 10**7, f"{len(found)} conformers")
        for entry in found.entries:
            must(all(isinstance(s, str) for s in (entry.smiles, *entry.splits)), "splits are texts")
            must(entry.train_size is None or type(entry.train_size) is int, "train_size")
        must(type(found.seed) is int and 0 <= found.temperature < 1e5, "seed and temperature")
        return digest([(e.moses_id, e.smiles, e.splits, e.train_size) for e in found.entries], found.seed)
    return digest(*(sound(c) for c in found.conformers(set(), {})))


def registry(path: Path) -> str:
    from nablaviz.data.published import Registry

    found = Registry.load(path)
    for entry in found:
        must(
            entry.path.isascii() and ".." not in entry.path.split("/") and "\n" not in found.url(entry),
            entry.path,
        )
        must(all(isinstance(v, str) for v in (entry.name, entry.content)), f"{entry}")
    return digest(str(found))


def error_table(path: Path) -> str:
    from nablaviz.data.memory import Memory
    from nablaviz.studies.predictions import sources

    (found,) = sources(path, Memory(seeds.smallest(2)))
    return digest(found.table.to_csv())
