"""The app: panels made when they are looked at, faults in their place, what the environment asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import nablaviz
from nablaviz.views.app import SETTINGS, App, from_environment


def made(app: App) -> list[str]:
    return [name for name, page in app.pages.items() if page.content.children]


def test_a_panel_is_made_when_it_is_looked_at_and_in_the_language_that_is_chosen() -> None:
    app = App(page="curves", study="nowhere")
    assert made(app) == ["curves"]
    before = app.pages["curves"].content.children
    assert "nowhere" in before[0].text
    try:
        app.language.value = "zh"
        assert made(app) == ["curves"]
        assert "还没有研究" in app.pages["curves"].content.children[0].text
        assert before[1].comm is None  # the one before is no burden any more
    finally:
        nablaviz.set_language("en")


def test_what_cannot_be_opened_is_said_in_its_place_and_the_rest_goes_on(tmp_path: Path) -> None:
    app = App(tmp_path / "none.db")
    assert made(app) == []
    assert "there is no" in app.pages["browse"].notice.text
    app.turned.value = "c1ccccc1"
    app.bar.value = "torsion"
    assert app.pages["torsion"].notice.text  # a ring has no bond to turn
    app.bar.value = "curves"
    assert made(app) == ["curves"]


def test_an_unknown_page() -> None:
    with pytest.raises(ValueError, match="no page 'nope'; there are browse, compare"):
        App(page="nope")


def test_what_the_command_and_the_address_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # and back afterwards
    settings = {"folder": str(tmp_path), "language": "en", "study": "mine", "page": "browse"}
    asked = {SETTINGS: json.dumps(settings), "QUERY_STRING": "page=curves&language=%3Cb%3E&page=curves"}
    app = from_environment(asked)
    assert (app.bar.value, app.language.value, app.study) == ("curves", "en", "mine")
    assert Path.cwd() == tmp_path
