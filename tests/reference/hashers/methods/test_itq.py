"""ITQ: the loss by definition, that no turn raises it, and that it beats a random rotation."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.hashers.math.pca import PCA
from hashlens.hashers.math.rotation import fit_rotation, random_rotation
from hashlens.hashers.methods.itq import ITQ


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = 3 * rng.standard_normal((20, 30))
    return (centers[rng.integers(0, 20, 900)] + rng.standard_normal((900, 30))).astype(np.float32)


def naive_loss(V: np.ndarray, rotation: np.ndarray) -> float:
    total = 0.0
    for row in V.astype(np.float64) @ rotation:
        for value in row:
            total += ((1 if value > 0 else -1) - value) ** 2
    return total / len(V)


def test_losses_are_the_quantization_loss_of_the_start_and_the_end(vectors):
    V = PCA.fit(vectors, 16).project(vectors)
    start = random_rotation(16, np.random.default_rng(0))
    rotation, losses = fit_rotation(V, start, 7)
    assert len(losses) == 8
    assert losses[0] == pytest.approx(naive_loss(V, start), rel=1e-5)
    assert losses[-1] == pytest.approx(naive_loss(V, rotation), rel=1e-5)


def test_the_loss_never_rises_and_falls_overall(vectors):
    losses = ITQ(bits=16).fit(vectors).losses_
    assert (np.diff(losses) <= 1e-5 * losses[:-1]).all()
    assert losses[-1] < 0.995 * losses[0]


def test_the_rotation_stays_orthogonal(vectors):
    V = PCA.fit(vectors, 16).project(vectors)
    rotation, _ = fit_rotation(V, random_rotation(16, np.random.default_rng(1)), 30)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(16), atol=1e-10)


def test_each_rotation_is_the_best_for_its_signs(vectors):
    """The Procrustes step against many other rotations, near and far."""
    V = PCA.fit(vectors, 8).project(vectors).astype(np.float64)
    rng = np.random.default_rng(2)
    start = random_rotation(8, rng)
    signs = np.where(V @ start > 0, 1.0, -1.0)
    best, _ = fit_rotation(V.astype(np.float32), start, 1)
    least = ((signs - V @ best) ** 2).sum()
    for _ in range(50):
        wiggle, _ = np.linalg.qr(np.eye(8) + 0.1 * rng.standard_normal((8, 8)))
        for other in (random_rotation(8, rng), best @ wiggle):
            assert ((signs - V @ other) ** 2).sum() >= least * (1 - 1e-6)


def test_a_rotated_cube_is_found_from_nearby():
    """Corners of a rotated cube lose nothing in the right rotation; elsewhere optima are local."""
    rng = np.random.default_rng(3)
    corners = np.where(rng.random((2000, 8)) < 0.5, -1.0, 1.0)
    turned = random_rotation(8, rng)
    nearby, _ = np.linalg.qr(turned.T + 0.15 * rng.standard_normal((8, 8)))
    rotation, losses = fit_rotation((corners @ turned).astype(np.float32), nearby, 50)
    assert losses[-1] < 1e-6 < losses[0]
    # QR may have mirrored axes of the start.
    np.testing.assert_allclose(np.abs(turned @ rotation), np.eye(8), atol=1e-6)
