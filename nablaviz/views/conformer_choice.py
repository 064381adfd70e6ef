"""Which conformer of a dataset is shown: step from one to the next, or search for it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import HTML, Box, Button, Combobox, VBox

from nablaviz.data.dataset import Dataset
from nablaviz.views.columns import is_missing, write
from nablaviz.views.language import say
from nablaviz.views.notice import Notice

if TYPE_CHECKING:
    import pandas as pd

SUGGESTED = 200
"""At most so many SMILES are offered while one types."""


class Row(traitlets.Int):
    """A row of the object's dataset."""

    def validate(self, obj: Any, value: Any) -> int:
        row, count = super().validate(obj, value), len(obj.dataset)
        if not 0 <= row < count:
            raise traitlets.TraitError(f"there is no row {row}: rows are 0 to {count - 1}")
        return row


class ConformerChoice(VBox):
    """Buttons for the one before and the next, a search box, and what is known of the conformer.

    Parameters
    ----------
    dataset
        What is chosen from; at least one conformer.
    """

    row = Row(0)
    """The row chosen."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.before = Button(icon="chevron-left", tooltip=say("choice.before"))
        self.after = Button(icon="chevron-right", tooltip=say("choice.after"))
        self.search = Combobox(
            description=say("choice.conformer"), continuous_update=False,
            placeholder=say("choice.such_as"),
            options=dataset.table.smiles.dropna().unique()[:SUGGESTED].tolist(),
        )  # fmt: skip
        self.facts = HTML()
        self.facts.add_class("nablaviz-known")
        self.notice = Notice()
        self.before.on_click(lambda _: self._step(-1))
        self.after.on_click(lambda _: self._step(1))
        self.search.observe(lambda _: self._search(), "value")
        line = Box([self.before, self.after, self.search, self.facts])
        line.add_class("nablaviz-choice")
        super().__init__([line, self.notice])
        if len(dataset) == 1:
            for part in (self.before, self.after, self.search):
                part.layout.display = "none"
        self._describe()

    def on_choose(self, callback: Callable[[int], None]) -> None:
        """Call ``callback(row)`` when another row is chosen."""
        self.observe(lambda change: callback(change["new"]), "row")

    @traitlets.observe("row")
    def _chosen(self, _: traitlets.Bunch) -> None:
        self._describe()

    def _describe(self) -> None:
        self.notice.clear()
        self.before.disabled = self.row == 0
        self.after.disabled = self.row == len(self.dataset) - 1
        self.facts.value = facts(self.dataset.table.iloc[self.row], self.row, len(self.dataset))

    def _step(self, by: int) -> None:
        self.row = min(max(self.row + by, 0), len(self.dataset) - 1)

    def _search(self) -> None:
        if not self.search.value.strip():
            return
        with self.notice.guard():
            row = find(self.dataset.table, self.search.value)
            self.search.value = ""
            self.row = row


def find(table: pd.DataFrame, text: str) -> int:
    """The first row that a text stands for.

    Parameters
    ----------
    table
        As :attr:`~nablaviz.data.dataset.Dataset.table`.
    text
        A MOSES id, else a row number; MOSES id/conformer; a SMILES; a formula.

    Raises
    ------
    ValueError
        If no row fits.
    """
    text = text.strip()
    moses_id, slash, conformer = text.partition("/")
    if moses_id.isdecimal() and (conformer.isdecimal() if slash else True):
        fits = table.moses_id == int(moses_id)
        if slash:
            fits &= table.conformation_id == int(conformer)
        elif not fits.any() and int(text) < len(table):
            return int(text)
    else:
        fits = table.smiles.isin([text, _canonical(text)]) | (table.formula.str.upper() == text.upper())
    fits = fits.fillna(False).to_numpy(dtype=bool)
    if not fits.any():
        raise ValueError(say("choice.not_found", text=repr(text), last=len(table) - 1))
    return int(fits.argmax())


def _canonical(smiles: str) -> str:
    """The SMILES as RDKit writes it, or as it is where RDKit cannot read it."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles)
    return smiles if mol is None else Chem.MolToSmiles(mol)


def facts(line: pd.Series, row: int, rows: int) -> str:
    """What is known of a conformer in a line of HTML, its strings escaped."""
    smiles = say("conformer.no_smiles") if is_missing(line.smiles) else str(line.smiles)
    known = [say("choice.row", row=row, n=rows)] if rows > 1 else []
    known += [str(line.formula), say("choice.atoms", n=line.n_atoms)]
    if not is_missing(line.moses_id):
        known.append(f"{write('moses_id', line.moses_id)}/{write('conformation_id', line.conformation_id)}")
    if not is_missing(line.split):
        known.append(str(line.split))
    return f"<b>{html.escape(smiles)}</b>" + "".join(f"<span>{html.escape(text)}</span>" for text in known)
