"""The labels: against Psi4, against plain PySCF, and against physics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nablaviz
from nablaviz.chem import atoms, basis, dispersion, gpu, quadrature, scf
from nablaviz.chem.dft import SCFError, Settings, label
from nablaviz.molecule import Molecule
from nablaviz.units import BOHR2ANGSTROM

FILES = Path(__file__).parents[1] / "files"
CPU = Settings(device="cpu")
TIGHT = Settings(device="cpu", conv_tol=1e-12)
WATER = Molecule([8, 1, 1], [[0, 0, 0.117], [0, 0.777, -0.471], [0, -0.741, -0.466]])
FORMALDEHYDE = Molecule([6, 8, 1, 1], [[0, 0, -0.53], [0, 0.05, 0.68], [0, 0.93, -1.12], [0.1, -0.94, -1.11]])


@pytest.fixture(scope="module")
def water():
    return label(WATER, settings=CPU)


@pytest.mark.parametrize("row", range(5))
def test_as_psi4(row):
    """ωB97X-D/def2-SVP with density fitting by Psi4 1.3.2: water to acetamide, with S, F and Cl."""
    psi4 = nablaviz.open(FILES / "psi4_hamiltonians_v2.db")[row]
    mine = label(psi4.molecule, settings=CPU)
    assert abs(mine.energy - psi4.energy) < 3e-5
    assert abs(mine.hamiltonian - psi4.hamiltonian).mean() < 3e-6
    assert abs(mine.forces - psi4.forces).max() < 1e-4


def test_as_plain_pyscf():
    from pyscf import dft as pyscf_dft

    mol = basis.mole(FORMALDEHYDE)
    field = pyscf_dft.RKS(mol, xc=CPU.xc).density_fit(auxbasis=CPU.auxbasis)
    field.grids.coords, field.grids.weights = quadrature.published(mol)
    field.kernel()
    mine = label(FORMALDEHYDE, settings=CPU)
    d2_energy, d2_forces = dispersion.d2(FORMALDEHYDE)
    forces = d2_forces - field.nuc_grad_method().kernel() / BOHR2ANGSTROM
    assert mine.energy == pytest.approx(field.e_tot + d2_energy, abs=1e-8)
    np.testing.assert_allclose(mine.hamiltonian, field.get_fock(), atol=1e-5)
    assert abs(mine.hamiltonian - field.get_fock()).mean() < 1e-6
    np.testing.assert_allclose(mine.forces, forces, atol=5e-5)
    np.testing.assert_allclose(mine.dipole, field.dip_moment(verbose=0), atol=1e-3)
    np.testing.assert_allclose(mine.orbital_energies, field.mo_energy, atol=2e-5)


def test_the_record_is_consistent(water):
    np.testing.assert_array_equal(water.hamiltonian, water.hamiltonian.T)
    assert water.hamiltonian.shape == (24, 24)
    assert (np.diff(water.orbital_energies) >= 0).all()
    assert water.formation_energy == pytest.approx(water.energy - atoms.atomic_energy(WATER.numbers))
    assert -0.4 < water.formation_energy < -0.3  # water is bound by 0.35 Eh
    assert 1.9 < np.linalg.norm(water.dipole) < 2.3  # debye
    assert water.dipole[2] < 0  # from the oxygen towards the hydrogens
    assert water.wall_time > 0
    assert 4 <= water.scf_iterations <= 20


def test_forces_are_finite_differences():
    step = 2e-3
    forces = label(WATER, settings=TIGHT).forces
    for atom, axis in ((0, 2), (1, 1), (2, 2)):
        energies = []
        for sign in (1, -1):
            positions = WATER.positions.copy()
            positions[atom, axis] += sign * step
            energies.append(label(Molecule(WATER.numbers, positions), settings=TIGHT, forces=False).energy)
        # The forces hold the grid fixed while the energies move it: that is the 1e-4.
        assert (energies[1] - energies[0]) / (2 * step) == pytest.approx(forces[atom, axis], abs=2e-4)


def test_turning_the_molecule_turns_the_forces(water):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turned = label(Molecule(WATER.numbers, WATER.positions @ turn.T + [3, 2, 1]), settings=CPU)
    assert turned.energy == pytest.approx(water.energy, abs=1e-8)
    np.testing.assert_allclose(turned.forces, water.forces @ turn.T, atol=2e-5)
    np.testing.assert_allclose(turned.dipole, turn @ water.dipole, atol=2e-4)
    np.testing.assert_allclose(turned.orbital_energies, water.orbital_energies, atol=2e-5)


def test_default_convergence_is_tight_enough(water):
    tight = label(WATER, settings=TIGHT)
    assert water.energy == pytest.approx(tight.energy, abs=1e-8)
    np.testing.assert_allclose(water.hamiltonian, tight.hamiltonian, atol=1e-5)
    np.testing.assert_allclose(water.forces, tight.forces, atol=5e-5)


def test_forces_can_be_left_out(water):
    plain = label(WATER, settings=CPU, forces=False, moses_id=7, conformation_id=2)
    assert plain.forces is None
    assert (plain.moses_id, plain.conformation_id) == (7, 2)
    assert plain.energy == water.energy


def test_a_good_guess_saves_iterations(water):
    again = label(WATER, settings=CPU, guess=water.hamiltonian)
    assert again.scf_iterations <= 3
    assert again.energy == pytest.approx(water.energy, abs=1e-8)


@pytest.mark.parametrize(
    ("guess", "message"),
    [
        (np.zeros((23, 23)), r"guess must have shape \(24, 24\), not \(23, 23\)"),
        (np.full((24, 24), np.nan), "guess is not finite"),
    ],
)
def test_bad_guess(guess, message):
    with pytest.raises(ValueError, match=message):
        label(WATER, settings=CPU, guess=guess)


def test_smiles():
    water = label("O", settings=CPU)
    assert sorted(water.molecule.numbers) == [1, 1, 8]
    assert -0.40 < water.formation_energy < -0.33


@pytest.mark.parametrize(
    ("molecule", "message"),
    [
        (Molecule([15, 1, 1, 1], np.eye(4, 3)), r"15 \(P\) is not supported"),
        (Molecule([8, 1], [[0, 0, 0], [0, 0, 1]]), r"odd number of electrons \(9\)"),
        ("C1CC", "C1CC"),
    ],
)
def test_molecules_that_cannot_be_labelled(molecule, message):
    with pytest.raises(ValueError, match=message):
        label(molecule, settings=CPU)


def test_no_convergence_is_an_error_that_says_how_far_it_got():
    with pytest.raises(SCFError, match=r"H2O: not converged after \d+ iterations \(last energy change .*e"):
        label(WATER, settings=Settings(device="cpu", max_cycle=1))


def test_what_plain_iterations_cannot_do_patience_can(water):
    level = (basis.mole(WATER), CPU.xc, CPU.auxbasis, CPU.grid)
    field, start = scf.SCF(*level), scf.atomic_orbitals(level[0])
    electronic = water.energy - dispersion.d2(WATER)[0]
    assert not field.solve(start, 3e-5, 3).converged
    for iterations in (3, 40):  # by Newton steps, by a level shift
        patient = field.solve_patiently(start, 3e-5, iterations)
        assert patient.converged
        assert patient.energy == pytest.approx(electronic, abs=1e-7)


def test_numbers_that_are_not_finite_never_leave(monkeypatch):
    monkeypatch.setattr(dispersion, "d2", lambda molecule: (float("nan"), np.zeros((3, 3))))
    with pytest.raises(SCFError, match="H2O: energy is not finite"):
        label(WATER, settings=CPU, forces=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"device": "tpu"}, "auto, cpu, cuda, not 'tpu'"),
        ({"grid": (75, 300)}, r"266, 302, 350, .*, not \(75, 300\)"),
        ({"conv_tol": 1e-3}, "at most 1e-5 Eh, not 0.001"),
        ({"conv_tol": float("nan")}, "not nan"),
        ({"max_cycle": 0}, "at least 1, not 0"),
    ],
)
def test_settings_out_of_range(wrong, message):
    with pytest.raises(ValueError, match=message):
        Settings(**wrong)


def test_the_level_of_theory_cannot_be_changed():
    with pytest.raises(TypeError):
        Settings(xc="pbe")


@pytest.mark.skipif(gpu.missing() is None, reason="there is a GPU")
def test_cuda_without_a_gpu_is_an_error():
    with pytest.raises(RuntimeError, match="device 'cuda' needs gpu4pyscf and a CUDA device: "):
        label(WATER, settings=Settings(device="cuda"))


@pytest.mark.skipif(gpu.missing() is not None, reason="no gpu4pyscf or no CUDA device")
def test_the_gpu_gives_the_same_labels(water):
    mine = label(WATER, settings=Settings(device="cuda"))
    # Its grid is not turned into the principal axes and not pruned alike.
    assert mine.energy == pytest.approx(water.energy, abs=5e-5)
    np.testing.assert_allclose(mine.forces, water.forces, atol=5e-4)
    np.testing.assert_allclose(mine.hamiltonian, water.hamiltonian, atol=5e-4)


@pytest.mark.parametrize("gap", [0.0, 1e-9, 0.2])
def test_atoms_on_top_of_each_other(gap):
    with pytest.raises(ValueError, match=rf"H2O: atoms 0 and 2 are only {gap:.3f} Å apart"):
        label(Molecule([1, 8, 1], [[0, 0, 1], [0, 0, 0], [0, gap, 1]]), settings=CPU)
