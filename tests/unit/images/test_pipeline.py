"""The pipeline keeps order, bounds what is in flight, and passes failures on."""

import threading
import time

import numpy as np
import pytest

from hashlens.errors import ImageError, ParameterError
from hashlens.images import decode_batches, map_ordered


def test_order_is_kept_though_later_items_are_faster():
    def work(item):
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    found = list(map_ordered(work, range(20), threads=4, ahead=8))
    assert found == [(item, item * item) for item in range(20)]


def test_image_errors_take_the_place_of_results():
    def work(item):
        if item == 2:
            raise ImageError("broken")
        return item

    outcomes = [outcome for _, outcome in map_ordered(work, range(4))]
    assert [type(outcome) for outcome in outcomes] == [int, int, ImageError, int]


def test_other_exceptions_end_the_iteration():
    def work(item):
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError, match="bug"):
        list(map_ordered(work, range(3)))


def test_no_more_items_are_drawn_than_allowed_ahead():
    drawn = []

    def items():
        for item in range(100):
            drawn.append(item)
            yield item

    for item, _ in map_ordered(lambda item: item, items(), threads=2, ahead=5):
        assert len(drawn) <= item + 5


def test_dropping_the_iterator_stops_its_threads():
    started = []
    outcomes = map_ordered(started.append, range(1000), threads=2, ahead=10)
    next(outcomes)
    outcomes.close()
    count = len(started)
    assert count <= 10
    assert not [t for t in threading.enumerate() if t.name.startswith("hashlens-decode")]


def test_batches_hold_the_decoded_and_name_the_failed():
    def load(item):
        if item % 5 == 4:
            raise ImageError(f"bad {item}")
        return np.full((2, 2, 3), item, np.uint8)

    batches = list(decode_batches(load, range(12), batch_size=4))
    assert [batch.items for batch in batches] == [[0, 1, 2, 3], [5, 6, 7, 8], [10, 11]]
    assert [batch.failed for batch in batches] == [[], [(4, "bad 4")], [(9, "bad 9")]]
    assert [batch.pixels[:, 0, 0, 0].tolist() for batch in batches] == [
        batch.items for batch in batches
    ]


def test_failures_alone_are_reported_too():
    def load(item):
        raise ImageError("bad")

    (batch,) = decode_batches(load, ["x"])
    assert batch.items == []
    assert batch.failed == [("x", "bad")]
    assert len(batch.pixels) == 0


def test_no_items_no_batches():
    assert list(decode_batches(lambda item: item, [])) == []


def test_a_batch_size_below_one_is_refused():
    with pytest.raises(ParameterError, match="batch_size"):
        list(decode_batches(lambda item: item, [], batch_size=0))
