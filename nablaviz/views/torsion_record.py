"""A torsion as a page that plays without a kernel, and as an animated GIF."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nablaviz.models.torsion_check import Check
from nablaviz.views.language import say
from nablaviz.views.page import State, page
from nablaviz.views.scene import farther, fitting_camera
from nablaviz.views.surface import Surface, encode
from nablaviz.views.torsion_chart import TorsionChart
from nablaviz.views.torsion_frame import ISOVALUES, Frame, Wish, frame
from nablaviz.views.viewer import Viewer

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

PAGE_POINTS = 32
"""Along the longest side of an orbital's box in a page, which is to stay below 3 MB."""

WIDTH = 480
"""Of the pictures of an animation, pixels."""

STRIP = 90
"""Height of the curve below the molecule, pixels."""

DELAY = 100
"""Of a picture, ms."""


def torsion_page(
    wish: Wish,
    checks: Mapping[float, Check],
    curves: list[dict[str, Any]],
    table: pd.DataFrame | None,
    *,
    names: tuple[str, str, str],
    isovalue: float,
    camera: Sequence[float],
    opacity: float,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> str:
    """A page with the orbital at each point of the path, the curves, a slider and Play.

    Parameters
    ----------
    wish
        What is drawn; the page opens at the point of the path nearest to its angle.
    checks
        By angle.
    curves
        See :func:`nablaviz.views.torsion_curves.charts`.
    table
        Shown below; ``None`` leaves it out.
    names
        The title of the page, and what is written above the view and the curves.
    isovalue, camera, opacity
        As in the view.
    progress
        Called with the number of points that are done, and of all.
    """
    grid = list(wish.path.grid)
    frames = []
    for done, angle in enumerate(grid):
        frames.append(frame(replace(wish, angle=angle), checks, points=PAGE_POINTS))
        progress(done + 1, len(grid))
    view, chart = Viewer(height="430px", isovalue_range=ISOVALUES), TorsionChart(height=430, stops=grid)
    chart.charts = curves
    try:
        states: dict[str, State] = {}
        points: list[np.ndarray] = []
        for shown in frames:
            view.show(shown.point.molecule, colors=shown.colors, legend=shown.legend)
            scene, surface = dict(view.scene), Surface(shown.field, opacity=opacity)
            points.append(_inside(shown, isovalue))
            values = {"scene": scene, "legend": shown.legend, "surfaces": encode([surface], isovalue)}
            angle = shown.wish.angle
            states[f"{angle:g}°"] = {view: values, chart: {"angle": angle}}
        nearest = int(np.argmin([abs((angle - wish.angle + 180) % 360 - 180) for angle in grid]))
        first = frames[nearest]
        names_in_order = list(states)
        states = {name: states[name] for name in (*names_in_order[nearest:], *names_in_order[:nearest])}
        view.show(first.point.molecule, colors=first.colors, legend=first.legend)
        view.draw_surfaces([Surface(first.field, opacity=opacity)], isovalue_range=ISOVALUES)
        view.isovalue, chart.angle = isovalue, grid[nearest]
        start = list(camera) or fitting_camera([first.point.molecule], view.scene)
        view.camera = farther(start, view.scene, np.concatenate(points))
        title, above, beside = names
        tables = {} if table is None else {say("torsion_save.table_caption"): table}
        return page({above: view, beside: chart}, title=title, states=states, tables=tables, buttons=False)
    finally:
        view.close()
        chart.close()


def _inside(shown: Frame, isovalue: float) -> np.ndarray:
    """Points within the surface, shape (N, 3), Å."""
    at = np.argwhere(np.abs(shown.field.values) >= isovalue)
    return at * shown.field.box.spacing + shown.field.box.origin


def strip(curve: dict[str, Any], angle: float, size: tuple[int, int], paper: Any) -> Image:
    """The curve with a dot where the dihedral is, as a picture.

    Parameters
    ----------
    curve
        One of :func:`nablaviz.views.torsion_curves.charts`.
    size
        Pixels.
    paper
        Colour of the background: red, green, blue.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = size
    picture = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(picture)
    ink = (30, 30, 30) if sum(paper) > 382 else (235, 235, 235)
    font = ImageFont.load_default(12)
    values = [value for line in curve["lines"] for value in line["y"] if value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    span = (high - low) or 1.0

    def place(x: float, y: float) -> tuple[float, float]:
        return 12 + (x + 180) / 360 * (width - 24), height - 10 - (y - low) / span * (height - 36)

    for line in curve["lines"]:
        known = [place(x, y) for x, y in zip(line["x"], line["y"], strict=True) if y is not None]
        if line["marks"]:
            for x, y in known:
                pen.ellipse((x - 3, y - 3, x + 3, y + 3), outline=(213, 94, 0), width=2)
            continue
        pen.line(known, fill=(0, 114, 178), width=2)
        there = [(x, y) for x, y in zip(line["x"], line["y"], strict=True) if y is not None]
        if there:
            y = float(np.interp(angle, *np.transpose(there)))
            x, y = place(angle, y)
            pen.line((x, 24, x, height - 8), fill=ink)
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(0, 114, 178), outline=paper)
    pen.text((12, 4), curve["title"], fill=ink, font=font)
    return picture


def animation(pictures: Sequence[bytes], curve: dict[str, Any], angles: Sequence[float]) -> bytes:
    """Pictures of the view, one for each angle, with the curve below, as an animated GIF that repeats.

    Parameters
    ----------
    pictures
        PNG files.
    curve
        As for :func:`strip`.
    angles
        Degrees.

    Raises
    ------
    ValueError
        If there is no picture, or not one for each angle.
    """
    from PIL import Image

    if not pictures or len(pictures) != len(angles):
        raise ValueError(
            f"an animation needs a picture for each angle, not {len(pictures)} for {len(angles)}"
        )
    frames, size = [], None
    for png, angle in zip(pictures, angles, strict=True):
        shown = Image.open(io.BytesIO(png)).convert("RGB")
        if size is None:
            size = (WIDTH, round(shown.height * WIDTH / shown.width))
        shown = shown.resize(size, Image.Resampling.LANCZOS)
        whole = Image.new("RGB", (WIDTH, size[1] + STRIP))
        whole.paste(shown, (0, 0))
        whole.paste(strip(curve, angle, (WIDTH, STRIP), shown.getpixel((2, 2))), (0, size[1]))
        frames.append(whole)
    palette = frames[0].quantize(128)
    indexed = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    out = io.BytesIO()
    indexed[0].save(out, "GIF", save_all=True, append_images=indexed[1:], duration=DELAY, loop=0)
    return out.getvalue()
