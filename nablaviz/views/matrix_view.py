"""The Hamiltonian matrices of a panel as a heat map: a block is a pair of atoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ipywidgets import HTML, Dropdown, VBox

from nablaviz.chem import basis
from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.views.heat_map import atom_pair, matrix_map, outline
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.plot import Plot


class MatrixView(VBox):
    """One of the matrices; a click on a block chooses its two atoms, and chosen atoms outline a block.

    Parameters
    ----------
    height
        Of the heat map, in pixels.
    """

    def __init__(self, height: int = 420) -> None:
        self._shown: Comparison | Solution | None = None
        self._atoms: tuple[int, ...] = ()
        self._dark = False
        self._on_pair: Callable[[tuple[int, int]], None] = lambda pair: None
        self.matrix = Dropdown(description=say("matrix.matrix"))
        self.matrix.add_class("nablaviz-control")
        self.plot = Plot(height=height)
        self.notice = Notice()
        self.said = HTML(say("matrix.hint"))
        self.said.add_class("nablaviz-hint")
        super().__init__([self.matrix, self.plot, self.notice, self.said])
        self.add_class("nablaviz-matrix")
        self.matrix.observe(lambda _: self._draw(), "value")
        self.plot.on_click(lambda cell, toggle: self._click(cell))

    def on_pair(self, callback: Callable[[tuple[int, int]], None]) -> None:
        """Call ``callback((i, j))`` with the atoms of a block that is clicked."""
        self._on_pair = callback

    def show(self, shown: Comparison | Solution, dark: bool = False) -> None:
        """Take what is known of a conformer."""
        options = [(_name(shown), "reference")]
        if isinstance(shown, Comparison):
            ours, theirs = shown.names
            options = [
                (ours, "reference"), (theirs, "other"), (f"{theirs} − {ours}", "difference"),
                (say("matrix.logarithmic", of=f"|{theirs} − {ours}|"), "logarithmic"),
            ]  # fmt: skip
        chosen = self.matrix.value
        if chosen is None or isinstance(self._shown, Solution):
            chosen = "logarithmic"
        self._shown = None  # the dropdown draws nothing while it changes
        self.matrix.options = options
        self.matrix.value = chosen if chosen in dict(options).values() else "reference"
        self._shown, self._dark = shown, dark
        self._draw()

    def mark(self, atoms: Sequence[int]) -> None:
        """Outline the block of one or two atoms, of no others."""
        self._atoms = tuple(atoms)
        if self._shown is not None:
            self.plot.mark(self._outline())

    def _outline(self) -> list[dict]:
        if self._shown is None or len(self._atoms) not in (1, 2):
            return []
        layout = basis.layout(self._shown.molecule.numbers)
        return outline(layout, self._atoms[0], self._atoms[-1], self._dark)

    def _click(self, cell: int) -> None:
        if self._shown is not None:
            self._on_pair(atom_pair(basis.layout(self._shown.molecule.numbers), cell))

    def _draw(self) -> None:
        shown, which = self._shown, self.matrix.value
        if shown is None:
            return
        with self.notice.guard():
            if isinstance(shown, Solution) or which in ("reference", "other"):
                side = shown if isinstance(shown, Solution) else getattr(shown, which)
                matrix, title = side.hamiltonian, "H"
            else:
                matrix, title = shown.difference, "ΔH"
            figure = matrix_map(
                matrix, basis.layout(shown.molecule.numbers), title=title,
                logarithmic=which == "logarithmic", dark=self._dark,
            )  # fmt: skip
            self.plot.show(figure, self._outline())


def _name(shown: Comparison | Solution) -> str:
    return shown.name if isinstance(shown, Solution) else shown.names[0]
