import json

import numpy as np
import pytest

from hashlens.codes import pack
from hashlens.errors import DataError, ParameterError
from hashlens.evaluation import (
    DistanceHistograms,
    average_precision,
    evaluate_codes,
    evaluate_histograms,
    hamming_histograms,
    precision_at_k,
    precision_within_radius,
    radius_curves,
    recall_at_k,
)


@pytest.fixture
def collection():
    """Return the first five arguments of evaluate_codes: 16 bits, 30 queries, 400 items."""
    rng = np.random.default_rng(0)
    centers = rng.integers(0, 2, (6, 16))
    labels = rng.integers(0, 6, 430)
    codes = pack(centers[labels] ^ (rng.random((430, 16)) < 0.15))
    return codes[:30], labels[:30], codes[30:], labels[30:], 16


def test_evaluation_gathers_the_metrics(collection):
    histograms = hamming_histograms(*collection)
    figures = evaluate_codes(*collection, k=5).to_dict()
    precision, whole = precision_at_k(histograms, 5), average_precision(histograms)
    assert figures["precision_at_5"] == precision.expected.mean()
    assert figures["precision_at_5_low"] == precision.low.mean()
    assert figures["precision_at_5_high"] == precision.high.mean()
    assert figures["map"] == whole.expected.mean()
    assert figures["precision_radius2"] == pytest.approx(
        precision_within_radius(histograms, 2).mean()
    )
    assert (figures["queries"], figures["database"]) == (30, 400)
    assert (
        figures["precision_at_5_low"] < figures["precision_at_5"] < figures["precision_at_5_high"]
    )
    assert figures["tied_at_5"] > 1


def test_figures_and_curves_are_json(collection):
    figures = evaluate_codes(*collection, k=3).to_dict(curves=True)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert len(figures["curves"]["recall"]) == 17
    assert figures["curves"]["recall"][-1] == 1.0
    assert "precision_at_3" in figures


def test_collapsed_codes_score_by_the_draw_not_by_storage_order():
    """One code for all, the relevant items stored first: a sort would score 1."""
    codes = np.zeros((100, 2), np.uint8)
    labels = np.array([1] * 10 + [0] * 90)
    figures = evaluate_codes(codes[:1], [1], codes, labels, 16).to_dict()
    assert (
        figures["precision_at_5_low"],
        figures["precision_at_5"],
        figures["precision_at_5_high"],
    ) == (0.0, 0.1, 1.0)
    assert figures["tied_at_5"] == 100


def test_queries_without_relevant_items_are_counted_and_have_no_average_precision():
    histograms = DistanceHistograms([[1, 2], [1, 2]], [[1, 0], [0, 0]])
    result = evaluate_histograms(histograms, k=1)
    assert result.queries_without_relevant == 1
    assert result.average_precision.expected == 1.0
    assert result.precision.expected == 0.5
    np.testing.assert_array_equal(np.isnan(recall_at_k(histograms, 1).expected), [False, True])


def test_no_relevant_item_at_all_is_undefined_not_zero():
    histograms = DistanceHistograms([[1, 2]], [[0, 0]])
    result = evaluate_histograms(histograms, k=1)
    assert result.average_precision is None
    assert result.to_dict()["map"] is None
    assert result.to_dict(curves=True)["curves"]["recall"] == [None, None]
    assert np.isnan(radius_curves(histograms).recall).all()


@pytest.mark.parametrize("k", [0, -1, 401])
def test_k_out_of_range(collection, k):
    with pytest.raises(ParameterError, match="between 1 and the 400 items"):
        evaluate_codes(*collection, k=k)


@pytest.mark.parametrize("radius", [-1, 17])
def test_radius_out_of_range(collection, radius):
    with pytest.raises(ParameterError, match="between 0 and 16 bits"):
        precision_within_radius(hamming_histograms(*collection), radius)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: np.zeros((30, 3), np.uint8)}, "query side expects packed codes of 16 bits"),
        ({2: np.zeros((400, 2))}, "database side expects packed codes"),
        ({1: np.zeros(29, int)}, "query side has 30 codes"),
        ({3: np.zeros(400)}, "database side .*float64"),
        ({0: np.zeros((0, 2), np.uint8), 1: np.zeros(0, int)}, "no codes"),
    ],
)
def test_arguments_that_do_not_fit(collection, changes, message):
    arguments = [changes.get(place, argument) for place, argument in enumerate(collection)]
    with pytest.raises(DataError, match=message):
        evaluate_codes(*arguments)


@pytest.mark.parametrize(
    ("total", "relevant"),
    [([[1, 2]], [[1]]), ([1, 2], [1, 2]), ([[1]], [[2]]), ([[1]], [[-1]]), ([[]], [[]])],
)
def test_histograms_that_cannot_be(total, relevant):
    with pytest.raises(DataError):
        DistanceHistograms(total, relevant)


@pytest.mark.parametrize(
    ("distances", "levels"), [([[0.5]], None), ([[-1]], None), ([[4]], 4), ([[]], None)]
)
def test_distances_that_are_no_levels(distances, levels):
    with pytest.raises(DataError):
        DistanceHistograms.from_distances(distances, np.ones(np.shape(distances), bool), levels)


def test_images_that_share_a_label_are_relevant():
    rng = np.random.default_rng(0)
    codes = [rng.integers(0, 256, (n, 2), dtype=np.uint8) for n in (30, 200)]
    tables = [rng.random((n, 5)) < 0.3 for n in (30, 200)]
    for table in tables:
        table[~table.any(axis=1), 0] = True
    found = hamming_histograms(codes[0], tables[0], codes[1], tables[1].astype(int), 16)
    for query in range(30):
        total, relevant = [0] * 17, [0] * 17
        for item in range(200):
            distance = sum(
                int(a ^ b).bit_count() for a, b in zip(codes[0][query], codes[1][item], strict=True)
            )
            total[distance] += 1
            relevant[distance] += bool((tables[0][query] & tables[1][item]).any())
        assert found.total[query].tolist() == total
        assert found.relevant[query].tolist() == relevant


def test_a_table_of_one_label_each_gives_the_figures_of_the_labels():
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 256, (60, 1), dtype=np.uint8)
    labels = rng.integers(0, 4, 60)
    table = np.eye(4, dtype=int)[labels]
    expected = evaluate_codes(codes[:20], labels[:20], codes[20:], labels[20:], 8).to_dict()
    assert evaluate_codes(codes[:20], table[:20], codes[20:], table[20:], 8).to_dict() == expected


def test_labels_of_two_forms_do_not_go_together():
    codes = np.zeros((2, 1), np.uint8)
    with pytest.raises(DataError, match="same form of labels"):
        evaluate_codes(codes, [0, 1], codes, np.eye(2, dtype=int), 8, k=1)
    with pytest.raises(DataError, match="with the same columns"):
        evaluate_codes(codes, np.eye(2, dtype=int), codes, np.ones((2, 3), int), 8, k=1)
