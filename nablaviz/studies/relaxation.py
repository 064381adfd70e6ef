"""How well a model relaxes conformers: ∇²DFT's third task, with its metrics.

A conformer is relaxed with the model and, from the same geometry, with DFT; DFT judges both ends:

- E₀, the energy of the first geometry; E_m where the model ends; E_r where DFT ends;
- pct = 100 (E₀ − E_m) / (E₀ − E_r), its mean over the conformers that did not diverge;
- pct_div: share of those that did: there is no E_m, or E_m > E₀;
- success: share of all whose residual energy E_m − E_r is below 1 kcal/mol.

(Tsypin et al., arXiv:2311.06295, where they were introduced; Khrabrov et al., arXiv:2406.14347.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem.dft import SCFError, Settings, label
from nablaviz.chem.relaxation import DIVERGED, Relaxation, Surface, Tell, relax, rmsd
from nablaviz.data.atomic import replacing
from nablaviz.molecule import Molecule
from nablaviz.units import HARTREE2KCAL

if TYPE_CHECKING:
    import pandas as pd

CLOSE = 1.0
"""kcal/mol: a smaller residual energy is a success."""

Evaluation = tuple[float, np.ndarray]


def dft_surface(settings: Settings | None = None) -> Surface:
    """Energy and forces of DFT, each calculation from the Hamiltonian of the one before.

    Raises
    ------
    ValueError
        By the surface, if the equations do not converge.
    """
    last: tuple[bytes, np.ndarray] | None = None
    chosen = Settings() if settings is None else settings

    def surface(molecule: Molecule) -> Evaluation:
        nonlocal last
        known = molecule.numbers.tobytes()
        guess = last[1] if last is not None and last[0] == known else None
        try:
            found = label(molecule, settings=chosen, guess=guess)
        except SCFError as fault:
            raise ValueError(str(fault)) from fault
        assert found.energy is not None and found.forces is not None and found.hamiltonian is not None
        last = known, found.hamiltonian
        return found.energy, found.forces

    return surface


@dataclass
class Remembered:
    """A slow surface that keeps every evaluation in a file, so that a path that was stopped goes on.

    The optimiser is deterministic: on a rerun it asks for the same geometries, which are answered from the
    file; the first new one is computed.

    Parameters
    ----------
    surface
        What is asked for a geometry that is not in the file.
    path
        Of the file, JSON; need not exist.

    Raises
    ------
    ValueError
        If the file is of something else.
    """

    surface: Surface
    path: Path
    computed: int = field(default=0, init=False)
    "Evaluations that were not in the file."

    def __post_init__(self) -> None:
        self._known: list[dict[str, Any]] = []
        if self.path.exists():
            try:
                self._known = json.loads(self.path.read_text(encoding="utf-8"))["evaluations"]
            except (KeyError, TypeError, ValueError) as fault:
                raise ValueError(f"{self.path}: not a file of a relaxation ({fault!r}): delete it") from fault

    def __call__(self, molecule: Molecule) -> Evaluation:
        """Energy, Eh, and forces, shape (N, 3), Eh/Å."""
        for one in self._known:
            positions = np.array(one["positions"])
            same = one["numbers"] == molecule.numbers.tolist() and positions.shape == molecule.positions.shape
            if same and np.abs(positions - molecule.positions).max() < 1e-7:
                return float(one["energy"]), np.array(one["forces"])
        energy, forces = self.surface(molecule)
        self.computed += 1
        self._known.append({
            "numbers": molecule.numbers.tolist(), "positions": molecule.positions.tolist(),
            "energy": energy, "forces": forces.tolist(),
        })  # fmt: skip
        with replacing(self.path) as file:
            json.dump({"evaluations": self._known}, file)
        return energy, forces


@dataclass(frozen=True)
class Outcome:
    """One conformer, relaxed by a model and by DFT, judged by DFT; energies in Eh."""

    name: str
    atoms: int
    first: float
    "E₀."
    modelled: float | None
    "E_m; ``None`` where the model or DFT gave up."
    relaxed: float
    "E_r."
    steps: int
    "Of the model."
    reason: str
    "Why the model's relaxation ended."
    apart: float
    "RMSD between the two ends, Å; not a number where there is none."

    @property
    def diverged(self) -> bool:
        """Whether the model's end is higher than the beginning, or not there."""
        return self.modelled is None or not np.isfinite(self.modelled) or self.modelled > self.first

    @property
    def pct(self) -> float:
        """Share of DFT's relaxation energy that the model's relaxation recovers, %."""
        if self.modelled is None:
            return float("nan")
        return 100 * (self.first - self.modelled) / (self.first - self.relaxed)

    @property
    def residual(self) -> float:
        """E_m − E_r, kcal/mol: negative where the model found a lower minimum."""
        return float("nan") if self.modelled is None else (self.modelled - self.relaxed) * HARTREE2KCAL

    @property
    def success(self) -> bool:
        """Whether the residual energy is below `CLOSE`."""
        return bool(self.residual < CLOSE)


def judge(
    name: str, modelled: Relaxation, reference: Relaxation, energy: Callable[[Molecule], float]
) -> Outcome:
    """Compare a model's relaxation with DFT's.

    Parameters
    ----------
    modelled, reference
        Of the model and of DFT, from the same geometry.
    energy
        DFT's energy, Eh; what it raises as ``ValueError`` counts as diverged.

    Raises
    ------
    ValueError
        If they begin at different geometries, or DFT's relaxation did not lower the energy.
    """
    if rmsd(modelled.start, reference.start) > 1e-6:
        raise ValueError(f"{name}: the two relaxations begin at different geometries")
    first, relaxed = float(reference.energies[0]), float(reference.energies.min())
    if not relaxed < first:
        raise ValueError(f"{name}: DFT's relaxation did not lower the energy; is it relaxed already?")
    end: float | None = None
    if modelled.reason != DIVERGED:
        try:
            end = float(energy(modelled.molecule))
        except ValueError:
            end = None
    apart = float("nan") if end is None else rmsd(modelled.molecule, reference.molecule)
    steps = len(modelled.path) - 1
    return Outcome(name, len(modelled.start), first, end, relaxed, steps, modelled.reason, apart)


def metrics(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The published metrics of some conformers, all in %; the mean residual energy, kcal/mol.

    Returns
    -------
    dict
        ``pct`` (not a number where all diverged), ``pct_div``, ``success``, ``residual`` (of those that did
        not diverge) and ``conformers``.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not outcomes:
        raise ValueError("there is no relaxation to judge")
    sound = [outcome for outcome in outcomes if not outcome.diverged]
    return {
        "pct": float(np.mean([one.pct for one in sound])) if sound else float("nan"),
        "pct_div": 100 * (1 - len(sound) / len(outcomes)),
        "success": 100 * float(np.mean([one.success for one in outcomes])),
        "residual": float(np.mean([one.residual for one in sound])) if sound else float("nan"),
        "conformers": len(outcomes),
    }


def table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A line per conformer: ``name``, ``atoms``, ``pct``, ``residual`` (kcal/mol), ``apart`` (Å), ``steps``.

    ``released`` is what DFT's relaxation gains, kcal/mol.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "name": one.name,
            "atoms": one.atoms,
            "released": (one.first - one.relaxed) * HARTREE2KCAL,
            "pct": one.pct,
            "residual": one.residual,
            "apart": one.apart,
            "steps": one.steps,
            "reason": one.reason,
            "diverged": one.diverged,
            "success": one.success,
        }
        for one in outcomes
    )


def reference_relaxation(
    molecule: Molecule, path: Path, *, steps: int = 200, tell: Tell = lambda step, energy, force: None
) -> tuple[Relaxation, Remembered]:
    """DFT's relaxation, kept in a file and gone on with; and DFT as a surface that knows the path.

    Parameters
    ----------
    path
        Of the file.
    """
    surface = Remembered(dft_surface(), path)
    return relax(molecule, surface, steps=steps, tell=tell), surface
