"""The conformer of a panel: in 3D, as a drawing, and its numbers, all linked."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ipywidgets import HTML, Box, Checkbox, Dropdown, VBox

from nablaviz.chem.bonds import smiles_atoms
from nablaviz.data.catalog import Catalog
from nablaviz.data.conditions import RELATIVE
from nablaviz.data.summary import EXTRA
from nablaviz.molecule import Conformer
from nablaviz.views.columns import SHOWN, is_missing, write
from nablaviz.views.depict import depict
from nablaviz.views.depiction import Depiction
from nablaviz.views.language import say
from nablaviz.views.notice import Notice
from nablaviz.views.scene import scale_arrows
from nablaviz.views.superposition import force_colors, superposition
from nablaviz.views.viewer import Viewer

MOST = 40
"""At most so many conformers are superposed."""

FACTS = (
    "formula", "n_atoms", "moses_id", "conformation_id", "split", RELATIVE, "energy", "formation_energy",
    "mean_force", "gap", "homo", "lumo", "dipole", "scaffold", "error", *EXTRA,
)  # fmt: skip


class ConformerView(VBox):
    """The active conformer, alone or superposed with others.

    ``side`` is a widget of its own, the drawing and the numbers, to be placed where there is room.

    Parameters
    ----------
    catalog
        What the rows are of.
    height
        Of the 3D view, in pixels.
    """

    def __init__(self, catalog: Catalog, height: int = 400) -> None:
        self._catalog = catalog
        self._active: int | None = None
        self._selection: list[int] = []
        self._conformer: Conformer | None = None
        self._atoms: tuple[int, ...] = ()
        self._dark = False
        self.viewer = Viewer(height="100%")
        self.viewer.layout.min_height = f"{height}px"
        self.shown = Dropdown(
            options=[
                (say("conformer.one"), "one"),
                (say("conformer.molecule"), "molecule"),
                (say("conformer.selection"), "selection"),
            ],
            description=say("conformer.show"),
        )
        self.color = Dropdown(
            options=[(say("conformer.element"), "element"), (say("conformer.force"), "force")],
            description=say("conformer.colour"),
        )
        self.forces = Checkbox(description=say("conformer.forces"), indent=False)
        self.notice = Notice()
        self.depiction = Depiction()
        self.depiction_notice = Notice()
        self.facts = HTML()
        for control in (self.shown, self.color, self.forces):
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._draw(), "value")
        bar = Box([self.shown, self.color, self.forces])
        bar.add_class("nablaviz-bar")
        self.side = VBox([self.depiction, self.depiction_notice, self.facts])
        self.side.add_class("nablaviz-side")
        self.viewer.observe(lambda _: self._depict(), "picked")
        self.depiction.on_click(self._pick)
        super().__init__([bar, self.viewer, self.notice])
        self.add_class("nablaviz-conformer")

    def on_step(self, callback: Callable[[int], None]) -> None:
        """Call ``callback(±1)`` on arrow keys in the 3D view."""
        self.viewer.on_step(callback)

    def select(self, selection: Sequence[int]) -> None:
        """Show the last of the selected rows."""
        self._selection = list(selection)
        active = self._selection[-1] if self._selection else None
        if active != self._active:
            self._active, self._conformer = active, None
        self._draw()
        self._describe()

    def set_dark(self, dark: bool) -> None:
        """Take the colours of a dark or light page."""
        if dark != self._dark:
            self._dark = dark
            self._depict()

    def _draw(self) -> None:
        self.viewer.layout.visibility = "hidden"  # until what is to be shown could be read
        with self.notice.guard():
            if self._active is None:
                return
            if self._conformer is None:
                self._conformer = self._catalog.dataset[self._active]
            rows = self._others()
            others = [self._catalog.dataset[row] for row in rows[: MOST - 1]]
            scene = superposition(self._conformer, others)
            style, said = self._forces(self._conformer.forces)
            self.viewer.show(
                scene.molecules, opacity=scene.opacity, keep_camera=self._same_molecule(), **style
            )
            self.viewer.layout.visibility = None
            missing = {"others": scene.left_out, "room": len(rows) - len(others)}
            if any(missing.values()):
                parts = [say(f"conformer.for_{why}", n=n) for why, n in missing.items() if n]
                said.append(say("conformer.not_shown", parts=say("common.comma").join(parts)))
            if said:
                self.notice.say(" ".join(said), "info")

    def _forces(self, forces: np.ndarray | None) -> tuple[dict[str, Any], list[str]]:
        """How the viewer is to show the forces, and what is to be said of them."""
        style: dict[str, Any] = {}
        if not (self.forces.value or self.color.value == "force"):
            return style, []
        if forces is None:
            return style, [say("conformer.no_forces")]
        legends = []
        if self.forces.value:
            style["arrows"], scale = scale_arrows(forces, longest=2.5)
            legends.append(scale)
        if self.color.value == "force":
            largest = float(np.linalg.norm(forces, axis=1).max())
            style["colors"] = force_colors(forces, largest)
            legends.append(say("conformer.yellow", force=f"{largest:.3f} Eh/Å"))
        return style | {"legend": " · ".join(legends)}, []

    def _same_molecule(self) -> bool:
        """Whether what is about to be shown has the atoms of what is shown: then the camera stays."""
        before = self.viewer.active
        return (
            before is not None
            and self._conformer is not None
            and np.array_equal(before.numbers, self._conformer.molecule.numbers)
        )

    def _others(self) -> list[int]:
        """The rows to superpose on the active one."""
        rows: Sequence[int] = ()
        if self.shown.value == "molecule" and self._active is not None:
            rows = self._catalog.siblings(self._active).tolist()
        elif self.shown.value == "selection":
            rows = self._selection
        return [row for row in rows if row != self._active]

    def _describe(self) -> None:
        with self.depiction_notice.guard():
            self._atoms = ()
            self.facts.value = ""
            self.depiction.svg = ""
            if self._active is None:
                return
            line = self._catalog.table([self._active]).iloc[0]
            of = len(self._catalog.siblings(self._active))
            self.facts.value = facts(line.to_dict(), self._active, of)
            if self._conformer is not None:
                self._atoms = smiles_atoms(self._conformer.molecule) or ()
            smiles = None if is_missing(line.smiles) else line.smiles
            if smiles:
                self._smiles = smiles
                self._depict(redraw=True)

    def _depict(self, redraw: bool = False) -> None:
        if not (redraw or self.depiction.svg):
            return
        with self.depiction_notice.guard():
            places = {atom: place for place, atom in enumerate(self._atoms)}
            marked = [places[atom] for atom in self.viewer.picked if atom in places]
            heavy = sum(1 for z in self._numbers() if z > 1)
            self.depiction.label = say("conformer.formula_of", smiles=self._smiles)
            self.depiction.svg = depict(
                self._smiles, dark=self._dark, highlight=[m for m in marked if m < heavy], targets=True
            )

    def _numbers(self) -> Sequence[int]:
        return () if self._conformer is None else self._conformer.molecule.numbers.tolist()

    def _pick(self, atom: int) -> None:
        with self.depiction_notice.guard():
            if atom >= len(self._atoms):
                raise ValueError(say("conformer.no_match"))
            picked, chosen = list(self.viewer.picked), self._atoms[atom]
            if chosen in picked:
                picked.remove(chosen)
            else:
                picked = [*picked, chosen] if len(picked) < 4 else [chosen]
            self.viewer.picked = picked


def facts(line: dict[str, Any], row: int, conformers: int) -> str:
    """What is known of a conformer as an HTML list, its strings escaped."""
    smiles = say("conformer.no_smiles") if is_missing(line["smiles"]) else str(line["smiles"])
    parts = [f'<div class="nablaviz-smiles">{html.escape(smiles)}</div>']
    shown = {"row": str(row)} | {c: write(c, line[c]) for c in FACTS if not is_missing(line.get(c))}
    for name, text in shown.items():
        label = say("conformer.above_best", n=conformers) if name == RELATIVE else SHOWN[name].label
        value = html.escape(f"{text} {SHOWN[name].unit}".rstrip())
        parts.append(f"<div><dt>{label}</dt><dd>{value}</dd></div>")
    return f'{parts[0]}<dl class="nablaviz-facts">{"".join(parts[1:])}</dl>'
