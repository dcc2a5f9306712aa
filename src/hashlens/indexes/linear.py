"""The linear scan: every code is compared with every query."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import DataError
from hashlens.indexes.arguments import check_ids, check_k, check_radius
from hashlens.indexes.base import Index
from hashlens.indexes.disk.linear_index_file import load_linear_index, save_linear_index
from hashlens.indexes.filters import allowed_rows, blocked_rows
from hashlens.indexes.row_ids import RowIds, with_room
from hashlens.indexes.search_result import SearchResult
from hashlens.native import MAX_K, scan

_FEW = 8
"""Allowed codes are copied and searched alone if they are fewer than one in this many."""
_FILTER = "The filter of a search"


class LinearIndex(Index):
    """Exact search by comparing every code with every query.

    It needs no preparation and no memory besides the codes, and its time hardly depends on how
    they are distributed. It is best for small collections, large batches of queries, and codes
    that are far from each other.

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
        """Return an index that searches ``codes`` in place, with ids 0..n−1.

        Parameters
        ----------
        codes : uint8 array of shape (n, bits / 8), C-contiguous
            For instance a read-only memory map. It is not copied until codes are added.
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

    def __contains__(self, id: object) -> bool:
        return id in self._ids

    def __getstate__(self) -> dict[str, Any]:
        # A view has no room behind it, so a copy that adds codes moves to a buffer of its own.
        return vars(self) | {"_buffer": self.codes, "_ids": self._ids.copy()}

    @property
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added; see `Index.ids`."""
        return self._ids.live_ids().copy()

    @property
    def codes(self) -> Codes:
        """Codes of all rows, including removed ones: uint8 (rows, bits / 8)."""
        return self._buffer[: self._ids.rows]

    def snapshot(self) -> tuple[Codes, RowIds]:
        """Return the codes of all rows and their ids; later changes do not affect them."""
        return self.codes, self._ids.copy()

    def compared(self, allow: npt.ArrayLike | None) -> int:
        """Return how many codes a query is compared with if only these ids are allowed."""
        rows = self._ids.rows
        allowed = rows if allow is None else np.size(allow)
        return allowed if _FEW * allowed < rows else rows

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int, caller: str) -> Ids:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._ids.check_new(ids, count, caller)

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes; see `Index.add`."""
        new = check_codes(codes, self.bits, "LinearIndex.add")
        new_ids = self._ids.check_new(ids, len(new), "LinearIndex.add")
        if not len(new):  # making room would copy a memory map
            return
        rows = self._ids.rows
        self._buffer = with_room(self._buffer, rows, len(new))
        self._buffer[rows : rows + len(new)] = new
        self._ids.extend(new_ids)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; see `Index.remove`."""
        self._ids.remove(ids, "LinearIndex.remove")
        if self._buffer.flags.writeable and self._ids.worth_compacting:
            codes = self._buffer[self._ids.live_rows()]
            self._buffer, self._ids = codes, self._ids.compacted()

    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order; see `Index.reconstruct`."""
        return self.codes[self._ids.locate(ids, "LinearIndex.reconstruct")]

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the codes and their ids to one file; see `Index.save`."""
        save_linear_index(path, self.codes, self._ids, source=source)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "") -> Self:
        """Return the index that `save` wrote; see `Index.load`.

        Codes are searched in the mapped file, and copied once some are added.
        """
        codes, ids = load_linear_index(path, source=source)
        index = cls(8 * codes.shape[1])
        index._buffer, index._ids = codes, ids
        return index

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
        wanted = check_k(k, "LinearIndex.search", MAX_K)
        return self.search_checked(queries, wanted, self.bits, allow, deny)

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
        return self.search_checked(queries, None, reach, allow, deny)

    def search_checked(
        self,
        queries: Codes,
        k: int | None,
        radius: int,
        allow: npt.ArrayLike | None = None,
        deny: npt.ArrayLike | None = None,
    ) -> SearchResult:
        """Answer queries that were checked."""
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
        """Search a copy of the allowed codes, which is much less to read than all of them."""
        rows = allowed_rows(self._ids, allow, deny, _FILTER)
        ids = rows if self._ids.array is None else self._ids.array[rows]
        found = scan(
            self.codes[rows], queries, k, radius=radius, ids=ids, ascending=self._ids.ascending
        )
        return SearchResult(*found)
