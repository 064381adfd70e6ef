"""Extrapolation of Hamiltonians towards self-consistency."""

from __future__ import annotations

import numpy as np

MEMORY = 10
"""Iterates kept for extrapolation."""


class History:
    """Direct inversion in the iterative subspace (Pulay 1982), in an orthogonal basis.

    Unlike the usual one it can be told that every matrix it holds has changed by the same amount.
    """

    def __init__(self) -> None:
        self.hamiltonians: list[np.ndarray] = []
        self.densities: list[np.ndarray] = []
        self.residuals: list[np.ndarray] = []

    def add(self, hamiltonian: np.ndarray, orbitals: np.ndarray) -> float:
        """Take one more iterate; its orbital gradient."""
        density = 2 * orbitals @ orbitals.T
        for kept, new in (
            (self.hamiltonians, hamiltonian),
            (self.densities, density),
            (self.residuals, _commutator(hamiltonian, density)),
        ):
            kept.append(new)
            del kept[:-MEMORY]
        return self._error()

    def shift(self, change: np.ndarray) -> float:
        """Add a constant to every Hamiltonian; the last one's orbital gradient."""
        for i, density in enumerate(self.densities):
            self.hamiltonians[i] = self.hamiltonians[i] + change
            self.residuals[i] = self.residuals[i] + _commutator(change, density)
        return self._error()

    def extrapolate(self) -> np.ndarray:
        """The combination of Hamiltonians with the smallest residual."""
        size = len(self.residuals)
        flat = np.array([r.ravel() for r in self.residuals])
        overlap = flat @ flat.T
        equations = np.ones((size + 1, size + 1))
        equations[:size, :size] = overlap / overlap[-1, -1]
        equations[size, size] = 0
        right = np.zeros(size + 1)
        right[size] = 1
        weights = np.linalg.lstsq(equations, right, rcond=1e-14)[0][:size]
        return np.tensordot(weights, self.hamiltonians, axes=1)

    def _error(self) -> float:
        return float(np.linalg.norm(self.residuals[-1]) / np.sqrt(2))


def _commutator(hamiltonian: np.ndarray, density: np.ndarray) -> np.ndarray:
    product = hamiltonian @ density
    return product - product.T
