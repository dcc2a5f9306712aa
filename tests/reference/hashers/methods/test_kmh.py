"""K-means hashing: its two steps and its errors by naive loops."""

from __future__ import annotations

import numpy as np
import pytest

from hashlens.codes import unpack
from hashlens.hashers.methods.kmh import Codebooks, KMeansHashing, balanced_groups, center_bits


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    centers = 2 * rng.standard_normal((12, 24))
    X = centers[rng.integers(0, 12, 600)] + rng.standard_normal((600, 24))
    return (X * np.geomspace(2, 0.3, 24)).astype(np.float32)


@pytest.fixture
def parts() -> np.ndarray:
    rng = np.random.default_rng(1)
    return (rng.standard_normal((300, 2, 5)) * [3, 2, 1.5, 1, 0.5]).astype(np.float32)


def naive_nearest(parts: np.ndarray, centers: np.ndarray) -> np.ndarray:
    nearest = np.zeros(parts.shape[:2], dtype=int)
    for i in range(len(parts)):
        for m in range(parts.shape[1]):
            nearest[i, m] = np.argmin([np.linalg.norm(parts[i, m] - c) for c in centers[m]])
    return nearest


def naive_errors(parts, codebooks) -> tuple[float, float]:
    """Quantization and affinity error as in eqs. (3) and (7), summed over subspaces."""
    nearest = naive_nearest(parts, codebooks.centers)
    n, subspaces, _ = parts.shape
    quantization = affinity = 0.0
    for m in range(subspaces):
        centers = codebooks.centers[m]
        quantization += sum(
            np.linalg.norm(parts[i, m] - centers[nearest[i, m]]) ** 2 for i in range(n)
        )
        counts = np.bincount(nearest[:, m], minlength=len(centers))
        for i in range(len(centers)):
            for j in range(len(centers)):
                gap = np.linalg.norm(centers[i] - centers[j]) - codebooks.targets[m, i, j]
                affinity += counts[i] * counts[j] / n**2 * gap**2
    return quantization / n, affinity


def test_first_centers_are_a_cube_with_the_distances_that_numbers_stand_for(parts):
    codebooks = Codebooks.initial(parts, 2, 10.0)
    s = np.abs(parts[:, 0, :2]).mean()
    expected = [[-s, -s], [-s, s], [s, -s], [s, s]]
    np.testing.assert_allclose(codebooks.centers[0, :, :2], expected, rtol=1e-6)
    np.testing.assert_array_equal(codebooks.centers[:, :, 2:], 0)
    assert naive_errors(parts, codebooks)[1] == pytest.approx(0, abs=1e-9)
    assert codebooks.targets[0, 0, 3] == pytest.approx(2 * s * np.sqrt(2))


def test_errors_are_those_of_the_definitions(parts):
    codebooks = Codebooks.initial(parts, 2, 10.0)
    losses = codebooks.improve(parts, 3)
    np.testing.assert_allclose(losses[-1], naive_errors(parts, codebooks), rtol=1e-4)


def test_vectors_are_counted_and_summed_at_their_nearest_center(parts):
    codebooks = Codebooks.initial(parts, 2, 10.0)
    counts, sums = codebooks.assign(parts)
    nearest = naive_nearest(parts, codebooks.centers)
    for m in range(2):
        for j in range(4):
            chosen = parts[nearest[:, m] == j, m]
            assert counts[m, j] == len(chosen)
            np.testing.assert_allclose(sums[m, j], chosen.sum(axis=0), atol=1e-3)


def test_moving_centers_never_raises_the_objective(parts):
    codebooks = Codebooks.initial(parts, 2, 10.0)
    for _ in range(10):
        counts, sums = codebooks.assign(parts)
        shares = counts / len(parts)
        means = sums / np.maximum(counts, 1)[:, :, None]

        def objective(shares=shares, means=means) -> float:
            pull = (shares * ((codebooks.centers - means) ** 2).sum(axis=2)).sum()
            return float(pull) + codebooks.weight * codebooks.affinity(shares)

        before = objective()
        codebooks.move(shares, means)
        assert objective() <= before * (1 + 1e-9)


def test_an_isolated_move_reaches_a_stationary_point(parts):
    """After many moves with fixed assignments no small step of a center lowers the objective."""
    codebooks = Codebooks.initial(parts, 2, 2.0)
    counts, sums = codebooks.assign(parts)
    shares, means = counts / len(parts), sums / np.maximum(counts, 1)[:, :, None]

    def objective() -> float:
        pull = (shares * ((codebooks.centers - means) ** 2).sum(axis=2)).sum()
        return float(pull) + codebooks.weight * codebooks.affinity(shares)

    for _ in range(400):
        codebooks.move(shares, means)
    least = objective()
    rng = np.random.default_rng(2)
    for _ in range(50):
        kept = codebooks.centers.copy()
        codebooks.centers = kept + 1e-3 * rng.standard_normal(kept.shape)
        assert objective() > least - 1e-8
        codebooks.centers = kept


def test_affinity_weight_trades_the_two_errors(vectors):
    """The affinity error falls as its weight grows, and the quantization error rises."""
    free, held = (
        KMeansHashing(bits=8, affinity_weight=w).fit(vectors).losses_ for w in (0.01, 100)
    )
    assert held[-1, 1] < 0.2 * free[-1, 1]
    assert held[-1, 0] > free[-1, 0]


def test_both_errors_together_fall_from_the_start(vectors):
    hasher = KMeansHashing(bits=16).fit(vectors)
    totals = hasher.losses_ @ [1, hasher.affinity_weight]
    assert totals[-1] < 0.9 * totals[0]


def test_the_affinity_error_falls_once_centers_fit_the_data(parts):
    """Lloyd steps alone tear centers from their cube; the second term brings them back."""
    codebooks = Codebooks.initial(parts, 2, 0.0)
    codebooks.improve(parts, 20)
    torn = naive_errors(parts, codebooks)[1]
    codebooks.weight = 10.0
    codebooks.improve(parts, 20)
    assert naive_errors(parts, codebooks)[1] < 0.1 * torn


@pytest.mark.parametrize("b", [2, 4, 8])
def test_codes_are_the_numbers_of_the_nearest_centers(vectors, b):
    hasher = KMeansHashing(bits=16, bits_per_subspace=b, iterations=5).fit(vectors)
    bits = unpack(hasher.transform(vectors[:40]), 16)
    for i in range(40):
        for m, centers in enumerate(hasher.centers_.astype(float)):
            # Centers lie in their subspace; what they lack of the vector is the same for all.
            offsets = vectors[i] - hasher.mean_ - centers
            number = int(np.argmin((offsets**2).sum(axis=1)))
            np.testing.assert_array_equal(bits[i, m * b : (m + 1) * b], center_bits(2**b)[number])


def test_subspaces_are_orthogonal(vectors):
    centers = KMeansHashing(bits=16).fit(vectors).centers_
    for m in range(1, 4):
        np.testing.assert_allclose(centers[0] @ centers[m].T, 0, atol=1e-4)


def test_groups_are_of_one_size_and_balanced():
    variances = np.geomspace(1000, 1e-3, 64)
    groups = balanced_groups(variances, 8)
    assert sorted(groups.ravel().tolist()) == list(range(64))
    products = np.log(variances[groups]).sum(axis=1)
    assert np.ptp(products) < 0.5
    assert balanced_groups(variances[:61], 8).shape == (8, 7)
