"""Traits of the torsion panel that check what they are given."""

from __future__ import annotations

import math
from typing import Any

import traitlets

from nablaviz.chem.torsion import wrapped


class Angle(traitlets.Float):
    """Degrees; beyond −180 and 180 those of the same geometry within."""

    def validate(self, obj: Any, value: Any) -> float:
        angle = super().validate(obj, value)
        if not math.isfinite(angle):
            raise traitlets.TraitError(f"the dihedral is a finite number of degrees, not {angle}")
        return angle if -180 <= angle <= 180 else wrapped(angle)


class Orbital(traitlets.Unicode):
    """Name of an orbital at the first geometry of the object's path, such as ``HOMO−1``."""

    def validate(self, obj: Any, value: Any) -> str:
        orbitals = obj.path.start.solution.orbitals
        try:
            return orbitals.label(orbitals.index(super().validate(obj, value)))
        except ValueError as fault:
            raise traitlets.TraitError(str(fault)) from fault
