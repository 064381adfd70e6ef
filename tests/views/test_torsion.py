"""The torsion panel without a browser: with no event loop all is done at once; with one, in a thread."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
import re
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import traitlets

import nablaviz
from nablaviz.chem.torsion import dihedral
from nablaviz.molecule import Molecule
from nablaviz.views.latest import Latest
from nablaviz.views.still import still
from nablaviz.views.torsion import TorsionPanel
from nablaviz.views.torsion_curves import QUANTITIES, charts
from nablaviz.views.torsion_facts import checks_html
from nablaviz.views.torsion_record import animation


def fragment(smiles: str) -> Molecule:
    table = nablaviz.sample().table
    return nablaviz.sample()[int(table.index[table.smiles == smiles][0])].molecule


@pytest.fixture(scope="module")
def panel() -> TorsionPanel:
    """Acrolein about its middle bond."""
    return nablaviz.torsion(fragment("C=CC=O"), step=30)


@pytest.fixture(scope="module")
def checked() -> TorsionPanel:
    """Methanol, at four points of the path with DFT too."""
    panel = nablaviz.torsion(fragment("CO"), step=30)
    panel.check(90)
    return panel


def titles(html: str) -> str:
    return re.sub(r"<[^>]+>", " ", html)


def test_what_is_drawn_is_the_orbital_at_the_dihedral(panel: TorsionPanel) -> None:
    panel.angle = 404.0
    assert panel.angle == pytest.approx(44)
    frame = panel.frame
    assert frame is not None and frame.careful
    assert dihedral(frame.point.molecule, panel.path.rotor) == pytest.approx(44)
    viewer = panel.stage.viewer
    assert viewer.active is frame.point.molecule and viewer.drawn[0].field is frame.field
    assert viewer.legend.startswith("HOMO, −9.") and viewer.legend.endswith("44°")
    assert viewer.measurement == "44.0°"
    assert panel.stage.chart.angle == panel.stage.chart.shown == panel.angle
    level = frame.point.solution.orbitals.energies[frame.index]
    assert frame.line["level"] == level
    assert frame.line["gap"] == frame.point.solution.orbitals.gap
    for text in ("HOMO", "Gap", "Dipole", "Energy", "Band energy", "kcal/mol"):
        assert text in titles(panel.stage.facts.value)
    assert "percentile" in panel.stage.head.value


def test_the_path_is_complete(panel: TorsionPanel) -> None:
    table = panel.table
    assert table["angle"].tolist() == list(panel.path.grid)
    assert table["energy"].notna().all() and table["homo_dft"].isna().all()
    upper, lower = panel.stage.chart.charts
    assert upper["lines"][0]["x"][-1] == 180 and upper["lines"][0]["y"][0] == upper["lines"][0]["y"][-1]
    assert min(upper["lines"][0]["y"]) == 0
    assert len(lower["lines"]) == 6 and lower["lines"][-1]["name"] == "HOMO, followed"


def test_orbitals_are_chosen_by_name_and_in_the_diagram(panel: TorsionPanel) -> None:
    panel.orbital = "homo-1"
    assert panel.orbital == panel.controls.orbital.value == "HOMO−1"
    assert panel.stage.viewer.legend.startswith("HOMO−1")
    frame = panel.frame
    assert frame is not None
    lumo = frame.point.solution.orbitals.lumo
    panel.stage.levels.selected = lumo
    assert frame.point.index(panel.path.start.solution.orbitals.index(panel.orbital)) == lumo
    assert panel.stage.levels.selected == lumo and panel.stage.viewer.legend.split(", ")[-3].endswith("LUMO")
    panel.controls.orbital.value = "HOMO"
    assert panel.orbital == "HOMO"
    panel.stage.levels.selected = 0  # a core level, which the list does not offer
    start = panel.path.start.solution.orbitals
    assert panel.orbital == panel.controls.orbital.value and start.index(panel.orbital) < 4
    assert panel.frame is not None and panel.frame.index == 0
    panel.controls.follow.value = False
    assert panel.frame.index == start.index(panel.orbital)
    panel.controls.follow.value = True
    panel.orbital = "HOMO"
    with pytest.raises(traitlets.TraitError, match="no orbital 'SOMO'; there are HOMO"):
        panel.orbital = "SOMO"
    with pytest.raises(traitlets.TraitError, match="finite number of degrees, not nan"):
        panel.angle = float("nan")
    assert panel.orbital == "HOMO"


def test_atoms_show_charges(panel: TorsionPanel) -> None:
    panel.controls.atoms.value = "charge"
    assert "Löwdin charge" in panel.stage.viewer.legend
    colors = panel.stage.viewer.scene["colors"]
    oxygen = panel.molecule.symbols.index("O")
    red, _, blue = bytes.fromhex(colors[oxygen][1:])
    assert red > blue  # negative is orange
    panel.controls.atoms.value = "element"
    assert panel.stage.viewer.scene["colors"] == []


def test_bonds_are_clicked_or_chosen(panel: TorsionPanel) -> None:
    viewer = panel.stage.viewer
    assert viewer.picked == list(panel.path.rotor.atoms)
    viewer.picked = [2, 3]  # as clicks in the view do
    assert "O3 has no other neighbour. Can be turned: C1–C2, C0=C1" in panel.notice.text
    assert panel.controls.bond.value.name == "C1–C2"
    viewer.picked = [1, 0]
    assert panel.path.rotor.name == "C0=C1" == panel.controls.bond.label
    assert "C0=C1 is a double bond" in panel.notice.text
    assert viewer.picked == list(panel.path.rotor.atoms)
    viewer.picked = viewer.picked[:3]  # one of those marked was clicked: it is the first of a new bond
    assert viewer.picked == [panel.path.rotor.atoms[3]]
    panel.angle = 0
    geometry = panel.geometry
    panel.controls.bond.value = dict(panel.controls.bond.options)["C1–C2"]
    assert panel.path.rotor.name == "C1–C2" and panel.notice.text == ""
    assert np.allclose(panel.path.start.molecule.positions, geometry.positions)  # it goes on from there
    assert panel.table["angle"].tolist() == list(panel.path.grid)


def test_dft_beside_the_model(checked: TorsionPanel) -> None:
    table = checked.table.dropna(subset=["homo_dft"])
    assert table["angle"].tolist() == [-180, -90, 0, 90] == sorted(checked.checks)
    assert (table["overlap"] > 0.95).all() and (table["homo_error"].abs() < 0.02).all()
    shown = titles(checked.dft.table.value)
    assert f"{table['overlap'].iloc[0]:.3f}" in shown and "mean |Δ|" in shown
    for chart in checked.stage.chart.charts:
        marks = [line for line in chart["lines"] if line["marks"]]
        assert len(marks) == 1 and marks[0]["x"] == [-180, -90, 0, 90, 180]
    checked.angle = 90
    facts = titles(checked.stage.facts.value)
    assert "DFT" in facts and "overlap with DFT’s" in facts
    assert [column["name"] for column in checked.stage.levels.levels["columns"]] == [
        "DFT",
        "hamiltonian-fast",
    ]
    checked.stage.levels.selected = next(
        n for n, pair in enumerate(checked.stage.levels.levels["pairs"]) if pair[1] == checked.frame.index + 1
    )
    assert checked.orbital == "LUMO"
    checked.orbital = "HOMO"
    assert ">Nothing checked with DFT yet." in checks_html(checked.table.iloc[1:2], "HOMO")
    with pytest.raises(ValueError, match="at steps of 90, 60, 30, 10 degrees, or here, not 7"):
        checked.check(7)


def test_geometries_that_dft_cannot_do_are_named(monkeypatch: Any) -> None:
    from nablaviz.chem.dft import SCFError
    from nablaviz.views import torsion_checks

    done: list[float] = []

    def check(point: Any, progress: Any = None) -> Any:
        if point.angle == 0:
            raise SCFError("not converged after 50 iterations")
        done.append(point.angle)
        raise ValueError("atoms 0 and 1 are only 0.100 Å apart")

    monkeypatch.setattr(torsion_checks, "check", check)
    panel = nablaviz.torsion(fragment("CO"), step=30)
    panel.check(90)
    assert done == [-180, -90, 90]
    assert "0°: not converged after 50 iterations" in panel.dft.notice.text
    assert "−90°: atoms 0 and 1" in panel.dft.notice.text
    assert not panel.dft.running and not panel.dft.button.disabled


def states(page: str) -> list[dict[str, Any]]:
    packed = re.search(r'id="data">([^<]+)<', page)
    assert packed
    data = gzip.decompress(base64.b64decode(packed[1]))
    (length,) = struct.unpack("<I", data[:4])
    return json.loads(data[4 : 4 + length])["states"]


def test_files(checked: TorsionPanel, tmp_path: Path) -> None:
    checked.angle = 52
    asyncio.run(checked.save("page", tmp_path / "torsion.html"))
    page = (tmp_path / "torsion.html").read_text()
    assert len(page) < 3_000_000
    names = [state["name"] for state in states(page)]
    assert len(names) == 12 and names[0] == "60°" and set(names) == {f"{a:g}°" for a in checked.path.grid}
    assert '<nav style="display: none">' in page and "The model and DFT" in page
    asyncio.run(checked.save("csv", tmp_path / "torsion.csv"))
    assert len((tmp_path / "torsion.csv").read_text().splitlines()) == 13
    with pytest.raises(FileExistsError):
        asyncio.run(checked.save("csv", tmp_path / "torsion.csv"))
    with pytest.raises(ValueError, match="saved as page, gif, csv, not 'mp4'"):
        asyncio.run(checked.save("mp4", tmp_path / "torsion.mp4"))
    saving = checked.saving
    saving.kind.value = "csv"
    assert saving.file.value == "CH4O-HOMO.csv"
    saving.file.value = str(tmp_path / "again.csv")
    saving.button.click()
    assert "Saved" in saving.notice.text and (tmp_path / "again.csv").is_file()
    saving.button.click()
    assert "exists already" in saving.notice.text


def test_an_animation(checked: TorsionPanel) -> None:
    from PIL import Image

    pictures = [still(checked.stage.viewer)] * 3
    curve = checked.stage.chart.charts[0]
    found = Image.open(io.BytesIO(animation(pictures, curve, [-180, 0, 90])))
    assert found.n_frames == 3 and found.width == 480
    frames = []
    for k in range(3):
        found.seek(k)
        frames.append(np.asarray(found.convert("RGB"), dtype=int))
    assert np.abs(frames[1] - frames[2])[:-90].max() < 40  # the same picture
    assert (np.abs(frames[1] - frames[2])[-90:].max(axis=2) > 100).sum() > 50  # the cursor has moved
    with pytest.raises(ValueError, match="a picture for each angle, not 3 for 2"):
        animation(pictures, curve, [0, 90])


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_curves_have_gaps_where_nothing_is_known(panel: TorsionPanel, quantity: str) -> None:
    points = panel.path.known[:5]
    table = panel.table.iloc[:5]
    upper, lower = charts(table, points, {}, quantity, 3, False, panel.path.grid)
    values = upper["lines"][0]["y"]
    assert [value is not None for value in values] == [True] * 5 + [False] * 7 + [True]
    assert lower["lines"][-1]["name"] == points[0].solution.orbitals.label(3)
    upper, lower = charts(panel.table.iloc[:0], [], {}, quantity, 3, True, panel.path.grid)
    assert lower["lines"] == [] and set(upper["lines"][0]["y"]) == {None}
    assert upper["words"].endswith("nothing yet")


def test_an_unknown_quantity(panel: TorsionPanel) -> None:
    with pytest.raises(ValueError, match="energy, band_energy, level, gap, dipole, percentile, not 'mood'"):
        charts(panel.table, [], {}, "mood", 0, True, panel.path.grid)


def test_molecules_that_cannot_be_taken_are_explained() -> None:
    with pytest.raises(ValueError, match="no bond that can be turned: take one with a chain"):
        nablaviz.torsion(fragment("c1ccoc1"))
    with pytest.raises(ValueError, match="take 'CC' instead"):
        nablaviz.torsion("C[CH2]")
    with pytest.raises(ValueError, match="part of a ring, .* Can be turned: C0–C1"):
        nablaviz.torsion(fragment("Cc1ccccc1"), bond=(1, 2))
    with pytest.raises(ValueError, match="the step of a path divides 180 degrees, .* not 7"):
        nablaviz.torsion("CO", step=7)
    with pytest.raises(
        ValueError, match="no model or file 'hamiltonian-fats'; did you mean 'hamiltonian-fast'"
    ):
        nablaviz.torsion("CO", "hamiltonian-fats")


def test_in_another_language() -> None:
    nablaviz.set_language("zh")
    try:
        panel = nablaviz.torsion(fragment("CO"), step=30)
        assert panel.stage.chart.charts[0]["title"] == "能量 (kcal/mol)"
        assert panel.dft.button.description == "用 DFT 检验"
        assert "尚未用 DFT 检验" in panel.dft.table.value
    finally:
        nablaviz.set_language("en")


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_wishes_in_between_are_dropped(gate: threading.Event) -> None:
    worked: list[tuple[int, bool]] = []
    shown: list[tuple[int, bool]] = []
    rest = iter(range(3))

    def work(wish: int, careful: bool) -> tuple[int, bool]:
        worked.append((wish, careful))
        assert gate.wait(10)
        return wish, careful

    def show(found: Future[tuple[int, bool]]) -> None:
        shown.append(found.result())

    async def go() -> None:
        latest = Latest(work, show, lambda: next(rest) < 2)
        latest.resume()
        latest.ask(0)
        while not worked:
            await asyncio.sleep(0.005)
        for wish in range(1, 50):
            latest.ask(wish)
        assert latest.busy
        gate.set()
        while latest.busy:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)

    asyncio.run(go())
    assert worked == shown == [(0, False), (49, False), (49, True)]
    assert next(rest, None) is None  # the other work was done too


def test_faults_of_a_wish_are_shown() -> None:
    faults: list[BaseException | None] = []

    def work(wish: int, careful: bool) -> None:
        raise ValueError(f"no {wish}")

    Latest(work, lambda found: faults.append(found.exception())).ask(7)
    assert str(faults[0]) == "no 7"


def test_live_in_an_event_loop() -> None:
    async def go() -> TorsionPanel:
        panel = nablaviz.torsion(fragment("CO"), step=30)
        seen: list[float] = []
        panel.stage.chart.observe(lambda change: seen.append(change["new"]), "shown")
        for angle in range(60):
            panel.angle = angle
            await asyncio.sleep(0.001)
        await panel.finished()
        assert panel.frame is not None and panel.frame.wish.angle == 59 and panel.frame.careful
        assert seen[-1] == 59 and len(seen) < 40  # not one for each
        assert len(panel.path.known) == 12
        panel.check(60)
        await asyncio.sleep(0)
        with pytest.raises(ValueError, match="DFT is running: stop it first"):
            panel.check()
        panel.dft.stop()
        assert not panel.dft.running and len(panel.checks) < 6
        return panel

    asyncio.run(go())
