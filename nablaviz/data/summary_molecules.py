"""What follows from the SMILES of many conformers, worked out once per molecule, in several processes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.scaffold import scaffold_of
from nablaviz.chem.substructure import read_smiles

if TYPE_CHECKING:
    import pyarrow as pa

TASK = 1000
"""SMILES that a process takes at a time."""

Described = tuple[int, str, str] | None


def describe(smiles: Sequence[str]) -> list[Described]:
    """Number of atoms, formula and scaffold of each; ``None`` where RDKit cannot read it."""
    from rdkit.Chem import rdMolDescriptors

    found: list[Described] = []
    for text in smiles:
        molecule = read_smiles(text)
        if molecule is None:
            found.append(None)
        else:
            atoms = molecule.GetNumAtoms(onlyExplicit=False)
            found.append((atoms, rdMolDescriptors.CalcMolFormula(molecule), scaffold_of(molecule)))
    return found


class Molecules:
    """Number of atoms, formula and scaffold by SMILES; a context manager.

    Some fifty bytes are kept of each molecule: a 64-bit hash of its SMILES, and numbers that stand for
    formula and scaffold.

    Parameters
    ----------
    workers
        Processes; all cores by default, none for ``0``.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = (os.cpu_count() or 1) if workers is None else workers
        self._pool: ProcessPoolExecutor | None = None
        self._hashes = np.empty(0, dtype=np.uint64)
        self._atoms = np.empty(0, dtype=np.int32)
        self._codes = np.empty((0, 2), dtype=np.int32)
        self._texts: tuple[dict[str, int], dict[str, int]] = ({}, {})

    def __enter__(self) -> Molecules:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        return len(self._hashes)

    def __call__(self, smiles: pa.ChunkedArray) -> dict[str, pa.Array]:
        """The columns ``n_atoms``, ``formula`` and ``scaffold``."""
        import pyarrow as pa

        coded = smiles.combine_chunks().dictionary_encode()
        texts = coded.dictionary.to_pylist()
        hashes = _hashes(texts)
        new = np.flatnonzero(~np.isin(hashes, self._hashes))
        if len(new):
            self._add(hashes[new], self._described([texts[i] for i in new.tolist()]))
        place = np.searchsorted(self._hashes, hashes)
        rows = place[coded.indices.to_numpy()]
        atoms, codes = self._atoms[rows], self._codes[rows]
        unknown = atoms == 0
        found = {"n_atoms": pa.array(atoms, pa.int64(), mask=unknown)}
        for k, name in enumerate(("formula", "scaffold")):
            known = pa.array(list(self._texts[k]), pa.string())
            found[name] = known.take(pa.array(codes[:, k], pa.int32(), mask=unknown))
        return found

    def remember(self, table: pa.Table) -> None:
        """Take what an earlier run has worked out, from its columns."""
        import pyarrow.compute as pc

        columns = ["smiles", "n_atoms", "formula", "scaffold"]
        by_smiles = table.select(columns).group_by("smiles", use_threads=False)  # "first" goes by the order
        lines = by_smiles.aggregate([(c, "first") for c in columns[1:]])
        texts = lines["smiles"].to_pylist()
        hashes = _hashes(texts)
        new = np.flatnonzero(~np.isin(hashes, self._hashes))
        known = zip(*(pc.take(lines[f"{c}_first"], new).to_pylist() for c in columns[1:]), strict=True)
        self._add(hashes[new], [None if atoms is None else (atoms, f, s) for atoms, f, s in known])

    def _described(self, smiles: list[str]) -> list[Described]:
        if self._workers < 1 or len(smiles) <= TASK:
            return describe(smiles)
        if self._pool is None:
            # A forked process would share locks with the threads of pyarrow and DuckDB.
            self._pool = ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))
        tasks = [smiles[i : i + TASK] for i in range(0, len(smiles), TASK)]
        return [line for part in self._pool.map(describe, tasks) for line in part]

    def _add(self, hashes: np.ndarray, lines: Sequence[Described]) -> None:
        formulas, scaffolds = self._texts
        atoms = np.array([line[0] if line else 0 for line in lines], dtype=np.int32)
        codes = np.zeros((len(lines), 2), dtype=np.int32)
        for i, line in enumerate(lines):
            if line:
                codes[i, 0] = formulas.setdefault(line[1], len(formulas))
                codes[i, 1] = scaffolds.setdefault(line[2], len(scaffolds))
        for texts in self._texts:
            texts.setdefault("", len(texts))  # so that there is something to take from
        every = np.concatenate([self._hashes, hashes])
        order = np.argsort(every)
        self._hashes = every[order]
        self._atoms = np.concatenate([self._atoms, atoms])[order]
        self._codes = np.concatenate([self._codes, codes])[order]


def _hashes(texts: list[str]) -> np.ndarray:
    import pandas as pd

    return pd.util.hash_array(np.array(texts, dtype=object), categorize=False)
