"""One molecule and all the methods that compute its energy: what several of them need is done once.

The methods are those of existing programs: PySCF (Hartree–Fock, functionals, perturbation theory, coupled
cluster, full configuration interaction), tblite (GFN2-xTB), pyqmc (variational Monte Carlo), skala.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nablaviz.chem import dispersion
from nablaviz.chem.method import BASES, Energy, MethodError, Settings
from nablaviz.chem.rung_cost import Size
from nablaviz.molecule import SYMBOLS, Molecule, check_closed_shell
from nablaviz.units import ANGSTROM2BOHR

if TYPE_CHECKING:
    from pyscf import gto

HEAVIEST = 36
"""Krypton: beyond it the basis sets come with effective core potentials, which are not supported here."""

OMEGA_B97X_D = "HYB_GGA_XC_WB97X_D"

Tell = Callable[[str], None]
"""Called with what is being done; what it raises ends the calculation."""


@dataclass
class Workbench:
    """One molecule, and what has been computed of it.

    Parameters
    ----------
    molecule
        Closed shell.
    settings
        Of all methods.
    tell
        Told what is being done.

    Raises
    ------
    ValueError
        If the number of electrons is odd, or PySCF has no such basis for an element.
    """

    molecule: Molecule
    settings: Settings = field(default_factory=Settings)
    tell: Tell = lambda text: None
    times: dict[str, tuple[float, float]] = field(default_factory=dict)
    "Wall and processor time of each stage that is done, s."

    def __post_init__(self) -> None:
        check_closed_shell(self.molecule.numbers)
        self._kept: dict[str, Any] = {}

    def stage(self, name: str, work: Callable[[], Any]) -> Any:
        """What some work gives: it is done once, and its time kept under its name."""
        if name not in self._kept:
            wall, processor = time.perf_counter(), time.process_time()
            found = work()
            self.times[name] = time.perf_counter() - wall, time.process_time() - processor
            self._kept[name] = found
        return self._kept[name]

    @cached_property
    def mole(self) -> gto.Mole:
        """PySCF's molecule."""
        from pyscf import gto
        from pyscf.lib.exceptions import BasisNotFoundError

        heavy = self.molecule.numbers[self.molecule.numbers > HEAVIEST]
        if len(heavy):
            raise ValueError(
                f"{SYMBOLS[heavy[0]]} needs an effective core potential, which these methods are not given; "
                f"elements up to {SYMBOLS[HEAVIEST]} will do, GFN2-xTB knows heavier ones"
            )
        atoms = list(zip(self.molecule.symbols, self.molecule.positions * ANGSTROM2BOHR, strict=True))
        try:
            return gto.M(atom=atoms, basis=self.settings.basis, unit="Bohr", verbose=0)
        except (BasisNotFoundError, KeyError, RuntimeError) as fault:
            raise ValueError(
                f"PySCF has no basis {self.settings.basis!r} for {self.molecule.formula} ({fault}); "
                f"there are {', '.join(BASES)}"
            ) from None

    @cached_property
    def size(self) -> Size:
        """What the cost of the methods depends on."""
        from pyscf.data.elements import chemcore

        frozen = chemcore(self.mole) if self.settings.frozen_core else 0
        return Size(len(self.molecule), int(self.molecule.numbers.sum()), int(self.mole.nao), int(frozen))

    def mean_field(self) -> Any:
        """Hartree–Fock."""
        from pyscf import scf

        return self.stage("hf", lambda: self._converge("Hartree–Fock", scf.RHF(self.mole)))

    def hartree_fock(self) -> Energy:
        """Energy of Hartree–Fock."""
        return Energy(float(self.mean_field().e_tot))

    def functional(self, name: str, xc: str) -> Energy:
        """Energy of a functional of PySCF's, with the dispersion term of ωB97X-D where it is that one."""
        from pyscf import dft

        correction = dispersion.d2(self.molecule)[0] if xc == OMEGA_B97X_D else 0.0
        return self.stage(name, lambda: self._functional(name, dft.RKS(self.mole, xc=xc), correction))

    def skala(self) -> Energy:
        """Energy of the functional learned by a network, with D3 dispersion (arXiv:2506.14665)."""
        from skala.pyscf import SkalaKS

        def work() -> Energy:
            try:
                field = SkalaKS(self.mole, xc="skala-1.1")
            except OSError as fault:
                raise MethodError(
                    f"the weights of skala-1.1 are not on this machine and could not be fetched ({fault}): "
                    "load them once with a network, by skala.functional.load_functional('skala-1.1')"
                ) from fault
            return self._functional("Skala", field, 0.0)

        return self.stage("skala", work)

    def _functional(self, name: str, field: Any, correction: float) -> Energy:
        field.grids.level = self.settings.grid
        return Energy(float(self._converge(name, field).e_tot) + correction)

    def _converge(self, name: str, field: Any) -> Any:
        """A self-consistent field, by a second-order method where the first does not converge."""
        field.conv_tol = 1e-10
        cycle = 0

        def follow(state: dict[str, Any]) -> None:
            nonlocal cycle
            cycle += 1
            self.tell(f"iteration {cycle}")

        field.callback = follow
        field.kernel()
        if not field.converged:
            field = field.newton()
            field.callback = follow
            field.kernel()
        if not field.converged:
            raise MethodError(f"{name} did not converge in {cycle} iterations: is the geometry reasonable?")
        field._eri = None  # large, and quickly computed again
        return field

    @contextmanager
    def _integrals(self) -> Iterator[Any]:
        """Hartree–Fock with its integrals in memory, as the correlated methods want it."""
        field = self.mean_field()
        field._eri = self.mole.intor("int2e", aosym="s8")
        try:
            yield field
        finally:
            field._eri = None

    def mp2(self) -> Energy:
        """Second-order perturbation theory."""
        return self.stage("mp2", self._mp2)

    def _mp2(self) -> Energy:
        from pyscf import mp

        with self._integrals() as field:
            if not self.size.virtual:
                return Energy(float(field.e_tot))
            return Energy(float(field.e_tot + mp.MP2(field, frozen=self.size.frozen).kernel()[0]))

    def ccsd(self) -> Energy:
        """Coupled cluster with single and double excitations."""
        return self.stage("ccsd", self._ccsd)[0]

    def _ccsd(self) -> tuple[Energy, Any, Any]:
        from pyscf import cc

        with self._integrals() as field:
            solver = cc.CCSD(field, frozen=self.size.frozen)
            solver.conv_tol, solver.conv_tol_normt, solver.max_cycle = 1e-9, 1e-6, 100
            self._never_on_disk(solver)
            solver.callback = lambda state: self.tell(f"iteration {state['istep'] + 1}")
            solver.kernel()
            if not solver.converged:
                raise MethodError(
                    "CCSD did not converge in 100 iterations: the molecule may need more than one determinant"
                )
            return Energy(float(solver.e_tot)), solver.t1, solver.t2

    def ccsd_t(self) -> Energy:
        """Coupled cluster with perturbative triple excitations."""
        self.ccsd()
        return self.stage("triples", self._triples)

    def _triples(self) -> Energy:
        from pyscf import cc

        below, t1, t2 = self._kept["ccsd"]
        self.tell("triple excitations")
        with self._integrals() as field:
            solver = cc.CCSD(field, frozen=self.size.frozen)
            self._never_on_disk(solver)
            return Energy(below.value + float(solver.ccsd_t(t1, t2, solver.ao2mo())))

    def _never_on_disk(self, solver: Any) -> None:
        """Whether there is memory enough was asked before."""
        solver.incore_complete = True

    def fci(self) -> Energy:
        """Full configuration interaction of the electrons that are correlated: exact in the basis."""
        return self.stage("fci", self._fci)

    def _fci(self) -> Energy:
        from pyscf import fci, mcscf

        pairs, orbitals = self.size.occupied, self.size.occupied + self.size.virtual
        with self._integrals() as field:
            space = mcscf.CASCI(field, orbitals, 2 * pairs)
            core, constant = space.get_h1eff()
            interaction = space.get_h2eff()
        solver = fci.direct_spin0.FCI()
        solver.conv_tol, solver.max_cycle = 1e-10, 200
        done = 0

        def follow(state: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            self.tell(f"iteration {done}")

        energy, _ = solver.kernel(
            core, interaction, orbitals, (pairs, pairs), ecore=constant, callback=follow
        )
        if not solver.converged:
            raise MethodError(f"the diagonalisation did not converge in {done} iterations")
        return Energy(float(energy))

    def gfn2(self) -> Energy:
        """Tight binding, GFN2-xTB (Bannwarth et al., J. Chem. Theory Comput. 2019, 15, 1652)."""
        return self.stage("gfn2", self._gfn2)

    def _gfn2(self) -> Energy:
        from tblite.interface import Calculator

        try:
            program = Calculator("GFN2-xTB", self.molecule.numbers, self.molecule.positions * ANGSTROM2BOHR)
            program.set("verbosity", 0)
            return Energy(float(program.singlepoint().get("energy")))
        except RuntimeError as fault:
            raise MethodError(f"tblite gave up: {fault}") from fault

    def vmc(self) -> Energy:
        """Variational Monte Carlo of a Slater determinant times a Jastrow factor."""
        self.mean_field()
        return self.stage("vmc", self._vmc)

    def _vmc(self) -> Energy:
        from nablaviz.chem.monte_carlo import variational

        effort = {
            name: getattr(self.settings, name) for name in ("walkers", "blocks", "optimisation", "seed")
        }
        return Energy(*variational(self.mole, self.mean_field(), **effort, tell=self.tell))
