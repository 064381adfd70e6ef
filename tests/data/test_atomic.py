"""Files that appear complete or not at all, and what killed processes leave behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from nablaviz.data.atomic import DAY, replacing, taking_its_place

KILLED = """
import os, signal, sys
from nablaviz.data.atomic import replacing
with replacing(sys.argv[1]) as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "a.txt")]).returncode == -9
    assert (tmp_path / "a.txt").read_text() == "old"
    assert len(names(tmp_path)) == 2
    with replacing(tmp_path / "b.txt") as file:  # whatever is written there
        file.write("new")
    assert names(tmp_path) == ["a.txt", "b.txt"]


def test_what_others_are_writing_stays(tmp_path):
    with replacing(tmp_path / "a.txt"):
        (mine,) = names(tmp_path)
        (own := tmp_path / mine.replace(f".{os.getpid()}.", f".{os.getppid()}.")).touch()
        (elsewhere := tmp_path / ".c.txt.another-host.123.part").touch()
        (of_a_user := tmp_path / "report.part").touch()
        with replacing(tmp_path / "b.txt"):
            pass
        assert own.exists() and elsewhere.exists() and of_a_user.exists() and (tmp_path / mine).exists()
        os.utime(elsewhere, (time.time() - 2 * DAY,) * 2)
        with replacing(tmp_path / "b.txt"):
            pass
        assert not elsewhere.exists() and own.exists() and of_a_user.exists()


def test_it_does_not_write_through_a_link(tmp_path):
    (other := tmp_path / "other").write_text("kept")
    with replacing(tmp_path / "a.txt"):
        (part,) = [name for name in names(tmp_path) if name.endswith(".part")]
    (tmp_path / part).symlink_to(other)
    (tmp_path / "a.txt").unlink()
    (tmp_path / "a.txt").symlink_to(other)
    with replacing(tmp_path / "a.txt") as file:
        file.write("new")
    assert other.read_text() == "kept"
    assert (tmp_path / "a.txt").read_text() == "new" and not (tmp_path / "a.txt").is_symlink()


def test_others_can_read_it_if_they_may_read_files_at_all(tmp_path):
    before = os.umask(0o022)
    try:
        with taking_its_place(tmp_path / "a.bin") as part:
            part.unlink()
            os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))  # as safetensors does
    finally:
        os.umask(before)
    assert (tmp_path / "a.bin").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"nowhere/\.a\.txt"),
        replacing(tmp_path / "nowhere" / "a.txt"),
    ):
        pass
