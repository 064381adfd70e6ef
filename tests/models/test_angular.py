"""Harmonics against SciPy's and PySCF's signs; rotations, frames and couplings by their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nablaviz.models import angular


def orthogonal(seed: int, count: int = 1) -> torch.Tensor:
    return torch.linalg.qr(torch.as_tensor(np.random.default_rng(seed).normal(size=(count, 3, 3))))[0]


def directions(count: int = 7) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(1).normal(size=(count, 3)))


def test_harmonics_are_pyscfs():
    from pyscf.symm.sph import real_sph_vec

    points = directions()
    ours = angular.harmonics(4, points).numpy()
    length = points.norm(dim=1).numpy()[:, None]
    for degree, theirs in enumerate(real_sph_vec(points.numpy() / length, 4)):
        expected = theirs.T * np.sqrt(4 * np.pi / (2 * degree + 1)) * length**degree
        np.testing.assert_allclose(ours[:, degree**2 : (degree + 1) ** 2], expected, atol=1e-12)


@pytest.mark.parametrize("degree", range(5))
def test_rotation_matrices_turn_harmonics(degree):
    turn, points = orthogonal(2)[0], directions()
    part = slice(degree**2, (degree + 1) ** 2)
    matrix = angular.rotations(degree, turn[None])[0]
    turned = angular.harmonics(degree, points @ turn.T)[:, part]
    torch.testing.assert_close(
        turned, angular.harmonics(degree, points)[:, part] @ matrix.T, atol=1e-12, rtol=0
    )
    torch.testing.assert_close(
        matrix @ matrix.T, torch.eye(2 * degree + 1, dtype=torch.float64), atol=1e-12, rtol=0
    )


def test_frames_put_the_vector_on_z():
    vectors = torch.cat([directions(), torch.eye(3, dtype=torch.float64), -torch.eye(3, dtype=torch.float64)])
    turned = torch.einsum("eij,ej->ei", angular.frames(vectors), vectors)
    torch.testing.assert_close(turned[:, 2], vectors.norm(dim=1))
    assert turned[:, :2].abs().max() < 1e-14
    torch.testing.assert_close(torch.linalg.det(angular.frames(vectors)), torch.ones(13, dtype=torch.float64))


@pytest.mark.parametrize("degrees", [(1, 1, 0), (1, 1, 1), (1, 2, 2), (1, 2, 3), (2, 2, 4), (2, 2, 3)])
def test_coupling_commutes_with_rotation(degrees):
    turn = orthogonal(3) * torch.linalg.det(orthogonal(3))[:, None, None]
    a, b, c = (angular.rotations(degree, turn)[0] for degree in degrees)
    map_ = angular.coupling(*degrees)
    left = torch.einsum("ijk,ai,bj->abk", map_, a, b)
    torch.testing.assert_close(left, torch.einsum("abl,lk->abk", map_, c), atol=1e-12, rtol=0)
    flat = map_.flatten(0, 1)
    torch.testing.assert_close(
        flat.T @ flat, torch.eye(2 * degrees[2] + 1, dtype=torch.float64), atol=1e-12, rtol=0
    )


def test_degrees_that_do_not_couple():
    with pytest.raises(ValueError, match="1 and 1 do not couple to 3"):
        angular.coupling(1, 1, 3)
