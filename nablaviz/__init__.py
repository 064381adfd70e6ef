"""nablaviz: an interactive lab for quantum-chemistry machine learning on nablaDFT.

Importing the package is cheap: each public name loads its module when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from nablaviz.threads import calm

__version__ = "0.1.0"

_PUBLIC = {
    "Conformer": "nablaviz.molecule",
    "Molecule": "nablaviz.molecule",
    "browse": "nablaviz.views.browse",
    "compare": "nablaviz.views.compare",
    "errors": "nablaviz.views.errors",
    "label": "nablaviz.chem.dft",
    "ladder": "nablaviz.views.ladder",
    "learning_curves": "nablaviz.views.learning_curves",
    "load_model": "nablaviz.models.library",
    "open": "nablaviz.data.formats",
    "relax": "nablaviz.models.relaxation",
    "sample": "nablaviz.data.sample",
    "set_language": "nablaviz.views.language",
    "torsion": "nablaviz.views.torsion",
    "watch_training": "nablaviz.views.training",
}

__all__ = [*_PUBLIC, "__version__"]


calm()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nablaviz' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
