"""The docs site: ``make docs`` builds it from docs, notebooks and docstrings, without network."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

import nablaviz
from nablaviz.cli import parser as command_line
from nablaviz.views.language import LANGUAGES

project, author = "nablaviz", "The nablaviz authors"
copyright = "the nablaviz authors, MIT licence"
version = release = nablaviz.__version__
root_doc = "docs/index"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
include_patterns = ["docs/*.md", "notebooks/*.ipynb", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".*", "js", "runs", "tests", "nablaviz", "docs/_build", "build", "dist"]
html_theme = "furo"
html_title = f"nablaviz {version}"
html_theme_options = {"navigation_with_keys": True}
html_show_sourcelink = html_copy_source = False
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False
suppress_warnings = ["myst.header"]  # a notebook's parts may begin below its title


class NotebookParser(MystParser):
    """A notebook as a page: its texts, and its code as listings."""

    supported = ("ipynb",)

    def parse(self, inputstring: str, document: Any) -> None:
        """Fill the document."""
        parts = []
        for cell in json.loads(inputstring)["cells"]:
            source = "".join(cell["source"])
            parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        where = f"notebooks/{Path(document['source']).name}"
        note = f"*This page is the notebook `{where}`: `nablaviz lab {where}` opens it to run and to change.*"
        super().parse("\n\n".join([*parts[:1], note, *parts[1:]]), document)


def fill(app: Sphinx, name: str, content: list[str]) -> None:
    """Put the help of each subcommand, and all pictures, where their pages ask for them."""
    if name == "docs/commands":
        actions = command_line()._actions
        (commands,) = (action for action in actions if isinstance(action, argparse._SubParsersAction))
        helps = [
            f"## {name}\n\n```text\n{each.format_help()}```\n" for name, each in commands.choices.items()
        ]
        content[0] = content[0].replace("<!-- commands -->", "\n".join(helps))
    elif name == "docs/gallery":
        pictures = "\n".join(pictures_of(Path(app.srcdir) / "docs" / "images"))
        content[0] = content[0].replace("<!-- pictures -->", pictures)


def pictures_of(folder: Path) -> Iterator[str]:
    """Of each panel all pictures, in Markdown; their names are PANEL-LANGUAGE-THEME.webp."""
    panel = ""
    for path in sorted(folder.glob("*-*-*.webp")):
        name, language, theme = path.stem.rsplit("-", 2)
        if name != panel:
            panel = name
            yield f"## {name.replace('_', ' ').capitalize()}\n"
        said = f"{name.replace('_', ' ')} in {LANGUAGES[language]}, {theme} theme"
        yield f"![The panel {said}](images/{path.name})\n"


def plain_bars(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """|ΔH| in a docstring is a magnitude, and no substitution of reStructuredText."""
    lines[:] = [re.sub(r"\|(?=\S)", r"\\|", line) for line in lines]


def setup(app: Sphinx) -> None:
    """Take notebooks for sources."""
    app.add_source_suffix(".ipynb", "ipynb")
    app.add_source_parser(NotebookParser)
    app.connect("source-read", fill)
    app.connect("autodoc-process-docstring", plain_bars)
