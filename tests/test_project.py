"""The project's own rules: imports, environments, notebooks, documents, the wheel."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nablaviz

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "nablaviz"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LAYERS = ["units", "molecule", "chem", "data", "models", "studies", "views", "commands", "cli", "__main__"]
"""Each may import from those before it and from itself."""

UPWARD = {("nablaviz.molecule", "nablaviz.chem.basis")}
"""Allowed all the same: a conformer computes its overlap matrix when asked for it."""

HEAVY = set(
    "anywidget ase dask distributed duckdb h5py ipywidgets IPython matplotlib pandas plotly py3Dmol pyarrow "
    "pyscf rdkit skimage torch traitlets".split()
)
WIDGETS = {"anywidget", "ipywidgets", "traitlets"}
"""What the widget modules of views/ may import at their top."""

CONDA_NAMES = {
    "dask": "dask-core",
    "duckdb": "python-duckdb",
    "lightning-fabric": "pytorch-lightning",  # which holds it
    "torch": "pytorch",
}
"""Names on conda-forge that differ from PyPI's."""


def imports(path: Path, at_top: bool = False) -> Iterator[str]:
    """The modules that a file imports: all, or those it loads when it is imported itself."""
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            inside = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if name in MODULES else node.module for name in inside)
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        if not (at_top and deferred):
            todo += ast.iter_child_nodes(node)


def layer(module: str) -> str:
    return module.split(".")[1]


def test_imports_point_one_way():
    upward = {
        (name, other)
        for name, path in MODULES.items()
        if name != "nablaviz"
        for other in imports(path)
        if other in MODULES and other != "nablaviz" and LAYERS.index(layer(other)) > LAYERS.index(layer(name))
    }
    assert upward == UPWARD


def test_lower_layers_do_not_reach_up_through_the_package():
    # `import nablaviz` gives access to everything above by its lazy names
    low = LAYERS[: LAYERS.index("views")]
    assert [
        m for m in MODULES if m != "nablaviz" and layer(m) in low and "nablaviz" in imports(MODULES[m])
    ] == []


def test_imports_have_no_cycle():
    # Names imported for annotations alone bind nothing at run time.
    loaded = {name: set(imports(path, at_top=True)) for name, path in MODULES.items()}
    graph = {
        name: {other for other in others if other in MODULES} - {name} for name, others in loaded.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("name", MODULES)
def test_nothing_heavy_is_imported_at_the_top(name):
    allowed = WIDGETS if name.startswith("nablaviz.views.") else set()
    if name.startswith("nablaviz.models.") and name != "nablaviz.models.interface":
        allowed = {"torch"}
    assert {other.partition(".")[0] for other in imports(MODULES[name], at_top=True)} & HEAVY <= allowed


def test_import_is_light():
    code = "import sys, nablaviz, nablaviz.cli; nablaviz.cli.parser(); dir(nablaviz); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in loaded.split()} & (HEAVY | {"scipy"}) == set()


@pytest.mark.parametrize("name", nablaviz.__all__)
def test_public_names_are_there(name):
    assert getattr(nablaviz, name) is not None
    assert name in dir(nablaviz)


def test_unknown_name_lists_the_known():
    with pytest.raises(AttributeError, match="'nope'; it has .*browse.*sample"):
        nablaviz.nope  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_modules_hold_one_concept(name):
    assert len(MODULES[name].read_text().splitlines()) < 300
    assert ast.get_docstring(ast.parse(MODULES[name].read_text())), "no docstring"


@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_loaded_that_could_run_code(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if not isinstance(node, ast.Call):
            continue
        call = ast.unparse(node.func)
        options = {k.arg: ast.unparse(k.value) for k in node.keywords}
        assert call not in {"pickle.load", "pickle.loads", "pickle.Unpickler", "eval", "exec"}
        assert options.get("allow_pickle") in (None, "False"), f"line {node.lineno}"
        assert call != "torch.load" or options.get("weights_only") == "True", f"line {node.lineno}"


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for: the core and the named extras, by name."""
    project = PYPROJECT["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    return {canonicalize_name(r.name): r for lines in lists for r in map(Requirement, lines)}


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    rows = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in rows}


def conda(path: str) -> tuple[dict[str, str], list[str]]:
    """Packages of a conda environment file with their version conditions, and its pip lines."""
    dependencies = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    pip = [line for item in dependencies if isinstance(item, dict) for line in item["pip"]]
    lines = [item for item in dependencies if isinstance(item, str)]
    split = [re.fullmatch(r"([\w.-]+)(.*)", line) for line in lines]
    return {m[1]: m[2] for m in split if m}, pip


def as_conda(name: str) -> str:
    return CONDA_NAMES.get(name, name)


def test_constraints_pin_everything_that_is_installed():
    pinned, todo, seen = pins(), list(requirements("lab", "app", "dev").values()), set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        for extra in ["", *requirement.extras]:
            if (name, extra) not in seen:
                seen.add((name, extra))
                lines = map(Requirement, metadata.requires(name) or [])
                todo += [r for r in lines if r.marker is None or r.marker.evaluate({"extra": extra})]
    needed = {name for name, _ in seen}
    assert needed - pinned.keys() <= {"pip"}, "make pins"  # pip-audit needs pip, of any version


def test_constraints_satisfy_pyproject():
    pinned = pins()
    for name, requirement in requirements("lab", "app", "dev").items():
        assert requirement.specifier.contains(pinned[name]), f"{requirement} but {pinned[name]} is pinned"
    assert pinned["torch"] == "2.13.0"


def test_environment_yml_follows_pyproject():
    packages, pip = conda("environment.yml")
    assert packages.pop("python") == PYPROJECT["project"]["requires-python"]
    assert packages.pop("pip") == ""
    assert packages == {as_conda(name): str(r.specifier) for name, r in requirements("lab", "app").items()}
    assert pip == ["-e ."]


def test_binder_environment_follows_constraints():
    packages, pip = conda("binder/environment.yml")
    assert pip == [], "a local pip line disables the layer cache"
    assert packages.pop("python") == "=3.11"
    assert packages.pop("pip") == ""
    pinned = {as_conda(name): pins()[name] for name in requirements("lab", "app")}
    assert packages.keys() == pinned.keys()
    for name, condition in packages.items():
        version, _, build = condition.removeprefix("=").partition("=")
        assert pinned[name].split(".")[:2] == version.split("."), (
            f"{name}{condition}: {pinned[name]} is pinned"
        )
        assert build == ("cpu*" if name == "pytorch" else "")


def test_binder_installs_the_package_alone():
    path = ROOT / "binder" / "postBuild"
    assert os.access(path, os.X_OK)
    assert path.read_text().splitlines() == ["#!/bin/bash", "set -e", "pip install --no-deps ."]
    assert not (ROOT / "binder" / "requirements.txt").exists(), "environment.yml would hide it"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_clean_and_assert_something(path):
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code), "make format"
    sources = ["".join(cell["source"]) for cell in code]
    assert "assert" in sources[-1]
    kept = [source for source in sources if not source.startswith("%%writefile")]  # the reader's module
    assert not any(re.search(r"^\s*(def|class) ", source, re.M) for source in kept), "belongs in the package"


def test_readme_opens_with_a_picture_and_two_commands():
    readme = (ROOT / "README.md").read_text()
    picture = re.search(r"!\[.+?\]\((.+?)\)", readme.split("\n\n")[1])
    assert picture
    assert (ROOT / picture[1]).is_file()
    assert re.findall(r"^    (.+)$|```", readme, re.M) == ["make lab", "make test"]
    for link in re.findall(r"\]\(([^):]+)\)", readme):
        assert (ROOT / link).is_file(), link


def test_ci_runs_the_readme_test_command_and_requires_a_browser():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script.index("export REQUIRE_BROWSER=1") < script.index("make test") == len(script) - 1
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize(
    ("here", "required", "status", "says"),
    [
        (["chromium"], True, 0, ""),
        (["google-chrome"], True, 0, ""),
        ([], False, 0, "NO CHROMIUM: the browser tests are skipped"),
        ([], True, 1, "No Chromium, and REQUIRE_BROWSER is set"),
        (["apt-get"], True, 0, "install -y -q --no-install-recommends chromium"),
        (["broken apt-get"], False, 0, "NO CHROMIUM"),
        (["broken apt-get"], True, 1, "No Chromium"),
    ],
)
def test_chromium_is_installed_where_it_is_missing(tmp_path, here, required, status, says):
    stubs = {"env": 'shift; exec "$@"', "id": "echo 0", **{n.split()[-1]: 'echo "$@" >&2' for n in here}}
    if "broken apt-get" in here:
        stubs["apt-get"] = "exit 100"
    for name, script in stubs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": str(tmp_path)} | ({"REQUIRE_BROWSER": "1"} if required else {})
    script = ["/bin/sh", str(ROOT / ".ci" / "chromium")]
    done = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert done.returncode == status
    assert says in done.stderr
    assert done.stderr or not says


def test_make_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^\.PHONY: (.+)$", makefile, re.M)[0].split()
    shown = subprocess.run(["make", "-C", ROOT], capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  make ([\w-]+) ", shown, re.M) == targets


def test_changelog_has_this_version():
    assert f"\n## {nablaviz.__version__} " in (ROOT / "CHANGELOG.md").read_text()


def test_wheel_holds_all_that_is_needed(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("nablaviz/")}
    listed = subprocess.run(
        ["git", "ls-files", "nablaviz"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(listed.stdout.split()) <= held
    assert {Path(name).suffix for name in held} >= {".py", ".json", ".js", ".parquet"}
