from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nablaviz
from nablaviz.chem.scaffold import murcko
from nablaviz.data.catalog import Catalog
from nablaviz.data.check import check
from nablaviz.data.conditions import CatalogError
from nablaviz.data.convert import convert
from nablaviz.data.dataset import DataError
from nablaviz.data.shards import read_columns
from nablaviz.data.summary import FIELDS
from nablaviz.data.summary_convert import convert_summary
from nablaviz.data.summary_file import SummaryFile
from nablaviz.data.summary_lines import Block, blocks
from nablaviz.data.summary_store import SummaryStore
from nablaviz.units import HARTREE2KCAL

ROWS = 3000
SMALL = {"workers": 0, "chunk_rows": 700, "shard_rows": 500, "block": 1 << 17}
"""Several chunks and shards of a small file."""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, make_summary: ModuleType) -> Path:
    path = tmp_path_factory.mktemp("summary") / "summary.csv.gz"
    found = make_summary.write(path, ROWS)
    assert found["rows"] == ROWS
    return path


@pytest.fixture(scope="module")
def store(path: Path) -> SummaryStore:
    convert_summary(path, path.parent / "catalogue", **SMALL)
    found = nablaviz.open(path.parent / "catalogue")
    assert isinstance(found, SummaryStore)
    return found


@pytest.fixture(scope="module")
def read(path: Path) -> pd.DataFrame:
    """The file as pandas reads it, under the names of here."""
    return pd.read_csv(path).rename(columns={label: field.name for label, field in FIELDS.items()})


def by_line(store: SummaryStore) -> pd.DataFrame:
    table = pd.concat([pd.read_parquet(shard) for shard in store.shards])
    return table.sort_values("line", ignore_index=True)


def test_every_value_of_every_line_is_there(store: SummaryStore, read: pd.DataFrame) -> None:
    table = by_line(store)
    assert len(store.shards) > 3
    assert table.line.tolist() == list(range(2, ROWS + 2))
    for name in read:
        assert table[name].tolist() == read[name].tolist(), name


def test_what_is_derived_is_right(store: SummaryStore, read: pd.DataFrame) -> None:
    table = by_line(store)
    lowest = read.groupby("moses_id").energy.transform("min")
    assert_allclose(table.relative_energy_kcal, HARTREE2KCAL * (read.energy - lowest), atol=1e-9)
    some = table.iloc[:: ROWS // 50]
    assert some.scaffold.tolist() == [murcko(smiles) for smiles in some.smiles]
    rows = table.sort_values("row")
    assert rows.row.tolist() == list(range(ROWS))
    assert rows.scaffold.is_monotonic_increasing and rows.molecule.is_monotonic_increasing
    molecules = rows.groupby("molecule").moses_id
    assert (molecules.nunique() == 1).all() and len(molecules) == read.moses_id.nunique()
    assert store.about["molecules"] == read.moses_id.nunique()


def test_catalogue_and_file_answer_alike(store: SummaryStore, path: Path) -> None:
    file = nablaviz.open(path)
    assert isinstance(file, SummaryFile) and len(file) == len(store) == ROWS
    ours, theirs = Catalog(store), Catalog(file)
    line = by_line(store).set_index("row").line - 2  # row of the file by row of the catalogue
    filters = {"where": "xc_energy < -12 AND rotation_a > 100", "gap": (0.35, None)}
    rows = ours.rows(**filters)
    assert sorted(line[rows]) == theirs.rows(**filters).tolist()
    assert 0 < len(rows) < ROWS and (np.diff(rows) > 0).all()
    edges = np.linspace(-12, 0, 25)
    histogram = theirs.histogram("formation_energy", edges, **filters)
    assert ours.histogram("formation_energy", edges, **filters).tolist() == histogram.tolist()
    assert ours.count_molecules(**filters) == theirs.count_molecules(**filters)
    for column in ("scaffold", "split"):
        assert ours.distinct(column).to_dict() == theirs.distinct(column).to_dict()
    assert line[ours.siblings(1500)].tolist() == sorted(theirs.siblings(int(line[1500])))
    order = ours.rows(order_by="gap", descending=True)[:50]
    assert_array_equal(ours.values("gap", order), theirs.table().gap.nlargest(50))
    assert ours.table([7, 3, 7]).energy.tolist() == theirs.table(line[[7, 3, 7]].tolist()).energy.tolist()
    pd.testing.assert_frame_equal(ours.summary(), theirs.summary(), check_exact=False, atol=1e-9)


def test_substructures_are_searched_in_what_else_passes(store: SummaryStore, path: Path) -> None:
    catalog, other = Catalog(store), Catalog(nablaviz.open(path))
    line = by_line(store).set_index("row").line - 2
    for filters in ({"n_atoms": (None, 30)}, {"n_atoms": (None, 35)}, {}):  # the second takes up the first
        rows = catalog.rows(smarts="[#35]", **filters)
        assert sorted(line[rows]) == other.rows(smarts="[#35]", **filters).tolist() != []
    assert catalog.rows(smarts="[#92]").tolist() == []
    with pytest.raises(CatalogError, match="not a SMARTS"):
        catalog.rows(smarts="c1cc")


@pytest.mark.parametrize(
    "condition",
    [
        "(SELECT count(*) FROM read_csv('{path}')) > 0",
        "(SELECT count(*) FROM '{path}') > 0",
        "(SELECT count(*) FROM glob('{folder}/*')) > 0",
        "TRUE; SET enable_external_access = true",
        "TRUE; COPY conformers TO '{folder}/out'",
    ],
)
def test_conditions_reach_no_other_file(store: SummaryStore, path: Path, condition: str) -> None:
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(CatalogError):
        Catalog(store).rows(condition.format(path=path, folder=path.parent))
    assert sorted(path.parent.rglob("*")) == before


def test_it_says_what_it_holds(store: SummaryStore, path: Path) -> None:
    assert "nablaDFT's summary of conformers" in repr(nablaviz.open(path))
    assert "nablaviz convert makes a catalogue of it" in repr(nablaviz.open(path))
    assert f"{ROWS:,} conformers of {store.about['molecules']:,} molecules" in repr(store)
    assert "no geometries" in repr(store)
    for dataset in (store, nablaviz.open(path)):
        with pytest.raises(DataError, match=r"row 5: the summary holds no geometries"):
            dataset[5]
        with pytest.raises(DataError, match="no geometries to check"):
            check(dataset)


BAD = {
    "1,2": "2 values where 22 are due",
    "": "an empty line",
    "x{row}": "MOSES id is not a whole number: 'x",
    "-{row}": "MOSES id is negative",
    "{no smiles}": "no SMILES",
    "{inf}": "DFT XC ENERGY is not finite",
    "{number}": "DFT XC ENERGY is not a number: '1.5.2'",
    "{quote}": "line break within quotation marks|not a line of a table|values where",
    "{row},1": "23 values where 22 are due",
    "\udcff": "not UTF-8",
}


def test_malformed_lines_are_reported_by_their_number(path: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    places = {}
    for k, bad in enumerate(BAD):
        at = 100 * (k + 1)
        values = next(csv.reader([lines[at]]))
        changed = {
            "{no smiles}": (20, ""),
            "{inf}": (4, "inf"),
            "{number}": (4, "1.5.2"),
            "{quote}": (2, '"a'),
        }
        if bad in changed:
            column, value = changed[bad]
            values[column] = value
            bad_line = ",".join(f'"{v}"' if "," in v else v for v in values)
        else:
            bad_line = bad.format(row=lines[at])
        lines.insert(at, bad_line)
        places[at + 1] = BAD[bad]
    lines[-1] = lines[-1].replace('"train', '"')  # another split, not malformed
    source = tmp_path / "summary.csv"
    source.write_bytes("\r\n".join(lines).encode(errors="surrogateescape"))  # no newline at the end
    summary = convert(source, tmp_path / "out", progress=False)
    assert summary.written == ROWS
    assert summary.faults == {"malformed lines left out": len(BAD)}
    assert "10 malformed lines left out: each by its line in" in str(summary)
    found = pd.read_csv(tmp_path / "out" / "faults.csv").set_index("line")
    assert found.index.tolist() == list(places)
    assert (found.kept == "no").all()
    for line, what in places.items():
        assert pd.Series(found.fault[line]).str.contains(what).all(), (line, found.fault[line])
    store = nablaviz.open(tmp_path / "out")
    assert "10 malformed lines left out, see faults.csv" in repr(store)
    assert not set(by_line(store).line) & set(places)
    with pytest.raises(DataError, match=r"summary.csv, line 101: 2 values where 22 are due"):
        nablaviz.open(source).table  # noqa: B018


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (0, "0x10", "MOSES id is not a whole number: '0x10'"),
        (1, " 0X1", "CONFORMER id is not a whole number: ' 0X1'"),
        (21, '"train', "not a line of a table: unexpected end of data"),
        (21, '"train\rx"', "a line break within the line"),
        (2, "a\rb", "not a line of a table: new-line character seen in unquoted field"),
    ],
)
@pytest.mark.parametrize("place", [30, 59])
def test_what_only_arrow_would_take_is_malformed(
    path: Path, tmp_path: Path, place: int, column: int, value: str, message: str
) -> None:
    """A whole number in another base; a line break in a line, of the last one too."""
    lines = gzip.decompress(path.read_bytes()).decode().split("\n")[:60]
    values = next(csv.reader([lines[place]]))
    values[2] = "0x10.tar"  # a text as any other
    assert not any("," in v for k, v in enumerate(values) if k not in (20, 21))
    quoted = [f'"{v}"' if "," in v else v for v in values]
    quoted[column] = value
    lines[place] = ",".join(quoted)
    source = tmp_path / "summary.csv"
    source.write_bytes(("\n".join(lines) + "\n").encode())
    about = convert_summary(source, tmp_path / "out", workers=0)
    assert (about["rows"], about["malformed"]) == (58, 1)
    found = pd.read_csv(tmp_path / "out" / "faults.csv")
    assert found.line.tolist() == [place + 1]
    assert found.fault[0].startswith(message)


def test_a_file_of_malformed_lines_alone(path: Path, tmp_path: Path) -> None:
    source = tmp_path / "summary.csv"
    header = gzip.decompress(path.read_bytes()).split(b"\n")[0]
    source.write_bytes(header + b"\n" + b"no,row\n" * 3000)
    about = convert_summary(source, tmp_path / "out", **SMALL)
    assert (about["rows"], about["malformed"], about["shards"]) == (0, 3000, [])
    found = nablaviz.open(tmp_path / "out")
    assert len(found) == len(found.table) == 0
    assert found.table.dtypes.to_dict() == nablaviz.open(path).table.dtypes.to_dict()
    catalog = Catalog(found)
    assert len(catalog.table()) == len(catalog.rows("gap > 0.1", smarts="c")) == 0
    assert (catalog.summary()["count"] == 0).all()


def test_odd_rows_are_kept_and_noted(path: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()[:200]
    values = next(csv.reader([lines[50]]))
    values[20], values[3], values[15] = "<b>no molecule</b>", "", "nan"
    lines[50] = ",".join(f'"{v}"' if "," in v else v for v in values)
    lines.append(lines[80])
    source = tmp_path / "summary.csv"
    source.write_text("\n".join(lines) + "\n")
    about = convert_summary(source, tmp_path / "out", workers=0)
    assert (about["rows"], about["malformed"], about["noted"]) == (200, 0, 2)
    found = pd.read_csv(tmp_path / "out" / "faults.csv")
    assert found.line.tolist() == [51, 201] and (found.kept == "yes").all()
    assert found.fault.tolist() == ["RDKit cannot read the SMILES", "the ids of line 81 again"]
    catalog = Catalog(nablaviz.open(tmp_path / "out"))
    odd = catalog.query("smiles LIKE '<b>%'").iloc[0]
    assert pd.isna(odd.scaffold) and pd.isna(odd.energy) and pd.isna(odd.homo)
    assert odd.formation_energy == float(values[19])
    assert len(catalog.rows(scaffold=None)) == 200


@pytest.fixture
def threads() -> Iterator[None]:
    """Several of Arrow's, as on a user's machine; the tests run with one."""
    before = pa.cpu_count()
    pa.set_cpu_count(4)
    yield
    pa.set_cpu_count(before)


@pytest.mark.parametrize("stop", range(1, 12, 2))
def test_a_conversion_that_stops_goes_on(
    path: Path, store: SummaryStore, tmp_path: Path, stop: int, threads: None
) -> None:
    left = stop

    def tell(what: str, done: float, of: float) -> None:
        nonlocal left
        left -= 1
        if not left:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_summary(path, tmp_path / "out", tell=tell, **SMALL)
    with pytest.raises(DataError, match="has not ended; give its command again"):
        nablaviz.open(tmp_path / "out")
    read: list[int] = []

    def count(what: str, done: float, of: float) -> None:
        read.append(what == "Reading")

    convert_summary(path, tmp_path / "out", tell=count, **SMALL)
    assert sum(read) <= 5 - min(stop, 5)  # chunks that were there are not read again
    assert (tmp_path / "out" / "catalogue.json").read_text() == (store.path / "catalogue.json").read_text()
    for shard in store.shards:
        assert (tmp_path / "out" / shard.name).read_bytes() == shard.read_bytes()
    assert not (tmp_path / "out" / ".pending").exists()


def damage(path: Path, tmp_path: Path) -> dict[str, tuple[Callable[[], object], str]]:
    cut, other, header = (tmp_path / name for name in ("cut.csv.gz", "other.csv.gz", "header.csv"))
    cut.write_bytes(path.read_bytes()[:-20_000])
    other.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    header.write_text("MOSES id,CONFORMER id\n1,2\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    return {
        "ends early": (
            lambda: convert_summary(cut, tmp_path / "a", workers=0),
            r"damaged after line \d+: Comp",
        ),
        "another table": (lambda: nablaviz.open(other), "lacks MOSES id, CONFORMER id, SMILES"),
        "half a header": (lambda: nablaviz.open(header), "lacks SMILES"),
        "to a database": (lambda: convert(path, tmp_path / "b.db", to="energy"), "holds no geometries"),
        "to a full folder": (lambda: convert(path, tmp_path / "full"), "exists already"),
    }


@pytest.mark.parametrize(
    "case", ["ends early", "another table", "half a header", "to a database", "to a full folder"]
)
def test_what_cannot_be_converted_is_refused(path: Path, tmp_path: Path, case: str) -> None:
    act, message = damage(path, tmp_path)[case]
    with pytest.raises((DataError, ValueError, FileExistsError), match=message):
        act()


def test_a_catalogue_is_not_replaced_nor_mixed(path: Path, store: SummaryStore, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="is a catalogue already"):
        convert(path, store.path, progress=False)
    with pytest.raises(KeyboardInterrupt):
        convert_summary(
            path, tmp_path / "out", tell=lambda *_: (_ for _ in ()).throw(KeyboardInterrupt), **SMALL
        )
    other = tmp_path / "other.csv"
    other.write_bytes(gzip.decompress(path.read_bytes()))
    with pytest.raises(DataError, match="begun from another file"):
        convert_summary(other, tmp_path / "out", **SMALL)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"shards": ["../conformers-00000.parquet"]}, "names of files in the folder"),
        ({"shards": ["conformers-" + "0" * 5000]}, "names of files in the folder"),
        ({"rows": 10}, "catalogue.json: 10 rows, but its shards hold 3000"),
        ({"rows": "10"}, "rows must be a whole number"),
        ({"nablaviz catalogue": 2}, "not a catalogue of version 1"),
        ({"shards": ["conformers-00001.parquet"]}, "where 0 to"),
        ({"shards": ["conformers-09999.parquet"]}, "catalogue.json: there is no shard conformers-09999"),
        ({"molecules": 10**12}, "catalogue.json: 1000000000000 molecules, but its shards hold"),
    ],
)
def test_a_manifest_is_not_believed(store: SummaryStore, tmp_path: Path, changed: dict, message: str) -> None:
    for shard in store.shards:
        (tmp_path / shard.name).symlink_to(shard)
    (tmp_path / "catalogue.json").write_text(json.dumps(store.about | changed))
    with pytest.raises(DataError, match=message):
        nablaviz.open(tmp_path)


def test_a_manifest_that_is_nested_too_deeply_is_named(tmp_path: Path) -> None:
    (tmp_path / "catalogue.json").write_text('{"nablaviz catalogue": ' + "[" * 100_000)
    with pytest.raises(DataError, match=r"catalogue\.json: nested too deeply"):
        nablaviz.open(tmp_path)


def copied(store: SummaryStore, folder: Path, change: Callable[[pa.Table], pa.Table]) -> Path:
    """A copy of a catalogue, its second shard changed."""
    for shard in store.shards:
        (folder / shard.name).symlink_to(shard)
    (folder / "catalogue.json").write_text(json.dumps(store.about))
    path = folder / store.shards[1].name
    table = change(pq.read_table(path))
    path.unlink()
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    return path


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("rotation_a", float("inf"), "the footer gives no finite bounds of rotation_a"),
        ("relative_energy_kcal", -1.0, "relative_energy_kcal from -1.0 to"),
        ("moses_id", -1, "moses_id from -1 to"),
        ("n_atoms", 0, "n_atoms from 0 to"),
        ("smiles", None, "1 rows have no smiles"),
        ("molecule", -1, "molecules from -1 where"),
        ("row", 0, "rows 0 to"),
    ],
)
def test_a_shard_of_what_cannot_be_is_refused(
    store: SummaryStore, tmp_path: Path, column: str, value: object, message: str
) -> None:
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(column)
        values = [value, *table[column].to_pylist()[1:]]
        return table.set_column(place, table.field(place), pa.array(values, table.field(place).type))

    copied(store, tmp_path, change)
    with pytest.raises(DataError, match=f"conformers-00001.parquet: {message}"):
        nablaviz.open(tmp_path)


def test_a_shard_of_another_type_is_refused(store: SummaryStore, tmp_path: Path) -> None:
    copied(store, tmp_path, lambda t: t.drop_columns("homo").append_column("homo", t["smiles"]))
    with pytest.raises(DataError, match=r"conformers-00001.parquet: not a shard of a catalogue: no homo, or"):
        nablaviz.open(tmp_path)


def test_damage_within_a_shard_is_found(store: SummaryStore, tmp_path: Path) -> None:
    path = copied(store, tmp_path, lambda table: table)
    column = pq.read_metadata(path).row_group(0).column(3)  # moses_id
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"conformers-00001.parquet: .*CRC"):
        nablaviz.open(tmp_path).table  # noqa: B018
    start = column.dictionary_page_offset or column.data_page_offset
    path.write_bytes(data[:start] + b"\xff" * 40 + data[start + 40 :])
    with pytest.raises(CatalogError, match=f"^{tmp_path}: it cannot be read: "):
        Catalog(nablaviz.open(tmp_path)).table()


def test_shards_have_checksums(store: SummaryStore, tmp_path: Path) -> None:
    shard = tmp_path / store.shards[0].name
    column = pq.read_metadata(store.shards[0]).row_group(0).column(3)
    data = bytearray(store.shards[0].read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DataError, match=rf"{shard.name}: .*CRC"):
        read_columns(shard, ["moses_id"])


def test_blocks_do_not_depend_on_their_size(path: Path) -> None:
    def joined(parts: list[Block]) -> pd.DataFrame:
        return pd.concat([part.table.to_pandas() for part in parts], ignore_index=True)

    whole = joined(list(blocks(path)))
    small = list(blocks(path, size=5000))
    assert len(small) > 50
    pd.testing.assert_frame_equal(whole, joined(small))
    rest = blocks(path, small[20].next_line, small[20].offset, size=5000)
    assert sum(len(b.table) for b in rest) == sum(len(b.table) for b in small[21:])


def test_the_command_converts_in_little_memory(path: Path, tmp_path: Path) -> None:
    # the peak of this program alone: ru_maxrss would also count the process that started it
    measured = (
        "import re, sys; from nablaviz.cli import main; main(sys.argv[1:]); "
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr)"
    )
    command = [sys.executable, "-c", measured, "convert", str(path), str(tmp_path / "out"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["format"], found["written"], found["faults"]) == ("catalogue", ROWS, {})
    assert "Sorting by scaffold" in done.stderr
    assert int(done.stderr.split()[-1]) < 1_000_000  # kB
