"""What a multi-index holds at one time, and how changes make the next state of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Rows
from hashlens.codes import bytes_per_code
from hashlens.indexes.row_ids import RowIds
from hashlens.native import MAX_KEY_BITS, Segment

_MAX_TABLES = 8
"""More tables certify larger distances sooner, but each holds a copy of the codes."""


class Layout(NamedTuple):
    """How codes are laid out in segments."""

    bits: int
    tables: int | None
    """The number of tables per segment; None where the number of codes decides."""
    recent_limit: int
    """From so many codes on, recent ones become a segment."""
    segment_limit: int
    """The maximum number of rows of a segment."""


@dataclass(frozen=True, slots=True)
class MultiIndexState:
    """Codes in segments, those added since, and the ids of all. It never changes.

    Each change returns another state, which shares what it left as it was. So searches go on with
    the state that they began with, and a change that fails has changed nothing.

    Attributes
    ----------
    layout : Layout
    segments : tuple of Segment
        They cover the first rows, one after the other.
    recent : uint8 array of shape (r, bits / 8)
        Codes of the last r rows, which are in no segment yet.
    ids : RowIds
    """

    layout: Layout
    segments: tuple[Segment, ...]
    recent: Codes
    ids: RowIds

    @classmethod
    def empty(cls, layout: Layout) -> Self:
        """Return the state of an index without codes."""
        return cls(layout, (), np.empty((0, bytes_per_code(layout.bits)), np.uint8), RowIds())

    def added(self, codes: Codes, ids: npt.ArrayLike | None, caller: str) -> Self:
        """Return the state with further codes; see `Index.add`."""
        recent = np.concatenate([self.recent, codes])
        longer = self.ids.extended(self.ids.check_new(ids, len(codes), caller))
        state = replace(self, recent=recent, ids=longer)
        return state.flushed() if len(recent) >= self.layout.recent_limit else state

    def removed(self, ids: npt.ArrayLike, caller: str) -> Self:
        """Return the state without the codes of ``ids``; see `Index.remove`."""
        left = replace(self, ids=self.ids.without(ids, caller))
        if left.ids is self.ids:
            return self
        return left._compacted() if left.ids.worth_compacting else left

    def merged(self) -> Self:
        """Return the state with all codes in as few segments as there can be."""
        fewest = math.ceil(self.ids.rows / self.layout.segment_limit)
        if not len(self.recent) and len(self.segments) <= fewest:
            return self
        return replace(self, segments=self._build_all(self._all_codes(), 0), recent=self._none())

    def flushed(self) -> Self:
        """Return the state whose recent codes are in a segment, merged with those of its size."""
        first_row = self.ids.rows - len(self.recent)
        segments = [*self.segments, *self._build_all(self.recent, first_row)]
        while len(segments) > 1 and self._are_to_be_merged(*segments[-2:]):
            elder, younger = segments[-2:]
            codes = np.concatenate([elder.unpack()[0], younger.unpack()[0]])
            segments[-2:] = [self._build(codes, elder.first_row)]
        return replace(self, segments=tuple(segments), recent=self._none())

    def codes_of(self, rows: Rows) -> Codes:
        """Return the codes of rows that were not removed."""
        first_recent = self.ids.rows - len(self.recent)
        codes = np.empty((len(rows), bytes_per_code(self.layout.bits)), dtype=np.uint8)
        recent = rows >= first_recent
        codes[recent] = self.recent[rows[recent] - first_recent]
        for segment in self.segments:
            here = (rows >= segment.first_row) & (rows < segment.first_row + segment.rows)
            if here.any():
                codes[here] = segment.unpack()[0][rows[here] - segment.first_row]
        return codes

    def _compacted(self) -> Self:
        """Return the state without the rows that were removed."""
        live = self._all_codes()[self.ids.live_rows()]
        state = replace(self, segments=(), recent=live, ids=self.ids.compacted())
        return state.flushed() if len(live) >= self.layout.recent_limit else state

    def _all_codes(self) -> Codes:
        """Return the codes of all rows; those of removed rows may be zeros."""
        return np.concatenate([*(part.unpack()[0] for part in self.segments), self.recent])

    def _none(self) -> Codes:
        return self.recent[:0].copy()  # a view would keep the memory of all

    def _are_to_be_merged(self, elder: Segment, younger: Segment) -> bool:
        similar = elder.rows <= 2 * younger.rows
        return similar and elder.rows + younger.rows <= self.layout.segment_limit

    def _build_all(self, codes: Codes, first_row: int) -> tuple[Segment, ...]:
        limit = self.layout.segment_limit
        starts = range(0, len(codes), limit)
        return tuple(self._build(codes[at : at + limit], first_row + at) for at in starts)

    def _build(self, codes: Codes, first_row: int) -> Segment:
        """Return the segment of the rows from ``first_row`` on, without removed ones."""
        present = ~self.ids.removed(first_row, first_row + len(codes))
        tables, key_bits = table_layout(self.layout.bits, len(codes), self.layout.tables)
        return Segment.build(codes, tables, key_bits, first_row=first_row, present=present)


def describe_segments(segments: Sequence[Segment]) -> str:
    """Return how many segments there are and of how many tables, for `repr`."""
    built = f"{len(segments)} segment{'s' * (len(segments) != 1)}"
    tables = sorted({len(segment.tables) for segment in segments})
    return f"{built} of {' or '.join(map(str, tables))} tables" if tables else built


def table_layout(bits: int, rows: int, tables: int | None = None) -> tuple[int, int]:
    """Return the number of tables and the number of bits per key for an index of ``rows`` codes.

    Keys of log2(rows) bits give buckets of about one code if codes are uniform. That is the paper's
    choice of m, here rounded up: learned codes fill few of the buckets, and more tables certify a
    distance with fewer probes. Bits beyond m keys are not part of any key.
    """
    spread = min(max(math.log2(max(rows, 2)), 8.0), MAX_KEY_BITS)
    count = tables or min(max(math.ceil(bits / spread), 1), _MAX_TABLES)
    return count, min(bits // count, math.ceil(spread), MAX_KEY_BITS)
