"""Surfaces as plain data, and the browser's contouring of them, run in Node.js."""

from __future__ import annotations

import base64
import gzip
import json
import math
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import traitlets

from nablaviz.chem.grid import Box, Field
from nablaviz.molecule import Molecule
from nablaviz.views.scene import ELEMENT_COLORS
from nablaviz.views.surface import (
    NEGATIVE,
    POSITIVE,
    Surface,
    compact,
    encode,
    painted_colors,
    slider_range,
)
from nablaviz.views.viewer import Viewer, link_cameras

WATER = Molecule([8, 1, 1], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def field(function, n=(40, 36, 44), half=(3.0, 2.7, 3.2), unit="e/bohr^3") -> Field:
    """A function of x, y, z on a box about the origin whose axes differ."""
    half, n = np.array(half), np.array(n)
    box = Box(-half, 2 * half / (n - 1), tuple(n))
    return Field(box, function(*np.meshgrid(*box.axes(), indexing="ij")).astype(np.float32), unit)


def sphere(x, y, z):
    return np.exp(-np.sqrt(x**2 + y**2 + z**2 + 1e-4))


def p_orbital(x, y, z):
    return (0.6 * x + 0.8 * z) * np.exp(-1.3 * np.sqrt(x**2 + y**2 + z**2))


def node(*jobs):
    """What contour.mjs answers."""
    program = shutil.which("node")
    if not program:
        pytest.skip("no Node.js to run the viewer's JavaScript with")

    def plain(value):
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, np.ndarray):
            return value.ravel().tolist()
        return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.json"
        file.write_text(json.dumps([plain(job) for job in jobs]))
        command = [program, str(Path(__file__).with_name("contour.mjs")), str(file)]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def contours(field, *levels, lines=False):
    """Vertices (V, 3), normals (V, 3) and indices (F, 3), or (L, 2) of lines, at each level."""
    volume = encode([Surface(field)], 1.0)[0]
    answers = node(
        *({"kind": "contour", "volume": volume, "level": level, "lines": lines} for level in levels)
    )
    shape = (-1, 2 if lines else 3)
    return [
        (
            np.reshape(answer["positions"], (-1, 3)),
            np.reshape(answer["normals"], (-1, 3)),
            np.reshape(answer["indices"], shape),
        )
        for answer in answers
    ]


def edges(faces) -> Counter:
    """How often each directed side of a triangle occurs."""
    return Counter((int(face[k]), int(face[k - 2])) for face in faces for k in range(3))


def check_closed(vertices, faces) -> int:
    """Each side of a triangle is that of one other, run through the other way; gives V − E + F."""
    sides = edges(faces)
    assert set(sides.values()) == {1}
    assert all((b, a) in sides for a, b in sides)
    return len(vertices) - len(sides) // 2 + len(faces)


def test_a_sphere_is_closed_round_and_faces_outwards():
    values = field(sphere)
    radius = 1.7
    (vertices, normals, faces), *_ = contours(values, math.exp(-math.sqrt(radius**2 + 1e-4)))
    assert check_closed(vertices, faces) == 2
    distance = np.linalg.norm(vertices, axis=1)
    assert np.abs(distance / radius - 1).max() < 1e-3
    np.testing.assert_allclose(normals, vertices / distance[:, None], atol=0.02)
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a + b + c) > -1e-9).all()


def test_both_phases_of_a_p_orbital():
    values = field(p_orbital)
    for sign, (vertices, normals, faces) in zip((1, -1), contours(values, 0.12, -0.12), strict=True):
        assert check_closed(vertices, faces) == 2
        on_surface = p_orbital(*vertices.T)
        assert np.abs(on_surface / (sign * 0.12) - 1).max() < 0.01
        assert np.quantile(np.abs(on_surface / (sign * 0.12) - 1), 0.99) < 2e-3
        ahead = np.abs(p_orbital(*(vertices + 0.02 * normals).T))
        assert (ahead < np.abs(on_surface)).all()


def test_the_cubic_root_is_nearer_than_the_linear_one():
    values = field(p_orbital, n=(20, 20, 20))
    (vertices, _, _), *_ = contours(values, 0.12)
    box = values.box
    steps = (vertices - box.origin) / box.spacing
    linear = []
    for step in steps:
        axis = int(np.argmax(np.abs(step - np.round(step))))
        start = np.round(step).astype(int)
        start[axis] = math.floor(step[axis])
        end = start.copy()
        end[axis] += 1
        f0, f1 = values.values[tuple(start)], values.values[tuple(end)]
        start = start.astype(float)
        start[axis] += (0.12 - f0) / (f1 - f0)
        linear.append(box.origin + box.spacing * start)
    error = [np.abs(p_orbital(*np.transpose(points)) - 0.12).mean() for points in (vertices, linear)]
    assert error[0] < 0.3 * error[1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_case_of_the_cube_closes(seed):
    """Noise has all 256 cases and every ambiguous face; a rim of zeros keeps it inside the box."""
    shape = (14, 13, 15)
    noise = np.zeros(shape)
    noise[1:-1, 1:-1, 1:-1] = np.random.default_rng(seed).normal(size=(12, 11, 13))
    inside = noise > 0.1
    codes = sum(
        inside[dx : 13 + dx, dy : 12 + dy, dz : 14 + dz].astype(int) << (dx + 2 * dy + 4 * dz)
        for dx in (0, 1) for dy in (0, 1) for dz in (0, 1)
    )  # fmt: skip
    assert len(np.unique(codes)) > 240
    answer = node({"kind": "noise", "shape": list(shape), "values": noise, "level": 0.1})[0]
    vertices = np.reshape(answer["positions"], (-1, 3))
    check_closed(vertices, np.reshape(answer["indices"], (-1, 3)))
    crossed = sum(np.count_nonzero(np.diff(inside, axis=axis)) for axis in range(3))
    assert len(vertices) == crossed  # one vertex on each edge of the grid that the surface crosses


def test_lines_lie_in_the_planes_of_the_grid_and_close():
    values = field(sphere)
    (vertices, _, lines), *_ = contours(values, 0.2, lines=True)
    assert set(Counter(lines.ravel().tolist()).values()) == {4}  # a vertex is on two planes
    ends = (vertices[lines] - values.box.origin) / values.box.spacing
    flat = (np.abs(ends - np.round(ends)) < 1e-4) & (np.abs(ends - ends[:, ::-1]) < 1e-4)
    assert flat.all(axis=1).any(axis=1).all()


def test_nothing_where_the_level_is_not_reached():
    (vertices, _, faces), *_ = contours(field(sphere), 1.5)
    assert len(vertices) == len(faces) == 0


def test_triangles_are_sorted_from_the_farthest():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(300, 3)).astype(np.float32)
    faces = np.arange(300).reshape(-1, 3)
    facing = np.array([0.6, 0.0, 0.8])
    there, back = (
        np.reshape(answer, (-1, 3))
        for answer in node(*(
            {"kind": "sort", "positions": positions, "clear": faces, "facing": (sign * facing).tolist()}
            for sign in (1, -1)
        ))
    )  # fmt: skip
    assert sorted(map(tuple, there.tolist())) == [tuple(face) for face in faces.tolist()]
    depth = (positions @ facing)[there].sum(axis=1)
    assert (np.diff(depth) > -2e-3).all()
    assert np.ptp(depth) > 3
    np.testing.assert_allclose((positions @ facing)[back].sum(axis=1), depth[::-1], atol=2e-3)


@pytest.mark.parametrize("size", [1.0, 1e-6, 1e6])
def test_volumes_arrive_with_three_digits_whatever_their_size(size):
    values = field(lambda x, y, z: size * p_orbital(x, y, z), n=(9, 8, 7))
    encoded = encode([Surface(values)], size)[0]
    points = np.array([[0.1, 0.2, -0.3], [9.0, 0.0, 0.0]])
    answer = node({"kind": "decode", "volume": encoded, "points": points})[0]
    np.testing.assert_allclose(answer["values"], values.values.ravel(), rtol=5e-4, atol=1e-8 * size)
    from scipy.interpolate import RegularGridInterpolator

    linear = RegularGridInterpolator(values.box.axes(), values.values)
    inside = np.clip(points, values.box.origin, [axis[-1] for axis in values.box.axes()])
    np.testing.assert_allclose(answer["sampled"], linear(inside), rtol=2e-3)


def test_compact_volumes_are_right_where_surfaces_can_be():
    values = field(lambda x, y, z: 300 * sphere(3 * x, 3 * y, 3 * z))
    encoded = encode([Surface(values, painted=values, painted_range=(-2, 2))], 0.1)
    small = compact(encoded, 0.05)[0]
    assert small["packed"]
    answers = node(*(
        {"kind": "decode", "volume": volume, "points": []} for volume in (small, small["painted"])
    ))  # fmt: skip
    truth = values.values.ravel()
    near = truth < 40
    found = np.array(answers[0]["values"])
    assert np.abs(found - truth)[near].max() < 0.05 / 64 + 5e-4 * 40
    assert np.abs(found - truth)[truth < 1].max() < 0.05 / 64 + 5e-4
    assert (found[~near] > 39).all()
    assert np.abs(np.array(answers[1]["values"]) - truth)[truth < 2].max() < 2e-3
    sizes = [len(gzip.compress(volume["values"])) for volume in (encoded[0], small)]
    assert sizes[1] < 0.5 * sizes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"color": "orange"}, "#rrggbb, not 'orange'"),
        ({"negative_color": "#12345"}, "#rrggbb, not '#12345'"),
        ({"opacity": 1.2}, "0 to 1, not 1.2"),
        ({"style": "glass"}, "solid, mesh, dots, not 'glass'"),
        ({"isovalue": -0.1}, "positive number, not -0.1"),
        ({"isovalue": math.nan}, "positive number, not nan"),
        ({"painted_range": (1.0, -1.0)}, "rising numbers"),
        ({"painted": field(lambda x, y, z: np.where(x > 0, np.nan, x))}, "values of the field are NaN"),
    ],
)
def test_bad_surfaces_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Surface(field(sphere), **options)


def test_bad_fields_are_refused():
    values = field(sphere).values.copy()
    values[0, 0, 0] = np.nan
    broken = Field(field(sphere).box, values, "")
    with pytest.raises(ValueError, match="1 of 63360 values of the field are NaN"):
        Surface(broken)
    with pytest.raises(ValueError, match="four points along each axis"):
        Surface(field(sphere, n=(9, 3, 9)))


def test_infinities_are_cut_off():
    values = field(sphere, n=(9, 9, 9)).values.copy()
    values[4, 4, 4] = np.inf
    encoded = encode([Surface(Field(field(sphere, n=(9, 9, 9)).box, values, ""))], 0.1)[0]
    sent = np.frombuffer(encoded["values"], "<f2").astype(float) * encoded["scale"]
    assert np.isfinite(sent).all()
    assert sent.reshape(9, 9, 9)[4, 4, 4] == pytest.approx(values[np.isfinite(values)].max(), rel=1e-3)


def test_the_slider_spans_what_the_fields_have():
    values = field(sphere)
    low, high = slider_range([Surface(values)], 0.2)
    border = sphere(0, 2.7, 0)
    assert low == pytest.approx(border, rel=1e-2)
    assert high == pytest.approx(0.9 * values.values.max(), rel=1e-6)
    assert slider_range([Surface(values)], 0.01)[0] == 0.01
    assert slider_range([Surface(values)], 5.0)[1] > 5.0
    assert slider_range([], 0.04)[0] < 0.04 < slider_range([], 0.04)[1]
    assert slider_range([Surface(values, isovalue=3.0)], 0.04) == slider_range([], 0.04)


def test_colors_are_told_apart():
    """From paper of both themes and from the atoms, also by people who do not see red and green apart."""
    deutan = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])  # Machado 2009

    def rgb(color):
        return np.array(list(bytes.fromhex(color[1:]))) / 255

    assert np.linalg.norm(deutan @ (rgb(POSITIVE) - rgb(NEGATIVE))) > 0.3
    for color in (POSITIVE, NEGATIVE):
        for paper in ("#ffffff", "#111111"):
            assert np.linalg.norm(rgb(color) - rgb(paper)) > 0.4
        assert min(np.linalg.norm(rgb(color) - rgb(other)) for other in ELEMENT_COLORS.values()) > 0.15


def test_a_painted_surface_has_a_symmetric_range_and_its_ends_colors():
    values = field(sphere)
    painted = field(lambda x, y, z: x + 0 * y, n=(30, 30, 30), unit="Eh/e")
    surface = Surface(values, negative_color=None, painted=painted)
    low, high = encode([surface], 0.2)[0]["painted"]["range"]
    assert low == -high
    assert 0.8 * -math.log(0.2) < high < 1.3 * -math.log(0.2) + 0.5
    colors = painted_colors(surface, np.array([[-9.0, 0, 0], [0, 0, 0], [9.0, 0, 0]]), 0.2)
    np.testing.assert_allclose(colors, [[178, 24, 43], [247, 247, 247], [33, 102, 172]], atol=1)
    assert painted_colors(Surface(values), np.zeros((1, 3)), 0.2) is None


def test_molecule_and_surfaces_go_in_one_message():
    view, sent = Viewer(), []
    view.send_state = lambda key: sent.append(set(key))
    with view.hold_sync():
        view.show(WATER)
        view.draw_surfaces([Surface(field(sphere))], isovalue=0.2, isovalue_range=(0.1, 0.5))
    assert len(sent) == 1
    assert {"scene", "surfaces", "isovalue", "isovalue_range", "tick"} <= sent[0]
    assert (view.isovalue, view.isovalue_range) == (0.2, (0.1, 0.5))
    assert view.surfaces[0]["unit"] == "e/bohr^3"


def test_surfaces_belong_to_their_molecule():
    view = Viewer(WATER)
    drawn = [Surface(field(sphere))]
    view.draw_surfaces(drawn)
    view.show(WATER, colors=["#112233"] * 3)
    assert list(view.drawn) == drawn
    assert len(view.surfaces) == 1
    view.show(Molecule(WATER.numbers, WATER.positions + 1))
    assert (view.drawn, view.surfaces) == ((), [])


@pytest.mark.parametrize(
    "traits",
    [
        {"isovalue": 0.0},
        {"isovalue": math.nan},
        {"isovalue": math.inf},
        {"isovalue_range": (0.1, 0.1)},
        {"isovalue_range": (-0.1, 0.1)},
    ],
)
def test_impossible_isovalues_are_refused(traits):
    view = Viewer(WATER)
    before = view.isovalue, view.isovalue_range
    (name, value), *_ = traits.items()
    with pytest.raises(traitlets.TraitError, match=f"{name} must be positive"):
        setattr(view, name, value)
    with pytest.raises(traitlets.TraitError, match=f"{name} must be positive"):
        view.draw_surfaces([Surface(field(sphere))], **traits)
    assert view.drawn == ()
    assert (view.isovalue, view.isovalue_range) == before


def test_linked_views_start_at_one_isovalue():
    views = [Viewer(WATER, isovalue=0.02), Viewer(WATER)]
    link_cameras(*views)
    assert views[1].isovalue == 0.02


def test_py3dmol_has_both_phases_as_meshes():
    view = Viewer(WATER)
    potential = field(lambda x, y, z: x + 0 * y)
    view.draw_surfaces([
        Surface(field(p_orbital), opacity=0.25),
        Surface(field(sphere), isovalue=0.3, negative_color=None, style="mesh", painted=potential),
        Surface(field(sphere), opacity=0),
    ], isovalue=0.12)  # fmt: skip
    text = view.to_py3dmol()._make_html()
    shapes = [json.JSONDecoder().raw_decode(part)[0] for part in text.split("addCustom(")[1:]]
    assert [shape["wireframe"] for shape in shapes] == [False, False, True]
    assert [shape["color"] for shape in shapes[:2]] == [POSITIVE, NEGATIVE]
    assert shapes[0]["opacity"] == 0.5  # squared by 3Dmol
    for shape, sign in zip(shapes[:2], (1, -1), strict=True):
        points = np.array([[vertex[axis] for axis in "xyz"] for vertex in shape["vertexArr"]])
        np.testing.assert_allclose(p_orbital(*points.T), sign * 0.12, rtol=0.02)
        check_closed(points, np.reshape(shape["faceArr"], (-1, 3)))
    painted = shapes[2]
    assert len(painted["color"]) == len(painted["vertexArr"])
    left = min(range(len(painted["color"])), key=lambda i: painted["vertexArr"][i]["x"])
    assert painted["color"][left]["r"] > painted["color"][left]["b"]
