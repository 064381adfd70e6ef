"""Charges, bond orders and dipole against PySCF's, Psi4's and the sample's; rotation of the molecule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import block_diag
from scipy.spatial.transform import Rotation

import nablaviz
from nablaviz.chem import basis
from nablaviz.chem.matching import match
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.chem.populations import (
    dipole,
    lowdin_charges,
    mayer_bond_orders,
    mulliken_charges,
    wiberg_bond_orders,
)
from nablaviz.data.wavefunction import WavefunctionFile
from nablaviz.molecule import Molecule
from nablaviz.units import AU2DEBYE

METHANOL = Path(__file__).parents[1] / "files" / "psi4_wavefunction.npy"


@pytest.fixture(scope="module", params=[0, 100], ids=str)
def case(request):
    conformer = nablaviz.sample()[request.param]
    orbitals = orbitals_of(conformer.molecule, conformer.hamiltonian)
    return conformer, orbitals.density_matrix


def test_charges_are_pyscfs(case):
    from pyscf.scf.hf import mulliken_pop

    conformer, density = case
    molecule, s = conformer.molecule, conformer.overlap
    mol = basis.mole(molecule)
    ours = mulliken_charges(density, s, molecule.numbers)
    assert np.abs(ours - mulliken_pop(mol, density, s, verbose=0)[1]).max() < 1e-10
    assert abs(ours.sum()) < 1e-10
    # Mulliken's analysis in an orthogonal basis is Löwdin's.
    values, vectors = np.linalg.eigh(s)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    orthogonal = mulliken_pop(mol, root @ density @ root, np.eye(len(s)), verbose=0)[1]
    ours = lowdin_charges(density, s, molecule.numbers)
    assert np.abs(ours - orthogonal).max() < 1e-10
    assert abs(ours.sum()) < 1e-10


def test_the_dipole_is_pyscfs_and_the_samples(case):
    from pyscf.scf.hf import dip_moment

    conformer, density = case
    ours = dipole(conformer.molecule, density)
    theirs = dip_moment(basis.mole(conformer.molecule), density, unit="AU", verbose=0) * AU2DEBYE
    assert np.abs(ours - theirs).max() < 1e-9
    assert np.abs(ours - conformer.dipole).max() < 1e-3  # the density of the last iteration but one


def bond_orders(weights, atoms):
    """Weights of pairs of atomic orbitals summed over those on each pair of atoms, one by one."""
    count = atoms.max() + 1
    orders = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            if i != j:
                orders[i, j] = weights[np.ix_(atoms == i, atoms == j)].sum()
    return orders


def test_psi4s_density_gives_psi4s_orders():
    """From the matrices that Psi4 saved, in Psi4's order of orbitals, by the formulas of its manual."""
    file = WavefunctionFile(METHANOL)
    contents = file._contents(0)["matrix"]
    conformer = file[0]
    numbers = conformer.molecule.numbers
    stored, s = contents["Da"], contents["S"]
    atoms = basis.layout(numbers).ao_atom  # the same in every convention
    product = stored @ s
    mayer = bond_orders(2 * (product * product.T + product * product.T), atoms)
    values, vectors = np.linalg.eigh(s)
    root = vectors @ np.diag(np.sqrt(values)) @ vectors.T
    wiberg = bond_orders((root @ (2 * stored) @ root) ** 2, atoms)

    density = orbitals_of(conformer.molecule, conformer.hamiltonian).density_matrix
    assert np.abs(basis.to_pyscf(2 * stored, numbers, "psi4") - density).max() < 1e-4
    overlap = conformer.overlap
    assert np.abs(mayer_bond_orders(density, overlap, numbers) - mayer).max() < 1e-5
    assert np.abs(wiberg_bond_orders(density, overlap, numbers) - wiberg).max() < 1e-5
    gross = np.bincount(atoms, 2 * np.einsum("ij,ji->i", stored, s))
    assert np.abs(mulliken_charges(density, overlap, numbers) - (numbers - gross)).max() < 1e-5
    gross = np.bincount(atoms, 2 * (root @ stored @ root).diagonal())
    assert np.abs(lowdin_charges(density, overlap, numbers) - (numbers - gross)).max() < 1e-5
    assert np.abs(dipole(conformer.molecule, density) - conformer.dipole).max() < 1e-4


@pytest.mark.parametrize("bond_orders", [mayer_bond_orders, wiberg_bond_orders])
def test_bond_orders_are_chemists(bond_orders):
    from pyscf import scf

    formaldehyde = Molecule(
        np.array([6, 8, 1, 1]), np.array([[0, 0, 0], [0, 0, 1.21], [0, 0.94, -0.59], [0, -0.94, -0.59]])
    )
    field = scf.RHF(basis.mole(formaldehyde)).run()
    orders = bond_orders(field.make_rdm1(), field.get_ovlp(), formaldehyde.numbers)
    assert np.array_equal(orders, orders.T)
    assert orders.diagonal().tolist() == [0, 0, 0, 0]
    assert orders[0, 1] == pytest.approx(2, abs=0.35)
    assert orders[0, 2] == pytest.approx(1, abs=0.1)
    assert abs(orders[2, 3]) < 0.1


def ao_rotation(numbers, rotation):
    """Matrix D that turns a matrix in atomic orbitals, D M Dᵀ, as its molecule is turned."""
    from pyscf.symm.Dmatrix import Dmatrix, get_euler_angles

    angles = get_euler_angles(np.eye(3), rotation.as_matrix().T)
    blocks = [Dmatrix(ell, *angles, reorder_p=True) for ell in range(3)]
    return block_diag(*(blocks[ell] for ell in basis.layout(numbers).shell_l))


def test_rotation_changes_no_number():
    conformer = nablaviz.sample()[100]
    numbers, positions = conformer.molecule.numbers, conformer.molecule.positions
    rotation = Rotation.from_euler("zyx", [0.4, 1.1, -2.0])
    d = ao_rotation(numbers, rotation)
    molecules = [
        conformer.molecule,
        Molecule(numbers, positions @ rotation.as_matrix().T + np.array([3.0, -1.0, 7.0])),
    ]
    overlaps = [basis.overlap(m) for m in molecules]
    assert np.abs(d @ overlaps[0] @ d.T - overlaps[1]).max() < 1e-10  # it is that rotation

    noise = np.random.default_rng(0).normal(size=d.shape) * 1e-3
    hamiltonians = [conformer.hamiltonian, conformer.hamiltonian + noise + noise.T]
    results = []
    for molecule, s, turn in zip(molecules, overlaps, [np.eye(len(d)), d], strict=True):
        first, second = (orbitals_of(molecule, turn @ h @ turn.T) for h in hamiltonians)
        p = first.density_matrix
        matched = match(first, second, s)
        moment = dipole(molecule, p)
        results.append(
            {
                "energies": first.energies,
                "gap": first.gap,
                "Mulliken": mulliken_charges(p, s, numbers),
                "Löwdin": lowdin_charges(p, s, numbers),
                "Mayer": mayer_bond_orders(p, s, numbers),
                "Wiberg": wiberg_bond_orders(p, s, numbers),
                "dipole": np.linalg.norm(moment),
                "overlaps": matched.overlaps,
                "differences": matched.differences,
                "pairs": matched.pairs,
            }
        )
    for name, before in results[0].items():
        assert np.abs(before - results[1][name]).max() < 1e-8, name
    turned = rotation.apply(dipole(molecules[0], orbitals_of(molecules[0], hamiltonians[0]).density_matrix))
    assert np.abs(moment - turned).max() < 1e-8
