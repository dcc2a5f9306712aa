"""The ids of the rows of an index, and which rows were removed."""

from __future__ import annotations

import operator
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Bytes, Ids, Mask, Rows
from hashlens.errors import DataError
from hashlens.indexes.arguments import check_ids
from hashlens.indexes.bitmap import bits_of_rows, bytes_for, set_bits
from hashlens.native import MAX_ID


class RowIds:
    """The ids of rows 0..n−1, in the order of their addition; removed rows keep their number.

    It never changes: `extended` and `without` return another one, which shares its arrays. So a
    search that has begun is not affected. Only one of those that share arrays may be extended
    further, the latest: the ids of new rows are written behind those of the others.

    As long as every id equals its row number, no array is kept, so a hundred million codes searched
    in a file need none.
    """

    def __init__(self, count: int = 0) -> None:
        self.rows = count
        """Number of rows, including removed ones."""
        self.next_id = count
        """The id that the next row gets by default."""
        self.ascending = True
        """Whether ids ascend with the rows."""
        self._ids: Ids | None = None  # with room for more rows
        self._blocked: Bytes | None = None  # with room for more rows, whose bits are 0
        self._removed_count = 0
        self._sorted: tuple[Ids, Rows] | None = None  # ids of live rows, and their rows

    @classmethod
    def restore(cls, rows: int, next_id: int, ids: Ids | None, blocked: Bytes | None) -> Self:
        """Return the ids of a saved index.

        Raises
        ------
        ValueError
            If an id, or the next one, is out of range, an id belongs to two rows, or a row that
            does not exist was removed.
        """
        restored = cls(rows)
        restored.next_id = max(next_id, rows if ids is None else 0)
        if restored.next_id > MAX_ID + 1:
            raise ValueError("the next id is out of range")
        if blocked is not None and rows:
            if int(blocked[-1]) >> ((rows - 1) % 8 + 1):
                raise ValueError("a row that does not exist was removed")
            restored._blocked = blocked
            restored._removed_count = int(np.bitwise_count(blocked).sum())
        if ids is not None and rows:
            restored._ids = ids
            restored.ascending = _ascends(ids)
            if ids.min() < 0 or ids.max() > MAX_ID or ids.max() >= restored.next_id:
                raise ValueError("an id is out of range")
            if not restored.ascending and len(np.unique(restored.live_ids())) < len(restored):
                raise ValueError("two rows have one id")
        return restored

    def __len__(self) -> int:
        """Return the number of rows that were not removed."""
        return self.rows - self._removed_count

    @property
    def array(self) -> Ids | None:
        """Ids of all rows, or None if they are the row numbers."""
        return None if self._ids is None else self._ids[: self.rows]

    @property
    def blocked(self) -> Bytes | None:
        """One bit per row, least significant bit first, 1 = removed; None if no row was removed."""
        return None if self._blocked is None else self._blocked[: bytes_for(self.rows)]

    def removed(self, first: int = 0, stop: int | None = None) -> Mask:
        """Return whether each of the rows first..stop − 1, by default all, was removed."""
        stop = self.rows if stop is None else stop
        if self._blocked is None:
            return np.zeros(stop - first, dtype=np.bool_)
        bits = self._blocked[first // 8 : bytes_for(stop)]
        skipped = first % 8
        mask = np.unpackbits(bits, count=skipped + stop - first, bitorder="little")
        return mask[skipped:].view(np.bool_)

    def __getstate__(self) -> dict[str, Any]:
        # A copy shares the arrays, but not the room behind them, which only one may use.
        return vars(self) | {"_ids": self.array, "_blocked": self.blocked, "_sorted": None}

    def __contains__(self, id: object) -> bool:
        """Return whether a row that was not removed has this id."""
        try:
            wanted = operator.index(id)  # type: ignore[arg-type]
        except TypeError:
            return False
        return 0 <= wanted <= MAX_ID and bool(self.find(np.array([wanted]))[0] >= 0)

    @property
    def worth_compacting(self) -> bool:
        """Whether more rows were removed than are left."""
        return 2 * self._removed_count > self.rows

    def compacted(self) -> RowIds:
        """Return the ids of the rows in `live_rows`, renumbered from 0."""
        kept = RowIds().extended(self.live_ids())
        kept.next_id = self.next_id
        return kept

    def of(self, rows: Rows) -> Ids:
        """Return the ids of some rows."""
        return rows if self._ids is None else self._ids[rows]

    def numbered_from(self, next_id: int) -> RowIds:
        """Return these ids, with ``next_id`` or a larger one as the next."""
        later = RowIds(self.rows)
        vars(later).update(vars(self) | {"next_id": max(next_id, self.next_id)})
        return later

    def live_ids(self) -> Ids:
        """Return the ids of all rows that were not removed, in the order of the rows."""
        ids = np.arange(self.rows, dtype=np.int64) if self.array is None else self.array
        return ids if self._blocked is None else ids[~self.removed()]

    def live_rows(self) -> Rows:
        """Return the numbers of all rows that were not removed."""
        if self._blocked is None:
            return np.arange(self.rows, dtype=np.int64)
        return np.flatnonzero(~self.removed())

    def check_new(self, ids: npt.ArrayLike | None, count: int, caller: str) -> Ids:
        """Return the ids for ``count`` new rows.

        Raises
        ------
        DataError
            If ids are not integers of shape (count,), are outside 0..`MAX_ID`, repeat, or are
            already in the index; or if none are given and too few follow the largest so far.
        """
        if ids is None:
            if self.next_id + count > MAX_ID + 1:
                raise DataError(
                    f"{caller} has no ids left that follow the largest so far: they end at "
                    f"{MAX_ID}. Pass ids= to number the {count} codes."
                )
            return np.arange(self.next_id, self.next_id + count, dtype=np.int64)
        array = check_ids(ids, caller)
        if array.shape != (count,):
            raise DataError(
                f"{caller} expects an id for each of the {count} codes. Got shape {array.shape}."
            )
        if count and (array.min() < 0 or array.max() > MAX_ID):
            raise DataError(
                f"{caller} expects ids between 0 and {MAX_ID}. "
                f"Got {array.min()} to {array.max()} instead."
            )
        if not _ascends(array) and len(np.unique(array)) < count:
            raise DataError(f"{caller} expects unique ids. Some of those given occur twice.")
        if not count or array.min() >= self.next_id:
            return array
        present = array[self.find(array) >= 0]
        if len(present):
            raise DataError(
                f"{caller} got {len(present)} ids that the index already holds; the first is "
                f"{present[0]}. Remove them first to replace their codes."
            )
        return array

    def extended(self, ids: Ids) -> RowIds:
        """Return these ids and those of further rows, which passed `check_new`."""
        count = len(ids)
        if not count:
            return self
        follows = _ascends(ids) and (self.rows == 0 or int(ids[0]) >= self.next_id)
        numbered = int(ids[0]) == self.rows and int(ids[-1]) == self.rows + count - 1 and follows
        longer = RowIds(self.rows + count)
        longer.next_id = max(self.next_id, int(ids.max()) + 1)
        longer.ascending = self.ascending and follows
        if self._ids is not None or not numbered:
            old = np.arange(self.rows, dtype=np.int64) if self._ids is None else self._ids
            longer._ids = with_room(old, self.rows, count)
            longer._ids[self.rows : longer.rows] = ids
        if self._blocked is not None:
            held = bytes_for(self.rows)
            longer._blocked = with_room(self._blocked, held, bytes_for(longer.rows) - held)
        longer._removed_count = self._removed_count
        return longer

    def without(self, ids: npt.ArrayLike, caller: str) -> RowIds:
        """Return these ids, with the rows of some marked as removed.

        Raises
        ------
        DataError
            If an id is not in the index, or occurs twice.
        """
        rows = self.locate(ids, caller)
        ordered = np.sort(rows)  # np.unique would import numpy.ma, which a cold search waits for
        if (ordered[1:] == ordered[:-1]).any():
            raise DataError(f"{caller} expects unique ids. Some of those given occur twice.")
        if not len(rows):
            return self
        left = RowIds(self.rows)
        vars(left).update(vars(self) | {"_sorted": None})
        blocked = self.blocked
        # A copy: what other ids share with these never changes.
        left._blocked = (
            np.zeros(bytes_for(self.rows), np.uint8) if blocked is None else blocked.copy()
        )
        set_bits(left._blocked, rows, self.rows)
        left._removed_count += len(rows)
        return left

    def locate(self, ids: npt.ArrayLike, caller: str) -> Rows:
        """Return the row of each id.

        Raises
        ------
        DataError
            If an id is not in the index.
        """
        array = check_ids(ids, caller)
        rows = self.find(array)
        if (rows < 0).any():
            missing = array[rows < 0]
            raise DataError(
                f"{caller} got {len(missing)} ids that the index does not hold; the first is "
                f"{missing[0]}."
            )
        return rows

    def find(self, ids: Ids) -> Rows:
        """Return the row of each id, −1 if the index does not hold it."""
        if self._ids is None:
            rows = np.where((ids >= 0) & (ids < self.rows), ids, -1)
        else:
            rows = self._look_up(ids)
        if self._blocked is not None and self.rows:
            rows[bits_of_rows(self._blocked, np.maximum(rows, 0))] = -1
        return rows

    def _look_up(self, ids: Ids) -> Rows:
        """Return the row of each id, which may have been removed if ids ascend."""
        array = self.array
        assert array is not None
        if self.ascending:
            at = np.searchsorted(array, ids)
            at[at == self.rows] = 0
            return np.where(array[at] == ids, at, -1)
        if self._sorted is None:
            # A removed id may have come back on a later row, so only live rows are looked up.
            live = self.live_rows()
            order = live[np.argsort(array[live])]
            self._sorted = (array[order], order)
        sorted_ids, order = self._sorted
        if not len(sorted_ids):
            return np.full(len(ids), -1, dtype=np.int64)
        at = np.searchsorted(sorted_ids, ids)
        at[at == len(sorted_ids)] = 0
        return np.where(sorted_ids[at] == ids, order[at], -1)


def with_room(buffer: npt.NDArray[Any], rows: int, count: int) -> npt.NDArray[Any]:
    """Return an array of the first ``rows`` rows of ``buffer`` with room for ``count`` more.

    That is ``buffer`` itself if it is large enough and writable. Otherwise room grows by half, so
    that adding rows one by one copies each of them only a few times. New room holds zeros.
    """
    if rows + count <= len(buffer) and buffer.flags.writeable:
        return buffer
    larger = np.zeros((max(rows + count, rows + rows // 2), *buffer.shape[1:]), buffer.dtype)
    larger[:rows] = buffer[:rows]
    return larger


def _ascends(ids: Ids) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))
