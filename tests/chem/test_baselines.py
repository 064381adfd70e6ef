"""Guessed Hamiltonians and other functionals, against PySCF's own and the sample's labels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.baselines import BASELINES, FUNCTIONALS, MINAO, baseline, functional
from nablaviz.chem.dft import SCFError, Settings
from nablaviz.molecule import SUPPORTED, SYMBOLS, Molecule

WATER = Molecule(np.array([8, 1, 1]), np.array([[0, 0, 0.1], [0, 0.76, -0.5], [0, -0.7, -0.55]]))
HYDROGEN = Molecule(np.array([1, 1]), np.array([[0, 0, 0], [0, 0.3, 0.7]]))


@pytest.fixture(scope="module")
def conformer():
    return nablaviz.sample()[80]  # formamide


@pytest.fixture(scope="module")
def guesses(conformer):
    return {name: baseline(name, conformer.molecule) for name in BASELINES}


def test_each_is_as_near_to_the_labels_as_it_should_be(conformer, guesses):
    errors = {name: 1e3 * np.abs(h - conformer.hamiltonian).mean() for name, h in guesses.items()}
    nearest = sorted(errors, key=errors.get)
    assert nearest == ["coarse-scf", "minao-4", "minao-2", "minao", "sap", "sap-fit", "huckel", "core"]
    assert errors["coarse-scf"] < 0.2
    assert errors["minao-4"] < 0.6
    assert errors["minao-2"] < 1.5
    assert errors["minao"] < 20
    assert errors["sap"] < 30
    assert errors["sap-fit"] < 60
    assert errors["huckel"] < 90


def test_they_are_symmetric(guesses, conformer):
    for name, matrix in guesses.items():
        assert matrix.shape == conformer.hamiltonian.shape, name
        assert np.abs(matrix - matrix.T).max() < 1e-12, name


def test_steps_in_single_precision_lead_to_nearly_the_same(conformer, guesses):
    for name, matrix in guesses.items():
        single = baseline(name, conformer.molecule, double=False)
        assert np.abs(single - matrix).max() < (1e-6 if name in MINAO else 1e-12), name
    assert not np.array_equal(baseline("minao-4", conformer.molecule, double=False), guesses["minao-4"])


def test_the_core_hamiltonian_is_the_conformers(conformer, guesses):
    assert np.array_equal(guesses["core"], conformer.core_hamiltonian)


def test_superposed_potentials_are_pyscfs(conformer, guesses):
    from pyscf import dft, gto
    from pyscf.scf.hf import make_sap

    mol = basis.mole(conformer.molecule)
    field = dft.RKS(mol)
    field.grids.level = 4
    expected = mol.intor("int1e_kin") + field.get_vsap()
    assert np.abs(guesses["sap"] - expected).mean() < 5e-5
    fits = {s: np.array(gto.basis.load("sap_grasp_small", s)[0][1:]) for s in conformer.molecule.symbols}
    expected = conformer.core_hamiltonian + make_sap(mol, fits)
    assert np.abs(guesses["sap-fit"] - expected).max() < 1e-10


def test_minao_is_the_first_matrix_of_pyscfs_field():
    from pyscf import dft

    level = Settings()
    field = dft.RKS(basis.mole(WATER), xc=level.xc).density_fit(auxbasis=level.auxbasis)
    field.grids.level = 5
    expected = field.get_fock(dm=field.get_init_guess(key="minao"))
    assert np.abs(baseline("minao", WATER) - expected).max() < 2e-4


def test_huckel_is_the_formula_of_wolfsberg_and_helmholz(conformer, guesses):
    matrix, s = guesses["huckel"], conformer.overlap
    atoms = basis.layout(conformer.molecule.numbers).ao_atom
    between = atoms[:, None] != atoms
    on_site = matrix.diagonal()
    expected = 1.75 * s * (on_site[:, None] + on_site) / 2
    assert np.allclose(matrix[between], expected[between], atol=1e-12)


@pytest.mark.parametrize("number", SUPPORTED, ids=[SYMBOLS[z] for z in SUPPORTED])
def test_free_atoms_are_spherical(number):
    """Each shell of an isolated atom has one energy: a molecule of two far apart."""
    pair = Molecule(np.array([number, number]), np.array([[0, 0, 0], [0, 0, 60.0]]))
    matrix = baseline("huckel", pair)
    layout = basis.layout(pair.numbers)
    for shell in range(len(layout.shell_l)):
        block = matrix[layout.shell(shell), layout.shell(shell)]
        assert np.abs(block - block[0, 0] * np.eye(len(block))).max() < 1e-7
    assert np.abs(matrix[layout.atom(0), layout.atom(1)]).max() < 1e-12


def rotated(molecule):
    """The molecule turned, and the matrix D that turns its matrices: D M Dᵀ."""
    from pyscf.symm.Dmatrix import Dmatrix, get_euler_angles

    turn = Rotation.from_euler("zyx", [0.4, 1.1, -2.0]).as_matrix()
    angles = get_euler_angles(np.eye(3), turn.T)
    blocks = [Dmatrix(ell, *angles, reorder_p=True) for ell in range(3)]
    d = block_diag(*(blocks[ell] for ell in basis.layout(molecule.numbers).shell_l))
    return Molecule(molecule.numbers, molecule.positions @ turn.T + np.array([3.0, -1.0, 7.0])), d


@pytest.mark.parametrize("name", BASELINES)
def test_they_turn_with_the_molecule(name):
    other, d = rotated(WATER)
    matrix, turned = baseline(name, WATER), baseline(name, other)
    assert np.abs(d @ matrix @ d.T - turned).max() < 1e-8


@pytest.mark.parametrize("name", ["PBE", "lda", "HF"])
def test_functionals_are_pyscfs(name):
    from pyscf import dft

    field = dft.RKS(basis.mole(WATER), xc=FUNCTIONALS[name.upper()]).density_fit(
        auxbasis="def2-universal-jkfit"
    )
    field.grids.level = 5
    field.run(conv_tol=1e-10)
    assert np.abs(functional(name, WATER) - field.get_fock()).max() < 2e-4


def test_the_labels_own_functional_gives_the_labels():
    expected = nablaviz.label(WATER, forces=False).hamiltonian
    assert np.abs(functional("wB97X-D", WATER) - expected).mean() < 1e-5


def test_a_functional_turns_with_the_molecule():
    other, d = rotated(WATER)
    matrix, turned = functional("PBE", WATER), functional("PBE", other)
    assert np.abs(d @ matrix @ d.T - turned).max() < 1e-6  # how far it is converged


def test_a_dispersion_term_changes_nothing():
    assert np.abs(functional("PBE-D3BJ", HYDROGEN) - functional("pbe", HYDROGEN)).max() < 1e-10


def test_progress_is_told_and_can_stop_it():
    seen = []
    functional("LDA", HYDROGEN, lambda *step: seen.append(step))
    iterations, energies, changes = map(list, zip(*seen, strict=True))
    assert iterations == list(range(1, len(seen) + 1))
    assert np.allclose(np.diff(energies), changes[1:])
    assert abs(changes[-1]) < 1e-8

    class Stopped(Exception):
        pass

    def stop(iteration, energy, change):
        if iteration == 2:
            raise Stopped
        assert iteration < 2

    with pytest.raises(Stopped):
        functional("LDA", HYDROGEN, stop)


def test_no_convergence_is_an_error(monkeypatch):
    monkeypatch.setattr("pyscf.scf.hf.SCF.max_cycle", 2)
    with pytest.raises(SCFError, match=r"^H2O: HF did not converge in 2 iterations"):
        functional("HF", WATER)


def test_unknown_names_are_refused_with_a_suggestion():
    message = (
        r"no baseline 'Minao'; did you mean 'minao'\? "
        r"There are core, minao, minao-2, minao-4, coarse-scf, sap, sap-fit, huckel"
    )
    with pytest.raises(ValueError, match=message):
        baseline("Minao", WATER)
    for name, near in (("PBEE", "PBE"), ("b3lypp", "B3LYP"), ("hukel", "huckel")):
        message = rf"'{name}'; did you mean '{near}'\? There are LDA, PBE, .* and the baselines core,"
        with pytest.raises(ValueError, match=message):
            functional(name, WATER)
    for name in ("", "7", "<script>"):
        with pytest.raises(ValueError, match=f"no functional '{name}'"):
            functional(name, WATER)


@pytest.mark.parametrize("compute", [lambda m: baseline("sap-fit", m), lambda m: functional("PBE", m)])
def test_bad_molecules_are_refused(compute):
    with pytest.raises(ValueError, match=r"odd number of electrons \(7\)"):
        compute(Molecule(np.array([7]), np.zeros((1, 3))))
    with pytest.raises(ValueError, match=r"atomic number 14 \(Si\) is not supported"):
        compute(Molecule(np.array([14]), np.zeros((1, 3))))
