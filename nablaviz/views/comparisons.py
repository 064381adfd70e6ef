"""Finds the two Hamiltonians of a conformer: the first at once, the second when it is there."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass

from ipywidgets import VBox

from nablaviz.chem.comparison import Comparison, Solution, compare, solution
from nablaviz.data.dataset import Dataset
from nablaviz.models.second import Found, Second, name_of
from nablaviz.molecule import Conformer, Molecule
from nablaviz.views.background import Background, Tell
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress, converged

KEPT = 16
"""So many conformers' comparisons are kept: going back to one takes no time."""

SOON = 0.25
"""s. A second Hamiltonian that is there so soon is shown at once, and not after the first alone."""

Show = Callable[[Molecule, "Comparison | Solution | None"], None]


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison, and what else is known of the second Hamiltonian."""

    comparison: Comparison
    found: Found


class Comparisons(VBox):
    """Says how far it is, and what went wrong; takes no space otherwise.

    Parameters
    ----------
    dataset
        Whose Hamiltonians are the first.
    second
        What gives the second, if anything does.
    show
        Called with a molecule and what is known of it: nothing, one Hamiltonian, or two.
    """

    def __init__(self, dataset: Dataset, second: Second | None, show: Show) -> None:
        self._dataset, self.second, self._show = dataset, second, show
        self._kept: OrderedDict[int, Compared] = OrderedDict()
        self.shown: Comparison | Solution | None = None
        "What is known of the conformer that was asked for last."
        self.found: Found | None = None
        "Its second Hamiltonian as it was found."
        self.notice = Notice()
        self.progress = Progress()
        self.background = Background(
            lambda text, part=None: self.progress.say(text, part, self._stop), self.progress.clear
        )
        super().__init__([self.notice, self.progress])

    def load(self, row: int) -> None:
        """Read a row, and show it as soon as something is known; what was computed before is stopped."""
        self.background.stop()
        self.progress.clear()
        self._row, self.shown, self.found = row, None, None
        with self.notice.guard():
            if row in self._kept:
                self._kept.move_to_end(row)
                self._take(self._kept[row])
                return
            conformer = self._dataset[row]
            name = name_of(conformer, row)
            try:
                if conformer.hamiltonian is None:
                    raise ValueError(say("compare.no_hamiltonian", conformer=name))
                first = solution(
                    conformer.molecule, conformer.hamiltonian, energy=conformer.energy, source=name
                )
            except Exception:
                self._show(conformer.molecule, None)
                raise
            if self.second is not None:
                self._start(self.second, conformer, first)
            if self.shown is None:
                self._take(first)

    def wait(self) -> None:
        """Wait until what is being computed is there, and shown."""
        self.background.wait()

    def _start(self, second: Second, conformer: Conformer, first: Solution) -> None:
        row = self._row

        def done(found: Future[Compared]) -> None:
            with self.notice.guard():
                try:
                    self._kept[row] = found.result()
                except Exception:
                    self._take(first)
                    raise
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
                self._take(self._kept[row])

        self.background.start(lambda tell: compare_with(second, row, conformer, first, tell), done)
        self.background.wait(SOON)

    def _stop(self) -> None:
        assert self.second is not None
        self.background.stop()
        self.progress.offer(say("compare.was_stopped", name=self.second.name), lambda: self.load(self._row))

    def _take(self, known: Compared | Solution) -> None:
        if isinstance(known, Compared):
            self.shown, self.found = known.comparison, known.found
        else:
            self.shown, self.found = known, None
        self._show(self.shown.molecule, self.shown)


def compare_with(second: Second, row: int, conformer: Conformer, first: Solution, tell: Tell) -> Compared:
    """Find the second Hamiltonian of a row's conformer, and compare.

    Parameters
    ----------
    tell
        Told how far it is; may raise to stop.

    Raises
    ------
    ValueError
        Whatever went wrong, with the conformer and what it is compared with.
    """
    source = name_of(conformer, row)
    tell(say("compare.computing", name=second.name))

    def progress(iteration: int, energy: float, change: float) -> None:
        said = say("compare.iteration", name=second.name, n=iteration, change=f"{change:.1e} Eh")
        tell(said, converged(change))

    try:
        found = second.find(row, conformer, progress)
        other = solution(
            conformer.molecule, found.hamiltonian, second.name, energy=found.energy, source=source
        )
        return Compared(compare(first, other), found)
    except CancelledError:
        raise
    except Exception as fault:  # a model may raise anything
        said = str(fault) if isinstance(fault, ValueError) else f"{type(fault).__name__}: {fault}"
        raise ValueError(said if said.startswith(source) else f"{source}, {second.name}: {said}") from fault
