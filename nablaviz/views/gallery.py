"""The worst conformers in 3D, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ipywidgets import HTML, Box, Button, VBox

from nablaviz.data.dataset import Dataset
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.selection import stepped
from nablaviz.views.viewer import Viewer

WORST = 50
PAGE = 10


class Gallery(VBox):
    """Small 3D views, the largest error first; a click on one selects its conformer.

    All views of a page share one WebGL context, and a page of them is used again for the next ten.

    Parameters
    ----------
    dataset
        What the rows are of.
    head
        Widgets to the left of the pager.
    """

    def __init__(self, dataset: Dataset, head: Sequence[Any] = ()) -> None:
        self._dataset = dataset
        self._ranked: list[tuple[int, str]] = []
        self._selection: list[int] = []
        self._page = 0
        self._on_select: Callable[[list[int]], None] = lambda rows: None
        self.before = Button(icon="chevron-left", tooltip=say("gallery.before"))
        self.after = Button(icon="chevron-right", tooltip=say("gallery.after"))
        self.said = HTML()
        self.notice = Notice()
        self.before.on_click(lambda _: self._turn(self._page - 1))
        self.after.on_click(lambda _: self._turn(self._page + 1))
        self.cards = [self._card(place) for place in range(PAGE)]
        bar = Box([*head, self.before, self.said, self.after])
        bar.add_class("nablaviz-bar")
        grid = Box(self.cards)
        grid.add_class("nablaviz-cards")
        super().__init__([bar, self.notice, grid])
        self.add_class("nablaviz-gallery")

    def on_select(self, callback: Callable[[list[int]], None]) -> None:
        """Call ``callback(rows)`` when the user selects."""
        self._on_select = callback

    @property
    def shown(self) -> list[int]:
        """The rows on this page."""
        return [row for row, _ in self._ranked[self._page * PAGE : (self._page + 1) * PAGE]]

    def step(self, by: int) -> None:
        """Select the one so many places after the active one; the worst if that is not here."""
        rows = np.array([row for row, _ in self._ranked], dtype=np.int64)
        row = stepped(rows, self._selection[-1] if self._selection else None, by)
        if row is not None:
            self._turn(int(np.flatnonzero(rows == row)[0]) // PAGE)
            self._on_select([row])

    def show(self, ranked: Sequence[tuple[int, str]]) -> None:
        """Take at most ``WORST`` rows, the worst first, each with a caption."""
        self._ranked = list(ranked[:WORST])
        self._turn(0)

    def select(self, rows: Sequence[int]) -> None:
        """Outline what is selected."""
        self._selection = list(rows)
        for card, row in zip(self.cards, self.shown, strict=False):
            chosen, active = row in self._selection, self._selection[-1:] == [row]
            (card.add_class if chosen else card.remove_class)("nablaviz-chosen")
            (card.add_class if active else card.remove_class)("nablaviz-active")

    def _card(self, place: int) -> Box:
        viewer, caption = Viewer(height="130px"), Button(tooltip=say("gallery.select"))
        caption.on_click(lambda _: self._choose(place))
        viewer.observe(lambda change: self._pick(place, viewer, change["new"]), "picked")
        card = VBox([viewer, caption])
        card.add_class("nablaviz-card")
        return card

    def _pick(self, place: int, viewer: Viewer, atoms: list[int]) -> None:
        """An atom was clicked: it stands for its conformer."""
        if atoms:
            viewer.picked = []
            self._choose(place)

    def _choose(self, place: int) -> None:
        self._on_select([self.shown[place]])

    def _turn(self, page: int) -> None:
        pages = max(1, -(-len(self._ranked) // PAGE))
        self._page = int(np.clip(page, 0, pages - 1))
        self.before.disabled, self.after.disabled = self._page == 0, self._page == pages - 1
        first = self._page * PAGE
        of = len(self._ranked)
        last = min(first + PAGE, of)
        shown = say("gallery.shown", first=first + 1, last=last, n=of)
        self.said.value = shown if of else say("gallery.none")
        with self.notice.guard():
            for place, card in enumerate(self.cards):
                viewer, caption = card.children
                there = first + place < of
                card.layout.display = None if there else "none"
                if there:
                    row, text = self._ranked[first + place]
                    caption.description = text
                    viewer.show(self._dataset[row].molecule, keep_camera=False)
        self.select(self._selection)
