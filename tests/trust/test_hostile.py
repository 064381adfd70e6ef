"""Folders and files made to harm whoever opens them."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import CatalogError
from nablaviz.data.dataset import DataError
from nablaviz.data.inputs import read_input
from nablaviz.data.published import Published, Registry
from nablaviz.data.sample import sample
from nablaviz.data.shards import LARGEST_GROUP, MOST_ROWS
from nablaviz.data.store import Store, schema
from nablaviz.studies import control, engine, predictions, schedulers
from nablaviz.studies.study import Contender, Study, create, runs

STUDY = Study(
    "sample", (Contender("linear", "composition"),), (60,), (0,), ("test_scaffolds",), 10, device="cpu"
)


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    create(tmp_path / "study", STUDY)
    return tmp_path / "study"


def test_a_folder_does_not_choose_the_scheduler(study):
    control.write_owner(study, control.Owner(1, 0.5, "elsewhere", "tcp://evil.example:8786", None, over=True))
    with pytest.raises(ValueError, match=r"'tcp://evil.example:8786', which you have never named"):
        engine.resume(study)
    schedulers.remember("tcp://mine:8786")
    schedulers.remember("tcp://mine:8786")
    schedulers.check_known("tcp://mine:8786", study)
    schedulers.check_known(None, study)
    with pytest.raises(ValueError, match="never named"):
        schedulers.check_known("tcp://mine:87", study)


@pytest.mark.parametrize("what", ["log.txt", "runs", "run"])
def test_a_folder_does_not_lead_elsewhere(study, tmp_path, what):
    (other := tmp_path / "other").mkdir()
    (run,) = runs(study)
    link = {"log.txt": study / "log.txt", "runs": study / "runs", "run": run.folder}[what]
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(other / "bashrc" if what == "log.txt" else other)
    for go in (engine.run, engine.start):
        with pytest.raises(ValueError, match="is a link: a study writes only into its own folder"):
            go(study)
    assert list(other.iterdir()) == []


def test_a_state_that_is_a_link_is_replaced_not_followed(study, tmp_path):
    from nablaviz.studies.state import State, read_state, write_state

    (run,) = runs(study)
    run.folder.mkdir(parents=True)
    (victim := tmp_path / "victim").write_text("kept")
    (run.folder / "state.json").symlink_to(victim)
    write_state(run.folder, State("running"))
    assert victim.read_text() == "kept"
    assert read_state(run.folder).state == "running"


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "..", "~/x", "a\\b", "a b", "a\n", "ü", ""]
)
def test_names_of_downloads_stay_in_their_folder(name):
    with pytest.raises(ValueError, match="not made of plain names|cannot be printed"):
        Published("x", name, None, "")


@pytest.mark.parametrize("url", ["file:///etc/", "ftp://a/", "http://a b", "http://a\r\nHost: b", "HTTP", ""])
def test_addresses_are_plain(url):
    with pytest.raises(ValueError, match="must begin with http"):
        Registry(url, ())


def test_a_registry_with_other_things_in_it_is_refused(tmp_path):
    good = {"name": "a", "path": "a.db", "etag": None, "content": "x"}
    for wrong in ({"name": ["a"]}, {"content": 3}, {"path": 7}, {"etag": 1.5}, {"name": ""}, {"other": 1}):
        (tmp_path / "r.json").write_text(json.dumps({"base_url": "http://a", "files": [good | wrong]}))
        with pytest.raises(DataError, match=r"r\.json: not a registry"):
            Registry.load(tmp_path / "r.json")


def test_a_parquet_bomb_is_not_unpacked(tmp_path):
    many = MOST_ROWS + 1
    columns = [pa.nulls(many, field.type) for field in schema()]
    pq.write_table(
        pa.Table.from_arrays(columns, schema=schema()), tmp_path / "s.parquet", row_group_size=many
    )
    assert (tmp_path / "s.parquet").stat().st_size < 1e6
    with pytest.raises(DataError, match=r"s\.parquet: row group 0 unpacks to .*too much"):
        Store(tmp_path / "s.parquet")


def test_a_bomb_of_bytes_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("nablaviz.data.shards.LARGEST_GROUP", 1 << 16)
    with pytest.raises(DataError, match="unpacks to .* bytes"):
        Store(sample().path)
    assert LARGEST_GROUP > 1 << 28


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_table_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(predictions, "LARGEST", 100_000)
    path = tmp_path / f"errors{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.table({"energy_mae": pa.array(range(200_000))}), path)
    else:
        text = b"energy_mae\n" + b"0\n" * 100_000
        path.write_bytes(gzip.compress(text) if suffix == ".csv.gz" else text)
    with pytest.raises(DataError, match="unpacks to more than 100000 bytes"):
        predictions.sources(path, sample())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.xyz",
            "999999999999999\n\nH 0 0 0\n",
            r"line 1: 999999999999999 atoms are announced, 2 lines follow",
        ),
        ("a.xyz", "-3\n\nH 0 0 0\n", "line 1: -3 atoms"),
        ("a.xyz", "2\n\nH 0 0 0\nH 0 0 1\n\n2\n\nH 0 0 0\nH 0 0 1\n", "line 5: a blank line"),
        (
            "a.toml",
            '[[molecules]]\nsmiles = ["C"]\nsplits = { train = 999999999999 }\n',
            "whole number from 0 to",
        ),
        ("a.toml", "molecules = 3\n", "molecules must be a list"),
        (
            "a.toml",
            'seed = "x"\n[[molecules]]\nsmiles = ["C"]\nsplits = { train = 1 }\n',
            "seed must be a whole",
        ),
        ("a.toml", '[[molecules]]\nsmiles = ["C"]\nsplits = ["train"]\n', "splits must be a table"),
        ("a.smi", "C" * 3000, "line 1: a SMILES of 3000 characters"),
    ],
)
def test_what_would_take_for_ever_or_be_misread_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=rf"{name}.*{message}"):
        read_input(str(tmp_path / name))


@pytest.mark.parametrize(
    ("smiles", "hydrogens", "message"),
    [
        ("[NH3+]CC[NH3+]", True, r"charge \+2"),
        ("[CH2][CH2]", True, "2 unpaired electrons"),
        ("CC", False, "6 hydrogens are not among the atoms"),
    ],
)
def test_an_sdf_of_another_molecule_than_its_atoms_is_refused(tmp_path, smiles, hydrogens, message):
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    molecule = Chem.MolFromSmiles(smiles)
    molecule = Chem.AddHs(molecule) if hydrogens else molecule
    rdDistGeom.EmbedMolecule(molecule, randomSeed=1)
    with Chem.SDWriter(str(tmp_path / "a.sdf")) as writer:
        writer.write(molecule)
    with pytest.raises(DataError, match=rf"a\.sdf, frame 1: {message}"):
        read_input(str(tmp_path / "a.sdf"))


def test_a_drawing_is_no_geometry(tmp_path):
    from rdkit import Chem
    from rdkit.Chem import rdDepictor

    molecule = Chem.AddHs(Chem.MolFromSmiles("CO"))
    rdDepictor.Compute2DCoords(molecule)
    Chem.MolToMolFile(molecule, str(tmp_path / "a.mol"))
    with pytest.raises(DataError, match="a drawing in two dimensions"):
        read_input(str(tmp_path / "a.mol"))


@pytest.fixture(scope="module")
def catalog():
    return Catalog(sample(), timeout=5)


@pytest.mark.parametrize(
    "where",
    [
        *(
            "TRUE; PRAGMA database_list",
            "TRUE; LOAD httpfs",
            "TRUE; IMPORT DATABASE '/tmp'",
            "TRUE; CALL pragma_version()",
        ),
        *(
            "TRUE; CREATE TABLE x AS SELECT 1",
            "TRUE; SET memory_limit='90%'",
            "TRUE; EXPORT DATABASE '/tmp/x'",
        ),
        *(
            "(SELECT count(*) FROM read_blob('/etc/hosts')) > 0",
            "(SELECT count(*) FROM read_json('/etc/hosts')) > 0",
        ),
        *(
            "(SELECT count(*) FROM 's3://bucket/x.parquet') > 0",
            "(SELECT count(*) FROM read_parquet('/x/*.parquet')) > 0",
        ),
        *(
            "(SELECT count(*) FROM duckdb_secrets()) > 0 AND getvariable('x') = 1 AND nope",
            "TRUE) UNION SELECT (1",
        ),
        "length(repeat(smiles, 2000000000)) > 0",
    ],
)
def test_sql_does_nothing_but_filter(catalog, where):
    with pytest.raises(CatalogError):
        catalog.rows(where)
    assert len(catalog.rows("TRUE")) == len(sample())


def test_sql_does_not_read_what_it_is_given_the_name_of(catalog, tmp_path):
    secret = tmp_path / "secret.parquet"
    pq.write_table(pa.table({"a": [1]}), secret)
    os.symlink(secret, tmp_path / "shard-00000.parquet")
    for path in (secret, tmp_path / "shard-00000.parquet"):
        with pytest.raises(CatalogError):
            catalog.rows(f"(SELECT count(*) FROM '{path}') > 0")


def test_no_file_of_the_package_unpacks_archives():
    """There is no path out of a zip or tar file where none is unpacked."""
    package = Path(engine.__file__).parents[1]
    for path in package.rglob("*.py"):
        text = path.read_text()
        assert not any(word in text for word in ("zipfile", "tarfile", "unpack_archive", "extractall")), path
