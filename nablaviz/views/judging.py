"""Predicts and finds what errors may depend on, while one waits; says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ipywidgets import VBox

from nablaviz.data.baseline_cache import BaselineCache, default_folder
from nablaviz.data.catalog import Catalog
from nablaviz.studies.analysis import Analysis, analyse
from nablaviz.studies.predictions import Source, predict
from nablaviz.views.background import Background, Tell
from nablaviz.views.language import phrase, say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


class Judging(VBox):
    """Stopped, it goes on with what has been predicted by then.

    Parameters
    ----------
    catalog
        Of the dataset.
    sources
        What predicts.
    take
        Called with what was found.
    """

    def __init__(self, catalog: Catalog, sources: Sequence[Source], take: Callable[[Analysis], None]) -> None:
        self._catalog, self._sources, self._take = catalog, sources, take
        self._parts: dict[str, list[pd.DataFrame]] = {}
        self._predicting = False
        self.notice, self.progress = Notice(), Progress()
        self.background = Background(
            lambda text, part=None: self.progress.say(phrase(text), part, self.stop), self.progress.clear
        )
        super().__init__([self.notice, self.progress])

    def start(self) -> None:
        """Predict from the beginning."""
        self.notice.clear()
        self._parts = {source.name: [] for source in self._sources}
        self._predicting = True
        self.background.start(self._predict, self._done)

    def stop(self) -> None:
        """Stop predicting, and go on with what there is; or stop that too."""
        self.background.stop()
        total = len(self._catalog)
        counts = {name: sum(map(len, parts)) for name, parts in self._parts.items()}
        if self._predicting and any(counts.values()):
            self._predicting = False
            parts = [say("judging.predicted", n=n, total=total, name=name) for name, n in counts.items() if n]
            self.notice.say(say("judging.stopped", said=say("common.and").join(parts)), "info")
            self.background.start(self._analyse, self._done)
        else:
            self.progress.offer(say("common.stopped"), self.start)

    def _predict(self, tell: Tell) -> Analysis:
        cache = BaselineCache(default_folder(), processes=1)
        for source in self._sources:
            if source.model is not None:
                for part in predict(source, self._catalog.dataset, tell, cache=cache):
                    self._parts[source.name].append(part)
        self._predicting = False
        return self._analyse(tell)

    def _analyse(self, tell: Tell) -> Analysis:
        import pandas as pd

        tables = {}
        for source in self._sources:
            parts = self._parts[source.name] if source.table is None else [source.table]
            if parts:
                tables[source.name] = pd.concat(parts).sort_index()
        return analyse(self._catalog, tables, tell)

    def _done(self, found: Future[Analysis]) -> None:
        try:
            analysis = found.result()
        except Exception as fault:  # a model may raise anything
            expected = isinstance(fault, ValueError | OSError | MemoryError)
            self.notice.say(str(fault) if expected else f"{type(fault).__name__}: {fault}")
            return
        self._take(analysis)
