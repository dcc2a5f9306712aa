"""Float and spherical rankings against explicit distance matrices and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_distances

from hashlens.codes import pack
from hashlens.errors import DataError
from hashlens.evaluation import (
    DistanceHistograms,
    average_precision,
    evaluate_spherical,
    evaluate_vectors,
    precision_at_k,
)
from hashlens.evaluation.real_distances import QUERIES_PER_BLOCK


@pytest.fixture(scope="module")
def vectors():
    """Return more queries than one block holds, their labels, 90 items and theirs."""
    rng = np.random.default_rng(0)
    count = QUERIES_PER_BLOCK + 20
    centers = rng.normal(size=(5, 6))
    labels = rng.integers(0, 5, count + 90)
    points = centers[labels] + rng.normal(size=(count + 90, 6))
    return points[:count], labels[:count], points[count:], labels[count:]


def test_cosine_ranking(vectors):
    queries, query_labels, database, labels = vectors
    distances = cosine_distances(queries, database)
    relevant = query_labels[:, None] == labels
    result = evaluate_vectors(queries, query_labels, database, labels, k=7)
    nearest = np.argsort(distances, axis=1)[:, :7]
    expected = np.take_along_axis(relevant, nearest, axis=1).mean()
    assert result.precision.expected == pytest.approx(expected)
    assert result.average_precision.expected == pytest.approx(
        np.mean([average_precision_score(t, -d) for t, d in zip(relevant, distances, strict=True)])
    )
    assert result.tied_at_k == 1
    assert "precision_radius2" not in result.to_dict(curves=True)


def test_duplicates_of_another_class_are_a_draw():
    item = [[0.6, 0.8]]
    result = evaluate_vectors(item, [0], item * 4, [0, 1, 1, 1], k=1)
    assert (result.precision.low, result.precision.expected, result.precision.high) == (0, 0.25, 1)
    assert result.tied_at_k == 4


def test_spherical_ranking():
    rng = np.random.default_rng(1)
    bits = (rng.random((70, 16)) < 0.3).astype(int)
    labels = rng.integers(0, 3, 70)
    queries, database = bits[:10], bits[10:]
    distances = np.array(
        [
            [(q ^ d).sum() / (q & d).sum() if (q & d).any() else np.inf for d in database]
            for q in queries
        ]
    )
    ranks = np.searchsorted(np.unique(distances), distances)
    histograms = DistanceHistograms.from_distances(ranks, labels[:10, None] == labels[10:])
    result = evaluate_spherical(pack(queries), labels[:10], pack(database), labels[10:], 16, k=5)
    precision = precision_at_k(histograms, 5)
    assert result.precision.low == pytest.approx(precision.low.mean())
    assert result.precision.expected == pytest.approx(precision.expected.mean())
    assert result.precision.high == pytest.approx(precision.high.mean())
    assert result.average_precision.expected == pytest.approx(
        np.nanmean(average_precision(histograms).expected)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: [[0.0, 0.0]]}, "query vectors must be finite and not zero"),
        ({2: [[np.nan, 1.0]] * 3}, "database vectors must be finite"),
        ({0: [[1.0]]}, "1 dimensions"),
        ({0: [1.0, 2.0]}, "shape"),
        ({1: [0, 1]}, "1 query labels"),
    ],
)
def test_vectors_that_do_not_fit(changes, message):
    arguments = [[[1.0, 0.0]], [0], [[1.0, 1.0]] * 3, [0, 1, 2]]
    for place, value in changes.items():
        arguments[place] = value
    with pytest.raises(DataError, match=message):
        evaluate_vectors(*arguments, k=1)
