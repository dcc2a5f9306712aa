"""Within-class whitening against the covariance it promises."""

import numpy as np
import pytest

from hashlens.hashers.math.whitening import within_class_whitening


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 7, 400) * 3  # labels with gaps, in no order
    X = 10 * rng.standard_normal((22, 12))[y] + rng.standard_normal((400, 12)) * np.arange(1, 13)
    return X.astype(np.float32), y


def covariance_within(X, y):
    total = np.zeros((X.shape[1], X.shape[1]))
    for label in np.unique(y):
        rows = X[y == label].astype(np.float64)
        for row in rows:
            total += np.outer(row - rows.mean(axis=0), row - rows.mean(axis=0))
    return total / len(X)


def test_without_shrinkage_classes_are_round(data):
    X, y = data
    W = within_class_whitening(X, y, shrinkage=0.0)
    np.testing.assert_allclose(covariance_within(X @ W, y), np.eye(12), atol=1e-4)


def test_shrinkage_adds_to_every_direction(data):
    X, y = data
    W = within_class_whitening(X, y, shrinkage=2.0).astype(np.float64)
    S = covariance_within(X, y)
    expected = S + 2.0 * np.trace(S) / 12 * np.eye(12)
    np.testing.assert_allclose(np.linalg.inv(W @ W), expected, rtol=1e-3, atol=1e-3)


def test_vectors_that_do_not_vary_are_left_as_they_are():
    X = np.float32([[1, 2], [3, 4], [1, 2]])
    np.testing.assert_array_equal(within_class_whitening(X, np.array([0, 1, 0])), np.eye(2))


def test_of_several_labels_the_rarest_counts(data):
    X, y = data
    table = np.zeros((400, 22), dtype=bool)
    table[np.arange(400), y] = True
    table[:, 1] = True  # a label that all have says nothing
    np.testing.assert_array_equal(within_class_whitening(X, table), within_class_whitening(X, y))
