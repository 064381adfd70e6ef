"""The docs site: every page has its place, every link and picture is there, badges tell the truth."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def text_of(path: Path) -> str:
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def test_every_page_has_its_place() -> None:
    index = text_of(ROOT / "docs" / "index.md")
    trees = re.findall(r"```\{toctree\}\n(.*?)```", index, re.S)
    named = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    assert len(named) == len(set(named))
    assert {path.stem for path in DOCS} - {"index"} == {name for name in named if not name.startswith("..")}


@pytest.mark.parametrize("path", [*DOCS, *NOTEBOOKS, ROOT / "README.md"], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!\w+:)([^)\s#]+)", text_of(path)):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_teach(path: Path) -> None:
    text = text_of(path)
    assert re.search(r"You will learn", text.partition("\n## ")[0]), "no learning goals at the top"
    assert text.count("<details>") == text.count("</details>") >= 2, "no exercises with hidden solutions"
    assert re.search(r"^## References$", text, re.M)


def test_badges_tell_the_truth() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    badges = [ROOT / link for link in re.findall(r"!\[[^]]+\]\((\S+\.svg)\)", text_of(ROOT / "README.md"))]
    said = [re.findall(r"<title>(.+?)</title>", path.read_text(encoding="utf-8"))[0] for path in badges]
    python = project["requires-python"].removeprefix(">=")
    assert said == [f"licence: {project['license']}", f"Python: {python} or newer"]
