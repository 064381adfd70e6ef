"""The texts of the panels: the same in every language, all there, all used."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pytest

import nablaviz
from nablaviz.studies.curve_fit import fit
from nablaviz.studies.extrapolation import extrapolate
from nablaviz.views import language
from nablaviz.views.language import LANGUAGES, TEXTS, say, term, texts, words

ROOT = Path(nablaviz.__file__).parent
STATIC = ("depiction.js", "plot.js", "range.js", "table.js", "torsion.js")
"""Scripts that are not built from js/src."""

SCRIPTS = [*(ROOT.parent / "js" / "src").glob("*.js"), *(ROOT / "views" / "static" / name for name in STATIC)]


@pytest.fixture(autouse=True)
def english_afterwards() -> Iterator[None]:
    yield
    nablaviz.set_language("en")


def forms(text: Any) -> list[str]:
    return [text["one"], text["other"]] if isinstance(text, dict) else [text]


def flat(code: str) -> dict[str, list[str]]:
    return {f"{t}.{name}": forms(text) for t, table in texts(code).items() for name, text in table.items()}


def placeholders(forms: list[str]) -> set[str]:
    return {name for text in forms for _, name, _, _ in Formatter().parse(text) if name is not None}


def asked() -> Iterator[tuple[str, str, str]]:
    """Every call of say and Words: where, which, and its key as a regular expression."""
    for path in sorted((ROOT / "views").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            key = node.args[0] if node.args else None
            if node.func.id == "choices" and isinstance(key, ast.Constant):
                yield f"{path.name}:{node.lineno}", "say", re.escape(key.value) + "[^.]+"
            elif node.func.id in ("say", "Words") and key is not None and path.name != "language.py":
                for choice in (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,):
                    yield f"{path.name}:{node.lineno}", node.func.id, pattern(choice)


def pattern(key: ast.expr) -> str:
    parts = key.values if isinstance(key, ast.JoinedStr) else [key]
    literal = [part.value if isinstance(part, ast.Constant) else None for part in parts]
    assert any(literal), f"line {key.lineno}: a key is written out, or an f-string of which a part is"
    return "".join("[^.]+" if part is None else re.escape(part) for part in literal)


def test_languages_have_the_same_keys_and_placeholders() -> None:
    assert {path.stem for path in TEXTS.glob("*.toml")} == set(LANGUAGES)
    english = flat("en")
    for code in LANGUAGES:
        other = flat(code)
        assert english.keys() ^ other.keys() == set()
        for key, found in english.items():
            assert placeholders(other[key]) == placeholders(found), f"{key} in {code}"
            assert all(text.strip() for text in other[key]), f"{key} in {code}"


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    known, used = flat("en").keys(), set()
    for where, function, key in asked():
        found = {k for k in known if re.fullmatch(key, k if function == "say" else k.partition(".")[0])}
        assert found, f"{where}: no text {key}"
        if function == "say":
            used |= found
    scripts = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    filled = set(re.findall(r"""\bsay\(\s*["'`]([\w.]+)["'`]""", scripts))
    assert filled - known == set(), "used by a widget's script"
    sources = "".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py"))
    terms = {f"terms.{name}" for name in texts("en")["terms"] if f'"{name}"' in sources}
    phrases = {
        f"phrases.{name}"
        for name, text in texts("en")["phrases"].items()
        if all(word in sources for word in re.findall(r"[^\W\d_]{4,}", re.sub(r"\{\w+\}", "", text)))
    }
    assert known - used - filled - terms - phrases == set(), "used nowhere"


def test_a_text_is_said_in_the_language_that_is_set() -> None:
    assert say("judging.predicted", n=1234, total=5678, name="minao") == "1,234 of 5,678 conformers by minao"
    nablaviz.set_language("zh")
    assert say("common.stop") == "停止" == words("common")["common.stop"]
    assert term("gap") == "能隙" and term("HOMO") == "HOMO"


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"'fr'; there are 'en' \(English\), 'zh' \(简体中文\)"):
        nablaviz.set_language("fr")
    assert language.language() == "en"
    with pytest.raises(KeyError, match=r"no text 'common.nope' in texts/en.toml"):
        say("common.nope")
    with pytest.raises(KeyError, match=r"'judging.stopped' needs a value for 'said'"):
        say("judging.stopped")


def test_setting_a_language_loads_nothing_else() -> None:
    code = "import sys, nablaviz; nablaviz.set_language('zh'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"ipywidgets", "numpy", "pandas"} & set(done.stdout.split()) == set()


def test_controls_have_no_texts_of_their_own() -> None:
    for path in sorted((ROOT / "views").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for word in node.keywords if isinstance(node, ast.Call) else ():
                if word.arg in ("description", "tooltip", "placeholder"):
                    written = [part.value for part in ast.walk(word.value) if isinstance(part, ast.Constant)]
                    said = isinstance(word.value, ast.Call) or len(str(written[:1])) <= len("['x']")
                    assert said, f"{path.name}:{word.value.lineno}: {ast.unparse(word.value)}"


def test_what_the_layers_below_say_is_translated_part_by_part() -> None:
    said = "few atoms (≤ 12): 1.5× the mean error, n = 3 molecules (9 conformers), p = 0.02"
    assert language.phrase(said) == said
    nablaviz.set_language("zh")
    assert language.phrase(said).startswith("原子数少（≤ 12）：误差为平均误差的 1.5 倍")
    flag = (
        "PaiNN is underfitted: with 400 conformers its training error is as large as its error on "
        "unseen scaffolds, larger molecules; more data will not help it there"
    )
    assert "在未见骨架，更大分子上" in language.phrase(flag)


def test_what_a_fit_refuses_is_translated() -> None:
    sizes, seeds = np.repeat([50.0, 100, 200, 400], 3), np.tile(np.arange(3), 4)
    scatter = 1 + 0.01 * np.random.default_rng(0).standard_normal(12)
    curve = fit(sizes, (0.1 * (sizes / 400) ** -1.2 + 0.9) * scatter, seeds)
    low, floor = curve.floor_interval[0], curve.floor
    nablaviz.set_language("zh")
    for target, says in ((0.5 * low, "the curve levels off at"), ((low + floor) / 2, "above")):
        refusal = extrapolate(curve, target, "kcal/mol").refusal
        assert says in refusal
        assert "曲线趋平于" in language.phrase(refusal)
