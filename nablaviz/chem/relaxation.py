"""Relaxing a geometry down an energy surface, with ASE: of a model, of DFT, of anything with forces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.bonds import bonded_pairs
from nablaviz.chem.geometry import superpose
from nablaviz.molecule import Molecule
from nablaviz.units import HARTREE2EV, HARTREE2KCAL

if TYPE_CHECKING:
    import pandas as pd

Surface = Callable[[Molecule], tuple[float, np.ndarray]]
"""Energy, Eh, and forces, shape (N, 3), Eh/Å, of a molecule."""

Tell = Callable[[int, float, float], None]
"""Told the step from 0, the energy, Eh, and the largest force, Eh/Å; what it raises ends the relaxation."""

FLAT = 4e-4
"""Eh/Å, 0.01 eV/Å: a geometry with no larger force on an atom is relaxed."""

APART = 3.0
"""Å: a bond that has grown by more is no relaxation."""

CONVERGED, STEPS, DIVERGED = "converged", "steps", "diverged"


@dataclass(frozen=True, eq=False)
class Relaxation:
    """A path of T geometries, the first of them where it began."""

    path: tuple[Molecule, ...]
    energies: np.ndarray
    "Of the surface, Eh, shape (T,)."
    forces: np.ndarray
    "Largest force on an atom, Eh/Å, shape (T,)."
    reason: str
    "Why it ended: ``converged``, ``steps`` (as many as allowed) or ``diverged``."
    note: str = ""
    "What went wrong where it diverged."

    @property
    def start(self) -> Molecule:
        """Where it began."""
        return self.path[0]

    @property
    def molecule(self) -> Molecule:
        """Where it ended."""
        return self.path[-1]

    @property
    def converged(self) -> bool:
        """Whether the forces have vanished."""
        return self.reason == CONVERGED

    @property
    def released(self) -> float:
        """Energy of the first geometry less that of the last, kcal/mol."""
        return float(self.energies[0] - self.energies[-1]) * HARTREE2KCAL

    @cached_property
    def rmsd(self) -> np.ndarray:
        """Distance from the first geometry, superposed, Å, shape (T,)."""
        return np.array([rmsd(molecule, self.start) for molecule in self.path])

    @property
    def table(self) -> pd.DataFrame:
        """A line per step: ``step``, ``energy`` (kcal/mol from the first), ``force`` (Eh/Å), ``rmsd`` (Å)."""
        import pandas as pd

        energy = (self.energies - self.energies[0]) * HARTREE2KCAL
        steps = np.arange(len(self.path))
        return pd.DataFrame({"step": steps, "energy": energy, "force": self.forces, "rmsd": self.rmsd})

    def __repr__(self) -> str:
        return (
            f"<Relaxation of {self.start.formula}: {len(self.path) - 1} steps, {self.reason}, "
            f"{self.released:.2f} kcal/mol released, {self.rmsd[-1]:.2f} Å moved>"
        )


def rmsd(molecule: Molecule, reference: Molecule) -> float:
    """Root mean square distance of all atoms after superposition, Å."""
    moved, fixed = (replace(m, numbers=np.full(len(m), 2)) for m in (molecule, reference))
    (placed,) = superpose([moved], fixed)
    return float(np.sqrt(((placed.positions - fixed.positions) ** 2).sum(axis=1).mean()))


def relax(
    molecule: Molecule,
    surface: Surface,
    *,
    flat: float = FLAT,
    steps: int = 200,
    tell: Tell = lambda step, energy, force: None,
) -> Relaxation:
    """Follow the forces by L-BFGS (ASE's), to where there are none.

    Parameters
    ----------
    molecule
        Where to begin.
    surface
        Gives energy and forces.
    flat
        Largest force that is taken for none, Eh/Å.
    steps
        At most.

    Returns
    -------
    Relaxation
        With the reason ``diverged`` where the surface raises ``ValueError`` or gives numbers that are not
        finite, or where the molecule falls apart.

    Raises
    ------
    ValueError
        If ``flat`` or ``steps`` is not positive, or the surface fails at the first geometry.
    """
    from ase import Atoms
    from ase.optimize import LBFGS

    if not flat > 0 or steps < 1:
        raise ValueError(f"flat must be positive and steps at least 1, not {flat} and {steps}")
    atoms = Atoms(numbers=molecule.numbers, positions=molecule.positions)
    atoms.calc = calculator(surface, molecule.smiles)
    path: list[Molecule] = []
    energies: list[float] = []
    forces: list[float] = []
    reason, note = STEPS, ""
    optimizer = LBFGS(atoms, logfile=None)  # type: ignore[arg-type]
    try:
        for converged in optimizer.irun(fmax=flat * HARTREE2EV, steps=steps):
            here = Molecule(molecule.numbers, atoms.positions, molecule.smiles)
            if apart := _torn(here, molecule):
                reason, note = DIVERGED, apart
                break
            path.append(here)
            energies.append(float(atoms.get_potential_energy()) / HARTREE2EV)
            forces.append(float(np.linalg.norm(atoms.get_forces(), axis=1).max()) / HARTREE2EV)
            tell(len(path) - 1, energies[-1], forces[-1])
            if converged:
                reason = CONVERGED
    except ValueError as fault:
        if not path:  # an element that it does not know, a geometry that makes no sense
            raise
        reason, note = DIVERGED, str(fault)
    return Relaxation(tuple(path), np.array(energies), np.array(forces), reason, note)


def _torn(molecule: Molecule, start: Molecule) -> str:
    """Which bonded atoms are far apart; empty where none are."""
    for i, j in bonded_pairs(start).tolist():
        length = float(np.linalg.norm(molecule.positions[i] - molecule.positions[j]))
        if length > np.linalg.norm(start.positions[i] - start.positions[j]) + APART:
            return f"the bond between atoms {i} and {j} has grown to {length:.1f} Å"
    return ""


def calculator(surface: Surface, smiles: str | None = None) -> Any:
    """A surface as a calculator of ASE, which has eV and Å.

    Parameters
    ----------
    smiles
        Of the molecule, where the surface wants to know it.
    """
    return _calculator_class()(surface, smiles)


@cache
def _calculator_class() -> type:
    from ase.calculators.calculator import Calculator, all_changes

    class SurfaceCalculator(Calculator):
        """Energy and forces of a surface."""

        implemented_properties = ["energy", "forces"]  # noqa: RUF012  # as ASE has it

        def __init__(self, surface: Surface, smiles: str | None) -> None:
            super().__init__()
            self.surface, self.smiles = surface, smiles

        def calculate(
            self, atoms: Any = None, properties: Any = ("energy",), system_changes: Any = all_changes
        ) -> None:
            """Both at once."""
            super().calculate(atoms, properties, system_changes)
            here: Any = self.atoms
            molecule = Molecule(here.numbers, here.positions, self.smiles)
            energy, forces = self.surface(molecule)
            if not (np.isfinite(energy) and np.isfinite(forces).all()):
                raise ValueError("the energy or a force is not finite")
            self.results = {"energy": energy * HARTREE2EV, "forces": np.asarray(forces) * HARTREE2EV}

    return SurfaceCalculator
