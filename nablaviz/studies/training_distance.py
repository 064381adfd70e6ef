"""How far molecules and geometries are from those that a model was trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from nablaviz.chem.substructure import read_smiles
from nablaviz.models.trust import surroundings
from nablaviz.molecule import Molecule

RADIUS, BITS = 2, 2048
"""Of the Morgan fingerprint (Rogers and Hahn, J. Chem. Inf. Model. 2010, 50, 742)."""

Tell = Callable[[str, float | None], None]


def fingerprint_distance(
    smiles: Sequence[str | None], training: Iterable[str | None], tell: Tell = lambda text, part: None
) -> np.ndarray:
    """1 − the Tanimoto similarity to the most similar training molecule, by Morgan fingerprints.

    Parameters
    ----------
    smiles
        n of them; they may repeat.
    tell
        Told how far it is; may raise to stop.

    Returns
    -------
    numpy.ndarray
        Shape (n,), 0 to 1; NaN where a SMILES cannot be read, and everywhere if no training molecule can.
    """
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.DataStructs import BulkTanimotoSimilarity

    make = GetMorganGenerator(radius=RADIUS, fpSize=BITS).GetFingerprint
    training = set(training)
    read = {text: read_smiles(text) for text in training.union(smiles)}
    prints = {text: make(molecule) for text, molecule in read.items() if molecule is not None}
    known = [prints[text] for text in training if text in prints]
    found: dict[str | None, float] = {}
    distinct = set(smiles)
    for place, text in enumerate(distinct):
        if place % 100 == 0:
            tell("Fingerprints: distance to the training set", place / len(distinct))
        if text in prints and known:
            found[text] = 1 - max(BulkTanimotoSimilarity(prints[text], known))
    return np.array([found.get(text, np.nan) for text in smiles])


def geometry_descriptors(molecules: Iterable[Molecule]) -> np.ndarray:
    """The mean over the atoms of the descriptors of their surroundings, scaled to length 1.

    Returns
    -------
    numpy.ndarray
        Shape (n, descriptors), float64; turning or renumbering a molecule does not change its line.

    Raises
    ------
    ValueError
        If a molecule has other elements than nablaDFT's, or atoms at one place.
    """
    sums = [atoms.sum(axis=0) for atoms in surroundings(molecules)]
    return np.array([line / np.linalg.norm(line) for line in sums]) if sums else np.empty((0, 0))


def geometry_distance(descriptors: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Distance √(2 − 2k) to the nearest training geometry, k the cosine of the descriptors.

    The average kernel of S. De, A. P. Bartók, G. Csányi, M. Ceriotti, Phys. Chem. Chem. Phys. 2016, 18,
    13754: of whole molecules, and to every training geometry. What travels with a model is a summary of
    single atoms, :class:`~nablaviz.models.trust.TrainingDomain`.

    Parameters
    ----------
    descriptors
        Shape (n, D), of length 1.
    training
        Shape (m, D).

    Returns
    -------
    numpy.ndarray
        Shape (n,), 0 to √2; NaN without training geometries.
    """
    if not len(training):
        return np.full(len(descriptors), np.nan)
    nearest = [
        (part @ training.T).max(axis=1)
        for part in np.array_split(descriptors, max(1, len(descriptors) // 1024))
    ]
    return np.sqrt(np.clip(2 - 2 * np.concatenate(nearest), 0, None))
