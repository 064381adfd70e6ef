"""How far a study is: a bar for all of it, a cell for each run, and the buttons that steer it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING

from ipywidgets import HTML, Box, Button, FloatProgress, VBox

from nablaviz.views.language import phrase, say, term
from nablaviz.views.notice import Notice

if TYPE_CHECKING:
    import pandas as pd

MARKS = {"finished": "✓", "failed": "✕", "paused": "❚❚", "stopped": "■", "running": "▸", "waiting": ""}


class StudyStatus(VBox):
    """Follows what :func:`nablaviz.studies.results.progress` says.

    Parameters
    ----------
    pause, stop, resume
        What the buttons do.
    """

    def __init__(
        self, pause: Callable[[], None], stop: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self.bar = FloatProgress(0, min=0, max=1)
        self.text = HTML()
        self.runs = HTML()
        self.notice = Notice()
        actions = {"Pause": pause, "Stop": stop, "Resume": resume}
        keys = {name: name.lower() for name in actions}
        self.buttons = {
            name: Button(description=say(f"study.{key}"), tooltip=say(f"study.{key}_does"))
            for name, key in keys.items()
        }
        for name, act in actions.items():
            self.buttons[name].on_click(lambda _, act=act: self._pressed(act))
        line = Box([self.bar, self.text, *self.buttons.values()])
        line.add_class("nablaviz-status")
        self.runs.add_class("nablaviz-runs")
        super().__init__([line, self.notice, self.runs])

    def show(self, table: pd.DataFrame, running: bool, fault: str) -> None:
        """Show where the runs are, and what the buttons can do.

        Parameters
        ----------
        table
            From :func:`nablaviz.studies.results.progress`.
        running
            Whether a process works on the study.
        fault
            Why it gave up, if it did.
        """
        counts = table["state"].value_counts()
        done = bool(counts.get("finished", 0) == len(table))
        self.bar.value = float(table["fraction"].where(table["state"] != "finished", 1.0).mean())
        self.bar.bar_style = "success" if done else "danger" if counts.get("failed", 0) else ""
        states = [say("study.state", n=count, state=term(state)) for state, count in counts.items()]
        said = say("study.runs", part=self.bar.value, n=len(table), said=say("common.comma").join(states))
        self.text.value = f'<span role="status">{said}</span>'
        paused = bool(counts.get("paused", 0))
        self.buttons["Pause"].disabled = not running or paused
        self.buttons["Stop"].disabled = not running
        self.buttons["Resume"].disabled = done or (running and not paused)
        self.runs.value = grid(table)
        if fault:
            self.notice.say(say("study.gave_up", fault=fault))
        elif running:
            self.notice.clear()

    def _pressed(self, act: Callable[[], None]) -> None:
        with self.notice.guard():
            act()


def grid(table: pd.DataFrame) -> str:
    """The runs as HTML: a line for each model, a column for each size, a cell for each seed.

    What runs says what it does in its tooltip; what failed says so below as well.
    """
    sizes = sorted(table["size"].unique())
    head = "".join(f"<th scope='col'>{size:,}</th>" for size in sizes)
    lines = []
    for model, group in table.groupby("model", sort=False):
        cells = "".join(f"<td>{_cells(group[group['size'] == size])}</td>" for size in sizes)
        lines.append(f"<tr><th scope='row'>{html.escape(str(model))}</th>{cells}</tr>")
    failed = "".join(
        f"<li>{html.escape(f'{run.run}: {run.message}')}</li>"
        for run in table[table["state"] == "failed"].itertuples()
    )
    faults = f"<ul class='nablaviz-failed'>{failed}</ul>" if failed else ""
    corner = f"<th scope='col'>{say('study.size_head')}</th>"
    return f"<table><thead><tr>{corner}{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>{faults}"


def _cells(runs: pd.DataFrame) -> str:
    cells = []
    for run in runs.itertuples():
        part = 1.0 if run.state == "finished" else run.fraction
        tip = say(
            "study.cell", seed=run.seed, state=term(run.state), part=part, steps=run.step, seconds=run.seconds
        )
        tip += f"; {phrase(run.message)}" if run.message else ""
        cells.append(
            f"<span class='nablaviz-run nablaviz-{html.escape(run.state)}' role='img' "
            f"aria-label='{html.escape(tip)}' title='{html.escape(tip)}' "
            f"style='--part: {part:.3f}'>{MARKS.get(run.state, '')}</span>"
        )
    return "".join(cells)
