"""A slider that adds noise to a Hamiltonian, and what happens to its orbitals."""

from __future__ import annotations

import numpy as np
from ipywidgets import HTML, Box, FloatLogSlider, IntSlider, VBox

from nablaviz.chem.comparison import solution
from nablaviz.chem.noise import BASES, perturbed, response
from nablaviz.molecule import Conformer
from nablaviz.views.language import say, term
from nablaviz.views.noise_figure import noise_figure
from nablaviz.views.panel import Panel
from nablaviz.views.plot import Plot
from nablaviz.views.property_table import error_table

SMALLEST, LARGEST = -6, -2
"""Powers of ten of the sizes to choose from, Eh."""


class Noise(Panel):
    """The same noise added in the atomic orbitals and in Löwdin's basis, side by side.

    Parameters
    ----------
    conformer
        Whose Hamiltonian is taken for the exact one.
    draws
        How many matrices of noise the curves are from.
    height
        Of the figure, in pixels.

    Raises
    ------
    ValueError
        If it has no Hamiltonian, or none with orbitals.
    """

    def __init__(self, conformer: Conformer, draws: int = 8, height: int = 400) -> None:
        if conformer.hamiltonian is None:
            raise ValueError(f"{conformer!r} has no Hamiltonian to add noise to")
        self.exact = solution(conformer.molecule, conformer.hamiltonian)
        sizes = np.logspace(SMALLEST, LARGEST, 2 * (LARGEST - SMALLEST) + 1)
        self._curves = response(self.exact, sizes, draws)
        self.size = FloatLogSlider(
            1.0, base=10, min=SMALLEST + 3, max=LARGEST + 3, step=0.05,
            description=say("noise.size"), readout_format=".3g",
            layout={"flex": "2 1 300px", "max_width": "460px"},
        )  # fmt: skip
        self.draw = IntSlider(0, 0, 99, description=say("noise.draw"))
        self.plot = Plot(height=height)
        self.errors = HTML()
        self.errors.add_class("nablaviz-tables")
        bar = Box([self.size, self.draw])
        bar.add_class("nablaviz-bar")
        card = VBox([bar, self.plot, self.errors])
        card.add_class("nablaviz-details")
        super().__init__("compare", [card])
        for control in (self.size, self.draw):
            control.add_class("nablaviz-control")
            control.observe(lambda _: self._show(), "value")
        self.theme.observe(lambda _: self._show(), "dark")
        self._show()

    def _show(self) -> None:
        size = self.size.value / 1e3
        comparisons = [perturbed(self.exact, size, basis, self.draw.value) for basis in BASES]
        self.plot.show(noise_figure(comparisons, self._curves, size, dark=self.theme.dark))
        errors = comparisons[0].errors[["measure", "unit"]].copy()
        for basis, comparison in zip(BASES, comparisons, strict=True):
            errors[say("noise.in_basis", basis=term(BASES[basis]))] = comparison.errors["value"]
        self.errors.value = error_table(errors)
