"""Re-ranked search against a loop that sorts every candidate."""

import numpy as np
import pytest
from reranking_measure import SearchSide, evaluate_reranked

from hashlens.codes import hamming_distance, pack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation import evaluate_codes, evaluate_vectors


@pytest.fixture(scope="module")
def sides():
    """Return 300 queries (more than a block) and 120 items of 16 bits with many ties."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 420)
    points = rng.normal(size=(4, 5))[labels] + 0.8 * rng.normal(size=(420, 5))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    codes = pack(np.repeat(points @ rng.normal(size=(5, 8)) > 0, 2, axis=1))
    return (
        SearchSide(codes[:300], points[:300], labels[:300]),
        SearchSide(codes[300:], points[300:], labels[300:]),
    )


@pytest.mark.parametrize("candidates", [5, 20, 120])
def test_loop_over_queries(sides, candidates):
    queries, database = sides
    precisions, counts = [], []
    for code, descriptor, label in zip(
        queries.codes, queries.descriptors, queries.labels, strict=True
    ):
        distances = hamming_distance(code, database.codes)
        chosen = np.flatnonzero(distances <= np.sort(distances)[candidates - 1])
        gaps = [np.linalg.norm(database.descriptors[i] - descriptor) for i in chosen]
        nearest = chosen[np.argsort(gaps)[:5]]
        precisions.append(np.mean(database.labels[nearest] == label))
        counts.append(len(chosen))
    found = evaluate_reranked(queries, database, 16, candidates)
    assert found.precision.expected == pytest.approx(np.mean(precisions))
    assert found.candidates == pytest.approx(np.mean(counts))


def test_all_candidates_give_the_exact_float_search(sides):
    queries, database = sides
    exact = evaluate_vectors(
        queries.descriptors, queries.labels, database.descriptors, database.labels
    )
    found = evaluate_reranked(queries, database, 16, len(database.codes))
    assert found.precision.expected == pytest.approx(exact.precision.expected)


def test_equal_descriptors_leave_the_draw_of_the_codes(sides):
    """With one descriptor for all, exactly the ties of the candidates remain."""
    codes, descriptors = np.zeros((100, 2), np.uint8), np.ones((100, 2), np.float32)
    blind = [SearchSide(codes, descriptors, side.labels[:100]) for side in sides]
    found = evaluate_reranked(*blind, 16, candidates=5)
    plain = evaluate_codes(codes, blind[0].labels, codes, blind[1].labels, 16).precision
    assert found.candidates == 100
    assert found.precision.expected == pytest.approx(plain.expected)
    assert found.precision.low == pytest.approx(plain.low)


def test_candidates_out_of_range(sides):
    for candidates in (4, 121):
        with pytest.raises(ParameterError, match="between k = 5 and the 120 items"):
            evaluate_reranked(*sides, 16, candidates)


def test_sides_that_do_not_fit(sides):
    queries, database = sides
    with pytest.raises(DataError, match="query side has 300 codes"):
        evaluate_reranked(
            SearchSide(queries.codes, queries.descriptors[:9], queries.labels), database, 16, 5
        )
    with pytest.raises(DataError, match="different dimensions"):
        evaluate_reranked(
            SearchSide(queries.codes, queries.descriptors[:, :2], queries.labels), database, 16, 5
        )
