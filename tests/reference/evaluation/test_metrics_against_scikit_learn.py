"""Metrics that scikit-learn has too, where its rule for ties can't matter or is ours."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from hashlens.evaluation import (
    DistanceHistograms,
    average_precision,
    average_precision_at_k_over_relevant,
    precision_at_k,
    radius_curves,
)


@pytest.fixture(scope="module")
def untied():
    """Return distances without ties, relevance and histograms of 40 queries by 200 items."""
    rng = np.random.default_rng(1)
    distances = np.argsort(rng.random((40, 200)), axis=1)
    relevant = rng.random((40, 200)) < 0.1
    relevant[:, 0] = True
    return distances, relevant, DistanceHistograms.from_distances(distances, relevant)


def test_average_precision_without_ties(untied):
    distances, relevant, histograms = untied
    expected = [
        average_precision_score(truth, -row) for row, truth in zip(distances, relevant, strict=True)
    ]
    scores = average_precision(histograms)
    for values in (scores.expected, scores.low, scores.high):
        np.testing.assert_allclose(values, expected, rtol=1e-10)


def test_average_precision_at_the_whole_size_is_average_precision(untied):
    histograms = untied[2]
    np.testing.assert_allclose(
        average_precision_at_k_over_relevant(histograms, 200).expected,
        average_precision(histograms).expected,
    )


def test_precision_recall_over_radii_is_the_threshold_curve(untied):
    """Radii are thresholds: scikit-learn's curve over distinct scores has the same points."""
    rng = np.random.default_rng(2)
    distances = rng.integers(0, 9, (25, 150))
    relevant = rng.random((25, 150)) < 0.2
    relevant[:, 0] = True
    for row, truth in zip(distances, relevant, strict=True):
        precision, recall, thresholds = precision_recall_curve(truth, -row)
        curves = radius_curves(DistanceHistograms.from_distances(row[None], truth[None]))
        for p, r, threshold in zip(precision, recall, thresholds, strict=False):
            assert curves.precision[-threshold] == pytest.approx(p)
            assert curves.recall[-threshold] == pytest.approx(r)


def test_precision_at_k_is_the_mean_over_shuffled_databases():
    """A database shuffled often, ranked by a stable sort, converges to the expectation."""
    rng = np.random.default_rng(3)
    distances = rng.integers(0, 4, 60)
    relevant = rng.random(60) < 0.3
    expected = precision_at_k(DistanceHistograms.from_distances([distances], [relevant]), 7)
    drawn = []
    for _ in range(4000):
        shuffle = rng.permutation(60)
        nearest = shuffle[np.argsort(distances[shuffle], kind="stable")[:7]]
        drawn.append(relevant[nearest].mean())
    assert np.mean(drawn) == pytest.approx(expected.expected[0], abs=0.02)
    assert expected.low[0] <= min(drawn)
    assert max(drawn) <= expected.high[0]
