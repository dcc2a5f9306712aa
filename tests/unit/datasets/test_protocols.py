import numpy as np
import pytest

from hashlens.datasets.protocols import PROTOCOLS, heldout, make_split, selection_split, unseen
from hashlens.errors import DataError, ParameterError

TRAIN = np.repeat(np.arange(20), 30)[np.random.default_rng(0).permutation(600)]
TEST = np.repeat(np.arange(20), 10)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_split_is_a_function_of_labels_and_seed(protocol):
    first = make_split(protocol, TRAIN, TEST, seed=4)
    again = make_split(protocol, TRAIN, TEST, seed=4)
    for part in ("fit", "database", "query"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert first.query_from == "test"


@pytest.mark.parametrize("protocol", ["heldout", "unseen"])
def test_another_seed_draws_another_split(protocol):
    first = make_split(protocol, TRAIN, TEST, seed=0)
    assert not np.array_equal(first.database, make_split(protocol, TRAIN, TEST, seed=1).database)


def test_standard_trains_on_what_it_searches():
    split = make_split("standard", TRAIN, TEST)
    np.testing.assert_array_equal(split.fit, np.arange(600))
    np.testing.assert_array_equal(split.database, split.fit)
    np.testing.assert_array_equal(split.query, np.arange(200))
    assert "(of these)" in split.describe()


def test_heldout_searches_a_fifth_of_every_class_that_was_not_trained_on():
    split = heldout(TRAIN, TEST, seed=2)
    assert len(np.intersect1d(split.fit, split.database)) == 0
    np.testing.assert_array_equal(np.union1d(split.fit, split.database), np.arange(600))
    np.testing.assert_array_equal(np.bincount(TRAIN[split.database]), np.full(20, 6))
    assert "(none of these)" in split.describe()


def test_unseen_shares_no_class_between_training_and_search():
    split = unseen(TRAIN, TEST, seed=2)
    hidden = np.unique(TRAIN[split.database])
    assert len(hidden) == 5
    assert not np.isin(TRAIN[split.fit], hidden).any()
    np.testing.assert_array_equal(np.unique(TEST[split.query]), hidden)
    assert len(split.fit) + len(split.database) == 600


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_selection_stays_within_the_rows_that_train(protocol):
    split = make_split(protocol, TRAIN, TEST, seed=1)
    inner = selection_split(split, TRAIN)
    assert inner.query_from == "train"
    for rows in (inner.fit, inner.database, inner.query):
        assert np.isin(rows, split.fit).all()
    assert len(np.intersect1d(inner.query, inner.database)) == 0
    assert len(np.intersect1d(inner.query, inner.fit)) == 0


def test_selection_for_unseen_hides_classes_from_the_candidates():
    split = unseen(TRAIN, TEST, seed=1)
    inner = selection_split(split, TRAIN)
    kept = np.unique(TRAIN[inner.database])
    assert not np.isin(TRAIN[inner.fit], kept).any()
    np.testing.assert_array_equal(np.unique(TRAIN[inner.query]), kept)


def test_selection_for_heldout_searches_rows_that_no_candidate_trained_on():
    inner = selection_split(heldout(TRAIN, TEST, seed=1), TRAIN)
    assert len(np.intersect1d(inner.fit, inner.database)) == 0


def test_an_unknown_protocol_is_named_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"standard, heldout, unseen.*'paper'"):
        make_split("paper", TRAIN, TEST)


@pytest.mark.parametrize(
    ("protocol", "train", "message"),
    [
        ("standard", [], "shape"),
        ("standard", [0.5, 1.5], "float64"),
        ("heldout", [0, 1, 1, 1, 1, 1], "Class 0 has 1 images"),
        ("heldout", [0] * 6, None),
        ("unseen", [0, 0, 1, 1, 2, 2], "at least 4 classes"),
    ],
)
def test_labels_that_cannot_be_divided(protocol, train, message):
    if message is None:
        assert len(make_split(protocol, train, [0]).database) == 1
        return
    with pytest.raises(DataError, match=message):
        make_split(protocol, train, [0, 1])


def test_unseen_classes_without_queries():
    with pytest.raises(DataError, match="no image"):
        unseen([0, 1, 2, 3], [9], seed=0)


def test_unseen_keeps_two_classes_at_least_so_that_an_answer_can_be_wrong():
    assert len(unseen([0, 1, 2, 3], [0, 1, 2, 3], seed=5, unseen_share=0.01).database) == 2


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_that_is_none(share):
    with pytest.raises(ParameterError, match="share"):
        heldout(TRAIN, TEST, database_share=share)
    with pytest.raises(ParameterError, match="share"):
        unseen(TRAIN, TEST, unseen_share=share)


def several(n: int, classes: int, seed: int) -> np.ndarray:
    """Return a table in which every image has one label, and a third have another beside it."""
    rng = np.random.default_rng(seed)
    table = np.eye(classes, dtype=bool)[np.arange(n) % classes]
    table[np.arange(0, n, 3), rng.integers(0, classes, len(range(0, n, 3)))] = True
    return table


def test_a_table_of_one_label_each_is_split_by_the_same_classes_as_the_labels():
    train, test = np.arange(240) % 8, np.arange(80) % 8
    plain = make_split("unseen", train, test, 3)
    table = make_split("unseen", np.eye(8, dtype=int)[train], np.eye(8, dtype=int)[test], 3)
    for role in ("fit", "database", "query"):
        np.testing.assert_array_equal(getattr(plain, role), getattr(table, role))


def test_unseen_leaves_out_images_with_labels_of_both_kinds():
    train, test = several(240, 8, 0), several(80, 8, 1)
    split = make_split("unseen", train, test, 3)
    shown, hidden = train[split.fit].any(axis=0), train[split.database].any(axis=0)
    assert not (shown & hidden).any()
    assert not (test[split.query].any(axis=0) & shown).any()
    assert len(split.fit) + len(split.database) < 240


def test_heldout_divides_a_table_at_random():
    split = make_split("heldout", several(240, 8, 0), several(80, 8, 1), 3)
    assert (len(split.fit), len(split.database)) == (192, 48)
    assert len(np.intersect1d(split.fit, split.database)) == 0
