"""The texts of the panels, in the language that is set."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

TEXTS = Path(__file__).parent / "texts"
"""A file of texts for each language: one table per panel, the same keys in each."""

LANGUAGES = {"en": "English", "zh": "简体中文"}
"""Codes of the languages and what they call themselves."""

_chosen = "en"


def set_language(code: str) -> None:
    """Choose the language of the panels that are made from now on.

    A panel that is open already keeps the texts that it has: run its cell again.

    Parameters
    ----------
    code
        ``"en"`` or ``"zh"``.

    Raises
    ------
    ValueError
        If there are no texts in that language.
    """
    global _chosen
    if code not in LANGUAGES:
        known = ", ".join(f"{known!r} ({name})" for known, name in LANGUAGES.items())
        raise ValueError(f"no texts in language {code!r}; there are {known}")
    _chosen = code


def language() -> str:
    """Code of the language that is set."""
    return _chosen


def say(key: str, **values: Any) -> str:
    """Text of a panel.

    Parameters
    ----------
    key
        Table and name, such as ``"common.stop"``.
    values
        What stands in for the names in braces. A text with the forms ``one`` and ``other`` takes the first
        where `n` is 1.

    Raises
    ------
    KeyError
        If there is no such text, or a value of it is not given.
    """
    table, _, name = key.partition(".")
    try:
        text = texts(_chosen)[table][name]
    except KeyError:
        raise KeyError(f"there is no text {key!r} in {TEXTS.name}/{_chosen}.toml") from None
    try:
        if isinstance(text, dict):
            text = text["one" if values["n"] == 1 else "other"]
        return text.format(**values)
    except KeyError as missing:
        raise KeyError(f"text {key!r} needs a value for {missing}") from None


def choices(prefix: str, names: Iterable[str]) -> list[tuple[str, str]]:
    """Options of a control: of each name the text with the key ``prefix + name``, and the name."""
    return [(say(prefix + name), name) for name in names]


def term(name: str) -> str:
    """Name of a quantity or of a part as the panels write it; itself if it is called the same everywhere."""
    return texts(_chosen)["terms"].get(name, name)


def phrase(text: str) -> str:
    """A text of the layers below, which write English; itself if it is of no pattern in ``phrases``.

    The values in it are taken for names or texts of these layers in their turn.
    """
    if _chosen == "en":
        return text
    for pattern, other in _phrases(_chosen):
        if found := pattern.fullmatch(text):
            return other.format(**{name: phrase(value) for name, value in found.groupdict().items()})
    terms = texts(_chosen)["terms"]
    return say("common.comma").join(terms.get(part, part) for part in text.split(", "))


def words(table: str) -> dict[str, Any]:
    """All texts of a table by key, as they are: for a widget whose script fills them in."""
    return {f"{table}.{name}": text for name, text in texts(_chosen)[table].items()}


@cache
def _phrases(code: str) -> list[tuple[re.Pattern[str], str]]:
    """Of each phrase what it is in English, as a pattern, and in another language."""
    parts = {name: re.split(r"\{(\w+)\}", text) for name, text in texts("en")["phrases"].items()}
    return [
        (
            re.compile("".join(f"(?P<{p}>.+?)" if i % 2 else re.escape(p) for i, p in enumerate(each)), re.S),
            texts(code)["phrases"][name],
        )
        for name, each in parts.items()
    ]


@cache
def texts(code: str) -> dict[str, dict[str, Any]]:
    """Every text of a language, by table and name."""
    return tomllib.loads((TEXTS / f"{code}.toml").read_text(encoding="utf-8"))
