"""The line of the comparison panel about its second Hamiltonian: can it be trusted, and what does it save."""

from __future__ import annotations

from ipywidgets import HTML, Box

from nablaviz.data.dataset import Dataset
from nablaviz.models.second import Found, Second
from nablaviz.views.reliability import reliability_html
from nablaviz.views.scf_start import ScfStart


class SecondLine(Box):
    """Takes no space while there is no second Hamiltonian."""

    def __init__(self) -> None:
        self.reliability = HTML()
        self.reliability.add_class("nablaviz-reliability")
        self.scf = ScfStart()
        super().__init__([self.reliability, self.scf])
        self.add_class("nablaviz-second")

    def show(self, second: Second | None, found: Found | None, row: int, dataset: Dataset) -> None:
        """Take what was found for a row of a dataset."""
        if second is None or found is None:
            self.reliability.value = ""
            self.scf.show(None)
        else:
            self.reliability.value = reliability_html(found) if second.is_model else ""
            self.scf.show((second, row, dataset))
