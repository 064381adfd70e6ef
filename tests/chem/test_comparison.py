from __future__ import annotations

import numpy as np
import pytest

from nablaviz import sample
from nablaviz.chem.comparison import BOND, Comparison, Solution, compare, solution
from nablaviz.chem.lowdin import roots
from nablaviz.molecule import Conformer, Molecule


@pytest.fixture(scope="module")
def conformer() -> Conformer:
    dataset = sample()
    return dataset[int(dataset.table.n_atoms.argmin())]


@pytest.fixture(scope="module")
def reference(conformer: Conformer) -> Solution:
    return solution(conformer.molecule, conformer.hamiltonian, energy=conformer.energy)


@pytest.fixture(scope="module")
def comparison(conformer: Conformer, reference: Solution) -> Comparison:
    noise = np.random.default_rng(3).normal(scale=1e-3, size=conformer.hamiltonian.shape)
    return compare(reference, solution(conformer.molecule, conformer.hamiltonian + noise + noise.T, "noisy"))


def test_solution_agrees_with_the_labels(conformer: Conformer, reference: Solution) -> None:
    assert conformer.orbital_energies is not None
    assert np.allclose(reference.orbitals.energies, conformer.orbital_energies, atol=1e-5)
    assert np.allclose(reference.dipole, conformer.dipole, atol=1e-3)
    values = reference.properties.set_index("property")["value"]
    assert values["total energy"] == conformer.energy
    assert values["gap"] == pytest.approx(values["LUMO"] - values["HOMO"])
    density = reference.orbitals.density_matrix  # tr(PH) is the band energy in another way
    assert values["band energy"] == pytest.approx(np.sum(density * reference.hamiltonian))
    for charges in (reference.mulliken, reference.lowdin):
        assert charges.sum() == pytest.approx(0, abs=1e-9)


def test_a_hamiltonian_equals_itself(reference: Solution) -> None:
    same = compare(reference, reference)
    assert np.allclose(same.matching.overlaps, 1)
    errors = same.errors.set_index("measure")["value"]
    assert errors.pop("mean overlap, occupied and LUMO") == pytest.approx(1)
    assert np.allclose(errors, 0)
    assert np.allclose(same.properties["difference"].dropna(), 0)


def test_a_uniform_shift_moves_every_level_and_no_charge(conformer: Conformer, reference: Solution) -> None:
    """H + 0.01 S has the same orbitals, 0.01 Eh higher; in the Löwdin basis it is 0.01 on the diagonal."""
    shifted = solution(conformer.molecule, conformer.hamiltonian + 0.01 * conformer.overlap, "shifted")
    comparison = compare(reference, shifted)
    assert np.allclose(comparison.levels["difference"], 0.01, atol=1e-8)
    assert np.allclose(comparison.levels["overlap"], 1, atol=1e-8)
    n = len(conformer.overlap)
    assert np.allclose(comparison.lowdin_difference, 0.01 * np.eye(n), atol=1e-10)
    errors = comparison.errors.set_index("measure")["value"]
    assert errors["mean |ΔH|"] == pytest.approx(0.01 * np.abs(conformer.overlap).mean())
    assert errors["mean |ΔH|, Löwdin basis"] == pytest.approx(0.01 / n)
    assert errors["mean |Δε|, occupied"] == pytest.approx(0.01)
    assert errors["|Δgap|"] == pytest.approx(0, abs=1e-9)
    assert errors["mean |Δcharge| (Löwdin)"] == pytest.approx(0, abs=1e-9)
    electrons = conformer.molecule.numbers.sum()
    band = comparison.properties.set_index("property").loc["band energy"]
    assert band["difference"] == pytest.approx(0.01 * electrons)


def test_lowdin_difference_undoes_to_the_difference(comparison: Comparison) -> None:
    root, _ = roots(comparison.reference.overlap)
    assert np.allclose(root @ comparison.lowdin_difference @ root, comparison.difference, atol=1e-10)
    worst = np.abs(np.linalg.eigvalsh(comparison.lowdin_difference)).max()
    shifts = comparison.other.orbitals.energies - comparison.reference.orbitals.energies
    assert np.abs(shifts).max() <= worst + 1e-12  # Weyl's inequality


def test_tables(conformer: Conformer, comparison: Comparison) -> None:
    n, size = len(conformer.molecule), len(conformer.overlap)
    levels = comparison.levels
    assert len(levels) == size
    assert levels["occupied"].sum() == conformer.molecule.numbers.sum() // 2
    assert list(levels.loc[levels["orbital"] == "HOMO", "reference_energy"]) == [comparison.reference.homo]
    assert np.allclose(levels["other_energy"] - levels["reference_energy"], levels["difference"])
    atoms = comparison.atoms
    assert list(atoms["element"]) == conformer.molecule.symbols
    assert np.allclose(atoms["hamiltonian_error"], comparison.atom_errors)
    assert comparison.pair_errors.shape == (n, n)
    bonds = comparison.bonds
    assert len(bonds) >= n - 1
    assert (bonds[["reference_order", "other_order"]].max(axis=1) >= BOND).all()
    blocks = comparison.blocks
    weighted = (blocks["mean_abs"] * blocks["count"]).sum() / blocks["count"].sum()
    assert weighted == pytest.approx(np.abs(comparison.difference).mean())


def test_total_energy_is_left_out_where_neither_has_it(conformer: Conformer, comparison: Comparison) -> None:
    assert "total energy" in set(comparison.properties["property"])  # one side is enough
    bare = solution(conformer.molecule, conformer.hamiltonian)
    assert "total energy" not in set(compare(bare, bare).properties["property"])


def test_errors_name_conformer_and_method(conformer: Conformer) -> None:
    with pytest.raises(ValueError, match=r"conformer 12/3, model: .*shape"):
        solution(conformer.molecule, np.eye(3), "model", source="conformer 12/3")


def test_other_geometries_are_refused(conformer: Conformer, reference: Solution) -> None:
    molecule = conformer.molecule
    moved = Molecule(molecule.numbers, molecule.positions + np.eye(len(molecule), 3) * 0.1)
    with pytest.raises(ValueError, match="one geometry"):
        compare(reference, solution(moved, conformer.hamiltonian, "model"))
