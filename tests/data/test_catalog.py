from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from nablaviz.data.catalog import Catalog, sample_rows
from nablaviz.data.conditions import CatalogError
from nablaviz.data.dataset import Dataset
from nablaviz.data.store import Store
from nablaviz.data.store_writer import StoreWriter
from nablaviz.molecule import Conformer, Molecule
from nablaviz.units import HARTREE2KCAL


class Table(Dataset):
    """A dataset that only has a table."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._given, self.path = table, Path("table")

    def __len__(self) -> int:
        return len(self._given)

    def _read(self, row: int) -> Conformer:
        raise NotImplementedError

    def _read_table(self) -> pd.DataFrame:
        return self._given


SMILES = ["CCO", "c1ccccc1", "CC(=O)Nc1ccccc1", "C1CC1CN", "not a SMILES", None]


def lines() -> pd.DataFrame:
    """Six molecules of four conformers; some values missing, one SMILES unreadable, one missing."""
    molecule = np.arange(24) // 4
    rng = np.random.default_rng(1)
    energy = rng.normal(-100, 0.01, 24)
    energy[5] = np.nan
    return pd.DataFrame(
        {
            "moses_id": pd.array([None if m == 5 else 10 + m for m in molecule], dtype="Int64"),
            "conformation_id": np.arange(24) % 4,
            "smiles": pd.array([SMILES[m] for m in molecule], dtype="string"),
            "n_atoms": 5 + molecule,
            "split": np.where(np.arange(24) % 2, "train", "test"),
            "energy": energy,
            "formation_energy": energy + 99,
            "gap": np.linspace(0.1, 0.5, 24),
        }
    )


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(Table(lines()))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("a folder's [1] *.?") / "store"
    methane = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.63
    for part in range(3):
        with StoreWriter(folder) as writer:
            for k in range(part * 3, part * 3 + 3):
                molecule = Molecule([6, 1, 1, 1, 1], methane * (1 + k / 100), "C")
                writer.add(
                    Conformer(molecule, k // 6, k % 6, energy=-40 + k * 0.001, forces=np.zeros((5, 3)))
                )
    return Store(folder)


def test_keywords_agree_with_pandas(catalog: Catalog) -> None:
    t = lines()
    assert catalog.rows(n_atoms=7).tolist() == t.index[t.n_atoms == 7].tolist()
    assert catalog.rows(gap=(0.2, 0.3)).tolist() == t.index[t.gap.between(0.2, 0.3)].tolist()
    assert (
        catalog.rows(gap=(None, 0.3), split="train").tolist()
        == t.index[(t.gap <= 0.3) & (t.split == "train")].tolist()
    )
    assert catalog.rows(smiles=["CCO", None]).tolist() == [0, 1, 2, 3, 20, 21, 22, 23]
    assert catalog.rows(energy=None).tolist() == [5]
    assert catalog.rows(split=[]).tolist() == []
    assert catalog.rows(n_atoms=np.int64(7)).tolist() == catalog.rows(n_atoms=[7.0]).tolist()


def test_sql_and_keywords_are_combined(catalog: Catalog) -> None:
    rows = catalog.rows("n_atoms < 8 -- a comment", split="test", gap=(0.2, None))
    expected = lines().query("n_atoms < 8 and split == 'test' and gap >= 0.2").index
    assert rows.tolist() == expected.tolist()
    above = catalog.rows("gap > (SELECT avg(gap) FROM conformers)")
    assert above.tolist() == list(range(12, 24))


def test_missing_numbers_pass_no_range(catalog: Catalog) -> None:
    assert 5 not in catalog.rows(energy=(-1000, None))
    assert 5 not in catalog.rows("energy > -1000")


def test_order(catalog: Catalog) -> None:
    t = lines()
    ordered = t.sort_values("energy", kind="stable").index
    assert catalog.rows(order_by="energy").tolist() == ordered.tolist()
    assert catalog.rows(order_by="energy").tolist()[-1] == 5
    assert catalog.rows(order_by="energy", descending=True).tolist()[-1] == 5
    assert catalog.rows(order_by="n_atoms", descending=True).tolist()[:5] == [20, 21, 22, 23, 16]


def test_substructure(catalog: Catalog) -> None:
    assert catalog.rows(smarts="c1ccccc1").tolist() == list(range(4, 12))
    assert catalog.rows(smarts="[NX3;H2]").tolist() == list(range(12, 16))
    assert catalog.rows(smarts="[#35]").tolist() == []
    assert catalog.rows(smarts="c1ccccc1", n_atoms=7).tolist() == list(range(8, 12))
    assert catalog.unreadable == ["not a SMILES"]


def test_scaffolds_are_computed_where_missing() -> None:
    catalog = Catalog(Table(lines()))
    assert catalog.rows(scaffold="C1=CC=CC=C1").tolist() == list(range(4, 12))  # any form of the SMILES
    assert catalog.rows(scaffold="").tolist() == list(range(4))
    assert catalog.rows("scaffold = 'C1CC1'").tolist() == list(range(12, 16))
    assert catalog.distinct("scaffold").to_dict() == {"c1ccccc1": 8, "": 4, "C1CC1": 4}
    assert catalog.distinct("scaffold", 1).to_dict() == {"c1ccccc1": 8}
    assert catalog.table([4]).scaffold[4] == "c1ccccc1"


def test_stored_scaffolds_are_kept() -> None:
    given_table = lines().assign(scaffold=pd.array(["kept"] * 4 + [None] * 20, dtype="string"))
    found = Catalog(Table(given_table)).distinct("scaffold").to_dict()
    assert found == {"c1ccccc1": 8, "C1CC1": 4, "kept": 4}


def test_relative_energies(catalog: Catalog) -> None:
    t = lines()
    relative = catalog.values("relative_energy_kcal")
    molecules = t.groupby(np.arange(24) // 4)
    expected = (t.energy - molecules.energy.transform("min")) * HARTREE2KCAL
    expected[5] = (t.formation_energy - molecules.formation_energy.transform("min"))[5] * HARTREE2KCAL
    expected[20:] = np.nan  # nothing says which molecule these are of
    assert_allclose(relative, expected, atol=1e-8)


def test_histogram_counts_what_passes(catalog: Catalog) -> None:
    edges = np.linspace(0.1, 0.5, 6)
    t = lines()
    assert catalog.histogram("gap", edges).tolist() == np.histogram(t.gap, edges)[0].tolist()
    some = catalog.histogram("gap", edges, "n_atoms < 8", split="train", smarts="c1ccccc1")
    part = t[(t.n_atoms < 8) & (t.split == "train") & t.smiles.isin(SMILES[1:3])]
    assert some.tolist() == np.histogram(part.gap, edges)[0].tolist()
    assert catalog.histogram("energy", [0, 1]).tolist() == [0]


def test_summary(catalog: Catalog) -> None:
    summary, t = catalog.summary(), lines()
    assert summary.loc["energy"].tolist() == [23, t.energy.min(), t.energy.max()]
    assert summary["count"]["smiles"] == 20
    assert summary["count"]["dipole"] == 0
    assert np.isnan(summary["min"]["dipole"])


def test_one_id_for_several_molecules_is_not_believed() -> None:
    table = lines().assign(moses_id=1, smiles=None, formula=["CH4"] * 12 + ["H2O"] * 12)
    catalog = Catalog(Table(table))
    assert catalog.count_molecules() == 2
    assert catalog.siblings(3).tolist() == list(range(12))
    assert (catalog.table().groupby(table.formula).relative_energy_kcal.min() == 0).all()


def test_molecules_are_counted(catalog: Catalog) -> None:
    assert catalog.count_molecules() == 6
    assert catalog.count_molecules("n_atoms < 8", smarts="c1ccccc1") == 2


def test_siblings(catalog: Catalog) -> None:
    assert catalog.siblings(6).tolist() == [4, 5, 6, 7]
    assert catalog.siblings(21).tolist() == [21]


def test_table_keeps_order_and_repeats(catalog: Catalog) -> None:
    table = catalog.table([7, 3, 7])
    assert table.index.tolist() == [7, 3, 7]
    assert table.index.name == "row"
    assert table.gap.tolist() == lines().gap[[7, 3, 7]].tolist()
    assert catalog.table().index.tolist() == list(range(24))
    assert catalog.query("n_atoms = 5").smiles.tolist() == ["CCO"] * 4
    assert len(catalog.table([])) == 0


def test_sample_is_uniform_reproducible_and_says_so(catalog: Catalog) -> None:
    table = catalog.sample(6, seed=3, where="n_atoms < 9")
    assert table.attrs["sampled"] == "6 of 16 conformers"
    assert table.index.tolist() == catalog.sample(6, seed=3, where="n_atoms < 9").index.tolist()
    assert table.index.tolist() != catalog.sample(6, seed=4, where="n_atoms < 9").index.tolist()
    assert catalog.sample(100).attrs["sampled"] is None
    counts = np.bincount(np.concatenate([sample_rows(np.arange(20), 5, seed) for seed in range(2000)]))
    assert abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)  # five standard deviations


def test_store_is_read_in_its_shards(store: Store) -> None:
    assert len(store.shards) == 3
    catalog = Catalog(store)
    rows = catalog.rows("energy > -39.9975", order_by="energy", descending=True)
    assert rows.tolist() == [8, 7, 6, 5, 4, 3]
    assert [store[int(r)].energy for r in rows] == catalog.values("energy", rows).tolist()
    assert_allclose(catalog.table([7]).relative_energy_kcal, [0.001 * HARTREE2KCAL])
    assert catalog.siblings(8).tolist() == [6, 7, 8]
    assert "table" not in store.__dict__  # the whole table was never loaded


def test_store_and_table_agree(store: Store) -> None:
    from_shards = Catalog(store).table()
    from_table = Catalog(store[:]).table()
    pd.testing.assert_frame_equal(from_shards, from_table)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"where": "foo > 1"}, "no column 'foo'; columns: row, moses_id"),
        ({"where": "gap >"}, "syntax error"),
        ({"where": "gap > 0) OR (TRUE"}, "syntax error"),
        ({"where": "TRUE; DROP TABLE loaded"}, "SQL: "),
        ({"where": "gap > 0 ORDER BY gap"}, "SQL: "),
        ({"where": "count(*) > 1"}, "aggregates"),
        ({"where": "smiles > 1"}, "Cannot compare"),
        ({"where": "gap > ?"}, "SQL: "),
        ({"where": "regexp_matches(smiles, '[')"}, "table: SQL: missing ]"),  # a file's fault looks the same
        ({"foo": 1}, "no column 'foo'; columns: row, moses_id"),
        ({"gap": (1, 2, 3)}, "a range of gap is"),
        ({"gap": "wide"}, "wide"),
        ({"smarts": "c1cc"}, "not a SMARTS that can be read: 'c1cc'"),
        ({"smarts": "C" * 5000}, "not a SMARTS that can be read"),
        ({"scaffold": "<b>"}, "not a SMILES that can be read: '<b>'"),
        ({"order_by": "gap; DROP TABLE loaded"}, "no column"),
    ],
)
def test_bad_filters_are_explained(catalog: Catalog, filters: dict, message: str) -> None:
    with pytest.raises(CatalogError, match=message.replace("(", r"\(").replace("*", r"\*")):
        catalog.rows(**filters)
    assert len(catalog.rows()) == 24


def test_bad_rows_are_named(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="rows must lie in 0…23, not 3…24"):
        catalog.table([3, 24])
    with pytest.raises(CatalogError, match="cannot be negative"):
        catalog.sample(-1)


@pytest.mark.parametrize(
    "expression",
    [
        "(SELECT count(*) FROM read_text('{path}')) > 0",
        "(SELECT count(*) FROM read_csv('{path}')) > 0",
        "(SELECT count(*) FROM '{path}') > 0",
        "(SELECT count(*) FROM glob('{folder}/*')) > 0",
        "(SELECT count(*) FROM parquet_metadata('{path}')) > 0",
        "(SELECT count(*) FROM sniff_csv('{path}')) > 0",
        "(SELECT count(*) FROM read_csv('http://127.0.0.1:9/x')) > 0",
        "(SELECT count(*) FROM query('COPY loaded TO ''{folder}/out''')) > 0",
        "(SELECT count(*) FROM enable_logging(storage := 'file', storage_path := '{folder}/logs')) > 0",
        "(SELECT count(*) FROM secret_in_python) > 0",
        "getenv('HOME') IS NOT NULL",
        "TRUE; COPY loaded TO '{folder}/out'",
        "TRUE; SET enable_external_access = true",
        "TRUE; ATTACH '{folder}/other.db'",
        "TRUE; INSTALL httpfs",
    ],
)
def test_filters_reach_no_file_and_no_network(expression: str, store: Store, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    secret_in_python = pd.DataFrame({"a": [1]})  # noqa: F841 (DuckDB can see local variables)
    for catalog in (Catalog(Table(lines())), Catalog(store)):
        with pytest.raises(CatalogError):
            catalog.rows(expression.format(path=secret, folder=tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["secret.csv"]


def test_endless_query_is_stopped() -> None:
    catalog = Catalog(Table(lines()), timeout=0.5)
    started = time.perf_counter()
    with pytest.raises(CatalogError, match=r"more than 0.5 s"):
        catalog.rows("(SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3) > row")
    assert time.perf_counter() - started < 5
    assert len(catalog.rows()) == 24


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=40))
def test_any_text_is_a_filter_or_an_error(catalog: Catalog, text: str) -> None:
    for filters in ({"where": text}, {"smarts": text}, {"scaffold": text}, {"smiles": text}):
        try:
            rows = catalog.rows(**filters)
        except CatalogError:
            continue
        assert set(rows) <= set(range(24))


def test_two_threads_do_not_get_in_each_others_way(catalog: Catalog) -> None:
    def ask(row: int) -> list[int]:
        return catalog.table([row, 23 - row]).index.tolist()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(ask, [*range(24)] * 4)) == [[r, 23 - r] for r in range(24)] * 4


def test_long_searches_go_through_progress() -> None:
    seen = []

    def progress(items: list[str], what: str) -> list[str]:
        seen.append((what, len(items)))
        return items

    catalog = Catalog(Table(lines()), progress=progress)
    catalog.rows(smarts="C", scaffold="C1CC1")
    catalog.rows(smarts="CC", scaffold="")
    assert seen == [("Computing scaffolds", 5), ("Reading SMILES", 5)]


def test_a_million_rows() -> None:
    n = 1_000_000
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "moses_id": np.arange(n) // 6,
            "smiles": pd.array(["C" * (k + 1) for k in range(200)], dtype="string").take(np.arange(n) % 200),
            "n_atoms": rng.integers(10, 60, n),
            "energy": rng.normal(size=n),
            "gap": rng.random(n),
        }
    )
    catalog = Catalog(Table(table))
    started = time.process_time()
    rows = catalog.rows("n_atoms < 20", gap=(0.5, None), smarts="CCC", order_by="energy")
    page, values = catalog.table(rows[:20]), catalog.values("gap", sample_rows(rows, 5000))
    took = time.process_time() - started
    expected = ((table.n_atoms < 20) & (table.gap >= 0.5) & (table.smiles.str.len() > 2)).sum()
    assert (len(rows), len(page), len(values)) == (expected, 20, 5000)
    assert page.energy.is_monotonic_increasing
    assert took < 6  # s of processor time; measured: 0.9
