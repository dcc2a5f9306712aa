"""Results by class and confusions against plain loops over every query and item."""

import numpy as np
import pytest

from hashlens.codes import pack
from hashlens.evaluation import average_precision, hamming_histograms, precision_at_k
from hashlens.evaluation import confusions as module
from hashlens.evaluation.by_class import class_results
from hashlens.evaluation.confusions import confusions

K = 5


def make(seed: int, queries: int, items: int, classes: int, several: bool):
    """Codes that collapse: few bits vary, so that many items tie."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, queries + items)
    codes = np.zeros((queries + items, 16), bool)
    codes[:, :3] = (labels[:, None] >> np.arange(3)) & 1
    codes[:, :5] ^= rng.random((queries + items, 5)) < 0.3
    if several:
        table = rng.random((queries + items, classes)) < 0.2
        table[np.arange(len(labels)), labels] = True
        labels = table
    packed = pack(codes)
    return packed[:queries], labels[:queries], packed[queries:], labels[queries:]


def sets_of(labels):
    return [
        {int(label)} if labels.ndim == 1 else set(np.flatnonzero(label).tolist())
        for label in labels
    ]


def naive_answers(query_codes, query_labels, database_codes, database_labels):
    """Return the expected count of each pair (asked, answered) among wrong first answers."""
    counts: dict[tuple[int, int], float] = {}
    asked, held = sets_of(query_labels), sets_of(database_labels)
    for code, wanted in zip(query_codes, asked, strict=True):
        distances = [int(np.unpackbits(code ^ other).sum()) for other in database_codes]
        last = sorted(distances)[K - 1]
        nearer = sum(d < last for d in distances)
        for distance, has in zip(distances, held, strict=True):
            chance = 1.0 if distance < last else (K - nearer) / distances.count(last)
            if distance <= last and not wanted & has:
                for pair in ((a, b) for a in wanted for b in has):
                    counts[pair] = counts.get(pair, 0.0) + chance
    return counts


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("cells", [1, 40, 2_000_000])
def test_confusions_are_those_of_plain_loops(several, cells, monkeypatch):
    monkeypatch.setattr(module, "_CELLS", cells)
    sides = make(3, 60, 90, 7, several)
    found = confusions(hamming_histograms(*sides, 16), *sides, K)
    expected = naive_answers(*sides)
    assert {(one.asked, one.answered): one.answers for one in found} == pytest.approx(expected)
    sizes = [sum(label in has for has in sets_of(sides[1])) for label in range(7)]
    for one in found:
        assert one.share == pytest.approx(one.answers / (K * sizes[one.asked]))
    assert [one.answers for one in found] == sorted((o.answers for o in found), reverse=True)


def test_shares_of_a_class_add_up_to_what_its_precision_lacks():
    sides = make(5, 80, 200, 6, several=False)
    histograms = hamming_histograms(*sides, 16)
    found = confusions(histograms, *sides, K)
    for result in class_results(histograms, sides[1], sides[3], K):
        wrong = sum(one.share for one in found if one.asked == result.label)
        assert wrong == pytest.approx(1 - result.precision.expected)


@pytest.mark.parametrize("several", [False, True])
def test_results_by_class_are_means_over_its_queries(several):
    sides = make(8, 70, 120, 6, several)
    histograms = hamming_histograms(*sides, 16)
    precision, ranked = precision_at_k(histograms, K), average_precision(histograms)
    asked, held = sets_of(sides[1]), sets_of(sides[3])
    results = class_results(histograms, sides[1], sides[3], K)
    for one in results:
        rows = [row for row, has in enumerate(asked) if one.label in has]
        assert one.queries == len(rows)
        assert one.database == sum(one.label in has for has in held)
        assert one.precision.expected == pytest.approx(precision.expected[rows].mean())
        assert one.precision.low == pytest.approx(precision.low[rows].mean())
        assert one.precision.high == pytest.approx(precision.high[rows].mean())
        assert one.average_precision == pytest.approx(ranked.expected[rows].mean())
    assert {one.label for one in results} == set().union(*asked)
    assert [o.precision.expected for o in results] == sorted(o.precision.expected for o in results)


def test_a_class_that_is_not_searched_has_no_average_precision():
    codes = pack(np.eye(8))
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 0])
    asked = np.array([0, 5])
    histograms = hamming_histograms(codes[:2], asked, codes, labels, 8)
    never, found = class_results(histograms, asked, labels, K)
    assert (never.label, never.database, never.precision.high) == (5, 0, 0.0)
    assert never.average_precision is None
    assert found.average_precision == 1.0
