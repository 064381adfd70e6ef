"""The texts of a widget's own script."""

from __future__ import annotations

from typing import Any

import traitlets

from nablaviz.views.language import words


class Words(traitlets.Dict):
    """A table of texts, in the language that was set when the widget was made.

    Parameters
    ----------
    table
        Its name.
    """

    def __init__(self, table: str) -> None:
        self.table = table
        super().__init__()
        self.tag(sync=True)

    def default(self, obj: Any = None) -> dict[str, Any]:
        """The texts, as they are at that time."""
        return words(self.table)
