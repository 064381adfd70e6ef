"""Predictions along a torsion, DFT beside them, and molecules that cannot be taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.geometry import torsion
from nablaviz.chem.orbitals import orbitals_of
from nablaviz.chem.torsion import rotors
from nablaviz.models.interface import HAMILTONIAN, ModelCard, Prediction
from nablaviz.models.torsion import TorsionPath, orbital_field
from nablaviz.models.torsion_check import check, path_table
from nablaviz.models.torsion_subject import subject
from nablaviz.molecule import SUPPORTED, Molecule
from nablaviz.studies.metrics import errors


def fragment(smiles: str) -> Molecule:
    table = nablaviz.sample().table
    return nablaviz.sample()[int(table.index[table.smiles == smiles][0])].molecule


@pytest.fixture(scope="module")
def model() -> Any:
    return nablaviz.load_model("hamiltonian-fast")


@pytest.fixture(scope="module")
def path(model: Any) -> TorsionPath:
    """Acrolein about its middle bond."""
    molecule = fragment("C=CC=O")
    path = TorsionPath(molecule, rotors(molecule)[0], model, nablaviz.load_model("energy"), step=30)
    path.complete()
    return path


def test_points_are_the_models_predictions(path: TorsionPath, model: Any) -> None:
    assert [point.angle for point in path.known] == [-180 + 30 * k for k in range(12)]
    energy = nablaviz.load_model("energy")
    for point in path.known[::4]:
        found = torsion(point.molecule.positions, *path.rotor.atoms)
        assert (found - point.angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-8)
        predicted = model.predict(point.molecule)
        assert np.array_equal(point.solution.hamiltonian, predicted.hamiltonian)
        assert point.energy == energy.predict(point.molecule).energy
        assert point.closeness is not None
        assert point.closeness.distance == model.domain.closeness(point.molecule).distance
        orbitals = orbitals_of(point.molecule, predicted.hamiltonian)
        cosines = point.followed.coefficients.T @ point.solution.overlap @ orbitals.coefficients
        assert np.allclose(np.abs(cosines.diagonal()), 1, atol=1e-6)


def test_what_is_found_does_not_depend_on_the_way(path: TorsionPath) -> None:
    homo = path.start.solution.orbitals.homo
    first = path.at(44.0)
    path.at(-170.0)
    again = path.at(44.0)
    assert np.array_equal(first.followed.order, again.followed.order)
    assert np.array_equal(first.followed.coefficients, again.followed.coefficients)
    assert path.at(404.0).angle == pytest.approx(44.0)
    assert path.at(30.0) is path.points[30.0]
    assert all(point.followed.overlaps[homo] > 0.95 for point in path.known)


def test_the_volume_is_of_the_followed_orbital(path: TorsionPath) -> None:
    point = path.points[90.0]
    homo = point.index(path.start.solution.orbitals.homo)
    coarse, fine = (orbital_field(point, homo, points) for points in (26, 48))
    assert max(coarse.box.shape) == 26 and max(fine.box.shape) == 48
    assert fine.values.max() == pytest.approx(coarse.values.max(), rel=0.3)


def test_dft_beside_the_prediction(model: Any) -> None:
    molecule = fragment("CO")
    path = TorsionPath(molecule, rotors(molecule)[0], model, nablaviz.load_model("energy"), step=90)
    path.complete()
    point = path.points[90.0]
    iterations: list[int] = []
    checked = check(point, lambda number, energy, change: iterations.append(number))
    homo = path.start.solution.orbitals.homo
    table = path_table(path.known, {90.0: checked}, homo).set_index("angle")
    assert table["homo_dft"].notna().sum() == 1
    line = table.loc[90.0]
    expected = errors(checked.conformer, Prediction(point.molecule, hamiltonian=point.solution.hamiltonian))
    assert abs(line["homo_error"]) == pytest.approx(expected["homo_mae"], rel=1e-6)
    assert abs(line["gap_error"]) == pytest.approx(expected["gap_mae"], rel=1e-6)
    assert line["hamiltonian_mae"] == pytest.approx(expected["hamiltonian_mae"], rel=1e-6)
    assert line["energy_error"] == point.energy - checked.conformer.energy
    assert line["overlap"] > 0.97 and abs(line["homo_error"]) < 0.01
    assert checked.level(homo) == line["level_dft"]
    # with the prediction as its start the SCF ends where it ends without
    plain = nablaviz.label(point.molecule, forces=False)
    assert plain.energy == pytest.approx(checked.conformer.energy, abs=2e-8)
    assert plain.scf_iterations is not None and len(iterations) < plain.scf_iterations


def test_a_model_without_hamiltonian(path: TorsionPath) -> None:
    molecule = path.molecule
    with pytest.raises(ValueError, match="'energy' predicts no Hamiltonian.*such as 'hamiltonian-fast'"):
        TorsionPath(molecule, path.rotor, nablaviz.load_model("energy"))


@pytest.mark.parametrize(
    ("smiles", "message"),
    [
        ("C[NH3+]", r"has charge \+1: only neutral molecules are supported; take 'CN' instead"),
        ("CC(=O)[O-]", "has charge -1.*take 'CC\\(=O\\)O' instead"),
        ("C[N+](C)(C)C", r"has charge \+1: only neutral molecules are supported$"),
        ("C[CH2]", "odd number of electrons.*take 'CC' instead"),
        ("[CH2]C[CH2]", "2 unpaired electrons.*take 'CCC' instead"),
        ("C[SiH3]", r"atomic number 14 \(Si\) is not supported; allowed: H, C, N, O, F, S, Cl, Br$"),
        ("C(", "not a SMILES string"),
    ],
)
def test_what_to_do_instead(smiles: str, message: str, model: Any) -> None:
    with pytest.raises(ValueError, match=message):
        subject(smiles, model)


def test_geometries_that_cannot_be_taken(path: TorsionPath, model: Any) -> None:
    molecule = path.molecule
    radical = Molecule(molecule.numbers[:-1], molecule.positions[:-1])
    with pytest.raises(ValueError, match="odd number of electrons.*add or remove a hydrogen"):
        subject(radical, model)
    with pytest.raises(ValueError, match=r"'C=CC\(=O\)\[O-\]' has charge -1.*take 'C=CC\(=O\)O' instead"):
        subject(Molecule(molecule.numbers, molecule.positions, "C=CC(=O)[O-]"), model)
    with pytest.raises(TypeError, match="a molecule, a conformer or a SMILES string is needed, not a list"):
        subject([molecule], model)
    conformer = nablaviz.sample()[0]
    assert subject(conformer, model) is conformer.molecule


def test_an_element_outside_the_models_set(path: TorsionPath) -> None:
    class Narrow:
        card = ModelCard("narrow", "edge-frame", HAMILTONIAN, elements=tuple(z for z in SUPPORTED if z != 8))

        def predict(self, molecule: Any) -> Any:
            raise AssertionError

    with pytest.raises(
        ValueError, match=r"not know atomic number 8 \(O\).*take a molecule of these elements"
    ):
        subject(path.molecule, Narrow())
