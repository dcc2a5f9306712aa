"""Multi-index hashing: exact search in time that grows slower than the number of codes."""

from __future__ import annotations

import math
import os
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import FormatError, ParameterError
from hashlens.indexes.base import Index, SearchResult, bits_of, check_k, check_radius
from hashlens.indexes.disk.index_file import damaged
from hashlens.indexes.disk.multi_index_file import (
    SavedMultiIndex,
    load_multi_index,
    save_multi_index,
)
from hashlens.indexes.filters import blocked_rows
from hashlens.indexes.row_ids import RowIds
from hashlens.native import MAX_K, MAX_KEY_BITS, Segment, search_multi

_MAX_TABLES = 8
"""More tables certify larger distances sooner, but each takes a copy of the codes."""


class MultiIndex(Index):
    """Exact search by multi-index hashing (Norouzi, Punjani, Fleet 2012).

    The code is cut into m substrings; a table for each holds the codes sorted by that substring.
    If a code lies within m·r + a bits of the query (0 ≤ a < m), then in one of the first a + 1
    substrings it lies within r bits, or in one of the others within r − 1. So shells of growing
    radius around the query's substrings meet every near code early, and once the k-th neighbor
    found is no farther than what the shells have covered, it is final, ties included.

    Time depends on how near the neighbors are. Learned codes, whose neighbors differ in a few
    bits, are found among a hundred million in well under a millisecond; for uniformly random codes
    of 128 bits shells would look up more buckets than there are codes. So a query whose shells are
    bound to cost more than 0.7 of comparing all codes gives up and is scanned: at worst it takes
    a scan and the shells until then, up to that share by the estimate of their cost.

    Parameters
    ----------
    bits : int
        Code length.
    tables : int or None
        The number m of substrings; None chooses by the number of codes. A table takes bits / 8 + 4
        bytes for each distinct code.

    Notes
    -----
    Deviations from the paper, none of which changes a result: equal codes are stored once; each
    table holds copies of the codes in the order of its buckets, so a bucket is scanned, not chased;
    substrings are cut to as many bits as there are codes to tell apart, so a shell looks up fewer
    buckets; where the first buckets are large, the codes at distance 0 and 1 are looked up first.
    Added codes collect in small segments that are merged as they grow (like a log-structured tree).

    References
    ----------
    M. Norouzi, A. Punjani, D. J. Fleet, "Fast search in Hamming space with multi-index hashing",
    CVPR 2012.

    Examples
    --------
    >>> index = MultiIndex(bits=16)
    >>> index.add(np.array([[0, 1], [255, 255], [0, 3]], dtype=np.uint8))
    >>> result = index.search(np.array([[0, 3]], dtype=np.uint8), k=2)
    >>> result.ids.tolist(), result.distances.tolist()
    ([[2, 0]], [[0, 1]])
    """

    recent_limit: ClassVar[int] = 4096
    """Added codes wait in a plain list, which every search scans, until there are this many."""
    budget: ClassVar[float] = 0.7
    """A segment is scanned for a query whose shells there are bound to cost more than this share of
    that scan."""

    def __init__(self, bits: int, *, tables: int | None = None) -> None:
        super().__init__(bits)
        if tables is not None and not (isinstance(tables, int) and 1 <= tables <= bits // 8):
            raise ParameterError(
                f"The 'tables' parameter of MultiIndex must be an int from 1 to {bits // 8} for "
                f"{bits} bits. Got {tables!r} instead."
            )
        self.tables = tables
        self._segments: list[Segment] = []
        self._recent: Codes = np.empty((0, bytes_per_code(bits)), dtype=np.uint8)
        self._ids = RowIds()

    @classmethod
    def from_codes(cls, codes: Codes, *, tables: int | None = None) -> Self:
        """Return an index over ``codes`` with ids 0..n−1, which need not stay in memory."""
        caller = "MultiIndex.from_codes"
        checked = check_codes(codes, bits_of(codes, caller), caller)
        return cls.from_rows(checked, RowIds(len(checked)), tables=tables)

    @classmethod
    def from_rows(cls, codes: Codes, ids: RowIds, *, tables: int | None = None) -> Self:
        """Return an index over the rows of another: their codes, and ids that it may keep."""
        index = cls(8 * codes.shape[1], tables=tables)
        index._ids = ids
        index._recent = codes
        if len(codes):
            index._flush()
        return index

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def nbytes(self) -> int:
        """Bytes that its codes, tables and ids take in memory or in its mapped file."""
        ids = self._ids.array
        held = sum(segment.nbytes for segment in self._segments) + self._recent.nbytes
        return held + (0 if ids is None else ids.nbytes)

    @property
    def unique(self) -> int:
        """How many distinct codes the segments hold, each counted in every segment."""
        return sum(segment.unique for segment in self._segments) + len(self._recent)

    @property
    def numbered_rows(self) -> npt.NDArray[np.bool_] | None:
        """Whether each row is held, or None if some id is not the number of its row."""
        return None if self._ids.array is not None else ~self._ids.removed

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int) -> npt.NDArray[np.int64]:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._ids.check_new(ids, count, "MultiIndex.add")

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far."""
        new = check_codes(codes, self.bits, "MultiIndex.add")
        new_ids = self._ids.check_new(ids, len(new), "MultiIndex.add")
        # First the step that may lack memory, for ids without codes would make answers wrong.
        recent = np.concatenate([self._recent, new])
        self._ids.extend(new_ids)
        self._recent = recent
        if len(self._recent) >= self.recent_limit:
            self._flush()

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; an id that is not there is an error."""
        self._ids.remove(ids, "MultiIndex.remove")
        if self._ids.worth_compacting:
            self._compact()

    def search(
        self,
        codes: Codes,
        k: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest codes of each query; see `Index.search`."""
        queries = check_codes(codes, self.bits, "MultiIndex.search")
        wanted = check_k(k, "MultiIndex.search", MAX_K)
        return self.search_checked(queries, wanted, self.bits, allow, deny)[0]

    def search_radius(
        self,
        codes: Codes,
        radius: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return all codes within ``radius`` bits of each query; see `Index.search_radius`."""
        queries = check_codes(codes, self.bits, "MultiIndex.search_radius")
        reach = check_radius(radius, self.bits, "MultiIndex.search_radius")
        return self.search_checked(queries, None, reach, allow, deny)[0]

    def merge(self) -> None:
        """Put all codes into one segment: the best state for searching and saving."""
        if len(self._recent) or len(self._segments) > 1:
            codes = self._all_codes()
            self._segments = [self._build(codes, 0)] if len(codes) else []
            self._recent = self._recent[:0].copy()

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the index to one file, from which `load` maps it into memory.

        Parameters
        ----------
        path : path of the file, replaced if it exists
        source : str
            Says which codes the index was built from; `load` refuses a file of another source.
        """
        self.merge()
        ids = self._ids
        saved = SavedMultiIndex(
            self.bits, ids.rows, ids.next_id, source, self._segments, ids.array, ids.blocked
        )
        save_multi_index(path, saved)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "") -> Self:
        """Return the index that `save` wrote, mapped into memory and verified.

        Raises
        ------
        FormatError
            If the file is damaged, of a newer version, or was built from another ``source``.
        """
        saved = load_multi_index(path)
        if saved.source != source:
            raise FormatError(
                f"The index file {os.fspath(path)!r} was built from {saved.source!r}, not from "
                f"{source!r}. Delete it; it is built anew from the codes."
            )
        index = cls(saved.bits)
        index._segments = saved.segments
        try:
            index._ids = RowIds.restore(saved.rows, saved.next_id, saved.ids, saved.blocked)
        except ValueError as error:
            raise damaged(path, str(error)) from error
        return index

    def search_checked(
        self,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
        budget: float | None = None,
    ) -> tuple[SearchResult, int]:
        """Answer queries that were checked, and say how many ended within their shells.

        A budget of 0 compares them with all distinct codes.
        """
        ids = self._ids
        found, finished = search_multi(
            self._segments,
            self._recent,
            ids.rows,
            queries,
            k,
            radius=radius,
            ids=ids.array,
            ascending=ids.ascending,
            blocked=blocked_rows(ids, allow, deny, "The filter of a search"),
            budget=self.budget if budget is None else budget,
        )
        return SearchResult(*found), finished

    def _flush(self) -> None:
        """Move the recent codes to a segment; merge segments so that each is half its elder."""
        first_row = self._ids.rows - len(self._recent)
        self._segments.append(self._build(self._recent, first_row))
        self._recent = self._recent[:0].copy()
        while len(self._segments) > 1 and self._segments[-2].rows <= 2 * self._segments[-1].rows:
            self._merge_last_two()

    def _merge_last_two(self) -> None:
        elder, younger = self._segments[-2:]
        parts = [elder.unpack()[0], younger.unpack()[0]]
        self._segments[-2:] = [self._build(np.concatenate(parts), elder.first_row)]

    def _build(self, codes: Codes, first_row: int) -> Segment:
        """Return the segment of the rows from ``first_row`` on, without those that are removed."""
        present = ~self._ids.removed[first_row : first_row + len(codes)]
        tables, key_bits = table_layout(self.bits, len(codes), self.tables)
        return Segment.build(codes, tables, key_bits, first_row=first_row, present=present)

    def _all_codes(self) -> Codes:
        """Return the codes of all rows; those of rows that were removed may be zeros."""
        return np.concatenate([*(part.unpack()[0] for part in self._segments), self._recent])

    def _compact(self) -> None:
        """Build the index anew without the removed rows."""
        codes = self._all_codes()
        self._recent = codes[self._ids.live_rows()]
        self._ids = self._ids.compacted()
        self._segments = []
        if len(self._recent) >= self.recent_limit:
            self._flush()


def table_layout(bits: int, rows: int, tables: int | None = None) -> tuple[int, int]:
    """Return the number of tables and the bits of their keys for so many codes.

    A key of log2(rows) bits makes buckets of about one code where codes are uniform, which is the
    paper's choice of m, here rounded up: learned codes fill few of the buckets, and more tables
    certify a distance with fewer probes. Bits beyond m keys are not part of any key.
    """
    spread = min(max(math.log2(max(rows, 2)), 8.0), MAX_KEY_BITS)
    count = tables or min(max(math.ceil(bits / spread), 1), _MAX_TABLES)
    return count, min(bits // count, math.ceil(spread), MAX_KEY_BITS)
