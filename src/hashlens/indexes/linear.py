"""The linear scan: every code is compared with every query."""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import DataError
from hashlens.indexes.base import Index, SearchResult, check_k, check_radius
from hashlens.indexes.filters import allowed_rows, blocked_rows
from hashlens.indexes.row_ids import RowIds, check_ids, with_room
from hashlens.native import MAX_K, scan

_FEW = 8
"""Allowed codes are copied and searched alone where they are fewer than one in so many."""
_FILTER = "The filter of a search"


class LinearIndex(Index):
    """Exact search by comparing every code with every query.

    Needs no preparation and no memory beside the codes, and its time hardly depends on how the
    codes are distributed. Best for small collections, large batches of queries, and codes that
    are far from each other.

    Parameters
    ----------
    bits : int
        Code length.

    Examples
    --------
    >>> index = LinearIndex(bits=8)
    >>> index.add(np.array([[0b0001], [0b1111], [0b0011]], dtype=np.uint8))
    >>> result = index.search(np.array([[0b0011]], dtype=np.uint8), k=2)
    >>> result.ids.tolist(), result.distances.tolist()
    ([[2, 0]], [[0, 1]])
    """

    def __init__(self, bits: int) -> None:
        super().__init__(bits)
        self._buffer: Codes = np.empty((0, bytes_per_code(bits)), dtype=np.uint8)
        self._ids = RowIds()

    @classmethod
    def from_codes(cls, codes: Codes, denied: npt.ArrayLike | None = None) -> Self:
        """Return an index that serves ``codes`` where they lie, with ids 0..n−1.

        Parameters
        ----------
        codes : uint8 array of shape (n, bits / 8), C-contiguous
            For instance a read-only memory map. It is not copied, until codes are added.
        denied : integers of shape (d,), or None
            Ids that the index does not hold, as if they had been removed.
        """
        if codes.ndim != 2 or not codes.flags.c_contiguous:
            raise DataError(
                "LinearIndex.from_codes expects a C-contiguous array of shape (n, bits / 8). "
                f"Got shape {codes.shape}; copy it with numpy.ascontiguousarray."
            )
        index = cls(8 * codes.shape[1])
        index._buffer = check_codes(codes, index.bits, "LinearIndex.from_codes")
        index._ids = RowIds(len(codes))
        if denied is not None:
            index._ids.remove(check_ids(denied, "LinearIndex.from_codes"), "LinearIndex.from_codes")
        return index

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def codes(self) -> Codes:
        """Codes of all rows, removed ones among them: uint8 (rows, bits / 8)."""
        return self._buffer[: self._ids.rows]

    def snapshot(self) -> tuple[Codes, RowIds]:
        """Return the codes of all rows and their ids; later changes of the index leave both be."""
        return self.codes, self._ids.copy()

    def compared(self, allow: npt.ArrayLike | None) -> int:
        """Return with how many codes a search that allows these ids compares each query."""
        rows = self._ids.rows
        allowed = rows if allow is None else np.size(allow)
        return allowed if _FEW * allowed < rows else rows

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int) -> npt.NDArray[np.int64]:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._ids.check_new(ids, count, "LinearIndex.add")

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes (n, bits / 8); ids default to the numbers that follow the largest so far."""
        new = check_codes(codes, self.bits, "LinearIndex.add")
        new_ids = self._ids.check_new(ids, len(new), "LinearIndex.add")
        if not len(new):  # which would still copy a memory map
            return
        rows = self._ids.rows
        self._buffer = with_room(self._buffer, rows, len(new))
        self._buffer[rows : rows + len(new)] = new
        self._ids.extend(new_ids)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; an id that is not there is an error."""
        self._ids.remove(ids, "LinearIndex.remove")
        if self._buffer.flags.writeable and self._ids.worth_compacting:
            codes = self._buffer[self._ids.live_rows()]
            self._buffer, self._ids = codes, self._ids.compacted()

    def search(
        self,
        codes: Codes,
        k: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return the ``k`` nearest codes of each query; see `Index.search`."""
        queries = check_codes(codes, self.bits, "LinearIndex.search")
        return self._scan(queries, check_k(k, "LinearIndex.search", MAX_K), self.bits, allow, deny)

    def search_radius(
        self,
        codes: Codes,
        radius: int,
        *,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Return all codes within ``radius`` bits of each query; see `Index.search_radius`."""
        queries = check_codes(codes, self.bits, "LinearIndex.search_radius")
        reach = check_radius(radius, self.bits, "LinearIndex.search_radius")
        return self._scan(queries, None, reach, allow, deny)

    def _scan(
        self,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike | None,
        deny: npt.ArrayLike | None,
    ) -> SearchResult:
        ids = self._ids
        if allow is not None and self.compared(allow) < ids.rows:
            return self._scan_few(queries, k, radius, allow, deny)
        blocked = blocked_rows(ids, allow, deny, _FILTER)
        found = scan(
            self.codes,
            queries,
            k,
            radius=radius,
            ids=ids.array,
            ascending=ids.ascending,
            blocked=blocked,
        )
        return SearchResult(*found)

    def _scan_few(
        self,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike,
        deny: npt.ArrayLike | None,
    ) -> SearchResult:
        """Search a copy of the allowed codes: much less to read than all of them."""
        rows = allowed_rows(self._ids, allow, deny, _FILTER)
        ids = rows if self._ids.array is None else self._ids.array[rows]
        found = scan(
            self.codes[rows], queries, k, radius=radius, ids=ids, ascending=self._ids.ascending
        )
        return SearchResult(*found)
