"""Queries that can't be read, beside those that can."""

import numpy as np
import pytest

from hashlens.errors import DataError, ImageError, ParameterError


@pytest.fixture
def filled(collection, photos):
    collection.index([photos])
    return collection


@pytest.fixture
def queries(photos, tmp_path):
    """Queries of which the second and the last are broken."""
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no")
    return [photos / "a/04.png", tmp_path / "broken.jpg", photos / "b/05.png", b"no image"]


def test_by_default_the_first_broken_query_is_raised(filled, queries):
    with pytest.raises(ImageError, match=r"broken\.jpg as a query: "):
        filled.search_many(queries, k=2)


@pytest.mark.parametrize("rerank", [False, True])
def test_others_are_answered_and_each_broken_one_is_told(rerank, filled, queries):
    told = []
    answers = filled.search_many(
        queries, k=2, rerank=rerank, on_error=lambda place, error: told.append((place, error))
    )
    assert [place for place, _ in told] == [1, 3]
    assert all(isinstance(error, ImageError) for _, error in told)
    assert "broken.jpg" in str(told[0][1])
    assert answers[1] == answers[3] == []
    for place in (0, 2):
        assert answers[place] == filled.search(queries[place], k=2, rerank=rerank)


def test_skipped_queries_have_no_hits_and_give_one_warning(filled, queries):
    with pytest.warns(UserWarning, match=r"2 of 4 queries .* the first: .*broken\.jpg") as warned:
        answers = filled.search_many(queries, k=2, on_error="skip")
    assert [len(hits) for hits in answers] == [2, 0, 2, 0]
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_many_queries_keep_their_places(filled, photos):
    files = sorted(photos.rglob("*.png")) * 4
    queries = [b"broken" if place % 5 == 3 else file for place, file in enumerate(files)]
    told = []
    answers = filled.search_many(queries, k=1, on_error=lambda place, _: told.append(place))
    assert told == list(range(3, len(files), 5))
    found = [hits[0].path if hits else b"broken" for hits in answers]
    assert found == [q if q == b"broken" else str(q) for q in queries]


def test_if_all_are_broken_none_has_hits(filled):
    assert filled.search_many([b"no", np.zeros(3)], on_error=lambda *_: None) == [[], []]


def test_an_error_of_the_function_is_raised(filled, queries):
    def give_up(place, error):
        raise RuntimeError(place)

    with pytest.raises(RuntimeError, match="1"):
        filled.search_many(queries, on_error=give_up)


def test_other_answers_to_errors_are_refused(filled, queries):
    with pytest.raises(ParameterError, match="'on_error' parameter must be"):
        filled.search_many(queries[:1], on_error="ignore")


def test_a_single_query_is_asked_to_be_in_a_list(filled, photos):
    with pytest.raises(DataError, match="put it into a list"):
        filled.search_many(photos / "a/04.png")
