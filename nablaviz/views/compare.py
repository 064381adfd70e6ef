"""The comparison panel: two Hamiltonians of a conformer, their orbitals, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from ipywidgets import Box, VBox

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.data.dataset import Dataset
from nablaviz.data.memory import Memory
from nablaviz.models.second import Found, name_of, second
from nablaviz.molecule import Conformer, Molecule
from nablaviz.views import comparison_export as export
from nablaviz.views.comparisons import Comparisons
from nablaviz.views.conformer_choice import ConformerChoice, Row
from nablaviz.views.details import Details
from nablaviz.views.export_menu import ExportMenu
from nablaviz.views.language import say
from nablaviz.views.levels import Levels, level_data
from nablaviz.views.notice import announced
from nablaviz.views.orbital_views import SMALLEST, OrbitalViews
from nablaviz.views.panel import Panel
from nablaviz.views.second_line import SecondLine

if TYPE_CHECKING:
    import pandas as pd


def compare(
    dataset: Dataset | Conformer | Molecule | Iterable[Conformer | Molecule],
    other: Any = "minao",
    **options: Any,
) -> ComparisonPanel:
    """Compare the DFT Hamiltonian of conformers with another: see :class:`ComparisonPanel`.

    Examples
    --------
    >>> panel = nablaviz.compare(nablaviz.sample(), "PBE")
    >>> panel
    >>> panel.orbital = "HOMO-1"
    >>> panel.table
    """
    if isinstance(dataset, Conformer | Molecule):
        dataset = [dataset]
    source = dataset if isinstance(dataset, Dataset) else Memory(dataset)
    with announced(say("compare.preparing")):
        return ComparisonPanel(source, other, **options)


class Orbital(traitlets.Int):
    """Index of one of the reference's orbitals; a label such as ``"HOMO−1"`` will do as well."""

    def validate(self, obj: Any, value: Any) -> int:
        orbitals = obj.reference.orbitals
        if isinstance(value, str):
            try:
                return orbitals.index(value)
            except ValueError as fault:
                raise traitlets.TraitError(str(fault)) from fault
        index = super().validate(obj, value)
        if not 0 <= index < len(orbitals):
            raise traitlets.TraitError(f"there is no orbital {index}: there are 0 to {len(orbitals) - 1}")
        return index


class ComparisonPanel(Panel):
    """Three linked 3D views, energy levels, matrices and tables of two Hamiltonians of a conformer.

    The reference is the dataset's, the other what ``other`` gives. Click a level, or step with the arrow keys
    in the diagram or a 3D view, to see a pair of orbitals.

    Parameters
    ----------
    dataset
        Conformers with Hamiltonians.
    other
        What to compare with: see :func:`nablaviz.models.second.second`; ``None`` for nothing.
    row
        The conformer to begin with.
    height
        Of the 3D views, in pixels.
    """

    row = Row(0)
    """The conformer shown. It can be set, and observed."""

    orbital = Orbital(0)
    """The reference's orbital that is shown, by index; it can be set by label too."""

    isovalue = traitlets.Float(SMALLEST, min=SMALLEST)
    """Of the surfaces, in the unit of the field that is shown."""

    def __init__(self, dataset: Dataset, other: Any = "minao", *, row: int = 0, height: int = 320) -> None:
        if len(dataset) == 0:
            raise ValueError(f"{dataset!r} has no conformer to compare")
        self.dataset = dataset
        self.source = Comparisons(dataset, None if other is None else second(other, dataset), self._take)
        self.second = SecondLine()
        self._label = "HOMO"
        self._quiet = False
        self.choice = ConformerChoice(dataset)
        self.views = OrbitalViews(height)
        self.levels = Levels(height=480, camera_group=self.views.viewers[0].camera_group)
        self.details = Details(height=480)
        self.export = ExportMenu(self._save)
        card = VBox([self.levels])
        card.add_class("nablaviz-levels-card")
        lower = Box([card, self.details])
        lower.add_class("nablaviz-lower")
        self._needing = [self.views.bar, lower, self.export]
        super().__init__("compare", [self.choice, self.source, self.second, self.views, lower, self.export])
        self.choice.row = self.row = row
        traitlets.link((self.choice, "row"), (self, "row"))
        traitlets.link((self.views, "isovalue"), (self, "isovalue"))
        self.views.on_step(lambda by: self.step(-by))
        self.views.observe(lambda change: self.details.matrix.mark(change["new"]), "picked")
        self.details.on_pair(lambda pair: self.views.pick(tuple(dict.fromkeys(pair))))
        self.levels.observe(lambda _: self._selected(), "selected")
        self.levels.on_ahead(self.views.ahead)
        self.theme.observe(lambda change: self.details.set_dark(change["new"]), "dark")
        self.observe(lambda _: self.source.load(self.row), "row")
        self.source.load(row)

    @property
    def reference(self) -> Solution:
        """The conformer's DFT Hamiltonian and what follows from it.

        Raises
        ------
        ValueError
            If it has none, or none with orbitals.
        """
        shown = self.source.shown
        if shown is None:
            raise ValueError(self.source.notice.text)
        return shown if isinstance(shown, Solution) else shown.reference

    @property
    def comparison(self) -> Comparison:
        """The two Hamiltonians of the conformer, with all tables; waits for what is still computed.

        Raises
        ------
        ValueError
            If one of them is not there.
        """
        self.source.wait()
        if not isinstance(self.source.shown, Comparison):
            raise ValueError(self.source.notice.text or "there is no second Hamiltonian to compare with")
        return self.source.shown

    @property
    def found(self) -> Found:
        """The second Hamiltonian as it was found, with closeness to the training data and spread of a model.

        Raises
        ------
        ValueError
            As :attr:`comparison`.
        """
        assert self.comparison
        assert self.source.found is not None
        return self.source.found

    @property
    def table(self) -> pd.DataFrame:
        """The matched orbitals, one line per pair: see :attr:`nablaviz.chem.comparison.Comparison.levels`."""
        return self.comparison.levels

    def to_html(self, path: str | Path | None = None, *, overwrite: bool = False) -> str:
        """A page that needs neither kernel nor network: this orbital, HOMO and LUMO, levels and tables.

        Parameters
        ----------
        path
            Where to write it too.

        Raises
        ------
        FileExistsError
            If there is such a file and it is not to be overwritten; so do the methods below.
        """
        shown = self.comparison
        target = path and export.new_file(path, overwrite)
        orbitals = shown.reference.orbitals
        wanted = dict.fromkeys((self.orbital, orbitals.homo, orbitals.lumo))
        numbers = [number for number in map(self._number, wanted) if number is not None]
        isovalue = self.views.isovalues["orbital"]
        title = say("compare.title", conformer=self._name(), names=say("common.and").join(shown.names))
        text = export.comparison_page(shown, numbers, title, isovalue=isovalue, camera=self.views.camera)
        if target:
            export.write_text(target, text)
        return text

    def to_cube(self, path: str | Path, side: str = "reference", *, overwrite: bool = False) -> None:
        """Write the ``reference``'s orbital, the ``other``'s, or their ``difference``, as a cube file."""
        number = self._number(self.orbital)
        if number is None:
            raise ValueError(say("compare.no_partner", orbital=self._label))
        export.write_orbital_cube(
            self.source.shown or self.reference, number, side, export.new_file(path, overwrite)
        )

    def to_molden(self, path: str | Path, side: str = "reference", *, overwrite: bool = False) -> None:
        """Write all orbitals of the ``reference`` or of the ``other`` as a Molden file."""
        export.write_side_molden(self.source.shown or self.reference, side, export.new_file(path, overwrite))

    def to_csv(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the table of matched orbitals."""
        export.write_text(export.new_file(path, overwrite), self.table.to_csv())

    def step(self, by: int) -> None:
        """Show the orbital so many places higher in energy, if there is one."""
        if self.source.shown is not None:
            self.orbital = min(max(self.orbital + by, 0), len(self.reference.orbitals) - 1)

    def _name(self) -> str:
        return name_of(self.dataset[self.row], self.row)

    def _save(self, kind: str, path: str) -> None:
        what, _, side = kind.partition(" ")
        match what:
            case "page":
                self.to_html(path)
            case "cube":
                self.to_cube(path, side)
            case "molden":
                self.to_molden(path, side)
            case "csv":
                self.to_csv(path)

    def _take(self, molecule: Molecule, shown: Comparison | Solution | None) -> None:
        """Show what is known of the conformer, the orbital of the same name as before."""
        self.second.show(self.source.second, self.source.found, self.row, self.dataset)
        for part in self._needing:
            part.layout.display = "none" if shown is None else None
        if shown is None:
            self.views.show(molecule)
            return
        orbitals = self.reference.orbitals
        with self._quietly():
            try:
                self.orbital = orbitals.index(self._label)
            except ValueError:  # this molecule has fewer
                self.orbital = orbitals.homo
            number = self._number(self.orbital)
            self.views.show(molecule, shown, number)
            if isinstance(shown, Solution):
                data = level_data(shown.orbitals)
            else:
                data = level_data(shown.reference.orbitals, shown.other.orbitals, shown.matching, shown.names)
            self.levels.show(data, number)
        self.details.show(shown)
        self._propose()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Change traits without the others being told."""
        self._quiet = True
        try:
            yield
        finally:
            self._quiet = False

    def _propose(self) -> None:
        self.export.propose(self._name().replace("conformer ", "").replace("/", "-"), self._label)

    def _number(self, orbital: int) -> int | None:
        """Of the matched pair that has an orbital, or of the orbital itself where nothing is matched."""
        if not isinstance(self.source.shown, Comparison):
            return orbital
        found = np.flatnonzero(self.source.shown.matching.pairs[:, 0] == orbital)
        return int(found[0]) if len(found) else None

    @traitlets.observe("orbital")
    def _draw(self, _: Any) -> None:
        self._label = self.reference.orbitals.label(self.orbital)
        if self._quiet:
            return
        number = self._number(self.orbital)
        self.views.draw(number)
        self.levels.selected = number
        self._propose()

    def _selected(self) -> None:
        """A level was clicked."""
        shown, number = self.source.shown, self.levels.selected
        if not self._quiet and number is not None and shown is not None:
            self.orbital = number if isinstance(shown, Solution) else int(shown.matching.pairs[number, 0])
