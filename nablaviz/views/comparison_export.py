"""A comparison as files: a page that needs no kernel, cubes, Molden files, a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nablaviz.chem.comparison import Comparison, Solution
from nablaviz.data.atomic import replacing
from nablaviz.data.cube import write_cube
from nablaviz.data.molden import write_molden
from nablaviz.views.language import say
from nablaviz.views.levels import Levels, level_data
from nablaviz.views.page import page
from nablaviz.views.pair_fields import DIFFERENCE_COLORS, magnified, orbital_fields
from nablaviz.views.pair_titles import orbital_titles
from nablaviz.views.scene import farther, fitting_camera
from nablaviz.views.surface import Surface, encode, slider_range
from nablaviz.views.viewer import Viewer, link_cameras

PAGE_POINTS = 48
"""Along the longest side of the boxes in a page, which is to stay below 1 MB."""

CUBE_POINTS = 80

SIDES = ("reference", "other", "difference")


def new_file(path: str | Path, overwrite: bool) -> Path:
    """The path, where a file may be written.

    Raises
    ------
    FileExistsError
        If there is a file already and it is not to be overwritten.
    FileNotFoundError
        If there is no such folder.
    """
    path = Path(path).expanduser()
    if path.exists() and not overwrite:
        raise FileExistsError(say("compare.exists", path=path))
    if not path.parent.is_dir():
        raise FileNotFoundError(say("compare.no_folder", path=path.parent))
    return path


def write_text(path: Path, text: str) -> None:
    """Write a file that is there only once it is complete."""
    with replacing(path) as file:
        file.write(text)


def comparison_page(
    comparison: Comparison, numbers: Sequence[int], title: str, *, isovalue: float, camera: list[float]
) -> str:
    """A page with the three views, some matched pairs of orbitals to choose from, the levels and tables.

    Parameters
    ----------
    numbers
        Of the pairs, the first to be shown at first.
    title
        Of the page.
    isovalue
        Where the surfaces are, bohr^(-3/2).
    camera
        Of the views, as the trait of :class:`Viewer`; farther away if a surface would not be seen whole.
    """
    views = [Viewer(comparison.molecule, height="340px") for _ in SIDES]
    link_cameras(*views)
    levels = Levels()
    ours, theirs = comparison.names
    try:
        reference, other = comparison.reference.orbitals, comparison.other.orbitals
        levels.show(level_data(reference, other, comparison.matching, comparison.names), numbers[0])
        states: dict[str, dict[Any, dict[str, Any]]] = {}
        points: list[np.ndarray] = []
        for number in numbers:
            name, shown, within = _state(comparison, number, isovalue)
            points.append(within)
            states[name] = {levels: {"selected": number}} | dict(zip(views, shown, strict=True))
        first = next(iter(states.values()))
        scene = views[0].scene
        camera = farther(
            camera or fitting_camera([comparison.molecule], scene), scene, np.concatenate(points)
        )
        for view in views:
            view.camera, view.isovalue = camera, isovalue
            for trait, value in first[view].items():
                view.set_trait(trait, value)
        captions = dict(zip((ours, theirs, f"{theirs} − {ours}"), views, strict=False))
        if len(captions) < len(views):  # both have the same name
            captions = dict(zip((say(f"compare.{side}") for side in SIDES), views, strict=True))
        tables = {
            say("compare.properties"): comparison.properties,
            say("compare.errors"): comparison.errors,
            say("compare.orbitals"): comparison.levels,
        }
        return page(captions | {say("compare.levels"): levels}, title=title, states=states, tables=tables)
    finally:
        for widget in (*views, levels):
            widget.close()


def _state(
    comparison: Comparison, number: int, isovalue: float
) -> tuple[str, list[dict[str, Any]], np.ndarray]:
    """Name of a pair of orbitals, what each view shows of it, and points (N, 3), Å, within its surfaces."""
    fields = orbital_fields(comparison, number, PAGE_POINTS)
    assert fields.other is not None and fields.difference is not None
    difference, factor = magnified(fields.difference, isovalue)
    plus, minus = DIFFERENCE_COLORS
    surfaces = [Surface(fields.reference), Surface(fields.other), Surface(difference, plus, minus)]
    ends = slider_range(surfaces[:2], isovalue)
    titles = orbital_titles(comparison, number, factor)
    state = [
        {"surfaces": encode([surface], isovalue), "isovalue_range": ends, "legend": said}
        for surface, (_, said) in zip(surfaces, titles, strict=True)
    ]
    inside = [np.abs(surface.field.values) >= isovalue for surface in surfaces]
    points = np.argwhere(np.any(inside, axis=0)) * fields.reference.box.spacing + fields.reference.box.origin
    return comparison.reference.orbitals.label(int(comparison.matching.pairs[number, 0])), state, points


def write_orbital_cube(shown: Comparison | Solution, number: int, side: str, path: Path) -> None:
    """Write one of a pair of orbitals, or their difference, as a cube file.

    Parameters
    ----------
    side
        One of `SIDES`.

    Raises
    ------
    ValueError
        If it is none of these, or there is no second Hamiltonian.
    """
    if side not in SIDES:
        raise ValueError(f"a cube is of {', '.join(SIDES)}, not {side!r}")
    field = getattr(orbital_fields(shown, number, CUBE_POINTS), side)
    if field is None:
        raise ValueError(say("compare.no_side", side=say(f"compare.{side}")))
    said = dict(zip(SIDES, orbital_titles(shown, number), strict=False))[side]
    write_cube(path, shown.molecule, field, title=" ".join(": ".join(said).split()))


def write_side_molden(shown: Comparison | Solution, side: str, path: Path) -> None:
    """Write all orbitals of the reference or of the other as a Molden file.

    Raises
    ------
    ValueError
        If it is neither, or there is no second Hamiltonian.
    """
    if side not in SIDES[:2]:
        raise ValueError(f"a Molden file is of {' or '.join(SIDES[:2])}, not {side!r}")
    if isinstance(shown, Solution):
        if side != SIDES[0]:
            raise ValueError(say("compare.no_second"))
        chosen = shown
    else:
        chosen = getattr(shown, side)
    write_molden(path, shown.molecule, chosen.orbitals)
