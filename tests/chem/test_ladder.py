"""The ladder of methods: energies of PySCF itself, of the literature; what is refused and why."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from nablaviz import Molecule, label, load_model, sample
from nablaviz.chem.dispersion import d2
from nablaviz.chem.ladder import DONE, FAILED, MISSING, REFUSED, Step, best_rung, climb, differences, energies
from nablaviz.chem.ladder_guard import estimate, forecast
from nablaviz.chem.method import Settings
from nablaviz.chem.reactions import Comparison, comparison, conformers, reaction
from nablaviz.chem.rung_cost import Cost, Limits, Size, cost, write_bytes, write_seconds
from nablaviz.chem.rungs import LADDER, RUNGS, choose
from nablaviz.chem.scaling import scaling
from nablaviz.chem.workbench import Workbench
from nablaviz.units import BOHR2ANGSTROM, HARTREE2KCAL

PYSCF = ("hf", "lda", "pbe", "b3lyp", "wb97x-d", "mp2", "ccsd", "ccsd(t)", "fci")

GRID = 1

H2 = Molecule([1, 1], [[0, 0, 0], [0, 0, 1.4 * BOHR2ANGSTROM]])
WATER = Molecule([8, 1, 1], [[0, 0, 0.1173], [0, 0.7572, -0.4692], [0, -0.7572, -0.4692]])
ETHYNE = Molecule([6, 6, 1, 1], [[0, 0, 0.6], [0, 0, -0.6], [0, 0, 1.66], [0, 0, -1.66]])
DICARBON = Molecule([6, 6], [[0, 0, 0], [0, 0, 1.2425]])

MOLECULES = {"H2": (H2, "def2-svp"), "H2O": (WATER, "6-31g"), "C2H2": (ETHYNE, "sto-3g")}


@cache
def climbed(name: str) -> dict[str, Step]:
    molecule, basis = MOLECULES[name]
    found = climb(conformers([molecule]), choose(PYSCF), Settings(basis, grid=GRID))
    return {step.rung.key: step for step in found}


@cache
def by_pyscf(name: str) -> dict[str, float]:
    """PySCF's own energies, called as its manual does."""
    from pyscf import cc, dft, gto, mcscf, mp, scf

    molecule, basis = MOLECULES[name]
    atoms = [(int(z), p) for z, p in zip(molecule.numbers, molecule.positions, strict=True)]
    mol = gto.M(atom=atoms, basis=basis, verbose=0)
    core = sum(molecule.numbers > 2)

    def grid(mol: gto.Mole) -> dft.Grids:
        grids = dft.Grids(mol)
        grids.level = GRID
        return grids

    field = scf.RHF(mol).run(conv_tol=1e-11)
    found = {"hf": field.e_tot}
    for key, xc in {"lda": "SVWN", "pbe": "PBE", "b3lyp": "B3LYP", "wb97x-d": "HYB_GGA_XC_WB97X_D"}.items():
        found[key] = dft.RKS(mol, xc=xc).set(grids=grid(mol)).run(conv_tol=1e-11).e_tot
    found["wb97x-d"] += d2(molecule)[0]
    found["mp2"] = mp.MP2(field, frozen=core).run().e_tot
    coupled = cc.CCSD(field, frozen=core).run(conv_tol=1e-10)
    found |= {"ccsd": coupled.e_tot, "ccsd(t)": coupled.e_tot + coupled.ccsd_t()}
    space = mcscf.CASCI(field, mol.nao - core, mol.nelectron - 2 * core)
    space.fix_spin_(ss=0)
    found["fci"] = space.kernel()[0]
    return found


@pytest.mark.parametrize("name", MOLECULES)
def test_energies_are_those_of_pyscf(name: str) -> None:
    found = climbed(name)
    assert {key: step.state for key, step in found.items()} == dict.fromkeys(PYSCF, DONE)
    for key, expected in by_pyscf(name).items():
        assert found[key].energy == pytest.approx(expected, abs=1e-6), key
        assert found[key].wall > 0 and found[key].processor > 0


def test_two_electrons_leave_ccsd_nothing_to_miss() -> None:
    found = climbed("H2")
    assert found["ccsd"].energy == pytest.approx(found["fci"].energy, abs=1e-7)
    assert found["ccsd(t)"].energy == pytest.approx(found["ccsd"].energy, abs=1e-12)
    exact = -1.174476  # Kołos and Wolniewicz, J. Chem. Phys. 49, 404 (1968), at 1.4 bohr
    assert exact < found["fci"].energy < found["hf"].energy


@pytest.mark.parametrize(("name", "left"), [("H2O", 1e-3), ("C2H2", 2.5e-3)])
def test_each_rung_is_nearer_to_full_ci(name: str, left: float) -> None:
    found = climbed(name)
    above = {key: found[key].energy - found["fci"].energy for key in ("hf", "mp2", "ccsd", "ccsd(t)")}
    assert above["hf"] > above["mp2"] > above["ccsd"] > abs(above["ccsd(t)"])
    assert abs(above["ccsd(t)"]) < left


def test_more_than_one_determinant() -> None:
    keys = ("hf", "ccsd", "ccsd(t)", "fci")
    found = {s.rung.key: s.energy for s in climb(conformers([DICARBON]), choose(keys), Settings("sto-3g"))}
    water = climbed("H2O")
    missed = abs(water["ccsd(t)"].energy - water["fci"].energy)
    assert abs(found["ccsd(t)"] - found["fci"]) > 4 * missed  # the same number of correlated electrons


def test_water_of_the_literature() -> None:
    """T. D. Crawford's programming projects: STO-3G, all electrons correlated."""
    positions = np.array([[0, -0.143225816552, 0], [1.638036840407, 1.136548822547, 0]])
    positions = np.vstack([positions, positions[1] * [-1, 1, 1]]) * BOHR2ANGSTROM
    rungs, settings = choose(("hf", "mp2", "ccsd", "ccsd(t)")), Settings("sto-3g", frozen_core=False)
    found = {
        s.rung.key: s.energy for s in climb(conformers([Molecule([8, 1, 1], positions)]), rungs, settings)
    }
    field = -74.942079928192
    assert found["hf"] == pytest.approx(field, abs=1e-6)
    assert found["mp2"] == pytest.approx(field - 0.049149636120, abs=1e-6)
    assert found["ccsd"] == pytest.approx(field - 0.070680088376, abs=1e-6)
    assert found["ccsd(t)"] == pytest.approx(field - 0.070680088376 - 0.000099877272, abs=1e-6)


def test_the_rung_of_the_labels() -> None:
    (step,) = climb(conformers([WATER]), choose(("wb97x-d",)))
    assert step.energy == pytest.approx(label(WATER, forces=False).energy, abs=1e-4)  # integrals fitted


def test_gfn2_of_water() -> None:
    pytest.importorskip("tblite")
    (step,) = climb(conformers([WATER]), choose(("gfn2-xtb",)))
    assert -5.070545 < step.energy < -5.0700  # the relaxed molecule of xtb's manual has −5.07054 Eh


def test_vmc_of_hydrogen() -> None:
    pytest.importorskip("pyqmc")
    settings = Settings("def2-svp", walkers=80, blocks=16, optimisation=2)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    told: list[str] = []
    steps = list(
        climb(conformers([H2]), choose(("vmc",)), settings, tell=lambda text, part: told.append(text))
    )
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert steps[0].state == DONE
    assert 0 < steps[0].error < 0.01
    assert -1.174476 - 4 * steps[0].error < steps[0].energy < climbed("H2")["hf"].energy
    assert "VMC, H2: block 21 of 21" in told


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    keys = ("gfn2-xtb", "skala", "vmc")
    steps = list(climb(conformers([H2]), choose(keys)))
    assert [step.state for step in steps] == [MISSING] * 3
    assert all("is not installed: pip install" in step.note for step in steps)


def test_what_is_too_large_is_refused_and_says_what_to_do() -> None:
    large = sample()[sample().table.query("smiles == 'CC(C)Cc1ccc(cc1)C(C)C(=O)O'").index[0]].molecule
    rungs = choose(("ccsd(t)", "fci"))
    limits = Limits(seconds=60, memory=4e9)
    for step in climb(conformers([large]), rungs, limits=limits):
        assert step.state == REFUSED
        assert "112 electrons in 300 functions" in step.note
        assert "of memory, and 4 GB may be used" in step.note
        assert "and 60 s are allowed. Instead: " in step.note
        assert step.estimate.seconds > 60 and step.estimate.memory > 4e9
    (ethyne,) = forecast([ETHYNE], choose(("fci",)), Settings("6-31g"), Limits(60, 1e9))
    assert "Instead: the basis sto-3g" in ethyne.reason
    (ethyne,) = forecast([ETHYNE], choose(("fci",)), Settings("sto-3g"), Limits(memory=1e8))
    assert "Instead: " in ethyne.reason


def test_elements_that_a_method_does_not_know() -> None:
    hydride = Molecule([33, 1, 1, 1], [[0, 0, 0], [0, 1.2, -0.8], [1.1, -0.6, -0.8], [-1.1, -0.6, -0.8]])
    models = {"mine": load_model("energy")}
    steps = {s.rung.key: s for s in climb(conformers([hydride]), choose(("hf", "wb97x-d"), models))}
    assert steps["hf"].state == DONE
    assert "33 (As)" in steps["wb97x-d"].note and "33 (As)" in steps["model mine"].note
    xenon = Molecule([54], [[0, 0, 0]])
    (step,) = climb(conformers([xenon]), choose(("hf",)))
    assert (step.state, "Xe needs an effective core potential" in step.note) == (REFUSED, True)
    (step,) = climb(conformers([H2]), choose(("hf",)), Settings("nope"))
    assert (step.state, "no basis 'nope'" in step.note and "def2-svp" in step.note) == (REFUSED, True)


def test_what_does_not_converge_says_so() -> None:
    crushed = Molecule([7, 7], [[0, 0, 0], [0, 0, 6.0]])
    steps = {s.rung.key: s for s in climb(conformers([crushed]), choose(("hf", "ccsd")), Settings("sto-3g"))}
    assert steps["ccsd"].state == FAILED
    assert "more than one determinant" in steps["ccsd"].note


def test_molecules_that_are_no_closed_shells_or_charged() -> None:
    with pytest.raises(ValueError, match=r"HO: odd number of electrons \(9\).*add or take away a hydrogen"):
        conformers([Molecule([8, 1], [[0, 0, 0], [0, 0, 1]])])
    with pytest.raises(ValueError, match="has charge -1"):
        reaction("CC(=O)[O-] -> CC(=O)[O-]")


def test_reactions() -> None:
    found = reaction("2 [H][H] + C#C -> CC")
    assert dict(zip(found.names, found.coefficients[0], strict=True)) == {"[H][H]": -2, "C#C": -1, "CC": 1}
    assert not found.same_atoms
    with pytest.raises(ValueError, match="C2H4 on the left and C2H6 on the right"):
        reaction("C=C -> CC")
    with pytest.raises(ValueError, match="one '->' between"):
        reaction("C=C")
    with pytest.raises(ValueError, match="'C C' in 'C C -> CC' is not a SMILES with a number before it"):
        reaction("C C -> CC")
    with pytest.raises(ValueError, match="not a SMILES"):
        reaction("C( -> C(")
    with pytest.raises(ValueError, match="no molecule"):
        conformers([])
    with pytest.raises(ValueError, match="H2 on the left and H2O on the right"):
        conformers([H2, WATER])


def test_conformers_of_a_smiles_are_no_mirror_images() -> None:
    found = comparison("FCCF", 3)
    assert found.names == ("C2H4F2 #1", "C2H4F2 #2")
    assert found.labels == ("C2H4F2 #2 − C2H4F2 #1",)
    assert found.same_atoms
    assert comparison(found) is found
    assert comparison(WATER).total


def steps_of(values: dict[str, list[float]], error: float = 0.0) -> list[Step]:
    return [
        Step(RUNGS[key], place, DONE, energy, error, 1.0, 0.5)
        for key, own in values.items()
        for place, energy in enumerate(own)
    ]


def test_differences_are_judged_by_the_best_rung() -> None:
    both = conformers([WATER, Molecule(WATER.numbers, WATER.positions * 1.01)])
    steps = steps_of({"hf": [-1.0, -0.99], "ccsd": [-2.0, -1.995]}) + steps_of({"vmc": [-3, -2.9]}, 0.003)
    table = differences(both, steps).set_index("rung")
    assert set(table.reference) == {"ccsd"}
    assert table.deviation["hf"] == pytest.approx(0.005 * HARTREE2KCAL)
    assert table.error["vmc"] == pytest.approx(np.sqrt(2) * 0.003 * HARTREE2KCAL)
    assert table.wall["hf"] == 2.0 and table.processor["hf"] == 1.0
    assert differences(both, steps, "hf").set_index("rung").deviation["hf"] == 0
    with pytest.raises(ValueError, match="'fci' did not run for all molecules; hf, ccsd, vmc did"):
        differences(both, steps, "fci")
    part = differences(both, steps[:3])
    assert list(part.rung) == ["hf"]
    assert best_rung(["gfn2-xtb", "vmc"]) is None
    assert list(energies(both, steps).molecule) == list(both.names) * 3


def test_total_energies_are_compared_among_wave_functions_only() -> None:
    alone = conformers([WATER])
    table = differences(alone, steps_of({"gfn2-xtb": [-5], "hf": [-76], "pbe": [-76.3], "fci": [-76.1]}))
    assert list(table.rung) == ["hf", "fci"]
    assert table.deviation[0] == pytest.approx(0.1 * HARTREE2KCAL)


def test_band_energies_are_for_the_same_atoms() -> None:
    rungs = choose((), {"h": load_model("hamiltonian-fast")})
    found = reaction("C=C + [H][H] -> CC")
    assert differences(found, climb(found, rungs)).empty
    both = conformers([ETHYNE, Molecule(ETHYNE.numbers, ETHYNE.positions * 1.02)])
    (line,) = differences(both, climb(both, rungs)).itertuples()
    predicted = load_model("hamiltonian-fast").predict(list(both.molecules))
    expected = predicted[1].band_energy - predicted[0].band_energy
    assert line.value == pytest.approx(expected * HARTREE2KCAL, abs=1e-3)
    assert "band energy" in line.title


def test_progress_and_stop() -> None:
    told: list[tuple[str, float]] = []

    def stop(text: str, part: float) -> None:
        told.append((text, part))
        if text == "CCSD, H2O: iteration 3":
            raise InterruptedError

    steps = climb(conformers([WATER]), choose(("hf", "ccsd")), Settings("sto-3g"), tell=stop)
    assert next(steps).rung.key == "hf"
    with pytest.raises(InterruptedError):
        next(steps)
    assert told[0] == ("Hartree–Fock, H2O: begins", 0.0)
    assert told[-1][1] == 0.5


def test_estimates_are_of_the_right_size() -> None:
    for key in ("hf", "b3lyp", "ccsd(t)"):
        step = climbed("H2O")[key]
        assert 0.1 < step.estimate.seconds / step.processor < 10, key
    assert [estimate(rung, Workbench(H2)).seconds > 0 for rung in LADDER] == [True] * len(LADDER)
    small, large = (Size(2 * k, 12 * k, 30 * k, 2 * k) for k in (1, 2))
    ratio = cost(("triples",), large, 1e9).seconds / cost(("triples",), small, 1e9).seconds
    assert 2**5 < ratio < 2**7.1
    assert cost(("fci",), small, 1e9).memory > 8 * small.determinants


def test_amounts_are_written_in_handy_units() -> None:
    assert [write_seconds(s) for s in (0.12, 45, 600, 1e5, 1e6, 1e12)] == [
        "0.12 s", "45 s", "10 min", "28 h", "12 days", "3.2e+04 years",
    ]  # fmt: skip
    assert [write_bytes(b) for b in (2e6, 3.4e10, 5e13, 5e17)] == ["2 MB", "34 GB", "50 TB", "5e+05 TB"]


def test_choices_that_make_no_sense() -> None:
    with pytest.raises(ValueError, match="no rung 'ccsdt'; there are gfn2-xtb, hf"):
        choose(("ccsdt",))
    with pytest.raises(ValueError, match="no rung is chosen"):
        choose(())
    with pytest.raises(ValueError, match="limits must be positive"):
        Limits(seconds=0)
    with pytest.raises(ValueError, match="walkers must be at least 2, not 1"):
        Settings(walkers=1)
    with pytest.raises(ValueError, match="grid must be from 0 to 9, not 10"):
        Settings(grid=10)
    with pytest.raises(ValueError, match="as many names"):
        Comparison((H2,), (), (), np.ones((0, 1)))


def test_the_exponent_of_a_power_law() -> None:
    sizes = np.array([10, 20, 40, 80, 160.0])
    exact = scaling(sizes, 3e-6 * sizes**3.5)
    assert (exact.exponent, exact.prefactor) == pytest.approx((3.5, 3e-6))
    assert exact.error < 1e-12
    assert exact.time(100) == pytest.approx(3e-6 * 100**3.5)
    generator = np.random.default_rng(0)
    pulls = []
    for _ in range(400):
        found = scaling(sizes, 3e-6 * sizes**3.5 * np.exp(0.2 * generator.normal(size=5)))
        pulls.append((found.exponent - 3.5) / found.error)
    assert np.mean(np.abs(pulls) < 3.182) == pytest.approx(0.95, abs=0.03)  # Student's t, three degrees
    with pytest.raises(ValueError, match="needs 3 different sizes, not 2"):
        scaling([1, 1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="must be positive"):
        scaling([1, 2, 3], [1, 0, 3])


def test_cost_of_an_unknown_stage_is_none() -> None:
    assert cost((), Size(1, 2, 2, 0)) == Cost(0.0, 0.0)
