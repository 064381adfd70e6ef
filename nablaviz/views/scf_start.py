"""A button that converges an SCF from a Hamiltonian, and one from atomic densities beside it."""

from __future__ import annotations

import html
from concurrent.futures import Future

from ipywidgets import HTML, Button, VBox

from nablaviz.chem.scf_start import Start, start_from
from nablaviz.data.dataset import Dataset
from nablaviz.models.second import Second
from nablaviz.molecule import Conformer
from nablaviz.views.background import Background, Tell
from nablaviz.views.energy_units import write_energy
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.progress import Progress, converged
from nablaviz.views.property_table import STYLE


class ScfStart(VBox):
    """What a second Hamiltonian saves as the start of an SCF; nothing runs before the button is pressed."""

    def __init__(self) -> None:
        self.button = Button(
            description=say("scf.start"),
            tooltip=say("scf.start_does"),
        )
        self.button.on_click(lambda _: self.start())
        self.progress, self.notice, self.result = Progress(), Notice(), HTML()
        self.starts: tuple[Start, Start] | None = None
        "From atomic densities and from the Hamiltonian, once both have converged."
        self.background = Background(
            lambda text, part=None: self.progress.say(text, part, self.stop), self.progress.clear
        )
        super().__init__([self.button, self.progress, self.notice, self.result])
        self.add_class("nablaviz-scf")
        self.show(None)

    def show(self, source: tuple[Second, int, Dataset] | None) -> None:
        """Take another Hamiltonian, of a row of a dataset, or none; what is running is stopped."""
        self.stop()
        self._source, self.starts = source, None
        self.notice.clear()
        self.result.value = ""
        self.layout.display = "none" if source is None else None

    def start(self) -> None:
        """Converge both, in the background."""
        assert self._source is not None
        second, row, dataset = self._source
        conformer = dataset[row]
        self.button.disabled = True
        self.notice.clear()
        self.result.value = ""
        self.progress.say(say("scf.preparing"), 0.0, self.stop)
        self.background.start(lambda tell: two_starts(second, row, conformer, tell), self._done)

    def stop(self) -> None:
        """Give up what is running."""
        self.background.stop()
        self.button.disabled = False

    def _done(self, future: Future[tuple[Start, Start]]) -> None:
        self.button.disabled = False
        with self.notice.guard():
            assert self._source is not None
            self.starts = future.result()
            self.result.value = starts_html(*self.starts, self._source[0].name)


def two_starts(second: Second, row: int, conformer: Conformer, tell: Tell) -> tuple[Start, Start]:
    """SCFs of a row's conformer from atomic densities, and from the second Hamiltonian.

    Parameters
    ----------
    tell
        Told how far they are; may raise to stop.
    """
    import pyscf.dft  # noqa: F401  # its import is no part of the time

    def converge(part: float, name: str, guessed: bool) -> Start:
        def progress(iteration: int, energy: float, change: float) -> None:
            said = say("scf.iteration", name=name, n=iteration, change=f"{change:.1e} Eh")
            tell(said, part + converged(change) / 2)

        tell(say("scf.integrals", name=name), part)
        if not guessed:
            return start_from(conformer.molecule, progress=progress)
        return start_from(
            conformer.molecule, lambda: second.find(row, conformer, progress).hamiltonian, progress
        )

    return converge(0.0, say("scf.usual"), False), converge(0.5, second.name, True)


def starts_html(usual: Start, guided: Start, name: str) -> str:
    """Iterations and times of two SCFs as a small table."""
    lines = "".join(
        f'<tr><th scope="row">{html.escape(title)}</th><td>{start.iterations}</td><td>{start.wall:.2f} s</td>'
        f"<td>{guess}</td></tr>"
        for title, start, guess in ((say("scf.usual"), usual, "–"), (name, guided, f"{guided.guess:.2f} s"))
    )
    titles = [say(f"scf.{title}") for title in ("from", "iterations", "time", "guess")]
    head = "".join(f'<th scope="col">{t}</th>' for t in titles)
    iterations, wall = guided.iterations / usual.iterations, guided.wall / usual.wall
    difference = write_energy(guided.energy - usual.energy)
    ratios = say("scf.ratios", iterations=iterations, wall=wall, difference=difference)
    return (
        f'{STYLE}<table class="nablaviz-properties"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody>'
        f"</table><div>{ratios}</div>"
    )
