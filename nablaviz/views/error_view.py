"""What the error panel shows, from the errors, the conformers, the kind of error and the unit chosen."""

from __future__ import annotations

import html
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nablaviz.data.conditions import RELATIVE
from nablaviz.studies.analysis import Analysis
from nablaviz.studies.covariates import FINGERPRINT, GEOMETRY
from nablaviz.studies.error_kinds import KINDS, VALUES
from nablaviz.studies.groups import groups, members
from nablaviz.studies.slices import contest_words, slice_words
from nablaviz.views.error_figures import Drawing, Scale, points_drawing, residual_drawing, scale
from nablaviz.views.figures import hover_texts
from nablaviz.views.group_figure import groups_drawing
from nablaviz.views.language import phrase, say, term

if TYPE_CHECKING:
    import pandas as pd

DUEL, SIGNED, SIZE = "duel", "signed", "size"

NUMBERS = {
    "n_atoms": "n_atoms",
    FINGERPRINT: "fingerprint",
    GEOMETRY: "geometry",
    "mean_force": "mean_force",
    RELATIVE: "relative",
}
SETS = {"elements": "elements", "functional_groups": "functional_groups", "scaffold": "scaffold"} | {
    "split": "split_axis"
}
"""What errors can be drawn by, and the key of its name."""


@dataclass(frozen=True, eq=False)
class ErrorView:
    """Some conformers and one kind of error."""

    analysis: Analysis
    kind: str
    rows: np.ndarray
    wanted: str
    "``KCAL`` or ``HARTREE``."

    @cached_property
    def errors(self) -> dict[str, pd.Series]:
        """Of each model, in our units."""
        return {name: self.analysis.error(name, self.kind, self.rows) for name in self.analysis.names}

    @cached_property
    def covariates(self) -> pd.DataFrame:
        """Of these conformers."""
        return self.analysis.covariates.loc[self.rows]

    @cached_property
    def groups(self) -> pd.DataFrame:
        """See :func:`nablaviz.studies.groups.groups`."""
        return groups(self.covariates)

    @cached_property
    def scale(self) -> Scale:
        """The unit of the errors."""
        means = [error.mean() for error in self.errors.values()]
        return scale(KINDS[self.kind].unit, self.wanted, float(np.nanmax([0.0, *means])))

    @property
    def label(self) -> str:
        """The kind of error with its unit."""
        text = term(KINDS[self.kind].label)
        return self.scale.title(text[0].upper() + text[1:])

    @property
    def parities(self) -> list[tuple[str, str]]:
        """What can be drawn against what: texts and keys."""
        found = [(say("errors.parity", value=term(VALUES[value])), value) for value in self.analysis.values]
        own = KINDS[self.kind].value
        found.sort(key=lambda choice: choice[1] != own)
        names = self.analysis.names[::-1]
        return found + ([(say("errors.against").join(names), DUEL)] if len(names) > 1 else [])

    @property
    def distributions(self) -> list[tuple[str, str]]:
        """Whose distribution can be drawn."""
        signed = [(say("errors.signed"), SIGNED)] if KINDS[self.kind].value in self.analysis.values else []
        return [*signed, (say("errors.size"), SIZE)]

    @property
    def dependences(self) -> list[tuple[str, str]]:
        """What the error can be drawn by."""
        there = [c for c in NUMBERS if self.covariates[c].notna().any()]
        there += [c for c in SETS if members(self.covariates, c).shape[1]]
        return [(say(f"errors.{(NUMBERS | SETS)[c]}"), c) for c in there]

    def parity(self, value: str, dark: bool) -> Drawing:
        """Predictions against labels, or the errors of one model against those of the other."""
        if value == DUEL:
            (first, x), (second, y) = (
                (name, error * self.scale.factor) for name, error in self.errors.items()
            )
            titles = (f"{first}: {self.label}", f"{second}: {self.label}")
            series = self._by_split(x, y)
        else:
            pairs = {name: self.analysis.pair(name, value, self.rows) for name in self.analysis.names}
            largest = max(float(reference.abs().max()) for reference, _ in pairs.values())
            own = scale("Eh", self.wanted, largest)
            titles = (
                own.title(say("errors.dft_axis", value=term(VALUES[value]))),
                own.title(say("errors.predicted_axis")),
            )
            scaled = {name: (x * own.factor, y * own.factor) for name, (x, y) in pairs.items()}
            series = self._series(scaled)
        return points_drawing(series, titles, self._hover, diagonal=True, dark=dark)

    def distribution(self, what: str, dark: bool) -> Drawing:
        """How often errors of a size occur."""
        values, title = self.errors, term(KINDS[self.kind].label)
        if what == SIGNED:
            value = KINDS[self.kind].value
            assert value is not None
            pairs = {name: self.analysis.pair(name, value, self.rows) for name in self.errors}
            values = {name: predicted - reference for name, (reference, predicted) in pairs.items()}
            title = say("errors.signed_axis", value=term(VALUES[value]))
        scaled = {name: error * self.scale.factor for name, error in values.items()}
        return residual_drawing(scaled, self.scale.title(title), self.scale.unit, dark=dark)

    def dependence(self, column: str, dark: bool) -> Drawing:
        """The error by one covariate."""
        scaled = {name: error * self.scale.factor for name, error in self.errors.items()}
        if column in SETS:
            return groups_drawing(
                scaled, members(self.covariates, column), self.covariates["molecule"], self.label,
                self.scale.unit, dark=dark,
            )  # fmt: skip
        x = self.covariates[column].astype(float)
        series = self._series({name: (x, error) for name, error in scaled.items()})
        return points_drawing(
            series, (say(f"errors.{NUMBERS[column]}"), self.label), self._hover, trend=True, dark=dark
        )

    def sentences(self, table: pd.DataFrame) -> list[tuple[str, list[int]]]:
        """The significant lines of a table of slices or contests in words, each with its conformers."""
        names = self.analysis.names
        found = []
        for line in table[table["significant"]].itertuples():
            everyone = line.kind == "all"
            rows = self.rows if everyone else self.rows[self.groups[line.kind, line.group].to_numpy()]
            words = contest_words(line, (names[0], names[-1])) if "first" in table else slice_words(line)
            found.append((phrase(words), rows.tolist()))
        return found

    def ranked(self, name: str, among: np.ndarray) -> list[tuple[int, str]]:
        """Rows by the error of a model, the worst first, with captions."""
        error = self.errors[name]
        worst = error[error.index.isin(among)].dropna().sort_values(ascending=False, kind="stable")
        formula = self.covariates["formula"]
        return [(int(row), f"{self._write(value)} · {formula[row]}") for row, value in worst.items()]

    def headline(self, dataset: str, total: int) -> str:
        """What is looked at, and mean errors, as HTML."""
        means = [f"{html.escape(name)} <b>{self._write(e.mean())}</b>" for name, e in self.errors.items()]
        molecules = self.covariates["molecule"].nunique()
        return (
            f'<div class="nablaviz-head"><b>{html.escape(dataset)}</b>'
            f"<span>{say('errors.counts', n=len(self.rows), total=total, molecules=molecules)}</span>"
            f"<span>{say('errors.mean_error', means=' · '.join(means))}</span></div>"
        )

    def numbers(self, row: int) -> str:
        """All errors of one conformer as an HTML list."""
        lines = []
        for kind in self.analysis.kinds:
            values = [self.analysis.error(name, kind, np.array([row])).iloc[0] for name in self.errors]
            largest = float(np.nanmax([0.0, *values]))
            own = scale(KINDS[kind].unit, self.wanted, largest)
            said = " · ".join("–" if v != v else f"{v * own.factor:.3g}" for v in values)
            lines.append(
                f"<div><dt>{html.escape(term(KINDS[kind].label))}</dt><dd>{said} {own.unit}</dd></div>"
            )
        names = html.escape(" · ".join(self.errors))
        who = f'<div class="nablaviz-who">{say("errors.errors_of", names=names)}</div>'
        return f'{who}<dl class="nablaviz-facts">{"".join(lines)}</dl>'

    def _write(self, value: float) -> str:
        return f"{value * self.scale.factor:.3g} {self.scale.unit}".rstrip()

    def _series(self, points: dict[str, tuple[pd.Series, pd.Series]]) -> dict[str, pd.DataFrame]:
        """A series per model; per split where there is one model only."""
        import pandas as pd

        if len(points) == 1:
            ((x, y),) = points.values()
            return self._by_split(x, y)
        return {name: pd.DataFrame({"x": x, "y": y}) for name, (x, y) in points.items()}

    def _by_split(self, x: pd.Series, y: pd.Series) -> dict[str, pd.DataFrame]:
        import pandas as pd

        points = pd.DataFrame({"x": x, "y": y})
        known = self.covariates["split"]
        split = known.astype(object).where(known.notna(), say("errors.no_split"))
        return {name: points[split == name] for name in sorted(split.unique())}

    def _hover(self, points: pd.DataFrame) -> list[str]:
        table = self.covariates.loc[points.index]
        texts = hover_texts(table, (RELATIVE, "mean_force"))
        said = {name: error.reindex(points.index) for name, error in self.errors.items()}
        several = len(said) > 1
        for name, error in said.items():
            label = f"{term(KINDS[self.kind].label)}{f', {html.escape(name)}' if several else ''}"
            texts = [f"{t}<br>{label}: {self._write(v)}" for t, v in zip(texts, error, strict=True)]
        return texts
