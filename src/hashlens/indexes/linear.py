"""The linear scan: every code is compared with every query."""

from __future__ import annotations

import os
from copy import copy
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from hashlens.arrays import Codes, Ids
from hashlens.codes import bytes_per_code, check_codes
from hashlens.errors import DataError
from hashlens.indexes.arguments import check_k, check_radius, check_size
from hashlens.indexes.base import Index
from hashlens.indexes.change_lock import change_lock
from hashlens.indexes.disk.linear_index_file import load_linear_index, save_linear_index
from hashlens.indexes.filters import allowed_rows, blocked_rows
from hashlens.indexes.row_ids import RowIds, with_room
from hashlens.indexes.search_result import SearchResult
from hashlens.native import MAX_K, scan

_FEW = 8
"""Allowed codes are copied and searched alone if they are fewer than one in this many."""
_FILTER = "The filter of a search"


class _State(NamedTuple):
    """What an index holds at one time. A change makes another state; searches go on with theirs."""

    ids: RowIds
    codes: Codes
    """Codes of all rows, including removed ones."""
    buffer: Codes
    """The same, with room for more rows, which only the latest state uses."""


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
        self.keeps_rows = False
        """Whether rows keep their numbers, and removed codes their memory, whatever is removed."""
        self._lock = change_lock()
        self._set(np.empty((0, bytes_per_code(bits)), dtype=np.uint8), RowIds())

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
        checked = check_codes(codes, index.bits, "LinearIndex.from_codes")
        ids = RowIds(len(checked))
        if denied is not None:
            ids = ids.without(denied, "LinearIndex.from_codes")
        index._set(checked, ids)
        return index

    def _set(self, buffer: Codes, ids: RowIds) -> None:
        """Replace the state: the one step of every change that searches see."""
        self._state = _State(ids, buffer[: ids.rows], buffer)

    def __len__(self) -> int:
        return len(self._state.ids)

    def __contains__(self, id: object) -> bool:
        return id in self._state.ids

    def __getstate__(self) -> dict[str, Any]:
        own = ("_lock", "_state", "keeps_rows")
        attributes = {name: value for name, value in vars(self).items() if name not in own}
        codes, ids = self.snapshot()
        return attributes | {"_state": _State(ids, codes, codes)}

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        vars(self).update(attributes)
        self.keeps_rows = False
        self._lock = change_lock()

    @property
    def ids(self) -> Ids:
        """Ids of all codes, in the order in which they were added; see `Index.ids`."""
        return self._state.ids.live_ids().copy()

    @property
    def codes(self) -> Codes:
        """Codes of all rows, including removed ones: uint8 (rows, bits / 8)."""
        return self._state.codes

    def snapshot(self) -> tuple[Codes, RowIds]:
        """Return the codes of all rows and their ids; both can be extended independently."""
        state = self._state
        return state.codes, copy(state.ids)  # neither has room behind it

    def compared(self, allow: npt.ArrayLike | None) -> int:
        """Return how many codes a query is compared with if only these ids are allowed."""
        rows = self._state.ids.rows
        allowed = rows if allow is None else np.size(allow)
        return allowed if _FEW * allowed < rows else rows

    def check_new_ids(self, ids: npt.ArrayLike | None, count: int, caller: str) -> Ids:
        """Return the ids that `add` would give to ``count`` codes."""
        return self._state.ids.check_new(ids, count, caller)

    def add(self, codes: Codes, ids: npt.ArrayLike | None = None) -> None:
        """Add codes; see `Index.add`."""
        new = check_codes(codes, self.bits, "LinearIndex.add")
        with self._lock:
            held = self._state.ids
            new_ids = held.check_new(ids, len(new), "LinearIndex.add")
            if not len(new):  # making room would copy a memory map
                return
            longer = held.extended(new_ids)
            buffer = with_room(self._state.buffer, held.rows, len(new))
            buffer[held.rows : longer.rows] = new
            self._set(buffer, longer)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Remove the codes of ``ids``; see `Index.remove`."""
        with self._lock:
            state = self._state
            left = state.ids.without(ids, "LinearIndex.remove")
            if left is state.ids:
                return
            if state.buffer.flags.writeable and left.worth_compacting and not self.keeps_rows:
                self._set(state.codes[left.live_rows()], left.compacted())
            else:
                self._set(state.buffer, left)

    def reconstruct(self, ids: npt.ArrayLike) -> Codes:
        """Return the codes of ``ids``, in their order; see `Index.reconstruct`."""
        state = self._state
        return state.codes[state.ids.locate(ids, "LinearIndex.reconstruct")]

    def save(self, path: str | os.PathLike[str], *, source: str = "") -> None:
        """Write the codes and their ids to one file; see `Index.save`."""
        state = self._state
        save_linear_index(path, state.codes, state.ids, source=source)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, source: str = "", map: bool = True) -> Self:
        """Return the index that `save` wrote; see `Index.load`.

        Codes are searched in the mapped file, and copied once some are added.
        """
        codes, ids = load_linear_index(path, source=source, map=map)
        index = cls(8 * codes.shape[1])
        index._set(codes, ids)
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
        check_size(len(queries), wanted, self, "LinearIndex.search")
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
        ids, codes, _ = self._state
        if allow is not None and self.compared(allow) < ids.rows:
            return _scan_few(codes, ids, queries, (k, radius), allow, deny)
        blocked = blocked_rows(ids, allow, deny, _FILTER)
        found = scan(
            codes,
            queries,
            k,
            radius=radius,
            ids=ids.array,
            ascending=ids.ascending,
            blocked=blocked,
        )
        return SearchResult(*found)


def _scan_few(
    codes: Codes,
    ids: RowIds,
    queries: Codes,
    limits: tuple[int | None, int],
    allow: npt.ArrayLike,
    deny: npt.ArrayLike | None,
) -> SearchResult:
    """Search a copy of the allowed codes, which is much less to read than all of them."""
    k, radius = limits
    rows = allowed_rows(ids, allow, deny, _FILTER)
    found = scan(
        codes[rows],
        queries,
        k,
        radius=radius,
        ids=ids.of(rows),
        ascending=ids.ascending,
    )
    return SearchResult(*found)
