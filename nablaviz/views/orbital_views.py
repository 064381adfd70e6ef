"""Three linked 3D views of two Hamiltonians: the reference, the other, their difference."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any

import numpy as np
import traitlets
from ipywidgets import HTML, Box, Dropdown, FloatSlider, VBox

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.chem.grid import ORBITAL_UNIT
from nablaviz.chem.isosurface import enclosing_isovalue
from nablaviz.molecule import Molecule
from nablaviz.views.atom_paint import PAINTS, Painted, paints
from nablaviz.views.background import Background, Tell
from nablaviz.views.language import choices, say
from nablaviz.views.notice import Notice
from nablaviz.views.pair_fields import (
    DIFFERENCE_COLORS,
    PairFields,
    density_fields,
    magnified,
    orbital_fields,
    potential_fields,
)
from nablaviz.views.pair_titles import density_titles, orbital_titles, potential_titles
from nablaviz.views.surface import STYLES, Surface, slider_range
from nablaviz.views.surfaces_ahead import KEPT
from nablaviz.views.viewer import Viewer, link_cameras

ISOVALUES = {"orbital": 0.04, "density": 0.03, "potential": 0.004}
"""Where each field's surface is at first: bohr^(-3/2), e/bohr³."""

SMALLEST = 1e-6
"""Of isovalues that can be asked for."""

ENCLOSED = (0.5, 0.8, 0.9, 0.95)


class OrbitalViews(VBox):
    """Shows a pair of orbitals, or the densities, of a comparison; ``show`` and ``draw`` do so.

    The views share camera, isovalue and picked atoms.

    Parameters
    ----------
    height
        Of the views, in pixels.
    """

    isovalue = traitlets.Float(ISOVALUES["orbital"], min=SMALLEST)
    """Of all three, in the unit of what is shown. Setting it takes the place of an enclosed fraction."""

    picked = traitlets.List(traitlets.Int())
    """Atoms picked in any of the views."""

    def __init__(self, height: int = 320) -> None:
        self._shown: Comparison | Solution | None = None
        self._number: int | None = None
        self._fields: PairFields | None = None
        self._pairs: dict[int, PairFields] = {}
        self._quiet = False
        self.isovalues = dict(ISOVALUES)
        "Of each field, what was chosen last."
        self.viewers = [Viewer(height=f"{height}px") for _ in range(3)]
        link_cameras(*self.viewers)
        self.titles = HTML()
        self.titles.add_class("nablaviz-titles")
        self.notice = Notice()
        self.field = Dropdown(options=choices("orbitals.", ISOVALUES), description=say("orbitals.show"))
        enclosing = [(say("orbitals.encloses", part=share), share) for share in ENCLOSED]
        self.enclosed = Dropdown(
            options=[(say("orbitals.fixed"), 0.0), *enclosing],
            description=say("orbitals.isovalue"),
            tooltip=say("orbitals.isovalue_does"),
        )
        self.style_of = Dropdown(options=choices("orbitals.", STYLES), description=say("orbitals.surface"))
        self.opacity = FloatSlider(0.75, min=0.1, max=1, step=0.05, description=say("orbitals.opacity"))
        self.opacity.readout = self.opacity.continuous_update = False
        self.paint = Dropdown(options=choices("paint.", PAINTS), description=say("orbitals.atoms"))
        controls = (self.field, self.enclosed, self.style_of, self.opacity, self.paint)
        for control in controls:
            control.add_class("nablaviz-control")
        self.bar = Box(controls)
        self.bar.add_class("nablaviz-bar")
        self.background = Background(lambda text, part=None: self.notice.say(text, "info"), self.notice.clear)
        views = Box(self.viewers)
        views.add_class("nablaviz-views")
        super().__init__([self.bar, self.titles, views, self.notice])
        self.add_class("nablaviz-orbitals")
        self.field.observe(lambda _: self._choose_field(), "value")
        for control in (self.enclosed, self.style_of, self.opacity):
            control.observe(lambda _: None if self._quiet else self._paint_anew(), "value")
        self.paint.observe(lambda _: self._shown and self._color(self._shown.molecule), "value")
        for viewer in self.viewers:
            viewer.observe(lambda change: self.pick(change["new"]), "picked")
        self.viewers[0].observe(self._dragged, "isovalue")

    def on_step(self, callback: Callable[[int], None]) -> None:
        """Call ``callback(±1)`` on arrow keys in a view."""
        for viewer in self.viewers:
            viewer.on_step(callback)

    @property
    def camera(self) -> list[float]:
        """Of all views."""
        return self.viewers[0].camera

    def show(
        self, molecule: Molecule, shown: Comparison | Solution | None = None, number: int | None = None
    ) -> None:
        """Show a molecule and, of what is known of it, a matched pair or what else is asked for."""
        self.background.stop()
        self._forget()
        self._shown, self._fields, self._pairs = shown, None, {}
        with ExitStack() as held:  # molecule and surfaces are one message, and one frame
            for viewer in self.viewers:
                held.enter_context(viewer.hold_sync())
            self._color(molecule)
            self.draw(number)

    def draw(self, number: int | None) -> None:
        """Draw a matched pair of orbitals; what does not depend on it stays as it is."""
        self._number = number
        if self._shown is None or number is None:
            self.titles.value = ""
            for viewer in self.viewers:
                viewer.draw_surfaces([])
        elif self.field.value == "orbital":
            with self.notice.guard():
                self._take(self._pair(number))
        elif self._fields is None:
            self._compute(self.field.value)

    def ahead(self, number: int) -> None:
        """Send the browser a matched pair of orbitals that may be asked for next, at the isovalue of now."""
        if self._shown is None or self.field.value != "orbital" or self.enclosed.value:
            return
        three, _ = self._surfaces(self._pair(number), self.isovalue)
        for viewer, surfaces in zip(self.viewers, three, strict=True):
            viewer.send_ahead(number, surfaces)

    def _forget(self) -> None:
        """What was sent ahead no longer looks so."""
        for viewer in self.viewers:
            viewer.forget_ahead()

    def _pair(self, number: int) -> PairFields:
        """Computed, unless it is one of the last few."""
        assert self._shown is not None
        fields = self._pairs.pop(number, None) or orbital_fields(self._shown, number)
        self._pairs[number] = fields
        while len(self._pairs) > KEPT:
            del self._pairs[next(iter(self._pairs))]
        return fields

    def _compute(self, kind: str) -> None:
        shown, text = self._shown, say(f"orbitals.{kind}")
        assert shown is not None

        def work(tell: Tell) -> PairFields:
            tell(say("orbitals.computing", what=text))
            if kind == "density":
                return density_fields(shown)
            return potential_fields(shown, lambda part: tell(say("orbitals.part", what=text, part=part)))

        def done(found: Future[PairFields]) -> None:
            with self.notice.guard():
                self._take(found.result())

        self.background.start(work, done)

    def _take(self, fields: PairFields) -> None:
        self._fields = fields
        self._paint()

    def _paint_anew(self) -> None:
        self._forget()
        self._paint()

    def _paint(self) -> None:
        if self._fields is None:
            return
        with self.notice.guard():
            fields = self._fields
            isovalue = self._wanted_isovalue(fields)
            self._quiet = True
            try:
                three, factor = self._surfaces(fields, isovalue)
                ends = slider_range([*three[0], *three[1]], isovalue)
                for viewer, surfaces in zip(self.viewers, three, strict=True):
                    viewer.draw_surfaces(
                        surfaces, isovalue=isovalue, isovalue_range=ends, choice=self._number
                    )
                self.isovalue = isovalue
            finally:
                self._quiet = False
            self.titles.value = self._titles(factor)

    def _surfaces(self, fields: PairFields, isovalue: float) -> tuple[list[list[Surface]], int]:
        """Of each view, and what the difference is multiplied with."""
        difference, factor = fields.difference, 1
        if difference is not None and fields.painted is None:
            difference, factor = magnified(difference, isovalue)
        painted = fields.painted or (None, None, None)
        three = [
            [] if field is None else [self._surface(place, field, painted[place])]
            for place, field in enumerate((fields.reference, fields.other, difference))
        ]
        return three, factor

    def _surface(self, place: int, field: Any, painted: Any) -> Surface:
        signed = field.unit == ORBITAL_UNIT or (place == 2 and painted is None)
        look: dict[str, Any] = {
            "opacity": self.opacity.value,
            "style": self.style_of.value,
            "painted": painted,
        }
        if place == 2 and painted is None:
            look |= {"color": DIFFERENCE_COLORS[0], "negative_color": DIFFERENCE_COLORS[1]}
        if not signed:
            look["negative_color"] = None
        return Surface(field, **look)

    def _wanted_isovalue(self, fields: PairFields) -> float:
        kind, share = self.field.value, self.enclosed.value
        if share == 0:
            return self.isovalues[kind]
        electrons = 1.0
        if kind != "orbital":
            assert self._shown is not None
            electrons = float(self._shown.molecule.numbers.sum())
        try:
            return enclosing_isovalue(fields.reference, share, electrons)
        except ValueError as fault:  # a diffuse orbital reaches out of its box
            self.notice.say(say("orbitals.not_enclosed", fault=fault, isovalue=self.isovalues[kind]), "info")
            return self.isovalues[kind]

    def _choose_field(self) -> None:
        self._forget()
        self._fields = None
        self.draw(self._number)

    def _color(self, molecule: Molecule) -> None:
        """Show the molecule in the colours asked for; surfaces stay where it is the same one."""
        with self.notice.guard():
            painted: Sequence[Painted | None] = (None, None, None)
            if isinstance(self._shown, Comparison):
                painted = paints(self._shown, self.paint.value)
            for viewer, paint in zip(self.viewers, painted, strict=True):
                before = viewer.active
                same = before is not None and np.array_equal(before.numbers, molecule.numbers)
                colors, legend = (paint.colors, paint.legend) if paint else (None, "")
                viewer.show(molecule, colors=colors, legend=legend, keep_camera=same)

    @traitlets.observe("isovalue")
    def _set_isovalue(self, _: Any) -> None:
        if self._quiet:
            return
        self._fix()
        self._paint()

    def _dragged(self, change: Any) -> None:
        """The browser's slider was let go: all views have the new isovalue already."""
        if self._quiet:
            return
        self._quiet = True
        self.isovalue = change["new"]
        self._quiet = False
        self._fix()

    def _fix(self) -> None:
        self._forget()
        self.isovalues[self.field.value] = self.isovalue
        self._quiet = True
        self.enclosed.value = 0.0
        self._quiet = False

    def pick(self, atoms: Sequence[int]) -> None:
        """Mark atoms in all views."""
        for viewer in self.viewers:
            viewer.picked = list(atoms)
        self.picked = list(atoms)

    def _titles(self, factor: int) -> str:
        assert self._shown is not None and self._number is not None
        match self.field.value:
            case "orbital":
                lines = orbital_titles(self._shown, self._number, factor)
            case "density":
                lines = density_titles(self._shown, factor)
            case _:
                lines = potential_titles(self._shown)
        return "".join(f"<div><b>{html.escape(a)}</b> <span>{html.escape(b)}</span></div>" for a, b in lines)
