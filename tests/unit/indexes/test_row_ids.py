import copy

import numpy as np
import pytest

from hashlens.errors import DataError
from hashlens.indexes.row_ids import RowIds


def added(ids, new):
    return ids.extended(ids.check_new(np.array(new), len(new), "add"))


def test_a_copy_and_its_original_grow_apart():
    ids = RowIds()
    for new in (5, 7, 9, 11, 13):
        ids = added(ids, [new])
    ids = ids.without([7], "remove")
    other = copy.copy(ids)
    held = ids.array
    ids = added(ids, [20])
    assert np.shares_memory(held, ids.array)  # there was room for it
    other = added(other, [30])
    other = added(other, [2])
    ids = added(ids, [21])
    other = other.without([9], "remove")
    assert ids.live_ids().tolist() == [5, 9, 11, 13, 20, 21]
    assert other.live_ids().tolist() == [5, 11, 13, 30, 2]
    assert ids.find(np.array([9, 30, 21])).tolist() == [2, -1, 6]
    assert other.find(np.array([9, 20, 2])).tolist() == [-1, -1, 6]


def test_ids_never_change_once_they_were_made():
    versions, expected = [RowIds()], [[]]
    rng = np.random.default_rng(4)
    for step in range(60):
        held, ids = expected[-1], versions[-1]
        if step % 3 == 2:
            gone = rng.choice(held, min(len(held), 5), replace=False)
            versions.append(ids.without(gone, "remove"))
            expected.append([id for id in held if id not in gone])
        else:
            new = ids.next_id + rng.integers(0, 2) + np.arange(rng.integers(1, 12))
            versions.append(added(ids, new))
            expected.append([*held, *new])
    for ids, held in zip(versions, expected, strict=True):
        assert ids.live_ids().tolist() == held
        assert len(ids) == len(held)
        rows = ids.live_rows()
        assert ids.of(rows).tolist() == held
        if ids.blocked is not None:
            assert not ids.removed()[rows].any()
            bits = np.unpackbits(ids.blocked, bitorder="little")
            assert not bits[ids.rows :].any()
            for first in (0, 1, 9, ids.rows // 2, ids.rows):
                np.testing.assert_array_equal(ids.removed(first), bits[first : ids.rows])


def test_ids_added_one_by_one_move_only_now_and_then():
    ids, moves, before = RowIds(), 0, None
    for new in range(1, 2001):
        ids = added(ids, [2 * new])
        moves += before is not None and not np.shares_memory(before, ids.array)
        before = ids.array
    assert ids.array.tolist() == list(range(2, 4001, 2))
    assert moves < 30


def test_an_id_that_came_back_is_known_and_one_that_lives_is_refused():
    ids = added(RowIds(), [4, 8])
    ids = ids.without([4], "remove")
    ids = added(ids, [4])
    assert ids.find(np.array([4])).tolist() == [2]
    with pytest.raises(DataError, match="already holds; the first is 8"):
        added(ids, [9, 8])
