"""A stand-in for nablaDFT's published summary of all conformers, of any number of rows.

    python benchmarks/make_summary.py summary.csv.gz --rows 12676264

The columns are those of the published file. Molecules are put together from ring systems, linkers and
substituents, some six conformers each; no molecule comes twice. Formation energies follow the composition as
in the bundled sample (least squares) with noise per molecule, conformers lie above the best one as they do
there; HOMO, LUMO and dipole follow a regression on the sample, and the residuals of all three are drawn
together, so that they are correlated as there. The parts of the total energy add up to it. None of the
numbers is a DFT result.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROWS = 12_676_264
CONFORMERS = 6.5
"""Conformers per molecule, as published: 12,676,264 of 1,936,931 molecules."""

ELEMENTS = ("H", "C", "N", "O", "F", "S", "Cl", "Br")
HEAVY = (8, 30)
"""Fewest and most atoms that are not hydrogen."""

CORES = (
    "c1ccc(@)c(%)c1", "c1cc(@)ccc1%", "c1cc(@)cc(%)c1", "c1cc(@)ncc1%", "c1nc(@)ccc1%", "c1cc(@)nc(%)n1",
    "c1c(@)scc1%", "c1cc(@)sc1%", "c1cc(@)oc1%", "c1nc(@)sc1%", "n1nc(@)oc1%", "n1nc(@)sc1%",
    "c1c(@)n[nH]c1%", "c1nc(@)n(%)c1", "n1nc(@)n(C)c1%", "c1ccc2c(c1)n(@)cc2%", "c1cc2c(cc1@)n(C)cc2%",
    "c1cc2nc(@)sc2cc1%", "c1ccc2c(@)nc(%)nc2c1", "c1ccc2c(@)ccnc2c1%", "O=C1CC(@)CN1%", "C1CN(@)CCN1%",
    "C1CC(@)CCN1%", "C1CCC(@)N1%", "C1CC(@)(%)CCO1", "C1CC(@)CCC1%", "C1CC(@)CC1%", "C1C(@)C1%",
    "O=c1cc(@)ccn1%", "O=C1NC(@)CN1%", "C1COC(@)CN1%", "c1ccc2c(c1)CCN(@)C2%", "c1c(@)c(%)cc2c1OCCO2",
    "n1cc2c(nc1@)CCN(%)C2", "c1cc(@)c2[nH]c(%)nc2c1", "c1(@)noc(C)c1%", "c1(@)oc(C)nc1%",
    "c1c(@)c(%)cc2c1OCO2",
)  # fmt: skip
"""First ring systems; two things are bound to each."""

RINGS = (
    "c3ccc(@)cc3", "c3cccc(@)c3", "c3ccccc3@", "c3ccc(@)nc3", "c3ccc(@)s3", "c3ccc(@)o3", "c3nc(@)cs3",
    "c3cc(@)no3", "c3nnc(@)s3", "c3nnc(@)o3", "c3cnn(@)c3", "c3cc(@)n[nH]3", "c3nc4cc(@)ccc4s3",
    "c3ccc4c(c3)OC(@)CO4", "c3nc(@)nc4ccccc34", "c3cc(@)nc4ccccc34", "N3CCN(@)CC3", "N3CCC(@)CC3",
    "N3CCCC3@", "C3CCN(@)CC3", "C3CCC(@)CC3", "C3CC3@", "C3CCC(@)C3", "N3CCOC(@)C3", "C3CCOC(@)C3",
    "N3CC(@)C3", "c3c[nH]c4ccc(@)cc34", "c3nc(@)n[nH]3", "c3ccn(@)c(=O)c3", "N3CCc4cc(@)ccc4C3",
    "c3nc4ccc(@)cc4[nH]3", "c3c(C)nn(@)c3C",
)  # fmt: skip
"""Further ring systems, bound by their first atom."""

LINKERS = (
    "C(=O)N", "NC(=O)", "CNC(=O)", "C(=O)NC", "OC", "CO", "C", "CC", "S(=O)(=O)N", "NS(=O)(=O)", "N", "O",
    "S", "SCC(=O)N", "CN(C)C(=O)", "C(=O)", "NC(=O)N", "OCC(=O)N", "C(=O)OC", "CNCC", "N(C)C", "C=C",
    "CS(=O)(=O)N",
)  # fmt: skip
ENDS = (
    "C", "F", "Cl", "Br", "OC", "N", "O", "C#N", "CC", "C(C)C", "C(F)(F)F", "N(C)C", "C(=O)N", "C(C)=O", "SC",
    "OCC", "C(=O)OC", "C(=O)O", "NC(C)=O", "S(C)(=O)=O", "C(C)(C)C", "CCC", "OC(F)F", "CO", "CN", "COC",
    "S(N)(=O)=O", "C=C", "CC#N", "NC", "CC(C)C", "OC(C)C", "C(=O)NC", "CCO", "CF", "[N+](=O)[O-]",
)  # fmt: skip

COLUMNS = (
    "MOSES id", "CONFORMER id", "archive name", "DFT TOTAL ENERGY", "DFT XC ENERGY",
    "DFT NUCLEAR REPULSION ENERGY", "DFT ONE-ELECTRON ENERGY", "DFT TWO-ELECTRON ENERGY", "DFT DIPOLE X",
    "DFT DIPOLE Y", "DFT DIPOLE Z", "DFT TOTAL DIPOLE", "DFT ROT CONSTANT A", "DFT ROT CONSTANT B",
    "DFT ROT CONSTANT C", "DFT HOMO", "DFT LUMO", "DFT HOMO-LUMO GAP", "DFT ATOMIC ENERGY",
    "DFT FORMATION ENERGY", "SMILES", "SPLITS",
)  # fmt: skip
TRAINING = (("train_2k", 0.0012), ("train_5k", 0.0035), ("train_10k", 0.007), ("train_100k", 0.07))
"""Nested training sets and the share of the molecules that each has."""


class Fragments(NamedTuple):
    """Pieces of molecules, what they are made of, and how likely each is."""

    texts: tuple[str, ...]
    counts: np.ndarray
    "Atoms of each element, shape (F, 8)."
    aromatic: np.ndarray
    "Aromatic atoms, shape (F,)."
    weights: np.ndarray


def fragments(texts: tuple[str, ...], decay: float, form: str) -> Fragments:
    """Count the atoms of pieces that are bound as ``form`` has it (``*`` for what they are bound to).

    The k-th piece is ``(k + 1) ** -decay`` as likely as the first.
    """
    counts, aromatic = zip(*(composition(form.format(_open(text))) for text in texts), strict=True)
    weights = (1.0 + np.arange(len(texts))) ** -decay
    return Fragments(texts, np.array(counts), np.array(aromatic), weights / weights.sum())


def composition(smiles: str) -> tuple[list[int], int]:
    """Atoms of each element, and how many are aromatic."""
    from rdkit import Chem

    atoms = list(Chem.AddHs(Chem.MolFromSmiles(smiles)).GetAtoms())
    symbols = [atom.GetSymbol() for atom in atoms]
    return [symbols.count(e) for e in ELEMENTS], sum(atom.GetIsAromatic() for atom in atoms)


def _open(text: str) -> str:
    return text.replace("@", "*").replace("%", "*")


class Molecules(NamedTuple):
    """Molecules and what they are made of."""

    smiles: list[str]
    counts: np.ndarray
    "Shape (M, 8)."
    aromatic: np.ndarray
    "Shape (M,)."


def molecules(count: int, rng: np.random.Generator) -> Molecules:
    """So many different molecules of one, two or three ring systems."""
    cores, rings = fragments(CORES, 0.9, "{}"), fragments(RINGS, 1.0, "*{}")
    linkers, ends = fragments(LINKERS, 0.8, "*{}*"), fragments(ENDS, 0.4, "*{}")
    seen: set[str] = set()
    texts: list[str] = []
    counts: list[np.ndarray] = []
    aromatic: list[np.ndarray] = []
    while len(texts) < count:
        n = min(200_000, int(1.6 * (count - len(texts))) + 100)
        rings_of = rng.choice(3, n, p=[0.1, 0.8, 0.1])  # beyond the first
        core, first = _draw(cores, n, rng), _draw(ends, n, rng)
        total = cores.counts[core] + ends.counts[first]
        flat = cores.aromatic[core].copy()
        chosen = []
        for k in (1, 2):
            link, ring = _draw(linkers, n, rng), _draw(rings, n, rng)
            has = rings_of >= k
            total += has[:, None] * (linkers.counts[link] + rings.counts[ring])
            flat += has * rings.aromatic[ring]
            chosen.append((link.tolist(), ring.tolist()))
        last = _draw(ends, n, rng)
        total += ends.counts[last]
        heavy = total[:, 1:].sum(axis=1)
        fits = np.flatnonzero((heavy >= HEAVY[0]) & (heavy <= HEAVY[1]))
        kept = []
        for i in fits.tolist():
            tail = ENDS[last[i]]
            for k in range(int(rings_of[i]), 0, -1):
                (link, ring) = chosen[k - 1]
                text = RINGS[ring[i]]
                tail = LINKERS[link[i]] + (text if k == 1 else _renumbered(text)).replace("@", tail)
            smiles = CORES[core[i]].replace("@", ENDS[first[i]]).replace("%", tail)
            if smiles not in seen:
                seen.add(smiles)
                texts.append(smiles)
                kept.append(i)
        counts.append(total[kept])
        aromatic.append(flat[kept])
    return Molecules(texts[:count], np.concatenate(counts)[:count], np.concatenate(aromatic)[:count])


def _draw(pieces: Fragments, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(pieces.texts), n, p=pieces.weights)


def _renumbered(ring: str) -> str:
    return ring.replace("3", "5").replace("4", "6")


class Law(NamedTuple):
    """What the bundled sample says of energies, orbitals and dipoles."""

    energy: np.ndarray
    "Formation energy per atom of each element, Eh, shape (8,)."
    orbitals: np.ndarray
    "HOMO, LUMO (Eh) and the logarithm of the dipole (debye) from shares of elements, shape (10, 3)."
    residuals: np.ndarray
    "What that leaves, shape (n, 3)."
    above: np.ndarray
    "Energies above the best conformer in the sample, Eh."
    atoms: np.ndarray
    "Energy of each free atom, Eh, shape (8,)."


def shares(counts: np.ndarray, aromatic: np.ndarray) -> np.ndarray:
    """One, the share of each element among all atoms, of aromatic among heavy atoms, shape (n, 10)."""
    heavy = counts[:, 1:].sum(axis=1)
    return np.column_stack([np.ones(len(counts)), counts / counts.sum(axis=1)[:, None], aromatic / heavy])


def law() -> Law:
    """Fit the sample."""
    import nablaviz
    from nablaviz.chem.atoms import ATOM_ENERGIES
    from nablaviz.molecule import SYMBOLS

    table = nablaviz.sample().table
    counts, aromatic = zip(*(composition(smiles) for smiles in table.smiles), strict=True)
    atoms = np.array(counts, dtype=float)
    energy = np.linalg.lstsq(atoms, table.formation_energy.to_numpy(), rcond=None)[0]
    features = shares(atoms, np.array(aromatic))
    targets = np.column_stack([table.homo, table.lumo, np.log(table.dipole)])
    orbitals = np.linalg.lstsq(features, targets, rcond=None)[0]
    best = table.groupby("moses_id").energy.transform("min")
    of = table.groupby("moses_id").energy.transform("size")
    above = (table.energy - best)[of > 1].to_numpy()
    free = np.array([ATOM_ENERGIES[SYMBOLS.index(e)] for e in ELEMENTS])
    return Law(energy, orbitals, targets - features @ orbitals, np.sort(above), free)


def batches(rows: int, seed: int, size: int = 200_000) -> Iterator[dict[str, Any]]:
    """The columns of the summary, so many rows at a time; the same seed gives the same rows."""
    rng = np.random.default_rng(seed)
    rule = law()
    done, first = 0, 0
    per_batch = int(size / CONFORMERS)
    total = int(rows / (CONFORMERS - 1) + 1000)
    made = molecules(min(total, int(rows / CONFORMERS * 1.02) + 1000), rng)
    order = rng.permutation(len(made.smiles))
    while done < rows:
        chosen = order[first : first + per_batch]
        assert len(chosen), "too few molecules were made"
        of = 1 + rng.negative_binomial(2, 2 / (1 + CONFORMERS), len(chosen))
        columns = conformers(made, chosen, first, of, rule, rng)
        n = min(len(columns["MOSES id"]), rows - done)
        yield {name: values[:n] for name, values in columns.items()}
        done, first = done + n, first + per_batch


def conformers(
    made: Molecules, chosen: np.ndarray, first: int, of: np.ndarray, rule: Law, rng: np.random.Generator
) -> dict[str, Any]:
    """The columns of so many conformers ``of`` each chosen molecule."""
    import pyarrow as pa

    m, n = len(chosen), int(of.sum())
    counts, heavy = made.counts[chosen], made.counts[chosen][:, 1:].sum(axis=1)
    conformation = np.arange(n) - np.repeat(np.cumsum(of) - of, of)
    atomic = counts @ rule.atoms
    lowest = counts @ rule.energy + rng.normal(0, 0.004, m) * np.sqrt(heavy)
    above = np.quantile(rule.above, rng.random(n)) * np.repeat(1 + heavy / 10, of) * (conformation > 0)
    formation = np.repeat(lowest, of) + above
    total = formation + np.repeat(atomic, of)
    features = shares(counts, made.aromatic[chosen])
    ours = features @ rule.orbitals + rule.residuals[rng.integers(len(rule.residuals), size=m)]
    homo, lumo, dipole = np.repeat(ours, of, axis=0).T + rng.normal(0, [[0.003], [0.003], [0.2]], (3, n))
    lumo = np.maximum(lumo, homo + 0.05)
    direction = rng.normal(size=(3, n))
    direction /= np.linalg.norm(direction, axis=0)
    dipole = np.minimum(np.exp(dipole), 20.0)
    charge = counts @ np.array([1, 6, 7, 8, 9, 16, 17, 35.0])
    repulsion = np.repeat(0.34 * charge**2 / heavy**0.45, of) * (1 + rng.normal(0, 0.01, n))
    exchange = np.repeat(-0.096 * charge - 0.0011 * charge**1.4, of) * (1 + above / 50)
    electrons = np.repeat(0.44 * charge**2 / heavy**0.42, of) * (1 + rng.normal(0, 0.01, n))
    mass = counts @ np.array([1.008, 12.011, 14.007, 15.999, 18.998, 32.06, 35.45, 79.904])
    inertia = np.repeat(mass * heavy**0.9, of) * (1 + rng.normal(0, 0.05, (3, n)))
    rotation = 505379.0 / (inertia * np.array([[0.35], [1.1], [1.3]]))  # MHz from amu Å²
    rank = rng.random(m)
    splits = np.full(m, "['train_full']", dtype=object)
    splits[rank > 0.95] = "['test_structures']"
    splits[rank > 0.98] = "['test_scaffolds']"
    for k in range(len(TRAINING), 0, -1):
        names = [name for name, _ in TRAINING[k - 1 :]] + ["train_full"]
        splits[rank < TRAINING[k - 1][1]] = repr(names)
    number = np.arange(first, first + m)
    names = np.array(
        [f"wfns_moses_conformers_archive_{k}.tar" for k in (number // 2000).tolist()], dtype=object
    )
    ids = np.repeat(number, of)
    values = (
        ids, conformation, _repeated(names, of), total, exchange, repulsion,
        total - exchange - repulsion - electrons, electrons, *(direction * dipole), dipole, *rotation,
        homo, lumo, lumo - homo, np.repeat(atomic, of), formation,
        _repeated(np.array([made.smiles[i] for i in chosen.tolist()], dtype=object), of),
        _repeated(splits, of),
    )  # fmt: skip
    decimals = dict.fromkeys(COLUMNS, 10) | dict.fromkeys(COLUMNS[8:15], 4) | dict.fromkeys(COLUMNS[15:18], 6)
    return {
        name: value
        if isinstance(value, pa.Array)
        else pa.array(np.round(value, decimals[name]) if value.dtype.kind == "f" else value)
        for name, value in zip(COLUMNS, values, strict=True)
    }


def _repeated(texts: np.ndarray, of: np.ndarray) -> Any:
    import pyarrow as pa

    return pa.array(texts.tolist()).take(pa.array(np.repeat(np.arange(len(texts)), of)))


def write(path: Path, rows: int, seed: int = 0) -> dict[str, Any]:
    """Write the file; gives its figures."""
    import pyarrow as pa
    from pyarrow import csv

    begun, cpu, done, text = time.perf_counter(), time.process_time(), 0, 0
    with gzip.open(path, "wb", compresslevel=2) as file:
        for columns in batches(rows, seed):
            table = pa.table(columns)
            sink = pa.BufferOutputStream()
            options = csv.WriteOptions(include_header=done == 0, quoting_style="needed")
            csv.write_csv(table, sink, options)
            text += file.write(sink.getvalue())
            done += len(table)
            print(f"\r{done:,} of {rows:,} rows", end="", file=sys.stderr)
    print(file=sys.stderr)
    return {
        "rows": done,
        "bytes": path.stat().st_size,
        "text_bytes": text,
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": time.process_time() - cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"default: {ROWS}, as published")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = write(args.path, args.rows, args.seed)
    print(json.dumps(found) if args.json else found)


if __name__ == "__main__":
    main()
