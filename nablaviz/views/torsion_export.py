"""A torsion as a file: a page, an animation, a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nablaviz.data.atomic import taking_its_place
from nablaviz.models.torsion_check import Check
from nablaviz.views.comparison_export import new_file, write_text
from nablaviz.views.language import say
from nablaviz.views.torsion_frame import Wish, frame
from nablaviz.views.torsion_record import animation, torsion_page
from nablaviz.views.torsion_save import KINDS
from nablaviz.views.torsion_stage import OPACITY, TorsionStage

if TYPE_CHECKING:
    import pandas as pd

PATIENCE = 30.0
"""Seconds that a browser may take for a picture."""


async def export(
    kind: str,
    path: str | Path,
    stage: TorsionStage,
    wish: Wish,
    checks: Mapping[float, Check],
    table: pd.DataFrame,
    progress: Callable[[int, int], object] = lambda done, total: None,
    *,
    overwrite: bool = False,
) -> None:
    """Write what a torsion panel shows.

    Parameters
    ----------
    kind
        One of ``page``, ``gif``, ``csv``.
    path
        Of the file.
    stage
        The panel's pictures; for ``gif`` it must be displayed in an open page.
    wish
        What is drawn.
    checks
        By angle.
    table
        Of the path, for ``csv`` and, where anything was checked, below the page.
    progress
        Called with the number of pictures that are done, and of all; may raise to stop.
    overwrite
        Whether an older file may be replaced.

    Raises
    ------
    ValueError
        If there is no such kind.
    FileExistsError, FileNotFoundError
        If there is a file already, or no such folder.
    TimeoutError
        If no browser shows the panel.
    """
    if kind not in KINDS:
        raise ValueError(f"a torsion is saved as {', '.join(KINDS)}, not {kind!r}")
    target = new_file(path, overwrite)
    if kind == "csv":
        write_text(target, table.to_csv(index=False))
    elif kind == "page":
        write_text(target, _page(stage, wish, checks, table, progress))
    else:
        found = await _animation(stage, wish, checks, progress)
        with taking_its_place(target) as part:
            part.write_bytes(found)


def _page(
    stage: TorsionStage,
    wish: Wish,
    checks: Mapping[float, Check],
    table: pd.DataFrame,
    progress: Callable[[int, int], object],
) -> str:
    solution = wish.path.start.solution
    orbital, molecule = solution.orbitals.label(wish.orbital), wish.path.molecule
    bond = wish.path.rotor.name
    names = (
        say("torsion_save.title", molecule=molecule.smiles or molecule.formula, orbital=orbital, bond=bond),
        say("torsion_save.orbital_caption", orbital=orbital, model=solution.name),
        say("torsion_save.curves_caption"),
    )
    import pandas as pd

    checked = table[table["homo_dft"].notna()].round(5)
    checked.index = pd.Index([f"{angle:g}°" for angle in checked["angle"]])
    columns = ["orbital", "level", "level_dft", "level_error", "overlap", "gap", "gap_dft", "gap_error"]
    return torsion_page(
        wish,
        checks,
        stage.chart.charts,
        checked[[*columns, "energy", "energy_dft", "energy_error"]] if checks else None,
        names=names,
        isovalue=stage.viewer.isovalue,
        camera=stage.viewer.camera,
        opacity=OPACITY,
        progress=progress,
    )


async def _animation(
    stage: TorsionStage, wish: Wish, checks: Mapping[float, Check], progress: Callable[[int, int], object]
) -> bytes:
    grid = wish.path.grid
    pictures = []
    for done, angle in enumerate(grid):
        progress(done, len(grid))
        stage.draw_view(frame(replace(wish, angle=angle), checks))
        pictures.append(await stage.viewer.to_png(PATIENCE))
    return animation(pictures, stage.chart.charts[0], grid)
