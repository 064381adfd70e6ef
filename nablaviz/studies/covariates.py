"""What the error of a conformer may depend on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.atoms import ATOM_ENERGIES
from nablaviz.chem.functional_groups import GROUPS, functional_groups
from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.data.dataset import Dataset
from nablaviz.data.splits import TRAIN, molecule_names
from nablaviz.molecule import SYMBOLS, Molecule
from nablaviz.studies.training_distance import (
    Tell,
    fingerprint_distance,
    geometry_descriptors,
    geometry_distance,
)

if TYPE_CHECKING:
    import pandas as pd

FINGERPRINT, GEOMETRY = "fingerprint_distance", "geometry_distance"

_ATOMS = {SYMBOLS[z]: energy for z, energy in ATOM_ENERGIES.items()}
PLAIN = ["moses_id", "conformation_id", "smiles", "formula", "split", "n_atoms", "mean_force"]


def covariates(
    catalog: Catalog, split: pd.Series | None = None, tell: Tell = lambda text, part: None
) -> pd.DataFrame:
    """What is known of every conformer of a dataset apart from errors.

    Parameters
    ----------
    catalog
        Of the dataset.
    split
        The split of each row, by default the dataset's own; distances are to the rows of ``"train"``.
    tell
        Told how far it is; may raise to stop.

    Returns
    -------
    pandas.DataFrame
        A line per row of the dataset: ``molecule`` (what counts as one), ids, ``smiles``, ``formula``,
        ``split``, ``n_atoms``, ``mean_force`` (Eh/Å), ``relative_energy_kcal`` (kcal/mol above the
        molecule's best conformer), ``scaffold``, ``elements`` and ``functional_groups`` (tuples of names),
        ``atomic_energy`` (energy of the free atoms, Eh), ``fingerprint_distance`` (1 − Tanimoto
        similarity, 0 to 1) and ``geometry_distance`` (0 to √2) to the nearest training molecule and
        conformer. What cannot be known is NaN.

    Raises
    ------
    ValueError
        If a conformer cannot be read, or has other elements than nablaDFT's.
    """
    import pandas as pd

    table = catalog.dataset.table
    found = table[PLAIN].copy()
    found.index.name = "row"
    if split is not None:
        found["split"] = split
    found.insert(0, "molecule", molecule_names(table))
    tell("Scaffolds and functional groups", None)
    found[RELATIVE] = catalog.values(RELATIVE)
    found["scaffold"] = pd.array(catalog.values("scaffold"), dtype="string")
    counts = [element_counts(formula) for formula in table["formula"]]
    found["elements"] = [tuple(c) for c in counts]
    found["atomic_energy"] = [sum(n * _ATOMS.get(symbol, np.nan) for symbol, n in c.items()) for c in counts]
    found["functional_groups"] = _group_names(table["smiles"])
    found[FINGERPRINT] = found[GEOMETRY] = np.nan
    trained = np.flatnonzero((found["split"] == TRAIN).fillna(False))
    if len(trained):
        smiles = table["smiles"].astype(object).where(table["smiles"].notna(), None).tolist()
        found[FINGERPRINT] = fingerprint_distance(smiles, [smiles[row] for row in trained], tell)
        descriptors = geometry_descriptors(_told(catalog.dataset, tell))
        found[GEOMETRY] = geometry_distance(descriptors, descriptors[trained])
    return found


def _told(dataset: Dataset, tell: Tell) -> Iterator[Molecule]:
    for row, conformer in enumerate(dataset):
        if row % 32 == 0:
            tell(f"Geometries: distance to the training set, {row:,} of {len(dataset):,}", row / len(dataset))
        yield conformer.molecule


def element_counts(formula: str) -> dict[str, int]:
    """Atoms of each element of a formula, in its order."""
    return {symbol: int(n or 1) for symbol, n in re.findall(r"([A-Z][a-z]?)(\d*)", formula)}


def _group_names(smiles: pd.Series) -> list[tuple[str, ...]]:
    distinct = smiles.dropna().unique()
    names = np.array(list(GROUPS))
    found = {
        s: tuple(names[line].tolist()) for s, line in zip(distinct, functional_groups(distinct), strict=True)
    }
    return [() if missing else found[s] for s, missing in zip(smiles, smiles.isna(), strict=True)]
