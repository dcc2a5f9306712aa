"""Typed entry points to the compiled multi-index search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

import hashlens.native._native as _native
from hashlens.arrays import Bytes, Codes, Ids, Mask, Words
from hashlens.codes import MAX_BITS
from hashlens.errors import DataError
from hashlens.native.kernels import Found
from hashlens.native.threads import thread_count

MAX_KEY_BITS = 24
"""Maximum number of bits per key: the offsets of a table take 2**key_bits words."""

MAX_SEGMENT_ROWS = 2**31 - 1
"""Maximum number of rows of a segment: they are numbered with 31 bits."""


class Costs(NamedTuple):
    """The costs of the steps of a search, in nanoseconds; only their ratios matter.

    Attributes
    ----------
    probe, bucket : float
        Looking up where a bucket is, and reading its start if it is not empty.
    row, scanned : float
        Comparing one byte of a code in a bucket, and in a scan.
    """

    probe: float
    bucket: float
    row: float
    scanned: float


COSTS = Costs(*_native.COSTS)


class TableArrays(NamedTuple):
    """One table: the distinct codes of a segment, sorted by one substring.

    Attributes
    ----------
    offsets : uint32 array of shape (2**key_bits + 1,)
        Where the codes of each key begin.
    codes : uint8 array of shape (unique, bytes)
    refs : uint32 array of shape (unique,)
        The row of each code or, if the highest bit is set, the group of its rows.
    """

    offsets: Words
    codes: Codes
    refs: Words


class Segment:
    """An immutable part of a multi-index: all tables over rows first_row..first_row + rows − 1.

    Parameters
    ----------
    key_bits : int
        Number of bits per key in every table.
    first_row, rows : int
        The rows of the index that the segment covers; some of them may be missing.
    group_starts, group_rows : uint32 arrays
        Rows of codes that occur more than once: the rows of group g are
        ``group_rows[group_starts[g]:group_starts[g + 1]]``.
    tables : sequence of TableArrays
        May be in a read-only memory map; nothing is copied.

    Raises
    ------
    ValueError
        If an offset or reference points outside the arrays: searches rely on them.
    """

    def __init__(
        self,
        key_bits: int,
        first_row: int,
        rows: int,
        group_starts: Words,
        group_rows: Words,
        tables: Sequence[TableArrays],
    ) -> None:
        self.key_bits = key_bits
        self.first_row = first_row
        self.rows = rows
        self.group_starts = group_starts
        self.group_rows = group_rows
        self.tables = tuple(tables)
        # What the compiled search reads: views of the arrays above.
        self.handle: Any = _native.Segment(
            key_bits, first_row, rows, group_starts, group_rows, list(tables)
        )

    @classmethod
    def build(
        cls,
        codes: Codes,
        tables: int,
        key_bits: int,
        *,
        first_row: int = 0,
        present: Mask | None = None,
    ) -> Self:
        """Return the segment of ``codes`` (n, bytes), without the rows that are not ``present``.

        Raises
        ------
        DataError
            If another thread changes the codes meanwhile.
        RuntimeError
            If the process ends meanwhile; see `hashlens.native.stop_calls`.
        """
        rows = None
        kept = codes
        if present is not None and not present.all():
            rows = np.flatnonzero(present).astype(np.uint32)
            kept = codes[rows]
        try:
            built, starts, grouped = _native.build_tables(
                kept, rows, tables, key_bits, thread_count()
            )
        except ValueError as error:
            raise DataError(f"An index can't be built: {error}.") from error
        arrays = [TableArrays(*table) for table in built]
        return cls(key_bits, first_row, len(codes), starts, grouped, arrays)

    def __reduce__(self) -> tuple[Any, ...]:
        groups = (self.group_starts, self.group_rows)
        return type(self), (self.key_bits, self.first_row, self.rows, *groups, self.tables)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # nothing in it ever changes

    def unpack(self) -> tuple[Codes, Mask]:
        """Return the codes (rows, bytes) in the order of rows, and which rows are present."""
        codes, present = _native.unpack(self.handle)
        return codes, present.view(np.bool_)

    @property
    def held_rows(self) -> int:
        """Number of rows that have a code; the others are missing."""
        return int(self.handle.held_rows)

    @property
    def unique(self) -> int:
        """Number of distinct codes."""
        return len(self.tables[0].refs)

    @property
    def nbytes(self) -> int:
        """Size of the arrays in memory or in a mapped file, in bytes."""
        groups = self.group_starts.nbytes + self.group_rows.nbytes
        return groups + sum(array.nbytes for table in self.tables for array in table)


def threads_of_shells(queries: int, threads: int) -> int:
    """Return how many of ``threads`` threads search the shells of so many queries."""
    return int(_native.threads_of_shells(queries, threads))


def search_multi(
    segments: Sequence[Segment],
    recent: Codes,
    rows: int,
    queries: Codes,
    k: int | None,
    *,
    radius: int = MAX_BITS,
    ids: Ids | None = None,
    ascending: bool = True,
    blocked: Bytes | None = None,
    budget: float,
    level: str = "",
) -> tuple[Found, int]:
    """Search segments and the codes that follow them; see `hashlens.native.scan`.

    Parameters
    ----------
    segments : sequence of Segment
    recent : uint8 array of shape (r, bytes)
        Codes of the last r rows, which are not in a segment yet.
    rows : int
        Number of rows of the index.
    budget : float
        A query leaves its shells in a segment, and scans it, once the shells are bound to cost more
        than this share of that scan. At 0 everything is scanned.

    Returns
    -------
    found : Found
    finished : int
        Number of queries that finished within their shells in segments that hold at least half of
        all codes.
    """
    handles = [segment.handle for segment in segments]
    reach = min(radius, 8 * recent.shape[1])
    found, finished = _native.search_multi(
        handles,
        recent,
        rows,
        queries,
        k,
        reach,
        ids,
        ascending,
        blocked,
        budget,
        thread_count(),
        level,
    )
    return found, finished
