from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

import nablaviz
from nablaviz import cli, commands
from nablaviz.commands import download, lab
from nablaviz.data.dataset import DataError

NAMES = [info.name for info in pkgutil.iter_modules(commands.__path__)]


def nablaviz_command(*args: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nablaviz", *args], capture_output=True, text=True, timeout=60, **options
    )


def test_help_lists_the_commands():
    done = nablaviz_command("--help")
    assert done.returncode == 0
    assert {"check", "convert", "download", "lab", "label"} <= set(NAMES)
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")]
    assert [name for name in listed if name != "COMMAND"] == NAMES


def test_readme_shows_the_commands():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert sorted(re.findall(r"^\| `nablaviz (\w+)", readme, re.M)) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: nablaviz {name} ")


def test_version(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"nablaviz {nablaviz.__version__}\n"


@pytest.mark.parametrize("args", [["download", "nope"], ["lab", "--notebook", "nope.ipynb"], ["download"]])
def test_an_expected_error_is_one_line(args):
    done = nablaviz_command(*args)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"nablaviz {args[0]}: ")
    assert args[-1] in done.stderr


def test_wrong_usage_is_2():
    assert nablaviz_command("nope").returncode == 2
    assert nablaviz_command().returncode == 2


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (DataError("a.db: row 3\n  is\tbad"), 1, "a.db: row 3 is bad"),
        (ValueError("name \x1b[31m\x07"), 1, r"name \x1b[31m\x07"),
        (
            FileNotFoundError(2, "No such file or directory", "a.db"),
            1,
            "[Errno 2] No such file or directory: 'a.db'",
        ),
        (MemoryError(), 1, "MemoryError"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_errors_become_a_line_and_a_status(monkeypatch, capsys, error, status, line):
    def fail(args):
        raise error

    monkeypatch.setattr(download, "run", fail)
    assert cli.main(["download", "a"]) == status
    assert capsys.readouterr() == ("", f"nablaviz download: {line}\n")


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch):
    def fail(args):
        raise ZeroDivisionError

    monkeypatch.setattr(download, "run", fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["download", "a"])


def test_traceback_on_demand():
    done = nablaviz_command("--traceback", "download", "nope")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_error():
    process = subprocess.Popen(
        [sys.executable, "-m", "nablaviz", "download", "--list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    assert process.wait(60) == 141
    assert process.stderr.read() == b""


def test_list_of_published_files():
    text = nablaviz_command("download", "--list").stdout
    rows = json.loads(nablaviz_command("download", "--list", "--json").stdout)
    assert [line.split()[0] for line in text.splitlines()] == [row["name"] for row in rows]
    assert all(row["url"].startswith("https://") for row in rows)


def test_lab_starts_jupyterlab(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(os, "execv", lambda path, args: started.extend(args))
    (tmp_path / "a.ipynb").touch()
    cli.main(["lab", "--notebook", str(tmp_path / "a.ipynb"), "--", "--no-browser", "--port", "1"])
    assert started[:3] == [sys.executable, "-m", "jupyterlab"]
    root = ["--allow-root"] if os.geteuid() == 0 else []
    assert started[-len(root) - 3 :] == ["--no-browser", "--port", "1", *root]


def test_lab_shows_the_current_folder_or_the_notebooks(monkeypatch, tmp_path):
    (tmp_path / "in" / "side").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in")
    inside = lab.opening(Path("side/a b.ipynb"))
    assert inside == [
        f"--ServerApp.root_dir={tmp_path}/in",
        "--LabApp.default_url=/lab/tree/side/a%20b.ipynb",
    ]
    outside = lab.opening(Path("../a.ipynb"))
    assert outside == [f"--ServerApp.root_dir={tmp_path}", "--LabApp.default_url=/lab/tree/a.ipynb"]


def test_lab_finds_the_first_notebook_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert lab.find_notebook(None) == Path(nablaviz.__file__).parents[1] / lab.DEFAULT
    (tmp_path / "notebooks").mkdir()
    (tmp_path / lab.DEFAULT).touch()
    assert lab.find_notebook(None) == lab.DEFAULT


def test_lab_without_jupyterlab_says_what_to_install(monkeypatch, capsys, tmp_path):
    (tmp_path / "a.ipynb").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert cli.main(["lab", "--notebook", str(tmp_path / "a.ipynb")]) == 1
    assert "pip install 'nablaviz[lab]'" in capsys.readouterr().err


def ask(server: dict[str, str], path: str) -> dict:
    request = Request(server["url"] + path, headers={"Authorization": f"token {server['token']}"})
    with urlopen(request, timeout=30) as response:
        return json.load(response)


def answers(server: dict[str, str]) -> bool:
    try:
        return bool(ask(server, "api/status"))
    except URLError:
        return False


def test_lab_serves_the_notebook(tmp_path):
    notebook = tmp_path / "mine" / "my first.ipynb"
    notebook.parent.mkdir()
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    homes = {f"JUPYTER_{d}_DIR": str(tmp_path / d) for d in ("CONFIG", "DATA", "RUNTIME")}
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nablaviz",
            "lab",
            "--notebook",
            notebook,
            "--",
            "--no-browser",
            "--port",
            "0",
        ],
        stderr=(tmp_path / "log").open("wb"),
        env=os.environ | homes,
        cwd=tmp_path,
    )
    try:
        deadline = time.monotonic() + 60
        while not (found := list(tmp_path.glob("RUNTIME/jpserver-*.json"))):
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        server = json.loads(found[0].read_text())
        while not answers(server):  # the file is written before the port is open
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        printed = (tmp_path / "log").read_text()
        assert f"{server['url']}lab/tree/mine/my%20first.ipynb?token=" in printed
        assert ask(server, "api/contents/mine/my%20first.ipynb")["content"]["cells"] == []
        assert ask(server, "lab/api/news") == {"news": []}
        assert ask(server, "lab/api/update") == {"notification": None}
    finally:
        process.terminate()
        process.wait(30)
