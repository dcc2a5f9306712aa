"""Multi-index hashing: exact search in time that grows slower than the number of codes."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import check_codes
from hashlens.errors import ParameterError
from hashlens.indexes.arguments import bits_of, check_k, check_radius, check_size
from hashlens.indexes.base import Index
from hashlens.indexes.change_lock import change_lock
from hashlens.indexes.disk.multi_index_file import (
    SavedMultiIndex,
    load_multi_index,
    save_multi_index,
)
from hashlens.indexes.filters import blocked_rows
from hashlens.indexes.multi_index_state import Layout, MultiIndexState, describe_segments
from hashlens.indexes.row_ids import RowIds
from hashlens.indexes.search_result import SearchResult
from hashlens.native import MAX_K, MAX_SEGMENT_ROWS, search_multi


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
    >>> import numpy as np
    >>> index = MultiIndex(bits=16)
    >>> index.add(np.array([[0, 1], [255, 255], [0, 3]], dtype=np.uint8))
    >>> result = index.search(np.array([[0, 3]], dtype=np.uint8), k=2)
    >>> result.ids.tolist(), result.distances.tolist()
    ([[2, 0]], [[0, 1]])
    """

    recent_limit: ClassVar[int] = 4096
    """Added codes collect in a plain array, which every search scans, until there are this many."""
    segment_limit: ClassVar[int] = MAX_SEGMENT_ROWS
    """A segment holds at most this many rows; further ones go to the next."""
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
        self._lock = change_lock()
        # Replaced as a whole by each change: the one step that searches see.
        layout = Layout(bits, tables, self.recent_limit, self.segment_limit)
        self._state = MultiIndexState.empty(layout)

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
        state = MultiIndexState(index._state.layout, (), codes, ids)
        index._state = state.flushed() if len(codes) else state
        return index

    def __len__(self) -> int:
        return len(self._state.ids)

    def __contains__(self, id: object) -> bool:
        return id in self._state.ids

    def __getstate__(self) -> dict[str, Any]:
        own = ("_lock", "_state")
        attributes = {name: value for name, value in vars(self).items() if name not in own}
        state = self._state
        return attributes | {"_state": replace(state, ids=copy(state.ids))}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        vars(self).update(attributes)
        self._lock = change_lock()

    def _built(self) -> str:
        state = self._state
        return f"{describe_segments(state.segments)}, {len(state.recent):,} recent codes"

    @property
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added; see `Index.ids`."""
        return self._state.ids.live_ids().copy()

    @property
    def nbytes(self) -> int:
        """Bytes that codes, tables and ids take in memory or in the mapped file."""
        state = self._state
        ids = state.ids.array
        held = sum(segment.nbytes for segment in state.segments) + state.recent.nbytes
        return held + (0 if ids is None else ids.nbytes)

    @property
    def unique(self) -> int:
        """Number of distinct codes, counted once per segment that holds them."""
        state = self._state
        return sum(segment.unique for segment in state.segments) + len(state.recent)

    @property
    def row_ids(self) -> RowIds:
        """The ids of all rows, and which rows were removed."""
        return self._state.ids

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int, caller: str) -> Ids:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._state.ids.check_new(ids, count, caller)

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes; see `Index.add`."""
        new = check_codes(codes, self.bits, "MultiIndex.add")
        with self._lock:
            self._state = self._state.added(new, ids, "MultiIndex.add")

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; see `Index.remove`."""
        with self._lock:
            self._state = self._state.removed(ids, "MultiIndex.remove")

    def number_from(self, next_id: int) -> None:
        """Number further codes from ``next_id`` on, unless larger ids are there already."""
        with self._lock:
            self._state = replace(self._state, ids=self._state.ids.numbered_from(next_id))

    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order; see `Index.reconstruct`.

        Tables are sorted by key, so this unpacks each segment that holds one of the codes: ask for
        many at once.
        """
        state = self._state
        return state.codes_of(state.ids.locate(ids, "MultiIndex.reconstruct"))

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
        check_size(len(queries), wanted, self, "MultiIndex.search")
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
        with self._lock:
            self._state = self._state.merged()

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the index to one file; see `Index.save`. Segments are merged before."""
        with self._lock:
            self.merge()
            state = self._state
        saved = SavedMultiIndex(self.bits, self.tables, state.ids, state.segments)
        save_multi_index(path, saved, source=source)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "", map: bool = True) -> Self:
        """Return the index that `save` wrote; see `Index.load`."""
        saved = load_multi_index(path, source=source, map=map)
        index = cls(saved.bits, tables=saved.tables)
        index._state = replace(index._state, segments=saved.segments, ids=saved.ids)
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
        state = self._state
        ids = state.ids
        found, finished = search_multi(
            state.segments,
            state.recent,
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
