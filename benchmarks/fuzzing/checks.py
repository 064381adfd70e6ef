"""What must be so of what is read, and a digest of it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from nablaviz.molecule import SUPPORTED


class Wrong(AssertionError):
    """A value that must not have been accepted."""


def must(condition: Any, message: str) -> None:
    """Raise ``Wrong`` unless a condition holds."""
    if not condition:
        raise Wrong(message)


def digest(*values: Any) -> str:
    """Of arrays, texts and numbers, to tell whether two readings are the same."""
    found = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            found.update(f"{value.dtype} {value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        else:
            found.update(repr(value).encode("utf-8", "backslashreplace"))
    return found.hexdigest()


FIELDS = (
    "moses_id",
    "conformation_id",
    "energy",
    "formation_energy",
    "forces",
    "hamiltonian",
    "dipole",
    "split",
)


def sound(conformer: Any) -> str:
    """Check what must be so of any conformer, and digest it."""
    from nablaviz.chem import basis

    molecule, c = conformer.molecule, conformer
    must(set(molecule.numbers.tolist()) <= set(SUPPORTED), f"elements {set(molecule.numbers.tolist())}")
    must(np.isfinite(molecule.positions).all(), "coordinates are not finite")
    for name in ("moses_id", "conformation_id", "train_size", "scf_iterations"):
        must(type(getattr(c, name)) in (int, type(None)), f"{name} is {getattr(c, name)!r}")
    for name in ("energy", "formation_energy", "wall_time"):
        value = getattr(c, name)
        must(value is None or (isinstance(value, float) and np.isfinite(value)), f"{name} is {value!r}")
    for name, shape in (("forces", (len(molecule), 3)), ("dipole", (3,)), ("orbital_energies", (-1,))):
        value = getattr(c, name)
        must(value is None or (np.isfinite(value).all() and (value.shape == shape or -1 in shape)), name)
    for name in ("scaffold", "split", "error"):
        must(type(getattr(c, name)) in (str, type(None)), f"{name} is {getattr(c, name)!r}")
    h = c.hamiltonian
    if h is not None:
        must(h.shape == (basis.size(molecule.numbers),) * 2, f"H has shape {h.shape}")
        must(np.abs(h - h.T).max() <= 1e-5 * max(np.abs(h).max(), 1e-300), "H is not symmetric")
    return digest(
        molecule.numbers, molecule.positions, molecule.smiles, *(getattr(c, name) for name in FIELDS)
    )
