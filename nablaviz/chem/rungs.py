"""The rungs of the ladder of methods: what each is, what it needs, and how it is computed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from nablaviz.chem.method import Energy
from nablaviz.chem.workbench import OMEGA_B97X_D, Workbench
from nablaviz.molecule import Molecule


class Predictor(Protocol):
    """A model: see :class:`nablaviz.models.interface.Model`."""

    def predict(self, molecules: Any) -> Any:
        """What it says of a molecule."""


@dataclass(frozen=True)
class Rung:
    """One method.

    Parameters
    ----------
    key
        Its name in calls and tables.
    title
        Its name for people.
    family
        ``tight binding``, ``mean field``, ``functional``, ``correlated``, ``exact``, ``Monte Carlo`` or
        ``model``.
    stages
        What is computed, by the names of :data:`nablaviz.chem.rung_cost.WORK`.
    timed
        The same by the names that :class:`~nablaviz.chem.workbench.Workbench` keeps times under.
    compute
        Its energy.
    says
        What it is, in a sentence.
    package
        The module of an optional package.
    install
        How to get that.
    reference
        Whether other rungs may be judged by it.
    same_atoms
        Whether its differences mean something between isomers and conformers only.
    """

    key: str
    title: str
    family: str
    stages: tuple[str, ...]
    timed: tuple[str, ...]
    compute: Callable[[Workbench], Energy]
    says: str
    package: str = ""
    install: str = ""
    reference: bool = True
    same_atoms: bool = False

    @property
    def missing(self) -> str:
        """How to install what is not there; empty where nothing is missing."""
        if not self.package or importlib.util.find_spec(self.package) is not None:
            return ""
        return f"{self.package} is not installed: {self.install}"


def _functional(key: str, title: str, xc: str, says: str) -> Rung:
    return Rung(
        key, title, "functional", ("functional",), (key,), lambda bench: bench.functional(key, xc), says
    )


LADDER = (
    Rung(
        "gfn2-xtb", "GFN2-xTB", "tight binding", ("tight binding",), ("gfn2",), Workbench.gfn2,
        "Valence electrons in a minimal basis, integrals fitted to data.",
        "tblite", "pip install 'nablaviz[tblite]'", reference=False,
    ),
    Rung(
        "hf", "Hartree–Fock", "mean field", ("mean field",), ("hf",), Workbench.hartree_fock,
        "One determinant: each electron in the mean field of the others.",
    ),
    _functional("lda", "LDA", "SVWN", "A functional of the density alone, right for a uniform gas."),
    _functional("pbe", "PBE", "PBE", "Density and its gradient."),
    _functional("b3lyp", "B3LYP", "B3LYP", "A fifth of exact exchange, three fitted numbers."),
    _functional(
        "wb97x-d", "ωB97X-D", OMEGA_B97X_D, "Exact exchange at long range, dispersion: nablaDFT's functional."
    ),
    Rung(
        "skala", "Skala", "functional", ("functional", "functional"), ("skala",), Workbench.skala,
        "A functional that a network learned from accurate energies (arXiv:2506.14665).",
        "skala", "pip install skala; its weights are fetched at first use",
    ),
    Rung(
        "mp2", "MP2", "correlated", ("mean field", "mp2"), ("hf", "mp2"), Workbench.mp2,
        "Pairs of electrons avoid each other, to second order.",
    ),
    Rung(
        "ccsd", "CCSD", "correlated", ("mean field", "ccsd"), ("hf", "ccsd"), Workbench.ccsd,
        "All products of single and double excitations.",
    ),
    Rung(
        "ccsd(t)", "CCSD(T)", "correlated", ("mean field", "ccsd", "triples"), ("hf", "ccsd", "triples"),
        Workbench.ccsd_t, "Triple excitations on top: the standard that others are judged by.",
    ),
    Rung(
        "fci", "Full CI", "exact", ("mean field", "fci"), ("hf", "fci"), Workbench.fci,
        "Every determinant: exact in the basis.",
    ),
    Rung(
        "vmc", "VMC", "Monte Carlo", ("mean field", "vmc"), ("hf", "vmc"), Workbench.vmc,
        "Electrons walk at random; their distances are in the wave function. It has an error bar.",
        "pyqmc", "pip install pyqmc (it asks for pandas below 3, and works with 3: add --no-deps)",
        reference=False,
    ),
)  # fmt: skip
"""From the lowest to the highest; what is judged is judged by the highest that ran."""

RUNGS = {rung.key: rung for rung in LADDER}


def choose(keys: tuple[str, ...] | None = None, models: Mapping[str, Predictor] | None = None) -> list[Rung]:
    """Rungs by their keys, in the ladder's order, then models by their names.

    Parameters
    ----------
    keys
        By default all.
    models
        Their energies or, of models of the Hamiltonian, band energies.

    Raises
    ------
    ValueError
        If there is no such rung, or none is chosen.
    """
    wanted = list(RUNGS) if keys is None else list(keys)
    if unknown := [key for key in wanted if key not in RUNGS]:
        raise ValueError(f"no rung {unknown[0]!r}; there are {', '.join(RUNGS)}")
    found = [rung for rung in LADDER if rung.key in wanted]
    found += [of_model(name, model) for name, model in (models or {}).items()]
    if not found:
        raise ValueError(f"no rung is chosen; there are {', '.join(RUNGS)}, and models")
    return found


def of_model(name: str, model: Predictor) -> Rung:
    """A model as a rung; of a model of the Hamiltonian it is the band energy, which is no total energy."""
    card = getattr(model, "card", None)
    band = getattr(card, "kind", "energy") == "hamiltonian"

    def energy(molecule: Molecule) -> Energy:
        found = model.predict(molecule)
        if found.energy is not None:
            return Energy(float(found.energy))
        return Energy(float(found.band_energy), note="band energy: the sum of the occupied levels")

    title = f"{name} (band energy)" if band else name
    says = "Sum of the occupied levels of a predicted Hamiltonian." if band else "A model of the energy."
    return Rung(
        f"model {name}", title, "model", (), (f"model {name}",),
        lambda bench: bench.stage(f"model {name}", lambda: energy(bench.molecule)),
        says, reference=False, same_atoms=band,
    )  # fmt: skip
