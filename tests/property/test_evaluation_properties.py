"""What must hold of every evaluation, whatever the codes and labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashlens.codes import hamming_distance, pack
from hashlens.evaluation import (
    DistanceHistograms,
    average_precision,
    average_precision_at_k_over_found,
    average_precision_at_k_over_reachable,
    average_precision_at_k_over_relevant,
    evaluate_codes,
    hamming_histograms,
    precision_at_k,
    recall_at_k,
)


@st.composite
def collections(draw):
    """Draw codes of queries and of a database from few different ones, with labels."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bits = draw(st.sampled_from([8, 16, 64, 72]))
    distinct, items, queries = draw(
        st.tuples(st.integers(1, 6), st.integers(1, 40), st.integers(1, 8))
    )
    pool = pack(rng.integers(0, 2, (distinct, bits)))
    labels = rng.integers(0, draw(st.integers(1, 4)), items + queries)
    codes = pool[rng.integers(0, distinct, items + queries)]
    return codes[:queries], labels[:queries], codes[queries:], labels[queries:], bits


@given(collections(), st.data())
def test_expectations_lie_between_their_bounds(collection, data):
    histograms = hamming_histograms(*collection)
    k = data.draw(st.integers(1, len(collection[2])))
    for scores in (
        precision_at_k(histograms, k),
        recall_at_k(histograms, k),
        average_precision(histograms),
        average_precision_at_k_over_relevant(histograms, k),
        average_precision_at_k_over_reachable(histograms, k),
    ):
        defined = ~np.isnan(scores.expected)
        low, expected, high = (
            values[defined] for values in (scores.low, scores.expected, scores.high)
        )
        assert (low >= -1e-12).all()
        assert (low <= expected + 1e-12).all()
        assert (expected <= high + 1e-12).all()
        assert (high <= 1 + 1e-12).all()
    found = average_precision_at_k_over_found(histograms, k)
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()


@given(collections(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_database_changes_no_figure(collection, seed):
    query_codes, query_labels, codes, labels, bits = collection
    shuffle = np.random.default_rng(seed).permutation(len(codes))
    k = min(5, len(codes))
    before = evaluate_codes(query_codes, query_labels, codes, labels, bits, k)
    after = evaluate_codes(query_codes, query_labels, codes[shuffle], labels[shuffle], bits, k)
    assert str(before.to_dict(curves=True)) == str(after.to_dict(curves=True))


@given(collections())
def test_histograms_are_the_counts_of_the_naive_distances(collection):
    query_codes, query_labels, codes, labels, bits = collection
    naive = DistanceHistograms.from_distances(
        hamming_distance(query_codes[:, None], codes[None]),
        query_labels[:, None] == labels[None],
        levels=bits + 1,
    )
    fast = hamming_histograms(*collection)
    np.testing.assert_array_equal(fast.total, naive.total)
    np.testing.assert_array_equal(fast.relevant, naive.relevant)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 20))
def test_one_tie_of_everything_is_a_draw(relevant, irrelevant, k):
    """A code that maps all to one point is worth the share of relevant items, no more."""
    size = relevant + irrelevant
    scores = precision_at_k(DistanceHistograms([[size]], [[relevant]]), min(k, size))
    assert scores.expected[0] == pytest.approx(relevant / size)
