"""A line in a panel that says what went wrong, in the place where it went wrong."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ipywidgets import HTML

from nablaviz.views.language import say

EXPECTED = (ValueError, OSError, LookupError, MemoryError)
"""Errors whose message is meant to be read: of the file, of what was typed."""


@contextmanager
def announced(doing: str) -> Iterator[None]:
    """Say in the notebook what is being done before there is a panel to say it; seen after a second."""
    from IPython import get_ipython

    if not hasattr(get_ipython(), "kernel"):
        yield
        return
    from IPython.display import HTML as Markup
    from IPython.display import display

    late = "@keyframes nablaviz-wait { from, 99% { opacity: 0 } }"
    text = f'<style>{late}</style><div style="animation: nablaviz-wait 1s">{html.escape(doing)}</div>'
    handle = display(Markup(text), display_id=True)
    try:
        yield
    finally:
        handle.update(Markup(""))


class Notice(HTML):
    """Plain text, escaped; takes no space while it has nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self.add_class("nablaviz-notice")

    @property
    def text(self) -> str:
        """What is said, empty for nothing."""
        return self._text if self.value else ""

    def say(self, text: str, kind: str = "error") -> None:
        """Show a text; ``kind`` is ``error``, ``info``, or ``busy`` (seen only after a second)."""
        self._text = text
        role = "alert" if kind == "error" else "status"
        self.value = f'<div class="nablaviz-{kind}" role="{role}">{html.escape(text)}</div>'

    def clear(self) -> None:
        """Say nothing."""
        self.value = ""

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Show an error instead of raising it, so that the panel stays alive; clear what was said before."""
        self.clear()
        try:
            yield
        except EXPECTED as fault:
            self.say(str(fault) or type(fault).__name__)
        except Exception as fault:
            logging.getLogger("nablaviz").exception("a fault in a panel")
            self.say(say("common.unexpected", fault=f"{type(fault).__name__}: {fault}"))
