"""Models by name: the architectures there are, the shipped models, the baselines."""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from nablaviz.models.interface import Model

if TYPE_CHECKING:
    from nablaviz.models.network import Network

ARCHITECTURES = {
    "composition": "nablaviz.models.energy.composition:Composition",
    "descriptors": "nablaviz.models.energy.descriptors:Descriptors",
    "schnet": "nablaviz.models.energy.schnet:SchNet",
    "painn": "nablaviz.models.energy.painn:PaiNN",
    "dimenet": "nablaviz.models.energy.dimenet:DimeNet",
    "mace": "nablaviz.models.energy.mace:MACE",
    "torchmdnet": "nablaviz.models.energy.torchmdnet:TorchMDNet",
    "edge-frame-energy": "nablaviz.models.energy.edge_frame:EdgeFrameEnergy",
    "edge-frame": "nablaviz.models.hamiltonian.edge_frame:EdgeFrame",
    "qhnet": "nablaviz.models.hamiltonian.qhnet:QHNet",
    "hamiltonian-ridge": "nablaviz.models.hamiltonian.ridge:Ridge",
}
"""Class of each architecture that a model card may name."""

SHIPPED = Path(__file__).parent / "shipped"
"""The model files that come with the package: name.safetensors."""


def architecture(name: str) -> type[Network]:
    """The class of an architecture.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"no architecture {name!r}; there are {', '.join(ARCHITECTURES)}")
    module, _, attribute = ARCHITECTURES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def names() -> list[str]:
    """What :func:`load_model` knows by name: shipped models, then baselines."""
    from nablaviz.chem.baselines import BASELINES

    return [*sorted(path.stem for path in SHIPPED.glob("*.safetensors")), *BASELINES]


def load_model(name_or_path: str | Path) -> Model:
    """A model: one that comes with the package, a baseline, or one read from a file.

    Parameters
    ----------
    name_or_path
        ``"energy"``, ``"hamiltonian"`` or another shipped model; ``"core"``, ``"minao"``, ``"sap"``,
        ``"sap-fit"`` or ``"huckel"``; or the path of a file written by ``model.save``.

    Raises
    ------
    ValueError
        If there is neither a model nor a file of that name, or the file is damaged or foreign.
    OSError
        If there is no file of that name with a suffix, or it may not be read.
    """
    from nablaviz.chem.baselines import BASELINES

    path = Path(name_or_path)
    if path.suffix or path.is_file():
        return _read(path)
    name = str(name_or_path)
    if name in BASELINES:
        from nablaviz.models.hamiltonian.baseline import Baseline

        return Baseline(name)
    if name in names():
        return _read(SHIPPED / f"{name}.safetensors")
    close = difflib.get_close_matches(name, names(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    raise ValueError(f"no model or file {name!r}{hint} There are {', '.join(names())}")


def _read(path: Path) -> Model:
    from nablaviz.models import files  # with torch, which a baseline does without

    return files.load(path, architecture)
