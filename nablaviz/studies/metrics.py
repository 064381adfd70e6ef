"""How wrong a model is about each conformer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.chem.atoms import atomic_energy
from nablaviz.data.dataset import DataError, Dataset
from nablaviz.models.interface import Model, Prediction
from nablaviz.molecule import Conformer

if TYPE_CHECKING:
    import pandas as pd

    from nablaviz.chem.comparison import Comparison
    from nablaviz.data.baseline_cache import BaselineCache


@dataclass(frozen=True)
class Metric:
    """A measure of error."""

    unit: str
    meaning: str


METRICS = {
    "energy_mae": Metric("Eh", "|ΔE| of the total energy"),
    "energy_per_atom_mae": Metric("Eh", "|ΔE|/N"),
    "relative_energy_mae": Metric(
        "Eh", "error of the energy between two conformers of a molecule, all pairs"
    ),
    "kendall_tau": Metric("", "Kendall's τ of the order of a molecule's conformers; 1: right, 0: chance"),
    "lowest_found": Metric("", "whether a molecule's lowest conformer is predicted to be it"),
    "force_mae": Metric("Eh/Å", "|ΔF| of a component"),
    "force_cosine": Metric("", "cosine between all forces on a molecule and the predicted ones"),
    "hamiltonian_mae": Metric("Eh", "|ΔH| of a matrix element"),
    "hamiltonian_on_site_mae": Metric("Eh", "the same in the blocks of one atom"),
    "hamiltonian_off_site_mae": Metric("Eh", "the same in the blocks of two atoms"),
    "hamiltonian_lowdin_mae": Metric("Eh", "|S^−½ ΔH S^−½| of a matrix element"),
    "occupied_mae": Metric("Eh", "|Δε| of an occupied orbital, in ascending order"),
    "homo_mae": Metric("Eh", "|Δε| of the highest occupied orbital"),
    "lumo_mae": Metric("Eh", "|Δε| of the lowest virtual orbital"),
    "gap_mae": Metric("Eh", "|Δ(ε_LUMO − ε_HOMO)|"),
    "orbital_overlap": Metric("", "overlap of a matched orbital, over the occupied and the LUMO"),
    "density_error": Metric("e", "electrons outside the right occupied space, N − tr(PSP′S)/2"),
    "dipole_mae": Metric("D", "length of the difference of the dipole moments"),
    "scf_iterations": Metric("", "iterations of an SCF that starts from the predicted Hamiltonian"),
    "scf_iterations_ratio": Metric("", "these, over those from superposed atomic densities"),
}
"""What is measured: means over a conformer first, then over conformers (the relative energies: molecules)."""

CHUNK = 64
"""Conformers that are read and predicted at once."""


def errors(conformer: Conformer, prediction: Prediction, *, scf: bool = False) -> dict[str, float]:
    """Every measure that labels and prediction allow for, by the names of ``METRICS``.

    Parameters
    ----------
    scf
        Whether to run two SCFs for the number of iterations; they take seconds to minutes.

    Raises
    ------
    DataError
        If a label is not finite; the message names the conformer.
    """
    return _errors(conformer, prediction, _pair(conformer, prediction), scf)


def _pair(conformer: Conformer, prediction: Prediction) -> Comparison | None:
    """The two Hamiltonians, where both are there."""
    there = conformer.hamiltonian is not None and prediction.hamiltonian is not None
    return comparison(conformer, prediction) if there else None


def _errors(
    conformer: Conformer, prediction: Prediction, pair: Comparison | None, scf: bool
) -> dict[str, float]:
    found: dict[str, float] = {}
    reference = _total_energy(conformer)
    if reference is not None and prediction.energy is not None:
        found["energy_mae"] = abs(prediction.energy - reference)
        found["energy_per_atom_mae"] = found["energy_mae"] / len(conformer.molecule)
    if conformer.forces is not None and prediction.forces is not None:
        label = _finite(conformer, "forces", conformer.forces)
        norms = np.linalg.norm(label) * np.linalg.norm(prediction.forces)
        found["force_mae"] = float(np.abs(prediction.forces - label).mean())
        found["force_cosine"] = float((prediction.forces * label).sum() / norms) if norms else 0.0
    if pair is not None:
        found |= _hamiltonian_errors(pair)
        if scf:
            found |= _scf_iterations(conformer, prediction)
    return found


def comparison(conformer: Conformer, prediction: Prediction) -> Comparison:
    """The labelled Hamiltonian beside the predicted one.

    Raises
    ------
    ValueError
        If the conformer or the prediction has none, or it is not a Hamiltonian.
    """
    from nablaviz.chem.comparison import compare, solution

    if conformer.hamiltonian is None or prediction.hamiltonian is None:
        raise ValueError(f"conformer {_name(conformer)}: label or prediction has no Hamiltonian")
    source = f"conformer {_name(conformer)}"
    reference = solution(conformer.molecule, conformer.hamiltonian, source=source)
    return compare(reference, solution(conformer.molecule, prediction.hamiltonian, "model", source=source))


def _hamiltonian_errors(pair: Comparison) -> dict[str, float]:
    from nablaviz.chem.blocks import summarise

    ours, theirs, overlap = pair.reference.orbitals, pair.other.orbitals, pair.reference.overlap
    kinds = summarise(pair.blocks, "kind").mean_abs
    n = ours.n_occupied
    inside = ours.coefficients[:, :n].T @ overlap @ theirs.coefficients[:, :n]
    frontier = pair.matching.pairs[:, 0] <= ours.lumo
    values = {
        "hamiltonian_mae": np.abs(pair.difference).mean(),
        "hamiltonian_on_site_mae": kinds.get("on-site", np.nan),
        "hamiltonian_off_site_mae": kinds.get("off-site", np.nan),
        "hamiltonian_lowdin_mae": np.abs(pair.lowdin_difference).mean(),
        "occupied_mae": np.abs(theirs.energies[:n] - ours.energies[:n]).mean(),
        "homo_mae": abs(pair.other.homo - pair.reference.homo),
        "lumo_mae": abs(pair.other.lumo - pair.reference.lumo),
        "gap_mae": abs(theirs.gap - ours.gap),
        "orbital_overlap": pair.matching.overlaps[frontier].mean(),
        "density_error": max(0.0, 2 * (n - np.square(inside).sum())),
        "dipole_mae": np.linalg.norm(pair.other.dipole - pair.reference.dipole),
    }
    return {name: float(value) for name, value in values.items()}


def _scf_iterations(conformer: Conformer, prediction: Prediction) -> dict[str, float]:
    from nablaviz.chem.dft import label

    plain, guided = (
        label(conformer.molecule, forces=False, guess=guess).scf_iterations
        for guess in (None, prediction.hamiltonian)
    )
    assert plain and guided is not None
    return {"scf_iterations": float(guided), "scf_iterations_ratio": guided / plain}


def measure(
    model: Model,
    dataset: Dataset,
    *,
    scf: bool = False,
    cache: BaselineCache | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Predict every conformer of a dataset and measure the errors.

    Parameters
    ----------
    scf
        Whether to count SCF iterations from the predicted Hamiltonians too.
    cache
        Where slow baselines of models are kept.

    Returns
    -------
    pandas.DataFrame
        A row per conformer: ``molecule`` (what counts as one), ``moses_id``, ``conformation_id``,
        ``formula``, ``n_atoms``, ``energy`` and ``predicted_energy`` (total, Eh), of Hamiltonians ``homo``,
        ``lumo``, ``predicted_homo`` and ``predicted_lumo`` (Eh), and the measures of :func:`errors`; NaN
        where there is no label or no prediction.

    Raises
    ------
    ValueError
        If there is no conformer, the model does not know an element, or a label is not finite.
    """
    import pandas as pd
    from tqdm.auto import tqdm

    from nablaviz.models.network import Network

    if not len(dataset):
        raise ValueError("there are no conformers to measure errors on")
    rows = []
    with tqdm(total=len(dataset), unit="conformer", disable=not progress) as bar:
        for start in range(0, len(dataset), CHUNK):
            conformers = list(dataset[start : start + CHUNK])
            molecules = [c.molecule for c in conformers]
            remembering: AbstractContextManager[None] = nullcontext()
            if cache and isinstance(model, Network):
                remembering = model.remembering(cache, molecules, progress=progress)
            with remembering:
                predictions = model.predict(molecules)
            for conformer, prediction in zip(conformers, predictions, strict=True):
                pair = _pair(conformer, prediction)
                rows.append(_row(conformer, prediction, pair) | _errors(conformer, prediction, pair, scf))
                bar.update()
    return pd.DataFrame(rows)


def _row(conformer: Conformer, prediction: Prediction, pair: Comparison | None) -> dict[str, object]:
    molecule, energy = conformer.molecule, _total_energy(conformer)
    frontier: dict[str, object] = {}
    if pair is not None:
        ours, theirs = pair.reference, pair.other
        frontier = {
            "homo": ours.homo, "lumo": ours.lumo,
            "predicted_homo": theirs.homo, "predicted_lumo": theirs.lumo,
        }  # fmt: skip
    return {
        "molecule": conformer.moses_id or molecule.smiles or molecule.formula,
        "moses_id": conformer.moses_id,
        "conformation_id": conformer.conformation_id,
        "formula": molecule.formula,
        "n_atoms": len(molecule),
        "energy": np.nan if energy is None else energy,
        "predicted_energy": np.nan if prediction.energy is None else prediction.energy,
        **frontier,
    }


def block_table(pairs: Iterable[tuple[Conformer, Prediction]]) -> pd.DataFrame:
    """Errors of the Hamiltonian by kind of block and angular momenta, over many conformers.

    Returns
    -------
    pandas.DataFrame
        ``kind``, ``momenta``, ``mean_abs`` and ``max_abs`` (Eh), ``count`` of matrix elements.
    """
    import pandas as pd

    from nablaviz.chem.blocks import summarise

    by = ["kind", "momenta"]
    parts = [summarise(comparison(*pair).blocks, by).reset_index() for pair in pairs]
    return summarise(pd.concat(parts).astype({"momenta": str}), by).reset_index()


def _total_energy(conformer: Conformer) -> float | None:
    """Total energy, Eh, whichever of its two forms the conformer has."""
    if conformer.energy is not None:
        return float(_finite(conformer, "energy", conformer.energy))
    if conformer.formation_energy is not None:
        formation = float(_finite(conformer, "formation energy", conformer.formation_energy))
        return formation + atomic_energy(conformer.molecule.numbers)
    return None


def _finite(conformer: Conformer, name: str, value: np.ndarray | float) -> np.ndarray:
    if not np.isfinite(value).all():
        raise DataError(f"conformer {_name(conformer)}: the label {name} is not finite")
    return np.asarray(value)


def _name(conformer: Conformer) -> str:
    molecule = conformer.molecule
    return f"{conformer.moses_id}/{conformer.conformation_id} ({molecule.smiles or molecule.formula})"
