"""Widgets as an HTML page of its own, which needs neither kernel nor network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anywidget import AnyWidget
from ipywidgets import Widget

from nablaviz.views.language import language, say
from nablaviz.views.surface import compact
from nablaviz.views.viewer import Viewer

if TYPE_CHECKING:
    import pandas as pd

STATIC = Path(__file__).parent / "static"

NOT_SHOWN = {"layout", "tabbable", "tooltip"}
"""Traits of every widget that a page does without, beside those of an underscore."""

State = Mapping[AnyWidget, Mapping[str, Any]]
"""Of some widgets the values of some traits."""


def page(
    widgets: Mapping[str, AnyWidget],
    *,
    title: str,
    states: Mapping[str, State] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    buttons: bool = True,
) -> str:
    """A page that shows the widgets as they are now.

    Their own modules run in it, so what needs no kernel works as in the notebook. A widget's change of a
    trait that the states give values to shows the first state that has this value: an energy level
    diagram whose ``selected`` is in each state switches between them. Arrow keys in a 3D view step
    through the states, as do buttons with their names.

    Parameters
    ----------
    widgets
        By what is written above each.
    title
        Of the page.
    states
        By name; the first is shown at first. A value is as the trait holds it, bytes included.
    tables
        Shown below the widgets, by what is written above each.
    buttons
        Whether there is one for each state; without, a widget of the page is to switch between them.

    Raises
    ------
    ValueError
        If a state has a widget that is not in the page or a trait that the widget does not show.
    """
    models: dict[str, dict[str, Any]] = {}
    modules: list[str] = []
    for widget in widgets.values():
        _add(widget, models, modules)
    for name, state in (states or {}).items():
        for widget, values in state.items():
            known = models.get(widget.model_id, {"state": {}})["state"]
            if unknown := [trait for trait in values if trait not in known]:
                raise ValueError(f"state {name!r} sets {unknown[0]!r}, which no widget of the page has")
    named = [
        {
            "name": name,
            "values": {widget.model_id: _saved(widget, values) for widget, values in state.items()},
        }
        for name, state in (states or {}).items()
    ]
    content = {"modules": modules, "models": models, "states": named}
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # blob: is where the script keeps the modules of the widgets; nothing can be fetched
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}' blob:; style-src 'unsafe-inline'; img-src blob:"
    )
    figures = "".join(
        f"<figure><figcaption>{html.escape(caption)}</figcaption>"
        f'<div data-model="{widget.model_id}"></div></figure>'
        for caption, widget in widgets.items()
    )
    sheets = "".join(
        table.to_html(border=0).replace(">", f"><caption>{html.escape(caption)}</caption>", 1)
        for caption, table in (tables or {}).items()
    )
    texts = " ".join(f'data-{name}="{html.escape(say(f"page.{name}"))}"' for name in ("only", "old"))
    return f"""<!doctype html>
<html lang="{language()}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>{(STATIC / "page.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<nav{"" if buttons else ' style="display: none"'}></nav>
<p id="said" role="status" {texts}><noscript>{say("page.script")}</noscript></p>
<main>{figures}</main>
{sheets}
<script type="text/plain" id="data">{_pack(content)}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _add(widget: Widget, models: dict[str, dict[str, Any]], modules: list[str]) -> None:
    """Include a widget and those that its traits refer to."""
    if widget.model_id in models:
        return
    state = widget.get_state()
    source = str(state["_esm"])
    if source not in modules:
        modules.append(source)
    kept = {name: value for name, value in state.items() if name[0] != "_" and name not in NOT_SHOWN}
    models[widget.model_id] = {"module": modules.index(source), "state": _saved(widget, kept)}
    for name in kept:
        if isinstance(other := getattr(widget, name), Widget):
            _add(other, models, modules)


def _saved(widget: Widget, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of traits as the page holds them."""
    if "surfaces" not in values or not isinstance(widget, Viewer):
        return dict(values)
    lowest = min(widget.isovalue, values.get("isovalue_range", widget.isovalue_range)[0])
    return {**values, "surfaces": compact(values["surfaces"], lowest)}


def _pack(content: dict[str, Any]) -> str:
    """Base64 of gzip of: the length of the JSON text (uint32), the text, the bytes taken out of it."""
    places: dict[bytes, int] = {}
    buffers: list[dict[str, Any]] = []

    def emptied(value: Any, path: list[str | int]) -> Any:
        if isinstance(value, bytes | memoryview):
            start = places.setdefault(bytes(value), sum(map(len, places)))  # equal ones are kept once
            buffers.append({"path": path, "start": start, "size": len(value)})
            return None
        if isinstance(value, Mapping):
            return {key: emptied(each, [*path, key]) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [emptied(each, [*path, i]) for i, each in enumerate(value)]
        return value

    text = json.dumps(emptied(content, []) | {"buffers": buffers}).encode()
    packed = gzip.compress(struct.pack("<I", len(text)) + text + b"".join(places), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode()
