"""Multi-index hashing: exact search in time that grows slower than the number of codes."""

from __future__ import annotations

import math
import os
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids, Mask, Rows
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import ParameterError
from hashlens.indexes.arguments import bits_of, check_k, check_radius
from hashlens.indexes.base import Index
from hashlens.indexes.disk.multi_index_file import (
    SavedMultiIndex,
    load_multi_index,
    save_multi_index,
)
from hashlens.indexes.filters import blocked_rows
from hashlens.indexes.row_ids import RowIds
from hashlens.indexes.search_result import SearchResult
from hashlens.native import MAX_K, MAX_KEY_BITS, Segment, search_multi

_MAX_TABLES = 8
"""More tables certify larger distances sooner, but each holds a copy of the codes."""


class MultiIndex(Index):
    """Exact search by multi-index hashing (Norouzi, Punjani, Fleet 2012).

    Codes are split into m substrings, with one table per substring that holds the codes sorted by
    it. A code within m·r + a bits of the query (0 ≤ a < m) differs from it by at most r bits in one
    of the first a + 1 substrings, or by at most r − 1 bits in one of the others. So shells of
    growing radius around the query's substrings meet near codes early, and once the k-th neighbor
    found is no farther than the distance the shells have covered, it is final, ties included.

    Search time depends on how near the neighbors are. Learned codes, whose neighbors differ in a
    few bits, are found among a hundred million in well under a millisecond; for uniformly random
    codes of 128 bits, shells would look up more buckets than there are codes. So a query whose
    shells are bound to cost more than 0.7 of a scan gives up and is scanned. At worst it pays for
    the scan plus the shells visited until then.

    Parameters
    ----------
    bits : int
        Code length.
    tables : int or None
        The number m of substrings; by default it follows from the number of codes. A table takes
        bits / 8 + 4 bytes per distinct code.

    Notes
    -----
    Deviations from the paper, none of which changes a result: equal codes are stored once. Each
    table holds copies of the codes in the order of its buckets, so a bucket is read sequentially.
    Keys have only as many bits as are needed to tell the codes apart, so a shell looks up fewer
    buckets. Where the first buckets are large, the codes at distances 0 and 1 are looked up first.
    Added codes collect in small segments that are merged as they grow, as in a log-structured merge
    tree.

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
    """Added codes collect in a plain array, which every search scans, until there are this many."""
    budget: ClassVar[float] = 0.7
    """A query leaves its shells in a segment, and scans it, once the shells are bound to cost more
    than this share of that scan."""

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
        """Return an index over ``codes`` with ids 0..n−1; it keeps no reference to them."""
        caller = "MultiIndex.from_codes"
        checked = check_codes(codes, bits_of(codes, caller), caller)
        return cls.from_rows(checked, RowIds(len(checked)), tables=tables)

    @classmethod
    def from_rows(cls, codes: Codes, ids: RowIds, *, tables: int | None = None) -> Self:
        """Return an index over the codes of all rows of another index; it takes over ``ids``."""
        index = cls(8 * codes.shape[1], tables=tables)
        index._ids = ids
        index._recent = codes
        if len(codes):
            index._flush()
        return index

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_segments": list(self._segments), "_ids": self._ids.copy()}

    def _state(self) -> str:
        segments = len(self._segments)
        tables = sorted({len(segment.tables) for segment in self._segments})
        built = f"{segments} segment{'s' * (segments != 1)}"
        if tables:
            built += f" of {' or '.join(map(str, tables))} tables"
        return f"{built}, {len(self._recent):,} recent codes"

    @property
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added; see `Index.ids`."""
        return self._ids.live_ids().copy()

    @property
    def nbytes(self) -> int:
        """Bytes that codes, tables and ids take in memory or in the mapped file."""
        ids = self._ids.array
        held = sum(segment.nbytes for segment in self._segments) + self._recent.nbytes
        return held + (0 if ids is None else ids.nbytes)

    @property
    def unique(self) -> int:
        """Number of distinct codes, counted once per segment that holds them."""
        return sum(segment.unique for segment in self._segments) + len(self._recent)

    @property
    def numbered_rows(self) -> Mask | None:
        """Whether each row is held, or None unless all ids are row numbers."""
        return None if self._ids.array is not None else ~self._ids.removed

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int, caller: str) -> Ids:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._ids.check_new(ids, count, caller)

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes; see `Index.add`."""
        new = check_codes(codes, self.bits, "MultiIndex.add")
        new_ids = self._ids.check_new(ids, len(new), "MultiIndex.add")
        # The step that may run out of memory comes first: ids without codes would give wrong
        # answers.
        recent = np.concatenate([self._recent, new])
        self._ids.extend(new_ids)
        self._recent = recent
        if len(self._recent) >= self.recent_limit:
            self._flush()

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; see `Index.remove`."""
        self._ids.remove(ids, "MultiIndex.remove")
        if self._ids.worth_compacting:
            self._compact()

    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order; see `Index.reconstruct`.

        Tables are sorted by key, so this unpacks each segment that holds one of the codes: ask for
        many at once.
        """
        return self._codes_of(self._ids.locate(ids, "MultiIndex.reconstruct"))

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
        """Write the index to one file; see `Index.save`. Segments are merged before."""
        self.merge()
        saved = SavedMultiIndex(self.bits, self.tables, self._ids, self._segments)
        save_multi_index(path, saved, source=source)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "") -> Self:
        """Return the index that `save` wrote; see `Index.load`."""
        saved = load_multi_index(path, source=source)
        index = cls(saved.bits, tables=saved.tables)
        index._ids, index._segments = saved.ids, saved.segments
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
        """Answer queries that were checked; return also how many finished in shells.

        A ``budget`` of 0 compares them with all distinct codes.
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
        """Turn the recent codes into a segment, and merge segments of similar size."""
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
        """Return the segment of the rows from ``first_row`` on, without removed ones."""
        present = ~self._ids.removed[first_row : first_row + len(codes)]
        tables, key_bits = table_layout(self.bits, len(codes), self.tables)
        return Segment.build(codes, tables, key_bits, first_row=first_row, present=present)

    def _codes_of(self, rows: Rows) -> Codes:
        """Return the codes of rows that were not removed."""
        first_recent = self._ids.rows - len(self._recent)
        codes = np.empty((len(rows), self.bits // 8), dtype=np.uint8)
        recent = rows >= first_recent
        codes[recent] = self._recent[rows[recent] - first_recent]
        for segment in self._segments:
            here = (rows >= segment.first_row) & (rows < segment.first_row + segment.rows)
            if here.any():
                codes[here] = segment.unpack()[0][rows[here] - segment.first_row]
        return codes

    def _all_codes(self) -> Codes:
        """Return the codes of all rows; those of removed rows may be zeros."""
        return np.concatenate([*(part.unpack()[0] for part in self._segments), self._recent])

    def _compact(self) -> None:
        """Rebuild the index without the removed rows."""
        codes = self._all_codes()
        self._recent = codes[self._ids.live_rows()]
        self._ids = self._ids.compacted()
        self._segments = []
        if len(self._recent) >= self.recent_limit:
            self._flush()


def table_layout(bits: int, rows: int, tables: int | None = None) -> tuple[int, int]:
    """Return the number of tables and the number of bits per key for an index of ``rows`` codes.

    Keys of log2(rows) bits give buckets of about one code if codes are uniform. That is the paper's
    choice of m, here rounded up: learned codes fill few of the buckets, and more tables certify a
    distance with fewer probes. Bits beyond m keys are not part of any key.
    """
    spread = min(max(math.log2(max(rows, 2)), 8.0), MAX_KEY_BITS)
    count = tables or min(max(math.ceil(bits / spread), 1), _MAX_TABLES)
    return count, min(bits // count, math.ceil(spread), MAX_KEY_BITS)
