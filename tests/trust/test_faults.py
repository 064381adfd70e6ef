"""Full disks, folders that cannot be written, files that may not be read, two writers at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import traceback

import numpy as np
import pytest

import nablaviz
from nablaviz.chem.grid import ORBITAL_UNIT, Box, Field
from nablaviz.data.convert import convert
from nablaviz.data.cube import read_cube, write_cube
from nablaviz.data.dataset import DataError
from nablaviz.data.memory import Memory
from nablaviz.data.store import Store
from nablaviz.data.store_writer import StoreWriter
from nablaviz.models import checkpoint

NOBODY = 65534


@pytest.fixture(scope="module")
def some():
    sample = nablaviz.sample()
    rows = sample.table.sort_values("n_atoms").index[:40]
    return [sample[int(row)] for row in rows]


@contextlib.contextmanager
def mounted(folder, size: str):
    """A small disk of its own on a folder; the test is skipped where none can be mounted."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture
def disk(tmp_path):
    if shutil.which("mount") is None or os.geteuid():
        pytest.skip("only root mounts a disk")
    with mounted(tmp_path / "disk", "96k") as folder:
        yield folder


def enlarge(disk, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", disk], check=True)


def everything(disk, some, tmp_path):
    """Ways to write a file, by name."""
    import torch

    box = Box([0, 0, 0], [0.2, 0.2, 0.2], (20, 20, 40))
    field = Field(box, np.ones(box.shape), ORBITAL_UNIT)
    source = Memory(some)
    return {
        "store": lambda: convert(source, disk / "store", progress=False),
        "energy.db": lambda: convert(source, disk / "energy.db", to="energy", progress=False),
        "h.db": lambda: convert(source, disk / "h.db", to="hamiltonian-v2", progress=False),
        "a.cube": lambda: write_cube(disk / "a.cube", some[0].molecule, field),
        "c.safetensors": lambda: checkpoint.save(disk / "c.safetensors", {"a": torch.ones(10**5)}, {}),
    }


def test_a_full_disk_is_named_and_nothing_half_done_has_a_name(disk, some, tmp_path):
    for name, write in everything(disk, some, tmp_path).items():
        with pytest.raises(OSError, match=r"(?i)no space|full|errno 28|disk I/O") as caught:
            write()
        assert str(disk) in str(caught.value), f"{name}: {caught.value}"
        final = [
            p
            for p in disk.rglob("*")
            if p.is_file() and not p.name.startswith(".") and ".pending" not in p.parts
        ]
        for path in final:  # a store keeps the shards that were whole
            assert name == "store" and len(Store(path)) > 0
        for entry in disk.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    write = everything(disk, some, tmp_path)["store"]
    with pytest.raises(OSError, match="store"):
        write()
    enlarge(disk, "size=20m")
    write()
    assert len(Store(disk / "store")) == len(some)
    assert not (disk / "store" / ".pending").exists()


def test_a_read_only_disk_is_named(disk, some, tmp_path):
    enlarge(disk, "ro")
    for name, write in everything(disk, some, tmp_path).items():
        with pytest.raises(OSError, match=r"(?i)read-only|readonly|unable to open") as caught:
            write()
        assert str(disk) in str(caught.value), f"{name}: {caught.value}"


def as_nobody(function) -> str:
    """What a function raises in a process of a user without rights; nothing if it does not."""
    if os.geteuid():
        function()
        return ""
    out, into = os.pipe()
    pid = os.fork()
    if not pid:
        text = ""
        try:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            function()
        except Exception as fault:
            text = f"{type(fault).__name__}: {fault}"
        except BaseException:
            text = traceback.format_exc()
        os.write(into, text.encode())
        os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    with open(out, "rb") as file:
        return file.read().decode()


@pytest.mark.skipif(bool(os.geteuid()), reason="root alone can become another user")
def test_what_may_not_be_read_or_written_is_named(some, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rights")
    for parent in (folder, *folder.parents[:-2]):  # up to the folder of temporary files
        parent.chmod(parent.stat().st_mode | 0o055)
    convert(Memory(some[:2]), folder / "store", progress=False)
    convert(Memory(some[:2]), folder / "energy.db", to="energy", progress=False)
    checkpoint.save(folder / "c.safetensors", {}, {"a": 1})
    (shard,) = (folder / "store").glob("*.parquet")
    readers = {
        shard: lambda: nablaviz.open(folder / "store"),
        folder / "energy.db": lambda: nablaviz.open(folder / "energy.db"),
        folder / "c.safetensors": lambda: checkpoint.load(folder / "c.safetensors"),
    }
    for path, read in readers.items():
        assert as_nobody(read) == "", "any user may read what was written"
        path.chmod(0o600)
        said = as_nobody(read)
        assert "ermission" in said and str(path) in said, said
    box = Box([0, 0, 0], [1, 1, 1], (2, 2, 2))
    field = Field(box, np.ones(box.shape), ORBITAL_UNIT)
    writers = [
        lambda: convert(Memory(some[:1]), folder / "new", progress=False),
        lambda: convert(Memory(some[:1]), folder / "new.db", to="energy", progress=False),
        lambda: write_cube(folder / "new.cube", some[0].molecule, field),
    ]
    for write in writers:
        said = as_nobody(write)
        assert "ermission" in said and str(folder) in said, said
    assert not list(folder.glob("*new*"))


def test_two_processes_do_not_write_one_store(some, tmp_path):
    code = (
        "import sys, nablaviz\n"
        "from nablaviz.data.convert import convert\n"
        "convert(nablaviz.sample()[:3], sys.argv[1], progress=False)"
    )
    with StoreWriter(tmp_path / "store") as writer:
        writer.add(some[0])
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "store"], capture_output=True, text=True, timeout=300
        )
        assert "another process is writing this store" in done.stderr
        writer.add(some[1])
    assert len(Store(tmp_path / "store")) == 2


def test_a_damaged_shard_is_told_by_its_checksum(some, tmp_path):
    import pyarrow.parquet as pq

    convert(Memory(some[:3]), tmp_path / "store", progress=False)
    (shard,) = (tmp_path / "store").glob("*.parquet")
    chunk = pq.read_metadata(shard).row_group(0).column(8)  # energy
    data = bytearray(shard.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start + chunk.total_compressed_size - 3] ^= 4
    shard.write_bytes(data)
    store = Store(tmp_path / "store")
    with pytest.raises(DataError, match=r"shard-00000\.parquet"):
        store[0]
    with pytest.raises(DataError, match=r"shard-00000\.parquet"):
        _ = store.table


def test_a_cube_is_whole_or_not_there(some, tmp_path):
    box = Box([0, 0, 0], [0.2, 0.2, 0.2], (3, 4, 5))
    write_cube(tmp_path / "a.cube", some[0].molecule, Field(box, np.ones(box.shape), ORBITAL_UNIT))
    text = (tmp_path / "a.cube").read_text()
    for keep in range(0, len(text) - 14, 37):
        (tmp_path / "a.cube").write_text(text[:keep])
        with pytest.raises(DataError, match=r"a\.cube"):
            read_cube(tmp_path / "a.cube")
