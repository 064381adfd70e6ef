"""The 3D view of molecules, a notebook widget around 3Dmol.js."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets
from ipywidgets import CallbackDispatcher, Widget, widget_serialization

from nablaviz.molecule import Molecule
from nablaviz.views import surface
from nablaviz.views.export import to_py3dmol
from nablaviz.views.library import library
from nablaviz.views.measurement import measure
from nablaviz.views.picture import Pictures
from nablaviz.views.scene import ELEMENT_COLORS, OTHER_COLOR, encode, scale_arrows
from nablaviz.views.still import still
from nablaviz.views.surface import Surface
from nablaviz.views.surfaces_ahead import SurfacesAhead
from nablaviz.views.words import Words

if TYPE_CHECKING:
    import py3Dmol

__all__ = ["Surface", "Viewer", "link_cameras", "measure", "scale_arrows"]

STATIC = Path(__file__).parent / "static"


class Viewer(SurfacesAhead):
    """Molecules in 3D: one *active*, others superposed around it.

    Drag to turn, right-drag or Ctrl-drag to move, scroll (after a click) to zoom, click atoms to pick
    them, click the background or press Esc to unpick, arrow keys to step, [ and ] for the isovalue.

    Parameters
    ----------
    molecules
        Shown at once, as by `show`.
    **traits
        Initial values of the traits below.

    Examples
    --------
    >>> view = Viewer(conformer.molecule)
    >>> view.picked = [0, 1, 2]
    >>> view.measurement
    '109.5°'
    """

    _esm = STATIC / "viewer.js"

    library = traitlets.Instance(Widget).tag(sync=True, **widget_serialization)
    """The shared copy of 3Dmol.js."""

    width = traitlets.Unicode("100%").tag(sync=True)
    """CSS width."""

    height = traitlets.Unicode("360px").tag(sync=True)
    """CSS height."""

    background = traitlets.Unicode("").tag(sync=True)
    """CSS colour; empty follows the theme of the page."""

    representation = traitlets.Enum(("ball-stick", "stick", "sphere", "line"), "ball-stick").tag(sync=True)
    """How atoms and bonds are drawn."""

    labels = traitlets.Enum(("none", "element", "index"), "none").tag(sync=True)
    """What is written beside the atoms of the active molecule."""

    spin = traitlets.Bool(False).tag(sync=True)
    """Whether the scene turns slowly by itself."""

    legend = traitlets.Unicode("").tag(sync=True)
    """A line of plain text in the corner, such as the scale of the arrows."""

    picked = traitlets.List(traitlets.Int()).tag(sync=True)
    """Atoms of the active molecule, in the order of picking."""

    measurement = traitlets.Unicode("", read_only=True).tag(sync=True)
    """Of 2, 3 or 4 picked atoms the distance, angle or torsion; empty otherwise."""

    camera = traitlets.List(traitlets.Float(), maxlen=8).tag(sync=True)
    """Offset from the active molecule's centre (Å), distance (Å), quaternion (x, y, z, w); empty fits."""

    camera_group = traitlets.Unicode("").tag(sync=True)
    """Views of one page with the same non-empty name share their camera and isovalue."""

    isovalue = traitlets.Float(0.04).tag(sync=True)
    """Where the surfaces are, > 0, in the unit of their field; the browser's slider sets it when let go."""

    isovalue_range = traitlets.Tuple(traitlets.Float(), traitlets.Float(), default_value=(0.01, 1)).tag(
        sync=True
    )
    """The ends of the slider."""

    ready = traitlets.Int(0).tag(sync=True)
    """The last `tick` that a browser has painted."""

    tick = traitlets.Int(0).tag(sync=True)
    """Counts the scenes shown; set last, so that a browser redraws once per scene."""

    scene = traitlets.Dict().tag(sync=True)
    """What `show` was given, arrays as little-endian bytes: see `nablaviz.views.scene.encode`."""

    words = Words("viewer")
    """Its texts."""

    palette = traitlets.Dict(ELEMENT_COLORS | {"": OTHER_COLOR}).tag(sync=True)
    """Colour of each element."""

    def __init__(self, molecules: Molecule | Sequence[Molecule] | None = None, **traits: Any) -> None:
        self._molecules: tuple[Molecule, ...] = ()
        self._active = 0
        self._surfaces: tuple[Surface, ...] = ()
        self._steppers = CallbackDispatcher()
        self._pictures = Pictures()
        super().__init__(library=library("3Dmol", (STATIC / "3Dmol-min.js").read_bytes), **traits)
        self.on_msg(self._receive)
        if molecules is not None:
            self.show(molecules)

    @property
    def molecules(self) -> tuple[Molecule, ...]:
        """What is shown."""
        return self._molecules

    @property
    def active(self) -> Molecule | None:
        """The molecule that picking, colours, labels and arrows belong to."""
        return self._molecules[self._active] if self._molecules else None

    def show(
        self,
        molecules: Molecule | Sequence[Molecule],
        *,
        active: int = 0,
        opacity: Sequence[float] | None = None,
        colors: Sequence[str] | None = None,
        arrows: np.ndarray | None = None,
        legend: str = "",
        keep_camera: bool = True,
    ) -> None:
        """Replace what is shown.

        Picked atoms stay where the new active molecule has the same atoms, surfaces where it also lies so.

        Parameters
        ----------
        molecules
            One or several, drawn where their coordinates are.
        active
            Place of the active one.
        opacity
            Of each molecule, 0 to 1; ``None`` draws the active one solid and the others at 0.35.
        colors
            Of each atom of the active molecule, ``#rrggbb``; ``None`` colours by element.
        arrows
            Vectors from the atoms of the active molecule, shape (N, 3), Å: see `scale_arrows`.
        legend
            Plain text for the corner.
        keep_camera
            Whether zoom and rotation stay as they are; else the view is fitted to the molecules.

        Raises
        ------
        ValueError
            If there is no molecule, or a length, colour, opacity or arrow is not as said above.
        """
        shown = (molecules,) if isinstance(molecules, Molecule) else tuple(molecules)
        scene = encode(shown, active, opacity, colors, arrows)
        before = self.active
        with self.hold_sync():
            self._molecules, self._active = shown, active
            if before is None or not np.array_equal(before.numbers, shown[active].numbers):
                self.picked = []
            if before is None or not np.array_equal(before.positions, shown[active].positions):
                self._surfaces, self.surfaces = (), []
            if not keep_camera:
                self.camera = []
            self.scene, self.legend = scene, legend
            self._measure()
            self.tick += 1

    @property
    def drawn(self) -> tuple[Surface, ...]:
        """The surfaces that are shown."""
        return self._surfaces

    def draw_surfaces(
        self,
        surfaces: Sequence[Surface],
        *,
        isovalue: float | None = None,
        isovalue_range: tuple[float, float] | None = None,
        choice: int | None = None,
    ) -> None:
        """Replace the surfaces; none removes them.

        For a molecule and its surfaces in one redraw::

            with view.hold_sync():
                view.show(molecule)
                view.draw_surfaces([Surface(field)])

        Parameters
        ----------
        surfaces
            Drawn where the coordinates of their boxes are.
        isovalue, isovalue_range
            New values of the traits; ``None`` leaves the first and finds a range that suits the fields.
        choice
            The trait's new value.

        Raises
        ------
        traitlets.TraitError
            If an isovalue is not a positive number, or the range does not rise.
        """
        shown = tuple(surfaces)
        with self.hold_sync():
            if isovalue is not None:
                self.isovalue = isovalue
            self.isovalue_range = isovalue_range or surface.slider_range(shown, self.isovalue)
            self.surfaces, self.choice = surface.encode(shown, self.isovalue), choice
            self._surfaces = shown
            self.tick += 1

    def on_step(self, callback: Callable[[int], None], remove: bool = False) -> None:
        """Call ``callback(-1)`` on arrow up or left in the view, ``callback(1)`` on arrow down or right."""
        self._steppers.register_callback(callback, remove=remove)

    def to_py3dmol(self, width: int = 640, height: int = 400) -> py3Dmol.view:
        """A py3Dmol view of the same scene, without kernel or network: see `nablaviz.views.export`."""
        return to_py3dmol(self, width, height)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The widget, and a still picture for where there are no widgets."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None and self._molecules:
            bundle[0]["image/png"] = base64.b64encode(still(self)).decode()
        return bundle

    async def to_png(self, timeout: float = 10.0) -> bytes:
        """The picture as a browser draws it, as a PNG file: ``png = await view.to_png()``.

        Raises
        ------
        TimeoutError
            If no displayed view answers within ``timeout`` seconds.
        """
        return await self._pictures.wait(lambda: self.send({"kind": "picture"}), timeout)

    def _receive(self, _: Widget, content: dict[str, Any], buffers: list[memoryview]) -> None:
        if content.get("kind") == "step":
            self._steppers(1 if content.get("by", 0) > 0 else -1)
        elif content.get("kind") == "picture" and buffers:
            self._pictures.answer(bytes(buffers[0]))

    @traitlets.validate("picked")
    def _check_picked(self, proposal: traitlets.Bunch) -> list[int]:
        picked, size = proposal["value"], len(self.active) if self.active else 0
        for atom in picked:
            if not 0 <= atom < size:
                raise traitlets.TraitError(f"cannot pick atom {atom}: the active molecule has {size} atoms")
        if len(set(picked)) < len(picked):
            raise traitlets.TraitError(f"an atom is picked twice: {picked}")
        return picked

    @traitlets.validate("camera")
    def _check_camera(self, proposal: traitlets.Bunch) -> list[float]:
        camera = proposal["value"]
        if len(camera) not in (0, 8) or not all(map(math.isfinite, camera)):
            raise traitlets.TraitError(f"camera must be 8 finite numbers, or none to fit, not {camera}")
        return camera

    @traitlets.validate("isovalue", "isovalue_range")
    def _check_isovalue(self, proposal: traitlets.Bunch) -> float | tuple[float, float]:
        name, value = proposal["trait"].name, proposal["value"]
        if not all(map(math.isfinite, values := np.atleast_1d(value))) or (np.diff([0, *values]) <= 0).any():
            raise traitlets.TraitError(f"{name} must be positive and finite, and a range rise, not {value}")
        return value

    @traitlets.observe("picked")
    def _measure(self, _: traitlets.Bunch | None = None) -> None:
        text = measure(self.active, self.picked) if self.active else ""
        self.set_trait("measurement", text)


def link_cameras(*views: Viewer) -> None:
    """Turn one view and all turn, in the browser, without the kernel; they share the isovalue as well."""
    for view in views:
        view.camera_group, view.camera = views[0].model_id, views[0].camera
        view.isovalue = views[0].isovalue
