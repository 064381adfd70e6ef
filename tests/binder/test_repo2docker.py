"""What repo2docker makes of the repository: read by repo2docker itself, without Docker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ORDER = (
    "COPY --chown=0:0 src/binder/environment.yml ${REPO_DIR}/binder/environment.yml",
    '${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} --file "binder/environment.yml"',
    "COPY --chown=0:0 src/ ${REPO_DIR}/",
    "RUN ./binder/postBuild",
)
"""The packages come before the repository, so that a commit leaves their layer in the cache."""


@pytest.fixture(scope="module")
def dockerfile(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What ``jupyter-repo2docker --no-build --debug .`` says of the files that git knows."""
    pytest.importorskip("repo2docker")
    folder = tmp_path_factory.mktemp("repository")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    for name in filter(None, listed):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode()
    assert "Building conda environment for python=3.11" in said
    return said


def test_packages_then_repository_then_post_build(dockerfile: str) -> None:
    places = [dockerfile.find(step) for step in ORDER]
    assert -1 not in places, [step for step, place in zip(ORDER, places, strict=True) if place < 0]
    assert places == sorted(places)


def test_the_lock_is_of_our_python(dockerfile: str) -> None:
    assert re.search(r"environment-2epy-2d3-2e11-2dlinux", dockerfile)


def test_nothing_else_is_run_or_installed(dockerfile: str) -> None:
    own = [line for line in dockerfile.splitlines() if "binder/" in line]
    assert [line for line in own if not any(step in line for step in ORDER)] == [
        "RUN chmod +x binder/postBuild"
    ]


def test_the_folder_holds_what_repo2docker_reads_and_nothing_else() -> None:
    """With ``binder/`` there, all that lies beside it at the top is dead; a stray file in it would not be."""
    assert sorted(path.name for path in (ROOT / "binder").iterdir()) == ["environment.yml", "postBuild"]
    assert not (ROOT / ".binder").exists()
