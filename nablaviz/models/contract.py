"""The contract test: does a model behave as a function of the geometry alone? For any model."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nablaviz.chem import basis
from nablaviz.models.angular import rotations
from nablaviz.models.interface import Model, Prediction
from nablaviz.molecule import SUPPORTED, Molecule

FORCE_STEP = 1e-4
"""Å; central differences of fourth order are then right to about 1e-9 Eh/Å."""

AGAIN, ROTATION, PERMUTATION, FORCES, BATCH, SYMMETRY = 1e-12, 1e-10, 1e-12, 1e-6, 1e-12, 1e-12
"""Largest differences allowed, in Eh or Eh/Å, in float64.

Turning goes through other numbers, so that rounding errors of matrix elements of up to 500 Eh show;
renumbering changes the order of sums alone; asked again, a network in TorchScript may answer in code
compiled meanwhile. The step of the finite differences limits the forces.
"""

ATOMS = 12
"""Of so many atoms at most are the forces compared; two differences each cost two predictions."""


@dataclass(frozen=True)
class Check:
    """One demand and how it was met."""

    name: str
    molecule: str
    error: float
    "Largest difference; not a number where the model failed altogether."
    allowed: float
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the difference is allowed."""
        return self.error <= self.allowed


@dataclass(frozen=True)
class Report:
    """What :func:`validate` found; prints as a table."""

    model: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the model keeps the contract."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    def __str__(self) -> str:
        verdict = (
            "keeps the contract" if self.passed else f"fails {len(self.failed)} of {len(self.checks)} checks"
        )
        rows = [
            f"{'ok' if c.passed else 'FAILED':7}{c.name:24}{c.molecule:14}"
            f"{c.error:9.1e} ≤ {c.allowed:.0e}  {c.note}"
            for c in self.checks
        ]
        return "\n".join([f"{self.model} {verdict}", *(row.rstrip() for row in rows)])


class ContractError(AssertionError):
    """A model does not keep the contract; ``report`` has all checks."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def validate(model: Model, molecules: Sequence[Molecule] | None = None, *, check: bool = False) -> Report:
    """Check a model: turned, reflected and renumbered molecules, batches, forces, files, unknown elements.

    Parameters
    ----------
    model
        Anything with ``predict``. A ``torch.nn.Module`` is copied and put in float64; another one is
        taken to compute in float64 itself.
    molecules
        Those to try; by default two small ones of the elements that the model's card names.
    check
        Whether to raise where something fails.

    Raises
    ------
    ContractError
        If ``check`` is true and a demand is not met.
    ValueError
        If ``molecules`` is empty.
    """
    if isinstance(model, torch.nn.Module):
        model = copy.deepcopy(model).double()
    card = getattr(model, "card", None)
    elements = SUPPORTED if card is None else card.elements
    chosen = _examples(tuple(elements)) if molecules is None else list(molecules)
    if not chosen:
        raise ValueError("validate needs at least one molecule")
    checks: list[Check] = []
    for molecule in chosen:
        checks += _guarded(molecule.formula, lambda molecule=molecule: _geometry(model, molecule))  # type: ignore[misc]
    checks += _guarded("all", lambda: _batch(model, chosen))
    checks += _guarded("HXe", lambda: _unknown(model))
    if hasattr(model, "save") and isinstance(model, torch.nn.Module):
        checks += _guarded(chosen[0].formula, lambda: _files(model, chosen[0]))
    name = type(model).__name__ if card is None else card.name
    report = Report(name, tuple(checks))
    if check and not report.passed:
        raise ContractError(report)
    return report


def _guarded(molecule: str, run: Callable[[], Iterator[Check]]) -> list[Check]:
    """The checks; one that fails for the model's exception, in its place."""
    found: list[Check] = []
    try:
        for check in run():
            found.append(check)
    except Exception as fault:  # whatever a user's model raises is a finding
        found.append(Check("prediction", molecule, np.nan, 0.0, f"{type(fault).__name__}: {fault}"))
    return found


def _geometry(model: Model, molecule: Molecule) -> Iterator[Check]:
    name, first = molecule.formula, model.predict(molecule)
    if not isinstance(first, Prediction):
        raise TypeError(f"predict gave a {type(first).__name__}, not a Prediction")
    if first.energy is None and first.hamiltonian is None:
        raise ValueError("the prediction has neither an energy nor a Hamiltonian")
    yield Check("same again", name, _difference(first, model.predict(molecule)), AGAIN)
    generator = np.random.default_rng(0)
    turn = np.linalg.qr(generator.normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    for kind, matrix in (("rotation", turn), ("reflection", -turn)):
        moved = Molecule(molecule.numbers, molecule.positions @ matrix.T + [1.0, -2.0, 0.5])
        yield Check(kind, name, _difference(_turned(first, matrix, moved), model.predict(moved)), ROTATION)
    order = generator.permutation(len(molecule))
    renumbered = Molecule(molecule.numbers[order], molecule.positions[order])
    expected = _renumbered(first, order, renumbered)
    yield Check("permutation", name, _difference(expected, model.predict(renumbered)), PERMUTATION)
    if first.hamiltonian is not None:
        asymmetry = float(abs(first.hamiltonian - first.hamiltonian.T).max())
        yield Check("H symmetric", name, asymmetry, SYMMETRY)
    if first.forces is not None:
        yield Check("forces = −∂E/∂R", name, _force_error(model, first), FORCES)


def _difference(one: Prediction, other: Prediction) -> float:
    """Largest difference of two predictions; infinite where one lacks what the other has."""
    errors = [0.0]
    for name in ("energy", "forces", "hamiltonian"):
        a, b = getattr(one, name), getattr(other, name)
        if (a is None) != (b is None):
            return np.inf
        if a is not None:
            errors.append(float(np.abs(np.asarray(a) - np.asarray(b)).max()))
    return max(errors)


def _turned(prediction: Prediction, matrix: np.ndarray, moved: Molecule) -> Prediction:
    forces, hamiltonian = prediction.forces, prediction.hamiltonian
    if hamiltonian is not None:
        shells = basis.layout(moved.numbers)
        turn = np.zeros((len(shells), len(shells)))
        for k, degree in enumerate(shells.shell_l.tolist()):
            part = shells.shell(k)
            turn[part, part] = rotations(degree, torch.as_tensor(matrix)[None])[0].numpy()
        turn = basis.to_pyscf(turn, moved.numbers, "m-ordered")
        hamiltonian = turn @ hamiltonian @ turn.T
    return Prediction(moved, prediction.energy, None if forces is None else forces @ matrix.T, hamiltonian)


def _renumbered(prediction: Prediction, order: np.ndarray, molecule: Molecule) -> Prediction:
    forces, hamiltonian = prediction.forces, prediction.hamiltonian
    if hamiltonian is not None:
        shells = basis.layout(prediction.molecule.numbers)
        index = np.concatenate([np.arange(len(shells))[shells.atom(i)] for i in order.tolist()])
        hamiltonian = hamiltonian[np.ix_(index, index)]
    return Prediction(molecule, prediction.energy, None if forces is None else forces[order], hamiltonian)


def _force_error(model: Model, first: Prediction) -> float:
    """Difference of forces and central differences of the energy, of fourth order."""
    molecule, errors = first.molecule, []
    assert first.forces is not None
    atoms = np.random.default_rng(1).permutation(len(molecule))[:ATOMS]
    for atom in atoms.tolist():
        for axis in range(3):
            energies = []
            for step in (-2, -1, 1, 2):
                positions = molecule.positions.copy()
                positions[atom, axis] += step * FORCE_STEP
                energies.append(model.predict(Molecule(molecule.numbers, positions)).energy)
            if None in energies:
                return np.inf
            slope = np.dot([1, -8, 8, -1], np.array(energies, dtype=np.float64)) / (12 * FORCE_STEP)
            errors.append(abs(slope + first.forces[atom, axis]))
    return float(max(errors))


def _batch(model: Model, molecules: Sequence[Molecule]) -> Iterator[Check]:
    several = [*molecules, molecules[0]]
    together = model.predict(several)
    if not isinstance(together, list) or len(together) != len(several):
        raise TypeError(f"predict of {len(several)} molecules must give a list of as many predictions")
    errors = [_difference(model.predict(m), p) for m, p in zip(several, together, strict=True)]
    yield Check("batch = single", "all", max(errors), BATCH)


def _unknown(model: Model) -> Iterator[Check]:
    molecule = Molecule(np.array([54, 1]), np.array([[0.0, 0, 0], [0, 0, 1.6]]))
    try:
        model.predict(molecule)
        note = "an unknown element was accepted"
    except ValueError as fault:
        note = "" if "Xe" in str(fault) else f"the error does not name the element Xe: {fault}"
    yield Check("unknown element refused", "HXe", np.inf if note else 0.0, 0.0, note)


def _files(model: Any, molecule: Molecule) -> Iterator[Check]:
    from nablaviz.models import files

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        model.save(path)
        again = files.load(path, lambda name: type(model))
    yield Check(
        "file round trip",
        molecule.formula,
        _difference(model.predict(molecule), again.predict(molecule)),
        0.0,
    )


@cache
def _examples(elements: tuple[int, ...]) -> list[Molecule]:
    """Two small molecules without symmetry, with as many of the elements as can be, slightly distorted."""
    from nablaviz.chem import conformers

    wanted = ("OC(=O)C(F)S", "N#CC(Cl)Br", "NC(C)O", "CC")
    found: list[Molecule] = []
    for smiles in wanted:
        molecule = conformers.embed(smiles, count=1, seed=0)[0]
        if set(molecule.numbers.tolist()) <= set(elements):
            shift = np.random.default_rng(len(found)).normal(scale=0.05, size=(len(molecule), 3))
            found.append(Molecule(molecule.numbers, molecule.positions + shift, smiles))
    return found[:2]
