"""Spherical hashing: what it promises of its bits, and its steps by naive loops."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.hashers.methods.sph import Span, SphericalHashing, overlap_errors, pivot_moves

N, BITS = 2000, 16


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = 2 * rng.standard_normal((10, 24))
    return (centers[rng.integers(0, 10, N)] + rng.standard_normal((N, 24))).astype(np.float32)


@pytest.fixture(scope="module")
def hasher(vectors) -> SphericalHashing:
    return SphericalHashing(bits=BITS).fit(vectors)


def test_every_sphere_holds_half_of_the_training_vectors(hasher, vectors):
    inside = unpack(hasher.transform(vectors), BITS).sum(axis=0)
    np.testing.assert_array_equal(inside, N // 2)


def test_any_two_spheres_share_a_quarter_within_the_tolerances(hasher, vectors):
    bits = unpack(hasher.transform(vectors), BITS).astype(int)
    shared = np.array(
        [(bits[:, i] & bits[:, j]).sum() for i in range(BITS) for j in range(i + 1, BITS)]
    )
    assert np.abs(shared - N / 4).mean() <= 0.10 * N / 4 + 2
    assert shared.std() <= 0.15 * N / 4 + 2
    assert hasher.iterations_ < hasher.max_iterations
    assert hasher.overlap_error_ == pytest.approx(np.abs(shared - N / 4).mean() / (N / 4), abs=0.01)


def test_random_first_pivots_alone_are_not_independent(vectors):
    """Else the test above would say nothing."""
    first = SphericalHashing(bits=BITS, max_iterations=1).fit(vectors)
    assert first.overlap_error_ > 0.15


def test_a_bit_is_the_inside_of_its_sphere(hasher, vectors):
    projected = hasher.project(vectors[:30])
    for i in range(30):
        for k in range(BITS):
            offset = vectors[i].astype(float) - hasher.mean_ - hasher.pivots_[:, k]
            expected = hasher.squared_radii_[k] - (offset**2).sum()
            assert projected[i, k] == pytest.approx(expected, abs=1e-4)


def test_pivots_move_by_the_forces_of_the_paper():
    rng = np.random.default_rng(1)
    pivots = rng.standard_normal((5, 4))
    overlaps = rng.integers(100, 400, (4, 4)).astype(float)
    overlaps = overlaps + overlaps.T
    expected = pivots.copy()
    for i in range(4):
        force = np.zeros(5)
        for j in range(4):
            if j != i:
                strength = 0.5 * (overlaps[i, j] - 250) / 250
                force += strength * (pivots[:, i] - pivots[:, j])
        expected[:, i] += force / 4
    np.testing.assert_allclose(pivots @ pivot_moves(overlaps, 1000), expected, rtol=1e-12)


def test_overlaps_in_the_span_of_the_pivots_are_those_of_full_distances(vectors):
    rng = np.random.default_rng(2)
    mean = vectors.mean(axis=0)
    start = rng.standard_normal((24, 6))
    mixture = np.eye(6) + 0.2 * rng.standard_normal((6, 6))
    overlaps = Span.of(vectors, mean, start).overlaps(mixture)
    pivots = start @ mixture
    inside = np.zeros((N, 6), dtype=int)
    for k in range(6):
        distances = np.linalg.norm(vectors - mean - pivots[:, k], axis=1)
        inside[:, k] = distances <= np.sort(distances)[N // 2 - 1]
    # Rounding may move one vector across a surface.
    np.testing.assert_allclose(overlaps, inside.T @ inside, atol=2)


def test_figures_of_the_stopping_rule():
    overlaps = np.array([[50, 20, 30], [20, 50, 25], [30, 25, 50]], dtype=float)
    error, deviation = overlap_errors(overlaps, 100)
    assert error == pytest.approx((5 + 5 + 0) / 3 / 25)
    assert deviation == pytest.approx(np.std([20, 30, 25]) / 25)


def test_data_that_is_mostly_one_vector_ends_early_and_stays_finite(vectors):
    heap = vectors.copy()
    heap[: N * 3 // 4] = heap[0]
    fitted = SphericalHashing(bits=BITS).fit(heap)
    assert np.isfinite(fitted.pivots_).all()
    assert len(np.unique(fitted.transform(heap[: N // 2]), axis=0)) == 1
