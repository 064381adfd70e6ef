"""What `nablaviz label` takes."""

from __future__ import annotations

import pytest

from nablaviz.data.dataset import DataError
from nablaviz.data.inputs import read_input

XYZ = "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n"


def keys(source):
    return [(c.moses_id, c.conformation_id) for c in source.conformers(set(), {})]


def test_a_smiles_string():
    source = read_input("OCCN", conformers=3)
    assert len(source) == 3
    assert keys(source) == [(0, 0), (0, 1), (0, 2)]
    assert {c.molecule.smiles for c in source.conformers(set(), {})} == {"OCCN"}


def test_a_file_of_smiles(tmp_path):
    path = tmp_path / "a.smi"
    path.write_text("# two molecules\nCCO 17\n\nCC=O\n")
    assert keys(read_input(str(path), conformers=2)) == [(17, 0), (1, 0), (17, 1), (1, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CCO\nC1CC\n", r"a\.smi, line 2: .*C1CC"),
        ("CCO 1\nCC 1\n", "line 2: id 1 is on line 1"),
        ("CCO x\n", "line 1: .* must be a whole number, not 'x'"),
        ("# nothing\n", "no SMILES"),
    ],
)
def test_a_bad_file_of_smiles_is_refused_by_line(tmp_path, text, message):
    (tmp_path / "a.smi").write_text(text)
    with pytest.raises(DataError, match=message):
        read_input(str(tmp_path / "a.smi"))


def test_geometries_keep_their_coordinates(tmp_path):
    (tmp_path / "a.xyz").write_text(XYZ + XYZ.replace("0.96", "1.00"))
    source = read_input(str(tmp_path / "a.xyz"))
    assert keys(source) == [(0, 0), (1, 0)]
    assert [c.molecule.positions[1, 2] for c in source.conformers(set(), {})] == [0.96, 1.00]
    assert [c.moses_id for c in source.conformers({(0, 0)}, {})] == [1]


def test_an_sdf_brings_its_smiles(tmp_path):
    from rdkit import Chem

    from nablaviz.chem.conformers import embed, parse

    molecule, mol = embed("CC=O")[0], parse("CC=O")
    mol.AddConformer(Chem.Conformer(len(molecule)), assignId=True)
    mol.GetConformer().SetPositions(molecule.positions.copy())
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        writer.write(mol)
    (conformer,) = read_input(str(tmp_path / "a.sdf")).conformers(set(), {})
    assert conformer.molecule.smiles == "CC=O"
    assert conformer.molecule.positions == pytest.approx(molecule.positions, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.xyz", XYZ.replace("O 0", "Si 0"), "frame 1: .*Si"),
        ("a.xyz", "2\n\nO 0 0 0\nH 0 0 1\n", "frame 1: odd number of electrons"),
        ("a.xyz", "not an xyz file", r"a\.xyz, line 1: 'not an xyz file' is no number"),
        ("a.xyz", "", r"a\.xyz"),
        ("a.xyz", XYZ.replace("water", "Properties=pos:R:99999999999"), r"line 1: .* 1e\+11 columns"),
        ("a.sdf", "rubbish\n$$$$\n", r"a\.sdf, frame 1"),
    ],
)
def test_bad_geometries_are_refused_by_frame(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_input(str(tmp_path / name))


def test_neither_file_nor_smiles():
    with pytest.raises(ValueError, match=r"'no/such\.xyz' is neither a file nor a SMILES"):
        read_input("no/such.xyz")
    with pytest.raises(ValueError, match="at least 1, not 0"):
        read_input("CCO", conformers=0)


def test_a_dataset_gives_its_geometries_and_ids_without_its_labels(tmp_path):
    from nablaviz.data.store_writer import StoreWriter
    from nablaviz.molecule import Conformer, Molecule

    water = Molecule([8, 1, 1], [[0, 0, 0], [0, 0, 0.96], [0.93, 0, -0.24]], "O")
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(Conformer(water, 7, 1, energy=-1.0, split="train"))
    (conformer,) = read_input(str(tmp_path / "store")).conformers(set(), {})
    assert (conformer.moses_id, conformer.conformation_id, conformer.split) == (7, 1, "train")
    assert conformer.energy is None


def test_duplicate_ids_are_refused_before_the_first_calculation(tmp_path):
    import shutil

    from nablaviz.data.store_writer import StoreWriter
    from nablaviz.molecule import Conformer, Molecule

    with StoreWriter(tmp_path / "store") as writer:
        writer.add(Conformer(Molecule([1, 1], [[0, 0, 0], [0, 0, 0.74]]), 7, 1))
    shard = next((tmp_path / "store").glob("*.parquet"))
    shutil.copy(shard, shard.with_name("shard-00001.parquet"))
    with pytest.raises(DataError, match="row 1: the ids 7/1 are there already"):
        read_input(str(tmp_path / "store"))
