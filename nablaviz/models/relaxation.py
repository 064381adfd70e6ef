"""Relaxing a conformer with a model of the energy."""

from __future__ import annotations

from typing import Any

import numpy as np

from nablaviz.chem import relaxation
from nablaviz.chem.relaxation import Relaxation, Surface
from nablaviz.models.interface import Model
from nablaviz.models.library import load_model
from nablaviz.molecule import Molecule


def relax(molecule: Molecule, model: Model | str = "energy", **options: Any) -> Relaxation:
    """Relax a conformer with a model of the energy.

    Parameters
    ----------
    molecule
        Where to begin.
    model
        One whose predictions have energies and forces, or the name or file of one.
    options
        Of :func:`nablaviz.chem.relaxation.relax`: ``flat``, ``steps``, ``tell``.

    Raises
    ------
    ValueError
        If the model does not know an element, or predicts no forces.

    Examples
    --------
    >>> relaxed = nablaviz.relax(conformer.molecule, "energy")
    >>> relaxed.table  # energy and RMSD along the path
    >>> nablaviz.label(relaxed.molecule).energy  # what DFT says of where it ended, Eh
    """
    return relaxation.relax(molecule, surface_of(model), **options)


def surface_of(model: Model | str) -> Surface:
    """Energies and forces of a model as a function of the molecule."""
    chosen = load_model(model) if isinstance(model, str) else model

    def surface(molecule: Molecule) -> tuple[float, np.ndarray]:
        found = chosen.predict(molecule)
        if found.energy is None or found.forces is None:
            name = getattr(getattr(chosen, "card", None), "name", type(chosen).__name__)
            raise ValueError(f"model {name!r} predicts no forces to follow: take one of the energy")
        return found.energy, found.forces

    return surface


def ase_calculator(model: Model | str) -> Any:
    """A model as a calculator of ASE, for molecular dynamics, vibrations, paths of reactions (eV and Å).

    Examples
    --------
    >>> atoms = ase.Atoms(numbers=molecule.numbers, positions=molecule.positions)
    >>> atoms.calc = ase_calculator("energy")
    """
    return relaxation.calculator(surface_of(model))
