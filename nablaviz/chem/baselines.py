"""Hamiltonians that need no training: guesses from the geometry alone, and other functionals."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.chem import basis, quadrature
from nablaviz.chem.dft import SCFError, Settings
from nablaviz.chem.scf import SCF, Progress, atomic_orbitals, equations
from nablaviz.molecule import SYMBOLS, Molecule

if TYPE_CHECKING:
    from pyscf import gto

WOLFSBERG_HELMHOLZ = 1.75
"""The constant K of extended Hückel theory (Hoffmann, J. Chem. Phys. 1963, 39, 1397)."""

FUNCTIONALS = {
    "LDA": "LDA,VWN",
    "PBE": "PBE",
    "BLYP": "BLYP",
    "TPSS": "TPSS",
    "R2SCAN": "R2SCAN",
    "B3LYP": "B3LYP",
    "PBE0": "PBE0",
    "M06-2X": "M06-2X",
    "CAM-B3LYP": "CAM-B3LYP",
    "WB97X-D": "HYB_GGA_XC_WB97X_D",
    "HF": "HF",
}
"""Names to suggest, and what libxc calls them; any other name that libxc knows will do."""

GRID = (50, 194)
"""Shells on each atom and points on each shell for these: 1e-6 Eh on average from the grid of the labels."""


def baseline(name: str, molecule: Molecule, *, double: bool = True) -> np.ndarray:
    """Guess a molecule's Hamiltonian, shape (n, n), Eh, PySCF order.

    Parameters
    ----------
    name
        "core": kinetic energy and nuclei alone. "minao": the Kohn–Sham matrix, at the level of theory of
        the labels, of superposed atomic densities. "minao-2", "minao-4": the same after so many steps to
        self-consistency on a coarse grid. "coarse-scf": the same after five steps, all on a grid of a tenth
        of the points, whose error is most of what it leaves. "sap": kinetic energy and superposed atomic
        potentials (Lehtola, J. Chem. Theory Comput. 2019, 15, 1593) on the grid of the labels. "sap-fit":
        the same from potentials fitted by Gaussians (Lehtola, Visscher, Engel, J. Chem. Phys. 2020, 152,
        144105), without a grid. "huckel": Fock matrices of the free atoms on the diagonal,
        K/2 S_μν (F_μμ + F_νν) between atoms (Wolfsberg and Helmholz, J. Chem. Phys. 1952, 20, 837).
    double
        Whether exchange is in double precision; in single, which is faster, the matrix turns with the
        molecule to 1e-6 Eh only.

    Raises
    ------
    ValueError
        If there is no such baseline, an element is not one of nablaDFT's, or the number of electrons is
        odd.
    """
    if name not in BASELINES:
        raise ValueError(
            f"no baseline {name!r}{_suggestion(name, BASELINES)} There are {', '.join(BASELINES)}"
        )
    mol = basis.mole(molecule)
    return _minao(mol, *MINAO[name], double) if name in MINAO else _BUILDERS[name](mol)


def functional(name: str, molecule: Molecule, progress: Progress | None = None) -> np.ndarray:
    """The Hamiltonian of another functional, shape (n, n), Eh, PySCF order, converged in its own field.

    Parameters
    ----------
    name
        One of ``FUNCTIONALS``, or any other that libxc knows.
    progress
        Called after each iteration with its number from 1, the energy and its change, Eh. What it raises
        ends the calculation.

    Raises
    ------
    ValueError
        If libxc knows no such functional, an element is not one of nablaDFT's, or the number of electrons
        is odd.
    SCFError
        If it does not converge.
    """
    from pyscf import dft

    xc = check_functional(name)
    mol = basis.mole(molecule)
    field = dft.RKS(mol, xc=xc).density_fit(auxbasis=Settings().auxbasis)
    field.disp = False  # a dispersion term in the name adds to the energy and not to the matrix
    _set_grid(field.grids, mol)
    field.conv_tol = Settings().conv_tol
    if progress is not None:
        field.callback = lambda state: progress(
            state["cycle"] + 1, float(state["e_tot"]), float(state["e_tot"] - state["last_hf_e"])
        )
    field.kernel()
    if not field.converged:
        raise SCFError(f"{molecule.formula}: {name} did not converge in {field.max_cycle} iterations")
    weighted = mol.intor_symmetric("int1e_ovlp") @ field.mo_coeff
    return (weighted * field.mo_energy) @ weighted.T  # F = S C ε Cᵀ S


def _core(mol: gto.Mole) -> np.ndarray:
    return mol.intor_symmetric("int1e_kin") + mol.intor_symmetric("int1e_nuc")


def _level(mol: gto.Mole) -> SCF:
    """The equations of the labels."""
    level = Settings()
    return equations(mol, level.xc, level.auxbasis, level.grid)


def _minao(mol: gto.Mole, steps: int, path: str, last: str, double: bool) -> np.ndarray:
    """Steps from superposed atoms on one of the grids of ``SCF``, then the matrix on the same or another."""
    level = _level(mol)
    orbitals = level.approach(atomic_orbitals(mol), steps, getattr(level, path), double)
    return level.hamiltonian(orbitals, getattr(level, last), double)


def _sap(mol: gto.Mole) -> np.ndarray:
    """The nuclei's attraction exactly, the electrons' repulsion (Z − Z_eff(r))/r on the grid."""
    from pyscf.dft.sap import sap_effective_charge

    from nablaviz.chem.xc import XCIntegrator

    grid = XCIntegrator(mol, *quadrature.published(mol, *Settings().grid), Settings().xc)
    repulsion = np.zeros_like(grid.weights)
    for charge, nucleus in zip(mol.atom_charges(), mol.atom_coords(), strict=True):
        distance = np.linalg.norm(grid.coords - nucleus, axis=1)
        repulsion += (charge - sap_effective_charge(charge, distance)) / distance
    repulsion *= grid.weights
    matrix = _core(mol)
    for block in grid.blocks:
        ao = block.mol.eval_gto("GTOval_sph", block.coords)
        matrix[block.pairs] += ao.T @ (ao * repulsion[block.points, None])
    return matrix


def _sap_fit(mol: gto.Mole) -> np.ndarray:
    from pyscf import gto, lib

    joined = mol
    for charge, nucleus in zip(mol.atom_charges(), mol.atom_coords(), strict=True):
        exponents, charges = _fitted_charges(SYMBOLS[charge])
        joined = joined + gto.fakemol_for_cgtf_charge(nucleus[None], exponents, charges)
    shells = (0, mol.nbas, 0, mol.nbas, mol.nbas, joined.nbas)
    attraction = joined.intor("int3c2e", aosym="s2ij", shls_slice=shells)  # one column for each atom
    return _core(mol) - lib.unpack_tril(attraction.sum(axis=1))


@cache
def _fitted_charges(symbol: str) -> tuple[np.ndarray, np.ndarray]:
    """Exponents and charges of the Gaussians whose potential is that of an atom's electrons."""
    from pyscf import gto

    (_, *primitives), *_ = gto.basis.load("sap_grasp_small", symbol)
    exponents, charges = np.array(primitives).T
    return exponents, charges


def _huckel(mol: gto.Mole) -> np.ndarray:
    overlap = mol.intor_symmetric("int1e_ovlp")
    atoms = [_free_atom(mol.atom_pure_symbol(i)) for i in range(mol.natm)]
    diagonal = np.concatenate([fock.diagonal() for fock in atoms])
    matrix = WOLFSBERG_HELMHOLZ / 2 * overlap * (diagonal[:, None] + diagonal)
    for fock, (_, _, first, last) in zip(atoms, mol.aoslice_by_atom(), strict=True):
        matrix[first:last, first:last] = fock
    return matrix


@cache
def _free_atom(symbol: str) -> np.ndarray:
    """Hartree–Fock matrix of an atom with its electrons spread over its open shell, shape (k, k), Eh."""
    from pyscf import gto
    from pyscf.scf.atom_hf import get_atm_nrhf

    atom = gto.M(atom=[(symbol, (0, 0, 0))], basis=basis.BASIS, spin=None, verbose=0)
    ((_, energies, coefficients, _),) = get_atm_nrhf(atom).values()
    weighted = atom.intor_symmetric("int1e_ovlp") @ coefficients
    return (weighted * energies) @ weighted.T


_BUILDERS: dict[str, Callable[[gto.Mole], np.ndarray]] = {
    "core": _core,
    "sap": _sap,
    "sap-fit": _sap_fit,
    "huckel": _huckel,
}

MINAO = {
    "minao": (0, "coarse", "fine"),
    "minao-2": (2, "coarse", "fine"),
    "minao-4": (4, "coarse", "fine"),
    "coarse-scf": (5, "medium", "medium"),
}
"""Steps towards self-consistency from superposed atoms, their grid and that of the matrix after them."""

BASELINES = ("core", *MINAO, "sap", "sap-fit", "huckel")
"""Names of the guesses that :func:`baseline` makes."""


def check_functional(name: str) -> str:
    """What libxc calls a functional.

    Raises
    ------
    ValueError
        If it knows none of that name.
    """
    from pyscf.dft import libxc
    from pyscf.scf.dispersion import parse_dft

    xc = FUNCTIONALS.get(name.strip().upper(), name.strip())
    try:
        if not any(letter.isalpha() for letter in xc):  # libxc takes numbers and nothing at all
            raise KeyError(xc)
        libxc.parse_xc(parse_dft(xc)[0])
    except (KeyError, ValueError, NotImplementedError) as fault:
        known = [*FUNCTIONALS, *BASELINES, *libxc.XC_ALIAS, *libxc.XC_CODES]
        raise ValueError(
            f"no functional {name!r}{_suggestion(name, known)} There are {', '.join(FUNCTIONALS)} and "
            f"whatever else libxc knows, and the baselines {', '.join(BASELINES)}"
        ) from fault
    return xc


def _suggestion(name: str, known: Sequence[str]) -> str:
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    close = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else "."


def _set_grid(grids: Any, mol: gto.Mole) -> None:
    """Give PySCF a grid that turns with the molecule, in the order that its screening needs."""
    from pyscf.dft.gen_grid import arg_group_grids

    coords, weights = quadrature.published(mol, *GRID)
    order = arg_group_grids(mol, coords)
    grids.coords, grids.weights = np.asarray(coords[order], order="C"), weights[order]
    grids.non0tab = grids.make_mask(mol, grids.coords)
    grids.screen_index = grids.non0tab
