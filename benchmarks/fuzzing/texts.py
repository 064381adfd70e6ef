"""Texts that are typed into an entry."""

from __future__ import annotations

from functools import cache
from typing import Any

from fuzzing import seeds
from fuzzing.checks import digest, must


@cache
def catalog() -> Any:
    import nablaviz
    from nablaviz.data.catalog import Catalog

    return Catalog(nablaviz.sample(), timeout=2.0)


def sql(text: str) -> str:
    rows = catalog().rows(text)
    must(len(rows) == len(set(rows.tolist())), "a row comes twice")
    must(len(rows) == 0 or (rows.min() >= 0 and rows.max() < len(catalog())), "rows")
    return digest(rows)


def smarts(text: str) -> str:
    return digest(catalog().rows(smarts=text))


def scaffold(text: str) -> str:
    return digest(catalog().rows(scaffold=text))


def smiles(text: str) -> str:
    from nablaviz.chem.conformers import parse
    from nablaviz.chem.substructure import read_smiles
    from nablaviz.views.depict import depict

    read_smiles(text)
    must("<script" not in (depict(text) or "").lower(), "the depiction holds a script")
    return digest(parse(text).GetNumAtoms())


@cache
def _orbitals() -> Any:
    from nablaviz.chem.orbitals import orbitals_of

    (one,) = seeds.smallest(1)
    return orbitals_of(one.molecule, one.hamiltonian)


def orbital(text: str) -> int:
    index = _orbitals().index(text)
    must(0 <= index < len(_orbitals()), f"index {index}")
    must(_orbitals().index(_orbitals().label(index)) == index, "another label")
    return index


def option(text: str) -> str:
    from nablaviz.models.options import configure

    name, _, value = text.partition("=")
    architecture = "composition" if name.startswith("x") else "schnet"
    model, settings = configure(architecture, {name: value}, {})
    must(sum(p.numel() for p in model.parameters()) < 10**8, "a model of more than 10⁸ parameters")
    return digest(str(settings), str(model.card))
