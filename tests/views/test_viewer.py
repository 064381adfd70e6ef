"""The Python side of the 3D viewer, without a browser."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
import traitlets
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nablaviz.chem.bonds import find_bonds
from nablaviz.molecule import Molecule
from nablaviz.views import viewer as viewer_module
from nablaviz.views.export import mol_block
from nablaviz.views.scene import ELEMENT_COLORS, OTHER_COLOR, facing, farther, rotation, scale_arrows
from nablaviz.views.still import still
from nablaviz.views.viewer import STATIC, Viewer, link_cameras, measure

ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"

METHANOL = Molecule(
    [6, 8, 1, 1, 1, 1],
    [[0, 0, 0], [1.42, 0, 0], [-0.36, 1.03, 0], [-0.36, -0.51, 0.89], [-0.36, -0.51, -0.89], [1.74, 0.91, 0]],
    "CO",
)
WATER = Molecule([8, 1, 1], [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])


def floats(data: bytes) -> np.ndarray:
    return np.frombuffer(data, dtype="<f4").reshape(-1, 3)


def test_scene_holds_what_was_shown():
    view = Viewer()
    view.show([METHANOL, WATER], active=1, opacity=[0.25, 1], arrows=np.eye(3), colors=["#112233"] * 3)
    scene = view.scene
    assert (scene["active"], scene["sizes"], scene["opacity"]) == (1, [6, 3], [0.25, 1.0])
    assert list(scene["numbers"]) == [6, 8, 1, 1, 1, 1, 8, 1, 1]
    np.testing.assert_allclose(floats(scene["positions"])[6:], WATER.positions, atol=1e-6)
    np.testing.assert_array_equal(floats(scene["arrows"]), np.eye(3))
    bonds = np.frombuffer(scene["bonds"], dtype="<u2").reshape(-1, 3)
    assert scene["bond_counts"] == [5, 2]
    np.testing.assert_array_equal(bonds[:5], find_bonds(METHANOL))
    np.testing.assert_array_equal(bonds[5:], find_bonds(WATER))
    np.testing.assert_allclose(scene["centre"], WATER.positions.mean(axis=0))
    assert scene["colors"] == ["#112233"] * 3
    assert view.active is WATER
    assert view.molecules == (METHANOL, WATER)


def test_one_message_with_the_tick_last():
    view = Viewer(METHANOL)
    sent = []
    view.send_state = lambda key: sent.append(set(key))
    view.picked = [0]
    sent.clear()
    view.show(WATER, keep_camera=False)
    assert len(sent) == 1
    assert {"scene", "picked", "tick"} <= sent[0]
    assert view.tick == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"active": 2}, "active must be 0 to 1, not 2"),
        ({"opacity": [1.0]}, "opacity must be 2 numbers from 0 to 1"),
        ({"opacity": [1.0, 1.5]}, "opacity must be 2 numbers from 0 to 1"),
        ({"opacity": [1.0, float("nan")]}, "opacity must be 2 numbers from 0 to 1"),
        ({"colors": ["#000000"]}, "colors must be 6 strings #rrggbb, not 1"),
        ({"colors": ["red"] * 6}, "colors must be 6 strings #rrggbb, not 'red'"),
        ({"colors": ["#00000" + HOSTILE] * 6}, "colors must be 6 strings"),
        ({"arrows": np.zeros((3, 3))}, r"shape \(6, 3\); shape \(3, 3\) was given"),
        ({"arrows": np.full((6, 3), np.inf)}, "arrows must be finite"),
    ],
)
def test_bad_scenes_are_refused_and_leave_the_view_as_it_was(options, message):
    view = Viewer(WATER)
    with pytest.raises(ValueError, match=message):
        view.show([METHANOL, WATER], **options)
    assert view.molecules == (WATER,)
    assert view.tick == 1


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="no molecule"):
        Viewer([])


def test_picked_atoms_are_measured():
    view = Viewer(METHANOL)
    said = []
    for picked in ([], [0], [0, 1], [2, 0, 1], [2, 0, 1, 5], [2, 0, 1, 5, 3]):
        view.picked = picked
        said.append(view.measurement)
    assert said[:3] == ["", "", "1.420 Å"]
    assert said[3:] == ["109.3°", "0.0°", ""]


def test_measurement_of_atoms_on_a_line_is_empty():
    line = Molecule([6, 6, 6, 6], [[0, 0, 0], [1.2, 0, 0], [2.4, 0, 0], [3.6, 0, 0]])
    assert measure(line, [0, 1, 2, 3]) == ""
    assert measure(line, [0, 1, 2]) == "180.0°"


@pytest.mark.parametrize(
    ("picked", "message"), [([6], "cannot pick atom 6.* 6 atoms"), ([-1], "-1"), ([1, 1], "twice")]
)
def test_impossible_picks_are_refused(picked, message):
    view = Viewer(METHANOL, picked=[])
    with pytest.raises(traitlets.TraitError, match=message):
        view.picked = picked
    assert view.picked == []


def test_picks_stay_on_the_same_atoms_only():
    view = Viewer(METHANOL)
    view.picked = [0, 1]
    stretched = Molecule(METHANOL.numbers, METHANOL.positions * 1.1)
    view.show(stretched)
    assert (view.picked, view.measurement) == ([0, 1], "1.562 Å")
    view.show([WATER, stretched], active=1)
    assert view.picked == [0, 1]
    view.show(WATER)
    assert (view.picked, view.measurement) == ([], "")


def test_camera_is_kept_or_fitted_and_checked():
    view, camera = Viewer(METHANOL), [0.0, 0, 0, 30, 0, 0, 0, 1]
    view.camera = camera
    view.show(WATER)
    assert view.camera == camera
    view.show(WATER, keep_camera=False)
    assert view.camera == []
    for wrong in (camera[:7], [float("nan"), *camera[1:]]):
        with pytest.raises(traitlets.TraitError, match="camera must be 8 finite numbers"):
            view.camera = wrong


def test_linked_cameras_share_a_group_and_start_alike():
    views = [Viewer(WATER, camera=[0.0, 0, 0, 30, 0, 0, 0, 1]), Viewer(METHANOL), Viewer(WATER)]
    link_cameras(*views[:2])
    assert views[0].camera_group == views[1].camera_group != views[2].camera_group == ""
    assert views[1].camera == views[0].camera
    link_cameras()


def test_steps_reach_their_callbacks():
    view, steps = Viewer(WATER), []
    view.on_step(steps.append)
    for by in (1, -1, 5):
        view._handle_custom_msg({"kind": "step", "by": by}, [])
    assert steps == [1, -1, 1]
    view.on_step(steps.append, remove=True)
    view._handle_custom_msg({"kind": "step", "by": 1}, [])
    view._handle_custom_msg({"kind": "unheard of"}, [])
    assert len(steps) == 3


def test_png_comes_from_the_browser_or_not_at_all():
    view, asked = Viewer(WATER), []
    view.send = asked.append

    async def answered():
        waiting = asyncio.gather(view.to_png(), view.to_png())
        await asyncio.sleep(0)
        view._handle_custom_msg({"kind": "picture"}, [memoryview(b"png")])
        return await waiting

    assert asyncio.run(answered()) == [b"png", b"png"]
    assert asked == [{"kind": "picture"}] * 2
    with pytest.raises(TimeoutError, match=r"no picture within 0.01 s"):
        asyncio.run(view.to_png(timeout=0.01))


def test_all_viewers_share_one_library():
    views = [Viewer(), Viewer(WATER)]
    assert views[0].library is views[1].library
    assert zlib.decompress(views[0].library.source, 31) == (STATIC / "3Dmol-min.js").read_bytes()
    views[0].library.close()
    assert Viewer().library.comm is not None


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_facing_is_the_rotation_that_it_says(seed):
    points = np.random.default_rng(seed).normal(size=(7, 3)) * [1, 2, 4]
    quaternion = facing(points)
    matrix = rotation(quaternion)
    np.testing.assert_allclose(matrix, Rotation.from_quat(quaternion).as_matrix(), atol=1e-12)
    seen = (points - points.mean(axis=0)) @ matrix.T
    assert seen[:, 0].std() > seen[:, 1].std()
    assert seen[:, 0].std() > seen[:, 2].std()


@given(st.floats(1e-6, 1e3), st.integers(0, 1000))
@settings(deadline=None)
def test_arrows_have_a_round_scale_and_a_handy_length(size, seed):
    forces = np.random.default_rng(seed).normal(size=(5, 3))
    forces *= size / np.linalg.norm(forces, axis=1).max()
    arrows, legend = scale_arrows(forces, longest=2.0)
    assert 0.75 < np.linalg.norm(arrows, axis=1).max() <= 2.0 * (1 + 1e-9)
    scale = re.fullmatch(r"forces: 1 Å = (\S+) Eh/Å", legend)[1]
    assert scale.replace(".", "").strip("0").split("e")[0] in {"1", "2", "5"}
    np.testing.assert_allclose(arrows * float(scale), forces)


def test_no_forces_no_arrows():
    arrows, legend = scale_arrows(np.zeros((3, 3)))
    assert not arrows.any()
    assert legend == "forces: none"
    with pytest.raises(ValueError, match="forces of atom 1 are not finite"):
        scale_arrows(np.array([[0, 0, 1], [0, np.nan, 0]]))


def test_colors_follow_the_element():
    view = Viewer(Molecule([35, 1, 12], [[0, 0, 0], [1.4, 0, 0], [9, 0, 0]]))
    assert view.palette["Br"] == ELEMENT_COLORS["Br"]
    assert view.palette[""] == OTHER_COLOR


@pytest.mark.parametrize("smiles", ["CO", None])
def test_mol_block_is_read_back_by_rdkit(smiles):
    from rdkit import Chem

    benzene = Chem.AddHs(Chem.MolFromSmiles("c1ccccc1C#N"))
    from rdkit.Chem import AllChem

    AllChem.EmbedMolecule(benzene, randomSeed=1)
    numbers = [atom.GetAtomicNum() for atom in benzene.GetAtoms()]
    positions = benzene.GetConformer().GetPositions()
    text = mol_block(Molecule(numbers, positions, "c1ccccc1C#N"))
    read = Chem.MolFromMolBlock(text, removeHs=False)
    assert Chem.MolToSmiles(read) == Chem.MolToSmiles(benzene)
    np.testing.assert_allclose(read.GetConformer().GetPositions(), positions, atol=1e-4)


def test_mol_block_refuses_what_it_cannot_count():
    many = Molecule([2] * 1000, np.arange(3000).reshape(1000, 3) * 5.0)
    with pytest.raises(ValueError, match="at most 999 atoms"):
        mol_block(many)


def test_py3dmol_holds_everything_and_no_foreign_string():
    hostile = Molecule(METHANOL.numbers, METHANOL.positions, HOSTILE)
    view = Viewer()
    view.show([hostile, WATER, WATER], opacity=[1, 0, 0.5], arrows=METHANOL.positions, legend=HOSTILE)
    html = view.to_py3dmol()._make_html()
    assert html.count("addModel(") == 2
    assert html.count("addArrow(") == 5  # the first is of length 0
    assert set(re.findall(r'"model": (\d)', html)) == {"0", "1"}
    assert "alert(" not in html.replace((STATIC / "3Dmol-min.js").read_text(), "")
    assert "http" not in re.sub(r"base64,[\w+/=]+", "", html)
    with pytest.raises(ValueError, match="no molecule"):
        Viewer().to_py3dmol()


def read_png(data: bytes) -> np.ndarray:
    """Pixels of a PNG file, shape (height, width, 4), as another library reads it."""
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))


def test_still_shows_each_element_on_transparent_paper():
    pixels = read_png(still(Viewer(METHANOL), 240, 150)).astype(int)
    assert pixels.shape == (150, 240, 4)
    drawn = pixels[..., 3] == 255
    assert 0.05 < drawn.mean() < 0.6
    assert not pixels[[0, -1], :, 3].any()
    assert not pixels[:, [0, -1], 3].any()
    for symbol in "HCO":
        color = np.array(list(bytes.fromhex(ELEMENT_COLORS[symbol][1:])))
        near = np.abs(pixels[..., :3] - color).max(axis=-1) < 12
        assert (near & drawn).sum() > 20, symbol


def test_mimebundle_has_the_widget_and_a_picture():
    data, _ = Viewer(METHANOL)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert read_png(base64.b64decode(data["image/png"])).shape == (250, 400, 4)
    assert "image/png" not in Viewer()._repr_mimebundle_()[0]


def test_the_module_needs_no_network():
    text = (STATIC / "viewer.js").read_text()
    assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}
    assert viewer_module.Viewer._esm is not None


def test_built_javascript_is_that_of_the_source(tmp_path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("no Node.js to rebuild the viewer's JavaScript with")
    source = tmp_path / "js"
    shutil.copytree(ROOT / "js", source, ignore=shutil.ignore_patterns("node_modules"))
    made = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=source, capture_output=True, text=True, env=os.environ
    )
    if made.returncode:
        pytest.skip(f"npm could not fetch the packages: {made.stderr[-300:]}")
    subprocess.run([node, "build.mjs", str(tmp_path / "static")], cwd=source, check=True)
    for built in (tmp_path / "static").iterdir():
        assert built.read_bytes() == (STATIC / built.name).read_bytes(), f"{built.name}: run make js"


def test_lockfile_names_no_registry():
    assert "resolved" not in (ROOT / "js" / "package-lock.json").read_text()


def test_a_camera_moved_back_sees_all_points_and_no_more():
    points = np.array([[0.0, 4.0, 0.0], [1.0, 2.0, 3.0]])
    turn = [0.5, -0.5, 0.5, 0.5]
    scene = {"centre": [1.0, 0.0, -1.0]}
    camera = farther([0.2, 0.1, 0.0, 5.0, *turn], scene, points)
    assert camera[:3] == [0.2, 0.1, 0.0] and camera[4:] == turn
    seen = (points - [1.2, 0.1, -1.0]) @ rotation(turn).T
    slopes = np.abs(seen[:, :2]).max(axis=1) / (camera[3] - seen[:, 2])
    assert slopes.max() == pytest.approx(0.85 * np.tan(np.radians(10)))
    assert farther(camera, scene, points / 2) == camera  # never nearer
    assert farther([*camera[:3], 99.0, *turn], scene, points)[3] == 99.0
