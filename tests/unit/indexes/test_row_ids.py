import numpy as np
import pytest

from hashlens.errors import DataError
from hashlens.indexes.row_ids import RowIds


def added(ids, new):
    ids.extend(ids.check_new(np.array(new), len(new), "add"))


def test_a_copy_and_its_original_grow_apart():
    ids = RowIds()
    for new in (5, 7, 9, 11, 13):
        added(ids, [new])
    ids.remove([7], "remove")
    other = ids.copy()
    held = ids.array
    added(ids, [20])
    assert np.shares_memory(held, ids.array)  # there was room for it
    added(other, [30])
    added(other, [2])
    added(ids, [21])
    other.remove([9], "remove")
    assert ids.live_ids().tolist() == [5, 9, 11, 13, 20, 21]
    assert other.live_ids().tolist() == [5, 11, 13, 30, 2]
    assert ids.find(np.array([9, 30, 21])).tolist() == [2, -1, 6]
    assert other.find(np.array([9, 20, 2])).tolist() == [-1, -1, 6]


def test_ids_added_one_by_one_move_only_now_and_then():
    ids, moves, before = RowIds(), 0, None
    for new in range(1, 2001):
        added(ids, [2 * new])
        moves += before is not None and not np.shares_memory(before, ids.array)
        before = ids.array
    assert ids.array.tolist() == list(range(2, 4001, 2))
    assert moves < 30


def test_an_id_that_came_back_is_known_and_one_that_lives_is_refused():
    ids = RowIds()
    added(ids, [4, 8])
    ids.remove([4], "remove")
    added(ids, [4])
    assert ids.find(np.array([4])).tolist() == [2]
    with pytest.raises(DataError, match="already holds; the first is 8"):
        added(ids, [9, 8])
