"""What a container may still take, of groups as Linux writes them."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from nablaviz.chem.free_memory import free_memory

MIB = 2**20


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_version_2(tmp_path: Path) -> None:
    stat = f"anon {90 * MIB}\ninactive_file {30 * MIB}\nactive_file 0\n"
    own = {"memory_DOT_current": f"{100 * MIB}\n", "memory_DOT_stat": stat}
    write(tmp_path, memory_DOT_max=f"{300 * MIB}\n", **own)
    assert free_memory(tmp_path) == 230 * MIB  # files that were read are dropped when room is needed
    write(tmp_path, memory_DOT_max=f"{10 * MIB}\n")
    assert free_memory(tmp_path) == 0
    write(tmp_path, memory_DOT_max="max\n")
    assert free_memory(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.5)


def test_version_1(tmp_path: Path) -> None:
    own = {"memory__memory_DOT_usage_in_bytes": f"{50 * MIB}\n", "memory__memory_DOT_stat": "cache 1\n"}
    write(tmp_path, memory__memory_DOT_limit_in_bytes=f"{70 * MIB}\n", **own)
    assert free_memory(tmp_path) == 20 * MIB
    write(
        tmp_path, memory__memory_DOT_limit_in_bytes="9223372036854771712\n"
    )  # how it says that there is none
    assert free_memory(tmp_path) == pytest.approx(psutil.virtual_memory().available, rel=0.5)


def test_no_groups_or_unreadable_ones(tmp_path: Path) -> None:
    write(tmp_path, memory_DOT_max="nonsense\n", memory_DOT_current="1\n", memory_DOT_stat="")
    for groups in (tmp_path, tmp_path / "none"):
        assert 0 < free_memory(groups) <= psutil.virtual_memory().total
