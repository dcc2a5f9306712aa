"""Every tie-aware metric against its plain definition, averaged over all orders of tied items."""

from itertools import permutations, product

import numpy as np
import pytest

from hashlens.evaluation import (
    DistanceHistograms,
    average_precision,
    average_precision_at_k_over_found,
    average_precision_at_k_over_reachable,
    average_precision_at_k_over_relevant,
    precision_at_k,
    radius_curves,
    recall_at_k,
)


def all_orders(distances, relevant):
    """Yield the relevance of every ranking that is consistent with the distances."""
    ties = [
        [bool(r) for d, r in zip(distances, relevant, strict=True) if d == level]
        for level in sorted(set(distances))
    ]
    for arrangement in product(*(permutations(tie) for tie in ties)):
        yield [item for tie in arrangement for item in tie]


def precision_sum(ranking, k):
    """Return the sum of precisions at the relevant places among the first k."""
    hits, total = 0, 0.0
    for place, relevant in enumerate(ranking[:k], start=1):
        if relevant:
            hits += 1
            total += hits / place
    return total


def rankings(seed):
    """Return distances, relevance and all orders of a small database full of ties."""
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 8))
    distances = rng.integers(0, 3, size)
    relevant = rng.random(size) < rng.choice([0.3, 0.7])
    relevant[0] = True
    return distances, relevant, list(all_orders(distances, relevant))


def histograms_of(distances, relevant):
    return DistanceHistograms.from_distances(distances[None], relevant[None], levels=5)


def assert_scores(scores, values):
    assert scores.expected[0] == pytest.approx(np.mean(values), abs=1e-12)
    assert scores.low[0] == pytest.approx(min(values), abs=1e-12)
    assert scores.high[0] == pytest.approx(max(values), abs=1e-12)


SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_precision_and_recall_at_every_k(seed):
    distances, relevant, orders = rankings(seed)
    histograms = histograms_of(distances, relevant)
    for k in range(1, len(distances) + 1):
        hits = [sum(order[:k]) for order in orders]
        assert_scores(precision_at_k(histograms, k), [h / k for h in hits])
        assert_scores(recall_at_k(histograms, k), [h / relevant.sum() for h in hits])


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_of_the_whole_ranking(seed):
    distances, relevant, orders = rankings(seed)
    values = [precision_sum(order, len(order)) / sum(order) for order in orders]
    assert_scores(average_precision(histograms_of(distances, relevant)), values)


@pytest.mark.parametrize("seed", SEEDS)
def test_average_precision_at_every_k_by_each_denominator(seed):
    distances, relevant, orders = rankings(seed)
    histograms = histograms_of(distances, relevant)
    for k in range(1, len(distances) + 1):
        sums = [precision_sum(order, k) for order in orders]
        assert_scores(
            average_precision_at_k_over_relevant(histograms, k), [s / relevant.sum() for s in sums]
        )
        assert_scores(
            average_precision_at_k_over_reachable(histograms, k),
            [s / min(k, relevant.sum()) for s in sums],
        )
        found = [sum(order[:k]) for order in orders]
        over_found = [s / f if f else 0.0 for s, f in zip(sums, found, strict=True)]
        assert average_precision_at_k_over_found(histograms, k)[0] == pytest.approx(
            np.mean(over_found), abs=1e-12
        )


def test_the_formula_of_he_et_al_term_by_term():
    rng = np.random.default_rng(5)
    total = rng.integers(0, 40, (20, 9))
    relevant = rng.binomial(total, 0.3)
    total[:, 0] += 1
    relevant[:, 0] += 1
    expected = []
    for n, n_relevant in zip(total, relevant, strict=True):
        value, before, relevant_before = 0.0, 0, 0
        for tied, hits in zip(n, n_relevant, strict=True):
            for j in range(1, tied + 1):
                within = (j - 1) * (hits - 1) / (tied - 1) if tied > 1 else 0.0
                value += hits / tied * (relevant_before + 1 + within) / (before + j)
            before, relevant_before = before + tied, relevant_before + hits
        expected.append(value / relevant_before)
    scores = average_precision(DistanceHistograms(total, relevant))
    np.testing.assert_allclose(scores.expected, expected, rtol=1e-12)


def test_curves_over_radii():
    rng = np.random.default_rng(8)
    distances = rng.integers(1, 6, (30, 12))
    relevant = rng.random((30, 12)) < 0.4
    curves = radius_curves(DistanceHistograms.from_distances(distances, relevant, levels=7))
    for radius in range(7):
        precisions, recalls, empty, hits, found = [], [], 0, 0, 0
        for row, truth in zip(distances, relevant, strict=True):
            within = row <= radius
            precisions.append(truth[within].mean() if within.any() else 0.0)
            empty += not within.any()
            hits, found = hits + truth[within].sum(), found + within.sum()
            if truth.any():
                recalls.append(truth[within].sum() / truth.sum())
        assert curves.precision[radius] == pytest.approx(np.mean(precisions))
        assert curves.recall[radius] == pytest.approx(np.mean(recalls))
        assert curves.empty[radius] == pytest.approx(empty / 30)
        if found:
            assert curves.precision_of_found[radius] == pytest.approx(hits / found)
        else:
            assert np.isnan(curves.precision_of_found[radius])
